"""General knowledge: one cloze per fact of our tables, in some ninety kinds."""

from __future__ import annotations

import re

from items.common import Item, fill, place, positions, rng
from items.facts import pairs
from items.word_tables import WORD_TABLES
from items.world_tables import WORLD_TABLES

N_CHOICES = 4


def with_articles(text: str) -> str:
    """Return the text with "an" where "a" was put before a vowel ("a university" stays)."""
    return re.sub(r"\b([Aa]) (?=[aeio]|un(?!i))", r"\1n ", text)


def general_knowledge() -> list[Item]:
    """Return one item per fact; distractors are answers of its table that the prompt lacks."""
    task = "general_knowledge"
    facts = [
        (
            name,
            with_articles(fill(template, s=subject)),
            answer,
            sorted({other for _, other in pairs(row)}),
        )
        for name, template, row in (*WORLD_TABLES, *WORD_TABLES)
        for subject, answer in pairs(row)
    ]
    where = positions(task, "", len(facts), N_CHOICES)
    items: list[Item] = []
    for index, (name, prompt, answer, answers) in enumerate(facts):
        source = rng(task, name, prompt)
        said = set(re.findall(r"\w+", prompt.casefold()))
        others = [word for word in answers if word != answer and word.casefold() not in said]
        items.append(
            {
                "id": f"know-{name.replace('_', '-')}-{index:04d}",
                "prompt": prompt,
                "choices": place(
                    answer, source.sample(others, N_CHOICES - 1), where[index], source
                ),
                "answer": answer,
                "cluster": name,
            }
        )
    return items
