"""Patterns: slices in which a candidate loses more, and what it is pulled to. A screen.

Every slice and every pull of every capability is tried, and Benjamini and Hochberg's procedure at
5 % says which are found. A slice has to pass two tests: that anything is lost in it, and that more
is lost inside than outside (`cliffguard.stats.slice_tests`). Where fewer than five of what stands
or falls together changed, no outcome would be a surprise, and nothing is tried: what is tried never
depends on which way it changed.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cliffguard.compare.diagnostics.counted import CountedItem, Key
from cliffguard.compare.diagnostics.pulls import Pull, pulls_of
from cliffguard.compare.diagnostics.slices import Slice, slices_of
from cliffguard.core.diagnosis import Pattern
from cliffguard.stats.multiplicity import benjamini_hochberg
from cliffguard.stats.slice_tests import (
    more_inside_p_value,
    sign_flip_p_value,
    unlike_others_p_value,
)

LEVEL = 0.05
"""Of the expected share of patterns that are found and are none."""

N_BESIDE = 5
"""Patterns of a capability that are shown though they are not found."""

LEAST_CHANGED = 5
"""Items, or clusters, that changed: fewer would give no p-value below 5 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patterns:
    """What the screen shows of every capability, of `n_tried` slices and pulls in all.

    `by_item` has the keys of the shown patterns that an item belongs to: a slice's items, and of a
    pull those in which the candidate says it.
    """

    n_tried: int
    by_capability: Mapping[str, tuple[Pattern, ...]]
    by_item: Mapping[Key, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried:
    """A pattern that was tried, its q-value not known yet, and the items that belong to it."""

    pattern: Pattern
    members: NDArray[np.bool_]


def find_patterns(capabilities: Mapping[str, Sequence[CountedItem]]) -> Patterns:
    """Screen the items of all capabilities; the same items give the same patterns.

    Of each are returned those that are found and at most five others, the surest first.
    """
    tried = {name: _tried(items) for name, items in capabilities.items()}
    q_values = iter(
        benjamini_hochberg([row.pattern.p_value for rows in tried.values() for row in rows])
    )
    by_capability: dict[str, tuple[Pattern, ...]] = {}
    by_item: dict[Key, list[str]] = {}
    for name, rows in tried.items():
        shown = _shown([_judged(row, next(q_values)) for row in rows])
        by_capability[name] = tuple(row.pattern for row in shown)
        for row in shown:
            for item, belongs in zip(capabilities[name], row.members, strict=True):
                if belongs:
                    by_item.setdefault(item.key, []).append(row.pattern.key)
    return Patterns(
        n_tried=sum(map(len, tried.values())),
        by_capability=by_capability,
        by_item={key: tuple(keys) for key, keys in by_item.items()},
    )


def _judged(row: _Tried, q_value: float) -> _Tried:
    return replace(row, pattern=replace(row.pattern, q_value=q_value, is_found=q_value <= LEVEL))


def _shown(rows: Sequence[_Tried]) -> list[_Tried]:
    """Return what is found and a few others; of equal p-values the larger effect first."""
    order = sorted(
        rows,
        key=lambda row: (
            row.pattern.p_value,
            row.pattern.outside - row.pattern.inside,
            row.pattern.key,
        ),
    )
    n_found = sum(row.pattern.is_found for row in order)
    return order[: n_found + N_BESIDE]


def _tried(items: Sequence[CountedItem]) -> list[_Tried]:
    if not items:
        return []
    changes = np.array([item.drop for item in items])
    clusters = _numbered([item.cluster for item in items])
    slices = (_slice(part, changes, clusters) for part in slices_of(items))
    pulls = (_pull(part, changes, clusters) for part in pulls_of(items))
    return [row for row in (*slices, *pulls) if row is not None]


def _numbered(names: Sequence[Hashable]) -> NDArray[np.int64]:
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names])


def _by_cluster(values: NDArray[np.float64], clusters: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.bincount(clusters, weights=values).astype(float)


# --- slices --------------------------------------------------------------------------------------


def _slice(part: Slice, changes: NDArray[np.float64], clusters: NDArray[np.int64]) -> _Tried | None:
    inside = part.inside
    p_value = slice_p_value(changes, inside, clusters)
    if p_value is None:
        return None
    pattern = Pattern(
        **part.trait._asdict(),
        n_items=int(inside.sum()),
        n_broken=int((changes[inside] > 0).sum()),
        n_fixed=int((changes[inside] < 0).sum()),
        inside=float(changes[inside].mean()),
        outside=float(changes[~inside].mean()),
        p_value=p_value,
        q_value=1.0,
        is_found=False,
    )
    return _Tried(pattern=pattern, members=inside)


def slice_p_value(
    changes: NDArray[np.float64], inside: NDArray[np.bool_], clusters: NDArray[np.int64]
) -> float | None:
    """Return the larger p-value of both tests of a slice; None where too little changed to try.

    The units are clusters. Only of a slice that is one cluster they are its items, and what it
    must differ from is how clusters differ.
    """
    names = np.unique(clusters[inside])
    is_cluster = len(names) == 1 and not (clusters[~inside] == names[0]).any()
    sums = changes[inside] if is_cluster else _by_cluster(changes * inside, clusters)
    if np.count_nonzero(sums) < LEAST_CHANGED:
        return None
    compare = unlike_others_p_value if is_cluster else more_inside_p_value
    return max(sign_flip_p_value(sums), compare(changes, inside, clusters))


# --- pulls ---------------------------------------------------------------------------------------


def _pull(part: Pull, changes: NDArray[np.float64], clusters: NDArray[np.int64]) -> _Tried | None:
    offered = part.offered
    sums = _by_cluster(part.candidate.astype(float) - part.base, clusters)
    if np.count_nonzero(sums) < LEAST_CHANGED:
        return None
    p_value = sign_flip_p_value(sums)
    if part.everywhere is not None:
        p_value = max(p_value, sign_flip_p_value(_by_cluster(part.everywhere, clusters)))
    pattern = Pattern(
        **part.trait._asdict(),
        n_items=int(offered.sum()),
        n_broken=int((changes[part.candidate] > 0).sum()),
        n_fixed=int((changes[part.base] < 0).sum()),
        inside=float(part.candidate[offered].mean()),
        outside=float(part.base[offered].mean()),
        p_value=p_value,
        q_value=1.0,
        is_found=False,
    )
    return _Tried(pattern=pattern, members=part.candidate)
