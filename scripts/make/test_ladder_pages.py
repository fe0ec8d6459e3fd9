"""The pages about the ladders: every ladder has one, and their tables are those of the reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cliffguard.suites.ladders import GENERATORS
from cliffguard.suites.loading import load_suite
from scripts.make import ladder_pages
from scripts.make.ladder_pages import TEXTS

ROW = {
    "task": "arithmetic",
    "level_name": "stage",
    "level": 2,
    "n_items": 40,
    "score": 0.625,
    "low": 0.49,
    "high": 0.74,
}


def test_every_ladder_has_a_page_with_every_level() -> None:
    """A new ladder, or a new level, needs words before it ships."""
    assert set(TEXTS) == set(GENERATORS)
    for name, text in TEXTS.items():
        assert tuple(text.levels) == GENERATORS[name].levels


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_samples_come_from_three_rising_levels(name: str) -> None:
    """So that a reader sees what gets harder."""
    levels = [level for level, _ in TEXTS[name].samples]

    assert len(levels) == 3
    assert levels == sorted(set(levels))


def test_samples_are_items_of_the_suite() -> None:
    """Of a suite that makes its items when it is loaded, they are made the same."""
    (capability,) = load_suite("ladders").capabilities[:1]
    items = {item.id: item for item in capability.tasks[0].items}
    row = ladder_pages._row("relation_hops", 3, 0)

    item = items[row["id"]]
    assert row["context"] + row["prompt"] == item.prompt
    assert tuple(row["choices"]) == item.choices


def test_a_long_text_keeps_what_the_answer_needs() -> None:
    """The filler goes, the facts stay, in their order."""
    filler = "The baker told a long story about Rome. " * 40
    text = f"{filler}Ann keeps the key safe. {filler}Bob keeps the hat safe."

    short = ladder_pages._shortened(text, ["hat", "key"])

    assert short == (
        "The baker told a long story about Rome. […] Ann keeps the key safe. […] "
        "Bob keeps the hat safe."
    )


def test_the_scores_of_strategies_are_those_of_the_report() -> None:
    """Every row of the report, as it stands there."""
    report = (ladder_pages.SCORES / "ladders.md").read_text(encoding="utf-8")
    rows = [line for line in report.splitlines() if line.startswith("| arithmetic |")]

    text = ladder_pages.strategies("arithmetic")

    assert len(rows) == 6
    assert all(row.replace("| arithmetic ", "") in text for row in rows)


def test_a_ladder_without_scores_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of strategies nor of a base is anything made up."""
    monkeypatch.setattr(ladder_pages, "SCORES", tmp_path)
    (tmp_path / "ladders.md").write_text("| task | level |\n", encoding="utf-8")

    assert "not measured" in ladder_pages.strategies("arithmetic")
    assert ladder_pages.base_scores("arithmetic", ()) == "Not measured yet.\n"


def test_the_scores_of_a_base_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In per cent with their interval, for the ladders that were measured."""
    monkeypatch.setattr(ladder_pages, "SCORES", tmp_path)
    content = {"model": "Some-Model", "rows": [ROW]}
    (tmp_path / "ladders-base.json").write_text(json.dumps(content), encoding="utf-8")

    text = ladder_pages.base_scores("arithmetic", ())

    assert text.startswith("Some-Model, in per cent")
    assert "| arithmetic | stage 2 | 40 | 62 | 49–74 | yes |" in text
    assert ladder_pages.base_scores("state_tracking", ()) == "Not measured yet.\n"


def test_which_levels_gate_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every model that was measured, with the reason where one does not; else the rule alone."""
    monkeypatch.setattr(ladder_pages, "POSITIONS", tmp_path)
    row = {
        "task": "arithmetic", "level": "stage 2", "items": 24, "mean": 0.625,
        "by place": [[1, 12, 0.5], [2, 12, 0.75]], "why not": None,
    }  # fmt: skip
    other = {**row, "level": "stage 3", "by place": None, "why not": "too near to chance"}
    content = {"model": "Some-Model", "rows": [row, other]}
    (tmp_path / "before-Some-Model.json").write_text(json.dumps(content), encoding="utf-8")

    text = ladder_pages.gating("arithmetic")

    assert "| Some-Model | stage 2 | 24 | 62 | 50 75 | yes |" in text
    assert "| Some-Model | stage 3 | 24 | 62 | – | too near to chance |" in text
    assert ladder_pages.gating("relation_hops").endswith("Not measured yet.\n")
