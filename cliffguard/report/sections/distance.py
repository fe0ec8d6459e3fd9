"""Drop against distance from the fine-tuning data: a screen for reading."""

from __future__ import annotations

from cliffguard.report.blocks import Figure, Paragraph, Section, TableBlock, TableRow, columns
from cliffguard.report.figures import single
from cliffguard.report.page import Page
from cliffguard.report.reach import HEADERS, INTRO, reaches

_LEFT = {"capability", "ring", "outcome"}


def section(page: Page) -> Section | None:
    """Return the capabilities whose distance was measured, nearest first; None without any."""
    placed = reaches(page)
    chart = single.distance(placed)
    if chart is None:
        return None
    table = TableBlock(
        columns=columns(*HEADERS, left=_LEFT),
        rows=tuple(TableRow(cells=reach.cells) for reach in placed),
    )
    return Section(
        title="Distance from the fine-tuning data",
        anchor="distance",
        blocks=(
            Paragraph(text=INTRO, is_brief=False),
            Figure(chart=chart, table=table, is_wide=True),
        ),
    )
