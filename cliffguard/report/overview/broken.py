"""Items that all candidates broke, or one alone, by the digest of what is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cliffguard.core.item_results import ItemResult
from cliffguard.core.overviews import MOST_ITEMS, BrokenAlone, BrokenItem, BrokenItems
from cliffguard.report.items import items_path, read_items
from cliffguard.report.overview.sources import NamedReview

_LEAST = 2  # candidates, for "all" and "one alone" to say anything


@dataclass(slots=True)
class _Seen:
    """An item, in how many candidates it counts, and which of these broke it."""

    item: BrokenItem
    n_counted: int = 0
    broken_by: list[str] = field(default_factory=list)


def broken_items(
    sources: Sequence[NamedReview],
) -> tuple[tuple[BrokenItems, ...], tuple[str, ...]]:
    """Return the items by who broke them, and the names of the reviews that lie without items.

    An item has its digest as its key, so that it is the same one in any suite. Only what counts for
    all candidates that were asked about a capability is compared: what one was not asked, it did
    not hold. Raises IntegrityError where items are not those of their review.
    """
    seen: dict[str, dict[str, _Seen]] = {}
    candidates: dict[str, list[str]] = {}
    without = []
    for source in sources:
        if source.review is None:
            continue
        if items_path(source.review, source.folder) is None:
            without.append(source.name)
            continue
        asked_about = set()
        known: set[tuple[str, str]] = set()
        for result in read_items(source.review, source.folder):
            asked_about.add(result.capability)
            if result.counted and (result.capability, result.digest) not in known:
                known.add((result.capability, result.digest))
                _count(seen.setdefault(result.capability, {}), result, source.name)
        for capability in sorted(asked_about):
            candidates.setdefault(capability, []).append(source.name)
    rows = [
        _of_capability(name, seen.get(name, {}), names)
        for name, names in candidates.items()
        if len(names) >= _LEAST
    ]
    return tuple(rows), tuple(without)


def _count(seen: dict[str, _Seen], result: ItemResult, candidate: str) -> None:
    item = BrokenItem(task=result.task, item=result.item)
    row = seen.setdefault(result.digest, _Seen(item))
    row.n_counted += 1
    if result.is_broken:
        row.broken_by.append(candidate)


def _of_capability(
    capability: str, seen: dict[str, _Seen], candidates: Sequence[str]
) -> BrokenItems:
    common = [row for row in seen.values() if row.n_counted == len(candidates)]
    by_all = [row.item for row in common if len(row.broken_by) == len(candidates)]
    by_candidate: dict[str, list[BrokenItem]] = {name: [] for name in candidates}
    for row in common:
        if len(row.broken_by) == 1:
            by_candidate[row.broken_by[0]].append(row.item)
    alone = tuple(
        BrokenAlone(candidate=name, n_items=len(items), items=tuple(items[:MOST_ITEMS]))
        for name, items in by_candidate.items()
        if items
    )
    return BrokenItems(
        capability=capability,
        n_candidates=len(candidates),
        n_common=len(common),
        n_by_all=len(by_all),
        n_alone=sum(row.n_items for row in alone),
        by_all=tuple(by_all[:MOST_ITEMS]),
        alone=alone,
    )
