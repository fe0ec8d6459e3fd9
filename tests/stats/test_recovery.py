"""Do broken items come back more often than fixed ones? Exactness, clusters, intervals."""

from __future__ import annotations

import math
from itertools import combinations
from statistics import fmean

import numpy as np
import pytest

from cliffguard.stats.recovery import (
    Recovered,
    least_p,
    mean_recovery,
    recovery_interval,
    recovery_p,
)


def shares(*values: float) -> list[Recovered]:
    """Return lone items with these recoveries."""
    return [Recovered(value) for value in values]


@pytest.mark.parametrize(
    ("broken", "fixed", "p_value"),
    [
        ((1, 1, 1), (0, 0, 0), 1 / 20),
        ((1, 1, 1, 1), (0, 0, 0, 0), 1 / 70),
        ((1, 1, 0), (1, 0, 0), 10 / 20),
        ((0, 0, 0), (1, 1, 1), 1.0),
        ((0.5, 0.5), (0.5, 0.5), 1.0),
        ((1,), (0,) * 19, 1 / 20),
    ],
)
def test_every_way_to_deal_them_out_is_counted(
    broken: tuple[float, ...], fixed: tuple[float, ...], p_value: float
) -> None:
    """Of few items the p-value is a share of all ways, as Fisher's exact test has it."""
    assert recovery_p(shares(*broken), shares(*fixed)) == pytest.approx(p_value)


@pytest.mark.parametrize(("n_broken", "n_fixed"), [(1, 1), (3, 3), (4, 8), (8, 2)])
def test_no_p_value_is_below_the_least(n_broken: int, n_fixed: int) -> None:
    """What the sharpest answers prove is known before anything is asked."""
    sharpest = recovery_p(shares(*[1.0] * n_broken), shares(*[0.0] * n_fixed))

    assert sharpest == pytest.approx(least_p(n_broken, n_fixed))


def test_drawn_ways_agree_with_counted_ones() -> None:
    """Where there are too many ways, a seeded draw of them gives the same within its error."""
    source = np.random.default_rng(3)
    broken = shares(*source.choice([0, 1 / 3, 2 / 3, 1], size=7, p=[0.2, 0.2, 0.3, 0.3]))
    fixed = shares(*source.choice([0, 1 / 3, 2 / 3, 1], size=8, p=[0.4, 0.3, 0.2, 0.1]))

    counted = recovery_p(broken, fixed)
    drawn = recovery_p(broken, fixed, n_draws=4000)

    assert drawn != counted
    assert drawn == pytest.approx(counted, abs=4 * math.sqrt(counted * (1 - counted) / 4000))
    assert drawn == recovery_p(broken, fixed, n_draws=4000)


@pytest.mark.parametrize("values", [(0, 0, 0, 1, 1, 1), (0, 1 / 3, 2 / 3, 1, 0, 0), (0.5,) * 6])
def test_over_all_ways_the_level_holds(values: tuple[float, ...]) -> None:
    """Where each way was equally likely, p is at most q in no more than q of them, for every q."""
    ways = list(combinations(range(6), 3))
    p_values = [
        recovery_p(
            shares(*(values[k] for k in way)),
            shares(*(values[k] for k in range(6) if k not in way)),
        )
        for way in ways
    ]

    for q in set(p_values):
        assert sum(p <= q + 1e-12 for p in p_values) / len(ways) <= q + 1e-12


def test_a_cluster_counts_once() -> None:
    """Items that stand or fall together prove no more than one of them."""
    tied = [Recovered(1.0, "a")] * 8
    alone = shares(*[1.0] * 8)
    fixed = shares(*[0.0] * 8)

    assert recovery_p(tied, fixed) == pytest.approx(1 / 9)
    assert recovery_p(alone, fixed) == pytest.approx(1 / math.comb(16, 8))


def test_between_two_runs_of_one_model_clusters_hold_the_level() -> None:
    """Changed items that a fair coin calls broken or fixed seldom differ, in clusters too."""
    source = np.random.default_rng(5)
    p_values = []
    for _ in range(300):
        chances = source.beta(0.7, 0.7, size=6)
        items = [Recovered(float(source.random() < chances[k % 6]), k % 6) for k in range(24)]
        sides = source.random(24) < 0.5
        broken = [item for item, side in zip(items, sides, strict=True) if side]
        fixed = [item for item, side in zip(items, sides, strict=True) if not side]
        p_values.append(recovery_p(broken, fixed, n_draws=499))

    assert fmean(p <= 0.05 for p in p_values) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)


def test_an_interval_holds_the_difference_and_stays_in_its_range() -> None:
    """It surrounds the observed difference, within -1 and 1, and is never a point."""
    for broken, fixed in (((1, 1, 1), (0, 0)), ((0, 0), (1, 1)), ((0.5, 1), (0, 1 / 3, 1))):
        interval = recovery_interval(shares(*broken), shares(*fixed), confidence=0.9)
        difference = mean_recovery(shares(*broken)) - mean_recovery(shares(*fixed))

        assert -1 <= interval.low <= difference <= interval.high <= 1
        assert interval.low < interval.high


def test_clusters_and_few_items_widen_an_interval() -> None:
    """Eight items in two clusters say less than eight; four say less than eight."""
    fixed = shares(*[0.0, 1.0] * 4)
    eight = shares(*[1.0] * 4, *[0.0] * 4)
    tied = [Recovered(item.share, k // 4) for k, item in enumerate(eight)]
    widths = [
        interval.high - interval.low
        for broken in (eight, shares(1.0, 1.0, 0.0, 0.0), tied)
        if (interval := recovery_interval(broken, fixed, confidence=0.9))
    ]

    assert widths[0] < widths[1] < widths[2]


@pytest.mark.parametrize(("broken", "fixed"), [((), (0.5,)), ((0.5,), ()), ((1.5,), (0.5,))])
def test_nonsense_is_refused(broken: tuple[float, ...], fixed: tuple[float, ...]) -> None:
    """No items on one side, or a share above 1, are a ValueError."""
    with pytest.raises(ValueError, match=r"at least one|between 0 and 1"):
        recovery_p(shares(*broken), shares(*fixed))
