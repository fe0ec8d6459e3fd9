"""The table of classes: what was lost first, not too long, in every format that people read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cliffguard.core.diagnostics import ClassComparison, ClassesComparison
from cliffguard.core.reviews import Outcome, Review
from cliffguard.report.classes import MOST_ROWS, class_view
from cliffguard.report.html import render_html
from cliffguard.report.markdown import render_markdown
from cliffguard.report.page import lay_out
from cliffguard.report.text import render_text
from tests.report import samples


def review_of(*classes: ClassesComparison) -> Review:
    """Return a review of one capability with these classes."""
    capability = samples.measured(
        "routing", n_items=200, n_right_base=160, n_broken=8, n_fixed=6, p_drop=0.3, classes=classes
    )
    return samples.review(
        Outcome.PASS, "held.", [(capability, samples.finding(capability, Outcome.HELD, "h"))]
    )


def many(n_classes: int) -> ClassesComparison:
    """Return a task with so many classes, of which the last lost most."""
    return replace(
        samples.routes(),
        classes=tuple(
            ClassComparison(
                label=f"c{n:02d}", n_items=9, base_recall=0.9, candidate_recall=0.9 - n / 100
            )
            for n in range(n_classes)
        ),
    )


def test_the_class_that_lost_most_is_first() -> None:
    """A reader looks at the first row."""
    view = class_view(lay_out(review_of(samples.routes())))

    assert view is not None
    assert view.rows[0] == (
        "ticket_routing_items",
        "security",
        "20",
        "70.0 %",
        "25.0 %",
        "+45.0 pp",
    )
    assert [row[1] for row in view.rows] == ["security", "shipping", "billing"]
    assert view.notes == ("ticket_routing_items: macro-F1 51.2 → 54.7 %",)


def test_the_table_is_no_longer_than_twenty_rows() -> None:
    """What is left out lost least, and is counted."""
    view = class_view(lay_out(review_of(many(33))))

    assert view is not None
    assert len(view.rows) == MOST_ROWS
    assert view.rows[0][1] == "c32"
    assert view.notes[-1] == "13 more classes are in review.json."


@pytest.mark.parametrize("render", [render_text, render_markdown, render_html])
def test_the_table_stands_in_reports_with_classes_alone(render: object) -> None:
    """Where no task is a classifier there is no empty table."""
    assert callable(render)
    assert "By class" in render(review_of(samples.routes()))
    assert "security" in render(review_of(samples.routes()))
    assert "By class" not in render(review_of())
