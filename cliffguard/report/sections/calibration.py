"""Calibration of both sides: right answers by confidence, where the items lie beside the review."""

from __future__ import annotations

from cliffguard.report.blocks import Figure, Paragraph, Section, TableBlock, TableRow, columns
from cliffguard.report.figures.calibration import calibration_of
from cliffguard.report.page import Page


def section(page: Page) -> Section | None:
    """Return the reliability diagram of both sides; None where no confidence is known."""
    chart = calibration_of(page)
    if chart is None:
        return None
    rows = tuple(
        TableRow(cells=(series.name, f"{point.x or 0.0:.1f} %", f"{point.y:.1f} %", point.detail))
        for series in chart.series
        for point in series.points
        if point.detail
    )
    names = ("side", "confidence", "right", "answers")
    about = (
        "Above the diagonal a side is right more often than it is sure, below it is sure more "
        "often than right. For reading; smECE among the behaviour measures it."
    )
    table = TableBlock(columns=columns(*names, left={"side", "answers"}), rows=rows, brief="none")
    return Section(
        title="Calibration",
        anchor="calibration",
        blocks=(
            Paragraph(text=" ".join((about, *chart.notes)), is_brief=False),
            Figure(chart=chart, table=table),
        ),
    )
