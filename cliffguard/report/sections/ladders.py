"""The ladders: scores over rising difficulty, and where they fall."""

from __future__ import annotations

from cliffguard.core.texts import clip
from cliffguard.report.blocks import (
    Block,
    Details,
    Figure,
    Heading,
    Paragraph,
    Section,
    TableBlock,
    TableRow,
    columns,
)
from cliffguard.report.figures import single
from cliffguard.report.ladder_view import LadderView, Rung
from cliffguard.report.page import Page


def section(page: Page) -> Section | None:
    """Return every ladder as a figure with its table; None where there is none."""
    about = Paragraph(
        text=f"Scores over rising difficulty, with {page.confidence} intervals. The dotted line is "
        "the expected score of guessing.",
        is_page_only=True,
        is_brief=False,
    )
    blocks = [block for view in page.ladders for block in _ladder(view)]
    if not blocks:
        return None
    return Section(title="Ladders: where it falls", anchor="ladders", blocks=(about, *blocks))


def _ladder(view: LadderView) -> tuple[Block, ...]:
    """Return a ladder; folded where nothing is lost along it."""
    summary = Paragraph(
        text=f"{view.summary} {view.areas} Chance is {view.chance}.", is_brief=False
    )
    figure = Figure(chart=single.ladder(view), table=_table(view))
    if view.is_lost:
        return Heading(text=view.title), summary, figure
    return (Details(summary=view.sentence, blocks=(summary, figure)),)


def _table(view: LadderView) -> TableBlock:
    names = (clip(view.level_name, 60), "base", "candidate", "drop", "n")
    return TableBlock(
        columns=columns(*names, "", left={""}),
        rows=tuple(_row(rung) for rung in view.rungs),
    )


def _row(rung: Rung) -> TableRow:
    return TableRow(
        cells=(
            str(rung.level.level),
            rung.base,
            rung.candidate,
            rung.drop,
            f"{rung.level.n_items:,}",
            rung.note,
        ),
        tone="lost" if rung.is_edge else "aside" if rung.note else "",
    )
