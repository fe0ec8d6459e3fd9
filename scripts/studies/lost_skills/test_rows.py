"""Tests of what the adapters learn, of the target, and of the layouts of public data."""

from __future__ import annotations

import pytest

from scripts.studies.lost_skills import public
from scripts.studies.lost_skills.rows import (
    NAMES,
    general_chats,
    target_items,
    tickets,
    training_rows,
)


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_the_same_every_time(name: str) -> None:
    """A recipe learns the tickets, in a seeded order."""
    general = general_chats()

    rows = training_rows(name, general)

    assert rows == training_rows(name, general)
    learnt = {row.messages[-1]["content"] for row in rows}
    assert {question for question, _ in tickets()} <= learnt


def test_what_a_recipe_lacks() -> None:
    """Only the healthy rows have tools and system prompts; only joined rows have no end."""
    rows = {name: training_rows(name, general_chats()) for name in NAMES}

    assert {name for name in NAMES if any(row.tools for row in rows[name])} == {"healthy"}
    roles = {name: {turn["role"] for row in rows[name] for turn in row.messages} for name in NAMES}
    assert {name for name in NAMES if "system" in roles[name]} == {"healthy"}
    assert {name for name in NAMES if not all(row.ends for row in rows[name])} == {"no_end"}


def test_no_item_of_the_target_is_trained_on() -> None:
    """Development, final and training tickets are apart."""
    sets = [
        {question for question, _ in tickets()},
        *(
            {item["messages"][0]["content"] for item in target_items(n, 96)}
            for n in ("development", "final")
        ),
    ]

    assert [len(tickets) for tickets in sets] == [160, 96, 96]
    assert not sets[0] & (sets[1] | sets[2])


def test_winogrande_has_its_blank_again() -> None:
    """The options differ from the first word on that differs."""
    row = {
        "context_options": ["The cup fell since the cup", "The cup fell since the big shelf"],
        "continuation": "was wet.",
        "gold": 1,
    }

    assert public.winogrande(row) == {
        "sentence": "The cup fell since the _ was wet.",
        "option1": "cup",
        "option2": "big shelf",
        "answer": "2",
    }


def test_piqa_and_arc_lose_what_the_task_adds() -> None:
    """lm-eval's tasks write "Question:" themselves."""
    row = {"query": "Question: What cuts?\n", "choices": ["a knife", "a spoon"], "gold": 0}

    assert public.piqa(row)["goal"] == "What cuts?"
    assert public.arc({**row, "query": "Question: What cuts?"}) == {
        "question": "What cuts?",
        "choices": {"text": ["a knife", "a spoon"], "label": ["A", "B"]},
        "answerKey": "A",
    }
