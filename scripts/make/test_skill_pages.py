"""The pages of the suites of chats say what the suites are, and what was measured of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cliffguard.suites.loading import load_suite
from cliffguard.suites.skills import SKILLS
from scripts.make import skill_pages
from scripts.make.skill_suites import SPECS, TEXTS, suite
from scripts.make.suites import SUITES
from scripts.studies.suite_power import trial_of

every_suite = pytest.mark.parametrize("name", sorted(SPECS))


@every_suite
def test_the_files_are_what_the_generators_make(name: str) -> None:
    """The suite and its shadow, digests of their items included."""
    for file in (f"{name}.yaml", f"{name}-shadow.yaml"):
        assert (SUITES / file).read_text(encoding="utf-8") == TEXTS[file]()


@every_suite
def test_a_shadow_asks_the_like_of_other_items(name: str) -> None:
    """Each task has one from another seed, as large, that covers the same capability."""
    shown, shadow = load_suite(name), load_suite(f"{name}-shadow")

    for ours, theirs in zip(shown.capabilities, shadow.capabilities, strict=True):
        assert theirs.name == f"{ours.name}_shadow"
        assert ours.name in theirs.covers
        for task, other in zip(ours.tasks, theirs.tasks, strict=True):
            assert len(task.items) == len(other.items)
            common = {item.digest for item in task.items} & {item.digest for item in other.items}
            assert len(common) <= 0.25 * len(task.items)


@every_suite
def test_wordings_are_dealt_evenly(name: str) -> None:
    """As many items of each, on every level of every task."""
    for body in SPECS[name]["capabilities"].values():
        for task, keys in body["tasks"].items():
            assert keys["n_per_level"] % SKILLS[task].n_wordings == 0


@every_suite
def test_a_candidate_that_lost_nothing_mostly_passes(name: str) -> None:
    """By `plan`, at a tenth of changed answers, over the whole suite."""
    assert trial_of(name).analysis().chance_pass >= 0.8


def test_a_page_has_three_items_and_every_task() -> None:
    """With how the items of each are made."""
    for name in SPECS:
        text = (skill_pages.PAGES / f"{name}.md").read_text(encoding="utf-8")
        tasks = [task.name for task in load_suite(name).tasks]

        assert text.count("\n### ") == 3
        assert [task for task in tasks if f"- **{task}.**" not in text] == []


def test_scores_stand_beside_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column a model, with the number of items; what was not asked is a dash."""
    monkeypatch.setattr(skill_pages, "SCORES", tmp_path)
    tasks = {task.name: task for task in load_suite("reasoned").tasks}
    assert skill_pages.scores(tasks) == "Not measured yet.\n"
    (tmp_path / "chats").mkdir()
    row = {"task": "money_problems", "level": 2, "n_items": 8, "score": 0.25}
    for model, rows in (("a", [row]), ("b", [{**row, "level": 3}])):
        record = {"model": model, "rows": rows}
        (tmp_path / "chats" / f"{model}.json").write_text(json.dumps(record))

    text = skill_pages.scores(tasks)

    assert "| task | level | a | b |" in text
    assert "| money_problems | steps 2 | 25 of 8 | – |" in text
    assert "| money_problems | steps 3 | – | 25 of 8 |" in text


def test_a_level_at_zero_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what it means for the gate; where there is none, nothing is written of it."""
    monkeypatch.setattr(skill_pages, "SCORES", tmp_path)
    (tmp_path / "chats").mkdir()
    tasks = {task.name: task for task in load_suite("tools").tasks}
    keys = (("which_tool", 3), ("which_tool", 6), ("two_calls", 0))
    for score, named in ((0.0, "a: `which_tool` (offered 6), `two_calls`"), (0.5, "")):
        rows = [
            {"task": task, "level": level, "n_items": 8, "score": 0.25 if level == 3 else score}
            for task, level in keys
        ]
        record = {"model": "a", "rows": rows}
        (tmp_path / "chats" / "a.json").write_text(json.dumps(record))

        text = " ".join(skill_pages.scores(tasks).split())

        assert ("cannot gate" in text, named in text) == (bool(named), True)


def test_what_a_suite_costs_is_reckoned_task_by_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suite of which a task is missing has no line, since nobody knows what it costs."""
    monkeypatch.setattr(skill_pages, "SCORES", tmp_path)
    (tmp_path / "chats").mkdir()
    rows = [
        {
            **{"suite": "reasoned", "task": task.name, "n_items": 18, "max_tokens": 256},
            **{"n_cut": 1, "n_answer_tokens": 1800, "seconds": 120.0, "processor_seconds": 60.0},
            **{"threads": 1, "machine": "X"},
        }
        for task in load_suite("reasoned").tasks
    ]
    for kept, line in (
        (rows, "| reasoned | a | 54 | 100 | 3 | 3.0 | 6 | 30 for 540 |"),
        (rows[:2], "Not measured yet."),
    ):
        record = {"model": "a", "rows": [], "costs": kept}
        (tmp_path / "chats" / "a.json").write_text(json.dumps(record))

        assert line in skill_pages.costs(["reasoned"])


def test_a_suite_says_what_it_is_made_from() -> None:
    """Whoever opens the file finds the generator."""
    assert suite("chat").startswith("# Made by scripts/make/suites.py")
