"""Holm's adjustment against worked examples and its defining properties."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from cliffguard.stats.multiplicity import Share, holm, pooled_p_value, shield_level

p_lists = st.lists(st.floats(0, 1), max_size=12)


@pytest.mark.parametrize(
    ("p_values", "expected"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.02, 0.02, 0.02], [0.06, 0.06, 0.06]),
        ([0.9, 0.6], [1.0, 1.0]),
    ],
)
def test_holm_matches_the_worked_examples(p_values, expected):
    """Adjusted p-values equal those worked out by hand with Holm's definition."""
    assert holm(p_values) == pytest.approx(expected, rel=1e-12)


def test_holm_leaves_one_p_value_alone():
    """A single test needs no correction."""
    assert holm([0.04]) == [0.04]


def test_holm_of_nothing_is_nothing():
    """No tests, no adjusted p-values."""
    assert holm([]) == []


@given(p_lists)
def test_holm_never_lowers_a_p_value(p_values):
    """Each adjusted value lies between its p-value and 1."""
    adjusted = holm(p_values)
    assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))


@given(p_lists)
def test_holm_keeps_the_ranking(p_values):
    """Sorted by p-value, the adjusted values do not decrease."""
    adjusted = holm(p_values)
    ranked = [adjusted[i] for i in sorted(range(len(p_values)), key=p_values.__getitem__)]
    assert ranked == sorted(ranked)


@given(p_lists.flatmap(lambda p: st.tuples(st.just(p), st.permutations(range(len(p))))))
def test_holm_follows_the_order_given(case):
    """Shuffling the p-values shuffles the adjusted values alike."""
    p_values, order = case
    adjusted = holm(p_values)
    assert holm([p_values[i] for i in order]) == [adjusted[i] for i in order]


@pytest.mark.parametrize("wrong", [-0.1, 1.1, math.nan])
def test_holm_names_what_is_not_a_p_value(wrong):
    """A number that is no probability is refused, with its position."""
    with pytest.raises(ValueError, match=r"p_values\[1\] must lie between 0 and 1"):
        holm([0.5, wrong])


def test_one_capability_pools_to_its_own_test():
    """McNemar's z, since no change has the variance of the changed items."""
    p = pooled_p_value([Share(drop=0.03, square=0.1, n_effective=900)])
    assert p == pytest.approx(norm.sf(0.03 * math.sqrt(900 / 0.1)))


def test_small_drops_add_up():
    """Eight capabilities that lose 1.5 points each at 500 items: together hardly chance."""
    share = Share(drop=0.015, square=0.1, n_effective=500)
    assert pooled_p_value([share]) > 0.1
    assert pooled_p_value([share] * 8) < 0.005


def test_one_small_capability_drowns_no_other():
    """Eight of 1,000 items that lose 1.5 points, beside one of 30 that lost nothing.

    With equal weights p would be 0.03.
    """
    eight = [Share(drop=0.015, square=0.1, n_effective=1000)] * 8
    assert pooled_p_value(eight) == pytest.approx(1.1e-5, rel=0.05)
    p = pooled_p_value([*eight, Share(drop=0.0, square=0.1, n_effective=30)])
    assert p == pytest.approx(3.2e-5, rel=0.05)
    equal = 8 * 0.015 / math.sqrt(8 * 0.1 / 1000 + 0.1 / 30)
    assert norm.sf(equal) == pytest.approx(0.031, rel=0.05)


def test_gains_outweigh_drops_of_the_same_size():
    """Of as many items, equal weights: the mean drop is what counts."""
    pair = [Share(0.02, 0.1, 500), Share(-0.02, 0.1, 500)]
    assert pooled_p_value(pair) == pytest.approx(0.5)


def test_nothing_changed_is_no_drop():
    """Without a single flip there is no variance, and no evidence."""
    assert pooled_p_value([Share(0.0, 0.0, 100)] * 3) == 1.0


def test_nothing_to_pool_is_refused():
    """Who asks has capabilities."""
    with pytest.raises(ValueError, match="at least one"):
        pooled_p_value([])


@pytest.mark.parametrize(("alpha", "level"), [(0.2, 0.2), (0.05, 0.05), (0.01, 0.05), (1e-9, 0.05)])
def test_a_shield_is_never_stricter_than_five_percent(alpha: float, level: float) -> None:
    """At alpha, and at 0.05 where alpha is below."""
    assert shield_level(alpha) == level
