"""The classes of classifiers, for reading: those that lost most of their items first."""

from __future__ import annotations

from cliffguard.core.diagnostics import ClassComparison, ClassesComparison
from cliffguard.core.texts import clip
from cliffguard.report import numbers
from cliffguard.report.blocks import Listing, Section, TableBlock, TableRow, columns
from cliffguard.report.clean import one_line
from cliffguard.report.page import Page

MOST_ROWS = 20
"""More classes than that are in review.json alone."""

_LABEL_CHARACTERS = 60

_HEADERS = ("task", "class", "n", "recall, base", "candidate", "drop")
_LEFT = {"task", "class"}


def section(page: Page) -> Section | None:
    """Return the classes of all tasks; None where no task has any."""
    tasks = [
        task
        for row in page.rows
        if row.comparison is not None
        for task in row.comparison.diagnostics.classes
    ]
    rows = [(task, comparison) for task in tasks for comparison in task.classes]
    if not rows:
        return None
    rows.sort(key=lambda pair: pair[1].candidate_recall - pair[1].base_recall)
    left_out = len(rows) - MOST_ROWS
    more = (f"{left_out:,} more classes are in review.json.",) if left_out > 0 else ()
    table = TableBlock(
        columns=columns(*_HEADERS, left=_LEFT),
        rows=tuple(TableRow(cells=_cells(*pair)) for pair in rows[:MOST_ROWS]),
    )
    notes = Listing(lines=(*(_macro_f1(task) for task in tasks[:MOST_ROWS]), *more))
    return Section(title="By class", anchor="classes", blocks=(table, notes))


def _cells(task: ClassesComparison, comparison: ClassComparison) -> tuple[str, ...]:
    return (
        one_line(task.task),
        clip(one_line(comparison.label), _LABEL_CHARACTERS),
        f"{comparison.n_items:,}",
        numbers.percent(comparison.base_recall),
        numbers.percent(comparison.candidate_recall),
        numbers.points(comparison.base_recall - comparison.candidate_recall),
    )


def _macro_f1(task: ClassesComparison) -> str:
    change = numbers.change(task.base_macro_f1, task.candidate_macro_f1)
    return f"{one_line(task.task)}: macro-F1 {change}"
