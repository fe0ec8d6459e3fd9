"""The items that broke which a reader sees first: of what closes the gate, as `flips --top`."""

from __future__ import annotations

from collections.abc import Sequence

from cliffguard.core.item_results import ItemAnswer, ItemResult
from cliffguard.core.reviews import Example, Outcome
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.item_order import in_rounds, largest, sureness
from cliffguard.report.page import Page


def not_held(page: Page) -> list[CapabilityRow]:
    """Return the rows that are not HELD, worst first: proven losses, what is open, what is shown.

    In each of these the largest drop comes first.
    """

    def rank(row: CapabilityRow) -> tuple[int, float]:
        drop = row.evidence.drop if row.evidence else None
        kind = 2 if not decides(row) else int(row.finding.outcome is not Outcome.REGRESSED)
        return kind, -(drop or 0.0)

    return sorted((row for row in page.rows if row.finding.outcome is not Outcome.HELD), key=rank)


def decides(row: CapabilityRow) -> bool:
    """Return whether the verdict depends on a row: it gates, and it counts."""
    return row.finding.role != "monitored" and row.finding.counts


def closing(page: Page) -> list[CapabilityRow]:
    """Return the rows that keep the gate closed; where a loss is proven, those alone."""
    rows = [row for row in not_held(page) if decides(row)]
    return [row for row in rows if row.finding.outcome is Outcome.REGRESSED] or rows


def n_broken_of(rows: Sequence[CapabilityRow]) -> int:
    """Return how many items of the capabilities broke; an answer that is cut may be right."""
    return sum(
        row.comparison.counts.n_broken
        for row in rows
        if row.comparison and row.finding.behaviour is None
    )


def first_broken(page: Page, rows: Sequence[CapabilityRow], n: int) -> list[Example]:
    """Return the first `n` broken items of the capabilities `rows`, as `flips --top` has them.

    `n` is `largest_changes.MOST_QUOTED` at most.

    But no two of one capability while others are left, and of equal ones those of the first rows.
    An item without a text is passed over, since there is nothing to read. Where no items lie beside
    the review, its examples are taken.
    """
    names = dict.fromkeys(row.capability for row in rows)
    if not names:
        return []
    changes = page.largest
    if changes is None:
        groups = dict(page.examples)
        every = [each for name in names for each in groups.get(name, ())]
        every.sort(key=lambda each: -sureness(each.base_confidence, each.candidate_confidence))
        return in_rounds(every, lambda each: each.capability)[:n]
    kept = [
        result
        for name in names
        if name in changes
        for result in changes[name].broken.first
        if result.prompt.text is not None
    ]
    ranked = largest(kept, len(kept))
    return [_example(each) for each in in_rounds(ranked, lambda each: each.capability)[:n]]


def order_of(items: Sequence[Example], rows: Sequence[CapabilityRow]) -> str:
    """Return how `items` of several, of the capabilities `rows`, are ordered, behind commas."""
    are_sure = any(sureness(each.base_confidence, each.candidate_confidence) >= 0 for each in items)
    words = ["the surest first"] if are_sure else []
    if len(items) > 1 and len(rows) > 1:
        words.append("no two of one capability while others are left")
    return "".join(f", {word}" for word in words)


def _example(result: ItemResult) -> Example:
    def text(side: ItemAnswer) -> str:
        return side.answer.text or ""

    return Example(
        capability=result.capability,
        task=result.task,
        item_id=result.item,
        level=result.level,
        prompt=result.prompt.text or "",
        answer=", or ".join(right.text or "" for right in result.right),
        base_text=text(result.base),
        candidate_text=text(result.candidate),
        base_confidence=result.base.confidence,
        candidate_confidence=result.candidate.confidence,
    )
