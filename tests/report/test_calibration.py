"""The reliability diagram: which answers count, their bins, and where it stands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cliffguard.core.item_results import ItemResult
from cliffguard.report import render, write_reports
from cliffguard.report.figures.calibration import calibration
from cliffguard.report.items import write_items
from cliffguard.report.labels import beside
from tests.report import samples
from tests.report.listed import result


def answered(sure: float, score: float | None, n: int, *, counted: bool = True) -> list[ItemResult]:
    """Return items that the base gets right with all confidence, the candidate as given."""
    made = result("x")
    return [
        replace(
            made,
            item=f"{sure}-{score}-{number}",
            counted=counted,
            base=replace(made.base, score=1.0, confidence=1.0),
            candidate=replace(made.candidate, score=score, confidence=sure),
        )
        for number in range(n)
    ]


def test_bins_hold_mean_confidence_and_share_of_right_answers() -> None:
    """Nine answers at 62 % and 68 %, six of them right; the base is right and sure of it."""
    results = [*answered(0.62, 1.0, 6), *answered(0.68, 0.0, 3)]

    chart = calibration(results)

    assert chart is not None
    base, candidate, diagonal = chart.series
    (point,) = candidate.points
    assert point.x == pytest.approx(64.0)
    assert point.y == pytest.approx(100 * 6 / 9)
    assert point.y_interval is not None
    assert point.y_interval[0] < point.y < point.y_interval[1]
    assert [(p.x, p.y) for p in base.points] == [(100.0, 100.0)]
    assert [(p.x, p.y) for p in diagonal.points] == [(0.0, 0.0), (100.0, 100.0)]
    assert candidate.detail == "64.0 % sure, 66.7 % right, 9 answers"


@pytest.mark.parametrize(
    "others",
    [
        answered(0.1, 0.0, 4),  # too few for a bin
        answered(0.1, 0.5, 9),  # graded: no share of right ones
        answered(0.1, None, 9),
        answered(0.1, 0.0, 9, counted=False),
    ],
)
def test_what_is_not_drawn(others: list[ItemResult]) -> None:
    """Few answers, graded scores, missing ones, and what does not count."""
    chart = calibration([*answered(0.95, 1.0, 8), *others])

    assert chart is not None
    assert [p.x for p in chart.series[1].points] == [pytest.approx(95.0)]


def test_answers_in_small_bins_are_counted() -> None:
    """Nobody takes the points for all answers."""
    chart = calibration([*answered(0.95, 1.0, 8), *answered(0.1, 0.0, 4)])

    assert chart is not None
    assert chart.notes == (
        "90 % intervals; bins of 5 answers or more; 0 and 4 answers are in smaller ones.",
    )


def test_without_confidences_there_is_none() -> None:
    """Generated answers have none."""
    made = result("x")
    bare = replace(made.base, confidence=None)

    assert calibration([replace(made, base=bare, candidate=bare)] * 9) is None


def test_it_stands_in_the_reports_whose_items_lie_beside_them(tmp_path: Path) -> None:
    """And in no other."""
    review = write_items(samples.failed(), tmp_path, answered(0.62, 1.0, 6))
    write_reports(review, tmp_path)

    there = beside(review, tmp_path)
    assert "Right answers by confidence" in (tmp_path / "report.html").read_text("utf-8")
    assert "## Calibration" in render(review, "markdown", None, there)
    assert "## Calibration" not in render(review, "markdown")
