"""General knowledge: one cloze per fact of our tables, in some ninety kinds."""

from __future__ import annotations

import re

from scripts.make.items.common import Item, positions, rng, texts, with_answer_at
from scripts.make.items.facts import facts_of

N_CHOICES = 4


def with_articles(text: str) -> str:
    """Return the text with "an" where "a" was put before a vowel ("a university" stays)."""
    return re.sub(r"\b([Aa]) (?=[aeio]|un(?!i))", r"\1n ", text)


def general_knowledge() -> list[Item]:
    """Return one item per fact; distractors are answers of its table that the prompt lacks."""
    task = "general_knowledge"
    facts = [
        fact._replace(prompt=with_articles(fact.prompt))
        for fact in facts_of(texts("general_knowledge"))
    ]
    where = positions(task, "", len(facts), N_CHOICES)
    items: list[Item] = []
    for index, (name, prompt, _, answer, answers) in enumerate(facts):
        source = rng(task, name, prompt)
        mentioned = set(re.findall(r"\w+", prompt.casefold()))
        others = [word for word in answers if word != answer and word.casefold() not in mentioned]
        items.append(
            {
                "id": f"know-{name.replace('_', '-')}-{index:04d}",
                "prompt": prompt,
                "choices": with_answer_at(
                    answer, source.sample(others, N_CHOICES - 1), where[index], source
                ),
                "answer": answer,
                "cluster": name,
            }
        )
    return items
