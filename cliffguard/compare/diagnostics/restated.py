"""Pulls that say once more what a cause says: a candidate that refuses is pulled to "I'm sorry"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from cliffguard.compare.diagnostics.counted import Key
from cliffguard.compare.diagnostics.patterns import Patterns
from cliffguard.core.diagnosis import READ, CauseName, Pattern

RESTATED = 0.8
"""Share of a pull's broken items from which on a cause that they have is what the pull says."""


def with_restated(patterns: Patterns, causes: Mapping[str, Mapping[Key, CauseName]]) -> Patterns:
    """Return the patterns with the cause that each pull restates.

    `causes` has those of the broken items, by capability. Only what a reader sees is restated: that
    items are lost says nothing of what is said instead.
    """
    return replace(
        patterns,
        by_capability={
            name: tuple(_restating(row, patterns, causes.get(name, {})) for row in rows)
            for name, rows in patterns.by_capability.items()
        },
    )


def _restating(pattern: Pattern, patterns: Patterns, causes: Mapping[Key, CauseName]) -> Pattern:
    if pattern.kind != "pull":
        return pattern
    times = Counter(
        cause for item, cause in causes.items() if pattern.key in patterns.by_item.get(item, ())
    )
    for cause, n_items in times.most_common(1):
        if cause in READ and n_items >= RESTATED * times.total():
            return replace(pattern, restates=cause)
    return pattern
