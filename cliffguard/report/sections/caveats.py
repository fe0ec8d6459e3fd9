"""What touches trust: the health of the suites, caveats, and items in the training data."""

from __future__ import annotations

from collections.abc import Sequence

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
_N_ALIKE, _LEAST_FOLDED = 3, 2  # lines of a kind that stand there, where more than so many follow
_OF_NO_KIND = "unknown"  # caveats of layouts that knew sentences only


def health(page: Page) -> Section | None:
    """Return what the items can no longer show of this base; None where they are well."""
    if not page.health:
        return None
    kinds = [(note.kind, line) for note, line in zip(page.review.health, page.health, strict=True)]
    about = "What these items can still show of this base. Nothing here was part of the decision."
    return Section(
        title="Suite health",
        anchor="health",
        blocks=(
            Paragraph(text=about, is_brief=False),
            *_listed(kinds),
        ),
    )


def section(page: Page) -> Section:
    """Return the doubts about the comparison, and the items that the fine-tune may have seen."""
    caveats = page.review.comparison.caveats
    blocks = _listed([(caveat.id, one_line(caveat.text)) for caveat in caveats])
    overlaps = page.review.comparison.overlaps
    if overlaps:
        blocks += (Details(summary=OVERLAPS_TITLE, blocks=_overlaps(overlaps)),)
    return Section(title="Caveats", anchor="caveats", blocks=blocks)


def _listed(lines: Sequence[tuple[str, str]]) -> tuple[Block, ...]:
    """Return lines, of which each comes with its kind; of many of a kind most are folded."""
    if not lines:
        return (Paragraph(text="None.", is_brief=False),)
    kinds: dict[str, list[str]] = {}
    for number, (kind, text) in enumerate(lines):
        kinds.setdefault(f"{number}" if kind == _OF_NO_KIND else kind, []).append(text)
    shown: list[str] = []
    folded: list[Block] = []
    for texts in kinds.values():
        n_more = len(texts) - _N_ALIKE
        if n_more <= _LEAST_FOLDED:
            shown += texts
            continue
        shown += [*texts[:_N_ALIKE], f"And {n_more:,} more of this kind."]
        others = Listing(lines=tuple(texts[_N_ALIKE:]))
        folded.append(
            Details(summary=f"The {n_more:,} others: {texts[_N_ALIKE]}", blocks=(others,))
        )
    return Listing(lines=tuple(shown)), *folded


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
