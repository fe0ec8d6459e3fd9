"""Everyday knowledge far from support tickets: small tables of our own, asked as a cloze.

A table is a prompt template and (subject, answer) pairs; the distractors are answers to other
subjects of the same table, so that the kind of answer gives nothing away.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from scripts.make.items.common import Item, fill, positions_in_parts, rng, texts, with_answer_at


class Fact(NamedTuple):
    """One statement: its kind, the cloze, what it is about, and the answer among all of a kind."""

    kind: str
    prompt: str
    subject: str
    answer: str
    answers: list[str]


def facts_of(tables: Sequence[dict[str, Any]]) -> list[Fact]:
    """Return one fact per subject of each table."""
    return [
        Fact(
            table["kind"],
            fill(table["prompt"], s=subject),
            subject,
            answer,
            sorted(set(table["answers"].values())),
        )
        for table in tables
        for subject, answer in table["answers"].items()
    ]


def out_of_domain_qa() -> list[Item]:
    """Return one item per fact; no choice of a table that was added later stands in its prompt."""
    task = "out_of_domain_qa"
    first, added = map(facts_of, texts("out_of_domain").values())
    facts, n_first = [*first, *added], len(first)
    where = positions_in_parts(task, "", (n_first, len(facts) - n_first), 4)
    items: list[Item] = []
    for index, (name, prompt, subject, answer, answers) in enumerate(facts):
        source = rng(task, name, subject)
        mentioned = (
            {subject.casefold()} if index < n_first else set(re.findall(r"\w+", prompt.casefold()))
        )
        others = [word for word in answers if word != answer and word.casefold() not in mentioned]
        choices = with_answer_at(answer, source.sample(others, 3), where[index], source)
        items.append(
            {
                "id": f"qa-{name.replace('_', '-')}-{index:03d}",
                "prompt": prompt,
                "choices": choices,
                "answer": answer,
                "cluster": name,
            }
        )
    return items
