"""Do broken items come back more often than items that the base had wrong? Test and interval.

Each item has a recovery in [0, 1], the share of forms in which it was right when it was asked
again: the candidate's of an item that it broke, the base's of one that it gained. Between two runs
of one model which of both a changed item became is a fair coin, whatever it takes to answer it, so
that every way to deal the same recoveries out to both groups was equally likely: the test counts
them. Items of a cluster are dealt out together, those of each group as one.

References
----------
Fisher (1935), The Design of Experiments, chapter 3. Phipson and Smyth (2010), Statistical
Applications in Genetics and Molecular Biology 9:39, for p-values of drawn permutations. Newcombe
(1998), Statistics in Medicine 17:873-890, method 10. Korn and Graubard (1998), Survey Methodology
24:193-201, for an effective number of items.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cliffguard.stats.interval import Interval, wilson_interval

FloatArray = NDArray[np.float64]

N_DRAWS = 19_999
"""Ways to deal recoveries out that are drawn where there are more; otherwise all are counted."""

_ROUNDING = 1e-9  # of a difference of means


class Recovered(NamedTuple):
    """The recovery of an item, in [0, 1], and its cluster; None: it stands alone."""

    share: float
    cluster: Hashable = None


def mean_recovery(items: Sequence[Recovered]) -> float:
    """Return the mean over the items, of which there is at least one."""
    return math.fsum(item.share for item in items) / len(items)


def least_p(n_broken: int, n_fixed: int) -> float:
    """Return the smallest p-value that so many items, none tied to another, can have."""
    return 1.0 / math.comb(n_broken + n_fixed, n_broken)


def recovery_p(
    broken: Sequence[Recovered],
    fixed: Sequence[Recovered],
    *,
    seed: int = 0,
    n_draws: int = N_DRAWS,
) -> float:
    """One-sided p-value of "broken items come back no more often than fixed ones".

    Parameters
    ----------
    broken, fixed : sequences of Recovered
        At least one item each.
    seed : int
        Of the ways to deal them out, where these are drawn.
    n_draws : int
        How many are drawn where there are more.

    Returns
    -------
    float
        The share of all ways to deal the recoveries out whose difference of means is at least the
        observed one; of drawn ways, which count the observed one too, ``(b + 1) / (n_draws + 1)``.
        Its level is exact where each cluster lies in one group, and no larger where one has
        items of both.
    """
    _check(broken, fixed)
    sides = [_units(broken), _units(fixed)]
    sums, sizes = (np.concatenate([side[k] for side in sides]) for k in (0, 1))
    n_chosen, n_units = len(sides[0][0]), len(sums)
    observed = mean_recovery(broken) - mean_recovery(fixed)
    is_counted = math.comb(n_units, n_chosen) <= n_draws + 1
    if is_counted:
        ways = np.array(list(combinations(range(n_units), n_chosen)))
    else:
        draws = np.random.default_rng(seed).random((n_draws, n_units))
        ways = np.argpartition(draws, n_chosen - 1, axis=1)[:, :n_chosen]
    chosen_sum, chosen_size = sums[ways].sum(axis=1), sizes[ways].sum(axis=1)
    rest_sum, rest_size = sums.sum() - chosen_sum, sizes.sum() - chosen_size
    differences = chosen_sum / chosen_size - rest_sum / rest_size
    n_reached = int((differences >= observed - _ROUNDING).sum())
    return n_reached / len(ways) if is_counted else (n_reached + 1) / (n_draws + 1)


def recovery_interval(
    broken: Sequence[Recovered], fixed: Sequence[Recovered], *, confidence: float
) -> Interval:
    """Two-sided interval of the difference of both mean recoveries.

    Newcombe's square-and-add of two Wilson intervals. Each is of as many independent items as have
    the variance that was seen (Korn and Graubard's effective number): forms of one item say less
    than as many items, and so do items of one cluster.
    """
    _check(broken, fixed)
    first, second = mean_recovery(broken), mean_recovery(fixed)
    of_broken, of_fixed = (_wilson(items, confidence) for items in (broken, fixed))
    low = math.hypot(first - of_broken.low, of_fixed.high - second)
    high = math.hypot(of_broken.high - first, second - of_fixed.low)
    return Interval(max(-1.0, first - second - low), min(1.0, first - second + high))


def _wilson(items: Sequence[Recovered], confidence: float) -> Interval:
    n_items = max(1, round(_effective(items)))
    share = mean_recovery(items)
    return wilson_interval(n_right=share * n_items, n_items=n_items, confidence=confidence)


def _effective(items: Sequence[Recovered]) -> float:
    """Return the independent right-or-wrong items whose mean varies as this one does.

    Never more than there are items: of a few, the variance that was seen may be small by chance.
    """
    sums, sizes = _units(items)
    n_units, share = len(sums), mean_recovery(items)
    if n_units < 2:
        return float(n_units)
    residuals = sums - share * sizes
    variance = n_units / (n_units - 1) * float((residuals**2).sum()) / len(items) ** 2
    if variance <= 0 or not 0 < share < 1:
        return float(n_units)
    return min(float(len(items)), share * (1 - share) / variance)


def _units(items: Sequence[Recovered]) -> tuple[FloatArray, FloatArray]:
    """Return the sum of recoveries and the number of items of each cluster, or lone item."""
    units: dict[Hashable, int] = {}
    sums: list[float] = []
    sizes: list[float] = []
    for number, item in enumerate(items):
        key = ("alone", number) if item.cluster is None else ("tied", item.cluster)
        unit = units.setdefault(key, len(sums))
        if unit == len(sums):
            sums.append(0.0)
            sizes.append(0.0)
        sums[unit] += item.share
        sizes[unit] += 1.0
    return np.array(sums), np.array(sizes)


def _check(broken: Sequence[Recovered], fixed: Sequence[Recovered]) -> None:
    if not broken or not fixed:
        raise ValueError("broken and fixed must hold at least one item each.")
    for item in (*broken, *fixed):
        if not 0 <= item.share <= 1:
            raise ValueError(f"a recovery must lie between 0 and 1, not {item.share}.")
