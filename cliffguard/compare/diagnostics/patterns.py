"""Patterns: slices in which a candidate loses more, and what it is pulled to. A screen.

Every slice and every pull of every capability is tried, and Benjamini and Hochberg's procedure at
5 % says which are found. A slice has to pass two tests: that anything is lost in it, and that more
is lost inside than outside (`cliffguard.stats.slice_tests`). So has a pull: that the candidate says
it more often where it is wrong, and that this is more than what becomes of right answers that are
lost evenly (`pull_p_value`). Where fewer than five of what stands or falls together changed, no
outcome would be a surprise, and nothing is tried: what is tried never depends on which way it
changed.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cliffguard.compare.diagnostics.counted import CountedItem, Key
from cliffguard.compare.diagnostics.pattern_order import Screened, in_order
from cliffguard.compare.diagnostics.pull import Noise, Pull
from cliffguard.compare.diagnostics.pulls import pulls_of
from cliffguard.compare.diagnostics.slices import LEAST_ITEMS, Slice, slices_of
from cliffguard.core.diagnosis import Pattern
from cliffguard.stats.multiplicity import benjamini_hochberg
from cliffguard.stats.slice_losses import beyond_share, is_graded, more_above_mean_p_value
from cliffguard.stats.slice_tests import (
    above_zero_p_value,
    larger_share_p_value,
    more_inside_p_value,
    sign_flip_p_value,
    unlike_others_p_value,
)

LEVEL = 0.05
"""Of the expected share of patterns that are found and are none."""

LEAST_CHANGED = 5
"""Items, or clusters, that changed: fewer would give no p-value below 5 %."""

_MOST = 0.5  # of what the base had: if more is lost, where it had much tells little
_OF_TWO = 0.5  # the chance of a guess between two choices

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patterns:
    """What the screen shows of every capability, of `n_tried` slices and pulls in all.

    `by_item` has the keys of the shown patterns that an item belongs to: a slice's items, and of a
    pull those in which the candidate says it.
    """

    n_tried: int
    by_capability: Mapping[str, tuple[Pattern, ...]]
    by_item: Mapping[Key, tuple[str, ...]]


def find_patterns(capabilities: Mapping[str, Sequence[CountedItem]]) -> Patterns:
    """Screen the items of all capabilities; the same items give the same patterns.

    Of each are returned those that are found and at most five others, as `in_order` has them. Names
    and keys may hold texts of the data, cut (`Pattern.shows_text`).
    """
    columns = {name: _columns(items) for name, items in capabilities.items()}
    tried = {name: _tried(items, *columns[name]) for name, items in capabilities.items()}
    q_values = iter(
        benjamini_hochberg([row.pattern.p_value for rows in tried.values() for row in rows])
    )
    by_capability: dict[str, tuple[Pattern, ...]] = {}
    by_item: dict[Key, list[str]] = {}
    for name, rows in tried.items():
        judged = [_judged(row, next(q_values)) for row in rows]
        shown = in_order(judged, *columns[name])
        by_capability[name] = tuple(row.pattern for row in shown)
        for row in shown:
            for item, belongs in zip(capabilities[name], row.part.members, strict=True):
                if belongs:
                    by_item.setdefault(item.key, []).append(row.pattern.key)
    return Patterns(
        n_tried=sum(map(len, tried.values())),
        by_capability=by_capability,
        by_item={key: tuple(keys) for key, keys in by_item.items()},
    )


def _judged(row: Screened, q_value: float) -> Screened:
    return replace(row, pattern=replace(row.pattern, q_value=q_value, is_found=q_value <= LEVEL))


def _columns(items: Sequence[CountedItem]) -> tuple[FloatArray, IntArray]:
    """Return the drop of every item, and the number of its cluster."""
    numbers: dict[Hashable, int] = {}
    clusters = [numbers.setdefault(item.cluster, len(numbers)) for item in items]
    return np.array([item.drop for item in items]), np.array(clusters, dtype=np.int64)


def _tried(items: Sequence[CountedItem], changes: FloatArray, clusters: IntArray) -> list[Screened]:
    if not items:
        return []
    had = np.array([item.pair.base.score or 0.0 for item in items])
    slices = (_slice(part, changes, clusters, had) for part in slices_of(items))
    pulls = (_pull(part, changes, clusters) for part in pulls_of(items))
    return [row for row in (*slices, *pulls) if row is not None]


# --- slices --------------------------------------------------------------------------------------


def _slice(
    part: Slice, changes: FloatArray, clusters: IntArray, had: FloatArray
) -> Screened | None:
    p_value = slice_p_value(changes, part.inside, clusters, had)
    return None if p_value is None else _screened(part, changes, p_value)


def _screened(part: Slice | Pull, changes: FloatArray, p_value: float) -> Screened:
    """Return what was tried, its q-value not known yet."""
    pattern = Pattern(
        **part.trait.labels(),
        **part.counts(changes),
        p_value=p_value,
        q_value=1.0,
        is_found=False,
    )
    return Screened(pattern=pattern, part=part)


def slice_p_value(
    changes: FloatArray, inside: BoolArray, clusters: IntArray, had: FloatArray | None = None
) -> float | None:
    """Return the largest p-value of the tests of a slice; None where too little changed to try.

    The units are clusters. Only of a slice that is one cluster they are its items, and what it
    must differ from is how clusters differ. More has to be lost inside than outside; of graded
    scores by more items, too; and where most is lost of `had`, the base's scores, more of what the
    base had, else a candidate that lost everything would have lost most where the base was best.
    """
    names = np.unique(clusters[inside])
    is_cluster = len(names) == 1 and not (clusters[~inside] == names[0]).any()
    sums = changes[inside] if is_cluster else _by_cluster(changes * inside, clusters)
    if np.count_nonzero(sums) < LEAST_CHANGED:
        return None
    compare = unlike_others_p_value if is_cluster else more_inside_p_value
    p_values = [sign_flip_p_value(sums), compare(changes, inside, clusters)]
    if not is_cluster and is_graded(changes):
        p_values.append(more_above_mean_p_value(changes, inside, clusters))
    if had is not None and changes.sum() > _MOST * had.sum():
        p_values.append(compare(beyond_share(changes, had), inside, clusters))
    return max(p_values)


def _by_cluster(values: FloatArray, clusters: IntArray) -> FloatArray:
    return np.bincount(clusters, weights=values).astype(float)


# --- pulls ---------------------------------------------------------------------------------------


def _pull(part: Pull, changes: FloatArray, clusters: IntArray) -> Screened | None:
    p_value = pull_p_value(part, changes, clusters)
    return None if p_value is None else _screened(part, changes, p_value)


def pull_p_value(part: Pull, changes: FloatArray, clusters: IntArray) -> float | None:
    """Return the p-value of a pull, by clusters; None where too little changed to try.

    The largest of those of what has to hold: that the candidate says it more often where it is
    wrong, and that this is no mere noise.
    """
    sums = _by_cluster(part.candidate.astype(float) - part.base, clusters)
    if np.count_nonzero(sums) < LEAST_CHANGED:
        return None
    return max(sign_flip_p_value(sums), _noise_p_value(part, changes, clusters))


def _noise_p_value(part: Pull, changes: FloatArray, clusters: IntArray) -> float:
    """Return the p-value of "it is said more often for right answers are lost to anything".

    Either of two things tells more than that. Among three choices or more, what is lost evenly goes
    to each wrong choice alike: this gets more than its *share*. And what is lost evenly is said
    less often where it would be right, by at least as much: the *rates* at which it is said where
    it is wrong and where it is right rise in sum. Among three or more that sum falls where the
    shares are even, so that two ways err no oftener than the first; of two choices there is the
    second alone. Both are asked of the candidate alone as well, beside the other wrong choices and
    beside a guess, else noise would seem to pull a base to what it shuns.
    """
    noise, chance = part.noise, part.noise.chance
    if chance is None:
        return _habit_p_value(part, changes, clusters)
    ways = []
    if chance[part.offered].max() < _OF_TWO:
        ways.append(_share_p_value(part, noise, chance[part.offered], clusters))
    if noise.right.sum() >= LEAST_ITEMS:
        ways.append(_rates_p_value(part, noise, chance, clusters))
    return min(ways, default=1.0)


def _share_p_value(part: Pull, noise: Noise, chance: FloatArray, clusters: IntArray) -> float:
    """Return the p-value of "it gets no more than its share of the wrong answers"."""
    offered = part.offered
    share = chance / (1.0 - chance)  # one of the wrong choices
    alone = part.candidate[offered] - share * noise.candidate_wrong[offered]
    before = part.base[offered] - share * noise.base_wrong[offered]
    numbers = _renumbered(clusters[offered])
    return max(above_zero_p_value(values, numbers) for values in (alone - before, alone))


def _rates_p_value(part: Pull, noise: Noise, chance: FloatArray, clusters: IntArray) -> float:
    """Return the p-value of "where it is wrong and where it is right, the rates do not rise"."""
    known = part.offered | noise.right
    wrong, numbers = part.offered[known], _renumbered(clusters[known])
    signs = np.where(wrong, 1.0, -1.0)  # so that the difference of the means is the sum of rates
    return max(
        more_inside_p_value(signs * values[known], wrong, numbers)
        for values in (noise.rises, noise.candidate - chance)
    )


def _habit_p_value(part: Pull, changes: FloatArray, clusters: IntArray) -> float:
    """Return the p-value of "it is no more frequent", of what is no choice and no right answer.

    Of confidence: among wrong answers, since who is wrong more often is more often confident and
    wrong. Of a text: in all answers, right or wrong, and something has to be lost where it is new;
    if right answers have it, too, more than elsewhere, as what all answers have is a style.
    """
    noise = part.noise
    if part.trait.kind == "overconfident":
        return larger_share_p_value(
            part.candidate, noise.candidate_wrong, part.base, noise.base_wrong, clusters
        )
    new = noise.candidate & ~noise.base
    sums = (_by_cluster(values, clusters) for values in (noise.rises, changes * new))
    tests = [sign_flip_p_value(of) for of in sums]
    if (new & ~noise.candidate_wrong).any():
        tests.append(1.0 if new.all() else more_inside_p_value(changes, new, clusters))
    return max(tests)


def _renumbered(clusters: IntArray) -> IntArray:
    return np.unique(clusters, return_inverse=True)[1]
