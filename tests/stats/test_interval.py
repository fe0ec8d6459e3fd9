"""Intervals refuse nonsense, and Wilson's agrees with published numbers."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliffguard.stats.interval import Interval, check_open_fraction, wilson_interval


def test_interval_refuses_reversed_bounds():
    """An interval whose low end lies above its high end is an error that names both."""
    with pytest.raises(ValueError, match=r"low \(0.2\) must not be greater than high \(0.1\)"):
        Interval(low=0.2, high=0.1)


def test_interval_refuses_nan():
    """A bound that is not a number is refused, not compared."""
    with pytest.raises(ValueError, match="nan"):
        Interval(low=math.nan, high=0.1)


def test_interval_may_be_a_point():
    """Equal bounds are allowed."""
    assert Interval(low=0.5, high=0.5) == Interval(0.5, 0.5)


def test_interval_is_frozen():
    """A bound cannot be reassigned."""
    interval = Interval(low=0.0, high=1.0)
    with pytest.raises(FrozenInstanceError):
        interval.low = 0.5  # type: ignore[misc]


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_check_open_fraction_refuses_all_but_the_inside(fraction):
    """Zero, one, what lies outside and NaN are refused, and the message names the argument."""
    with pytest.raises(ValueError, match="alpha must lie strictly between 0 and 1"):
        check_open_fraction("alpha", fraction)


# Newcombe (1998), Statistics in Medicine 17:857-872, table I, method 3.
@pytest.mark.parametrize(
    ("n_right", "n_items", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_matches_newcombe(n_right, n_items, low, high):
    """The 95 % bounds equal Newcombe's published ones to their four decimals."""
    interval = wilson_interval(n_right=n_right, n_items=n_items, confidence=0.95)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("n_items", [1, 7, 1000])
def test_wilson_ends_are_exact(n_items):
    """Nothing right begins exactly at 0 and everything right ends exactly at 1."""
    none = wilson_interval(n_right=0, n_items=n_items, confidence=0.9)
    everything = wilson_interval(n_right=n_items, n_items=n_items, confidence=0.9)
    assert (none.low, everything.high) == (0.0, 1.0)


@given(st.integers(1, 3000), st.data(), st.floats(0.01, 0.999))
def test_wilson_contains_the_share(n_items, data, confidence):
    """The observed share lies inside its interval, and the interval inside [0, 1]."""
    n_right = data.draw(st.integers(0, n_items))
    interval = wilson_interval(n_right=n_right, n_items=n_items, confidence=confidence)
    assert 0 <= interval.low <= n_right / n_items <= interval.high <= 1


@pytest.mark.parametrize(
    ("n_right", "n_items", "message"),
    [(0, 0, "n_items must be at least 1"), (5, 4, r"n_right \(5\)"), (-1, 4, r"n_right \(-1\)")],
)
def test_wilson_refuses_impossible_counts(n_right, n_items, message):
    """Counts that cannot have been observed are refused by name."""
    with pytest.raises(ValueError, match=message):
        wilson_interval(n_right=n_right, n_items=n_items, confidence=0.95)
