"""Tests of what the adapters learn, of the target, and of the layouts of public data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

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


def test_what_needs_sentences_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Items of IFEval whose checkers need punkt are counted and not asked; the rest stay whole."""
    kinds = [
        ["punctuation:no_comma"],
        ["punctuation:no_comma", "length_constraints:number_sentences"],
        ["change_case:capital_word_frequency"],
        ["change_case:english_capital"],
    ]
    rows: dict[str, list[dict[str, Any]]] = {
        "ifeval/input_data.jsonl": [
            {"key": n, "instruction_id_list": k} for n, k in enumerate(kinds)
        ],
        "gsm8k/test.jsonl": [{"question": "What is 1 + 1?", "answer": "1 + 1 = 2\n#### 2"}],
    }
    for name, some in rows.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in some), "utf-8")

    public.make_generated(tmp_path, tmp_path, 100)

    assert "ifeval: 2 of 4 items left out" in capsys.readouterr().out
    lines = (tmp_path / "ifeval.jsonl").read_text("utf-8").splitlines()
    assert {json.loads(line)["key"] for line in lines} == {0, 3}
    assert json.loads((tmp_path / "gsm8k.jsonl").read_text("utf-8")) == rows["gsm8k/test.jsonl"][0]


def test_generated_tasks_are_asked_as_chats(tmp_path: Path) -> None:
    """Their plan has the base's template and a limit; the suite is lm-eval's tasks, zero-shot."""
    for name in ("ifeval/input_data.jsonl", "gsm8k/test.jsonl"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text('{"question": "Q?"}\n', "utf-8")

    public.make_generated(tmp_path, tmp_path, 100)

    plan = yaml.safe_load((tmp_path / "generated-plan.yaml").read_text("utf-8"))
    assert plan["protocol"] == {"chat_template": "base", "max_tokens": 256}
    suite = yaml.safe_load((tmp_path / plan["suites"][0]).read_text("utf-8"))
    tasks = [task for capability in suite["capabilities"].values() for task in capability["tasks"]]
    assert [(task["name"], task["num_fewshot"]) for task in tasks] == [("gsm8k", 0), ("ifeval", 0)]
    assert plan["data"].keys() == {"gsm8k", "ifeval"}
