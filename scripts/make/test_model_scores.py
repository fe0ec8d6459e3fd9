"""How much of a suite a checkpoint is asked, and what is kept of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cliffguard.core.items import Item, Task
from cliffguard.suites.loading import load_suite, load_suites
from scripts.make import model_scores
from scripts.make.model_scores import Ask, keep, read, shares_of


def test_a_capability_is_shared_out_among_its_tasks() -> None:
    """All of it, as evenly as it goes."""
    shares = shares_of(load_suites(["structure", "reasoned"]), 64)

    assert (shares["json_values"], shares["json_by_schema"]) == (32, 32)
    assert [shares[task.name] for task in load_suite("reasoned").tasks] == [22, 21, 21]


def test_answers_become_shorter_and_never_longer() -> None:
    """A limit that is above a task's own leaves it."""
    ask = Ask(suites=["reasoned"], max_tokens=256)
    task = {t.name: t for t in load_suites(["reasoned", "chat"])[0].tasks}["money_problems"]
    short = next(task for task in load_suite("chat").tasks if task.name == "recall")

    assert ask.protocol_of(task).max_tokens == 256
    assert ask.protocol_of(short).max_tokens is None


def test_a_file_keeps_what_else_it_says(tmp_path: Path) -> None:
    """Rows of the same levels and the cost of the same task give way, nothing else."""
    path = tmp_path / "a.json"
    old = {"task": "t", "level": 1, "score": 0.0}
    path.write_text(json.dumps({"model": "a", "how": "so", "rows": [old, {**old, "level": 2}]}))

    for n in (3, 4):
        keep(path, "a", [{**old, "score": 0.5}], {"suite": "s", "task": "t", "n_items": n})

    assert read(path) == {
        "model": "a",
        "how": "so",
        "rows": [{**old, "score": 0.5}, {**old, "level": 2}],
        "costs": [{"suite": "s", "task": "t", "n_items": 4}],
    }


def test_a_run_that_was_stopped_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept with as many items and tokens is not asked again; the first is loaded by."""
    calls: list[tuple[str, int]] = []

    class Runner:
        def resolve(self, suites: Sequence[Any], protocol: object) -> tuple[Task, ...]:
            return tuple(task for suite in suites for task in suite.tasks)

        def ask(self, checkpoint: object, task: Task, items: Sequence[Item], *_: object) -> Any:
            calls.append((task.name, len(items)))
            answer = SimpleNamespace(score=1.0, n_prompt_tokens=3, n_answer_tokens=2, is_cut=False)
            return [answer for _ in items]

    monkeypatch.setattr(model_scores, "HarnessRunner", Runner)
    monkeypatch.setattr(model_scores, "find_alone", lambda plan: SimpleNamespace(files=None))
    ask = Ask(suites=["structure"], n_per_capability=4)
    costs = [cost for *_, cost in model_scores.model_scores("base", ask, [])]
    assert calls[0] == ("json_values", 1)
    assert [(cost["task"], cost["n_items"], cost["n_answer_tokens"]) for cost in costs] == [
        ("json_values", 2, 4), ("json_by_schema", 2, 4),
        ("table_rows", 2, 4), ("code_fences", 1, 2), ("exact_line", 1, 2),
    ]  # fmt: skip

    assert list(model_scores.model_scores("base", ask, costs)) == []
    costs[0]["max_tokens"] += 1
    assert [task.name for task, *_ in model_scores.model_scores("base", ask, costs)] == [
        "json_values"
    ]
