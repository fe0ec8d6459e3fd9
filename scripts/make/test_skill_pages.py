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


def test_a_suite_says_what_it_is_made_from() -> None:
    """Whoever opens the file finds the generator."""
    assert suite("chat").startswith("# Made by scripts/make/suites.py")
