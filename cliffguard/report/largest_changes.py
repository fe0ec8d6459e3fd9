"""The largest changes of each capability of items.jsonl: read once for all formats of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cliffguard.core.item_results import ItemResult
from cliffguard.report.clean import one_line
from cliffguard.report.item_views import Best
from cliffguard.report.items import changed_in

MOST_BROKEN = 100
MOST_FIXED = 50
"""Items of a capability on a page, where there are few capabilities."""

MOST_QUOTED = 10
"""Items that broke which a report quotes, be they all of one capability among many."""

_MOST_OF_ALL_BROKEN = 2_000
_MOST_OF_ALL_FIXED = 1_000


class Changes(NamedTuple):
    """What broke and what was fixed of a capability, the largest of each."""

    broken: Best
    fixed: Best


Largest = Mapping[str, Changes]
"""The changes of each capability with one, by its name as reports show it."""


def most_shown(n_capabilities: int) -> tuple[int, int]:
    """Return how many broken and how many fixed items of each of so many a page shows."""
    n = max(1, n_capabilities)
    return (
        min(MOST_BROKEN, max(1, _MOST_OF_ALL_BROKEN // n)),
        min(MOST_FIXED, max(1, _MOST_OF_ALL_FIXED // n)),
    )


def largest_changes(results: Iterable[ItemResult], n_capabilities: int) -> Largest:
    """Return what a report of so many capabilities may show; `results` are read one by one."""
    n_broken, n_fixed = most_shown(n_capabilities)
    largest: dict[str, Changes] = {}
    for result in results:
        if result.is_broken or result.is_fixed:
            name = one_line(result.capability)
            if name not in largest:
                largest[name] = Changes(Best(max(MOST_QUOTED, n_broken)), Best(n_fixed))
            largest[name][result.is_fixed].add(result)
    return largest


@lru_cache(maxsize=1)  # three formats of one report show them
def largest_in(path: Path, _sha256: str, n_capabilities: int) -> Largest:
    """Return those of a file of this digest. Raises as `items.changed_in`."""
    return largest_changes(changed_in(path), n_capabilities)
