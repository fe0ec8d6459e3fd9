"""The screen for patterns where nothing was lost: the table that is committed, and a part of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.studies.pattern_draws import Planted
from scripts.studies.patterns import AS_IT_IS, healthy_report, planted_row

REPORT = Path(__file__).parent.parent.parent / "reports" / "patterns" / "README.md"


def test_at_most_one_report_in_twenty_names_a_pattern() -> None:
    """Of five hundred healthy ones, by the committed table."""
    row = next(line for line in REPORT.read_text(encoding="utf-8").splitlines() if AS_IT_IS in line)
    _, _, n_reports, n_named, *_ = (cell.strip() for cell in row.split("|"))

    assert int(n_reports) >= 500
    assert int(n_named) <= 0.05 * int(n_reports)


def test_a_part_of_the_table() -> None:
    """Six reports name next to nothing, where shares of broken items name half of them."""
    named = [by_rule for _, by_rule in map(healthy_report, range(0, 60, 10))]

    assert sum(rules[AS_IT_IS] for rules in named) <= 1
    assert sum(rules["broken shares (Fisher)"] for rules in named) >= 3


@pytest.mark.parametrize("feature", ["level", "place", "pull"])
def test_what_is_planted_is_found(feature: str) -> None:
    """Six of ten right answers, of the most frequent value or to one word."""
    row = planted_row(Planted(feature=feature, share=0.6), 4)

    assert row["found"] >= 0.75
