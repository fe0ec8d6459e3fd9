"""What touches trust: the health of the suites, caveats, and items in the training data."""

from __future__ import annotations

from cliffguard.core.comparisons import Contamination
from cliffguard.report import numbers
from cliffguard.report.blocks import (
    Block,
    Details,
    Listing,
    Paragraph,
    Section,
    TableBlock,
    TableRow,
    columns,
)
from cliffguard.report.clean import one_line
from cliffguard.report.page import Page, source_line
from cliffguard.report.wording import OVERLAPS_TITLE

_MOST_OVERLAPS = 50


def health(page: Page) -> Section | None:
    """Return what the items can no longer show of this base; None where they are well."""
    if not page.health:
        return None
    about = "What these items can still show of this base. Nothing here was part of the decision."
    return Section(
        title="Suite health",
        anchor="health",
        blocks=(Paragraph(text=about, is_brief=False), Listing(lines=page.health)),
    )


def section(page: Page) -> Section:
    """Return the doubts about the comparison, and the items that the fine-tune may have seen."""
    lines = tuple(one_line(caveat.text) for caveat in page.review.comparison.caveats)
    blocks: list[Block] = [
        Listing(lines=lines) if lines else Paragraph(text="None.", is_brief=False)
    ]
    overlaps = page.review.comparison.overlaps
    if overlaps:
        blocks.append(Details(summary=OVERLAPS_TITLE, blocks=_overlaps(overlaps)))
    return Section(title="Caveats", anchor="caveats", blocks=tuple(blocks))


def _overlaps(overlaps: tuple[Contamination, ...]) -> tuple[Block, ...]:
    rows = tuple(
        TableRow(
            cells=(
                one_line(overlap.task),
                one_line(overlap.item_id),
                overlap.kind,
                numbers.percent(overlap.similarity),
                one_line(source_line(overlap)),
            )
        )
        for overlap in overlaps[:_MOST_OVERLAPS]
    )
    names = ("task", "item", "kind", "similarity", "training data")
    left_out = len(overlaps) - len(rows)
    more = (Paragraph(text=f"{left_out:,} more are in review.json."),) if left_out else ()
    return (TableBlock(columns=columns(*names, left={*names} - {"similarity"}), rows=rows), *more)
