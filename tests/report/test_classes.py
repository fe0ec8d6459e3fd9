"""The table of classes: what was lost first, not too long, in every format that people read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cliffguard.core.diagnostics import ClassComparison, ClassesComparison
from cliffguard.core.reviews import Outcome, Review
from cliffguard.report.blocks import Listing, TableBlock
from cliffguard.report.html import render_html
from cliffguard.report.markdown import render_markdown
from cliffguard.report.page import lay_out
from cliffguard.report.sections.classes import MOST_ROWS, section
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


def shown(review: Review) -> tuple[TableBlock, Listing]:
    """Return the table of classes, and what is noted under it."""
    classes = section(lay_out(review))
    assert classes is not None
    table, notes = classes.blocks
    assert isinstance(table, TableBlock)
    assert isinstance(notes, Listing)
    return table, notes


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
    table, notes = shown(review_of(samples.routes()))

    assert table.rows[0].cells == (
        "ticket_routing_items",
        "security",
        "20",
        "70.0 %",
        "25.0 %",
        "+45.0 pp",
    )
    assert [row.cells[1] for row in table.rows] == ["security", "shipping", "billing"]
    assert notes.lines == ("ticket_routing_items: macro-F1 51.2 → 54.7 %",)


def test_the_table_is_no_longer_than_twenty_rows() -> None:
    """What is left out lost least, and is counted."""
    table, notes = shown(review_of(many(33)))

    assert len(table.rows) == MOST_ROWS
    assert table.rows[0].cells[1] == "c32"
    assert notes.lines[-1] == "13 more classes are in review.json."


@pytest.mark.parametrize("render", [render_text, render_markdown, render_html])
def test_the_table_stands_in_reports_with_classes_alone(render: object) -> None:
    """Where no task is a classifier there is no empty table."""
    assert callable(render)
    assert "By class" in render(review_of(samples.routes()))
    assert "security" in render(review_of(samples.routes()))
    assert "By class" not in render(review_of())
