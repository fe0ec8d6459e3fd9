"""Weighted sums of exponential variables: against exact values, and where others lose digits."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from cliffguard.stats.exponentials import positive_chance

_DIGITS = 1e-8


def exact_chance(coefficients):
    """Return the chance by partial fractions, in rational numbers; coefficients are distinct."""
    a = [Fraction(value) for value in coefficients]
    total = Fraction(0)
    for j, coefficient in enumerate(a):
        if coefficient > 0:
            part = Fraction(1)
            for k, other in enumerate(a):
                if k != j:
                    part *= coefficient / (coefficient - other)
            total += part
    return float(total)


def is_close(computed, chance, opposite):
    """Return whether the smaller of a chance and its opposite is right to eight digits."""
    if chance <= 0.5:
        return computed == pytest.approx(chance, rel=_DIGITS, abs=0)
    return abs(computed - chance) <= max(_DIGITS * opposite, 1e-15)


@given(st.lists(st.integers(-(2**20), 2**20).filter(bool), min_size=1, max_size=25, unique=True))
def test_few_terms_agree_with_partial_fractions(numerators):
    """Whatever their signs and sizes."""
    a = np.array(numerators) / 2**20
    chance, opposite = exact_chance(a), exact_chance(-a)

    assert is_close(float(positive_chance(a[None])[0]), chance, opposite)


@pytest.mark.parametrize("n_large", [1, pytest.param(2, marks=pytest.mark.slow), 5])
@pytest.mark.parametrize("small", [-0.2, -0.01, -1e-4, 1e-4, 0.01, 0.2])
def test_few_large_terms_among_many_small_ones(n_large, small):
    """The integrand falls slowly and turns fast: which way the contour bends decides."""
    rng = np.random.default_rng(7)
    for _ in range(4):
        large = rng.uniform(0.5, 1.0, n_large) * rng.choice([-1, 1], n_large)
        a = np.concatenate([large, small * rng.uniform(0.3, 1.7, 40)])
        a[0] = np.clip(-a[1:].sum() * rng.uniform(0.5, 1.5), -1, 1)
        chance, opposite = exact_chance(a), exact_chance(-a)

        assert is_close(float(positive_chance(a[None])[0]), chance, opposite)


@pytest.mark.parametrize(
    ("n", "n_ones", "mean"),
    [
        *[(20, 0, 0.1), (59, 0, 0.05), (300, 4, 0.05), (300, 30, 0.05), (5000, 120, 0.03)],
        *[(100_000, 2800, 0.03), (50, 45, 0.9), (1000, 0, 0.03), (2000, 0, 0.1)],
    ],
)
def test_two_values_are_a_beta_distribution(n, n_ones, mean):
    """Down to chances of 1e-91, and with as many equal terms as one likes."""
    ones = np.arange(n + 1) <= n_ones
    computed = float(positive_chance((ones - mean)[None])[0])

    chance = float(beta.sf(mean, n_ones + 1, n - n_ones))
    assert is_close(computed, chance, float(beta.cdf(mean, n_ones + 1, n - n_ones)))


def test_rows_do_not_know_of_each_other() -> None:
    """A hundred rows at once give what each gives alone, to the last digits."""
    rng = np.random.default_rng(3)
    a = rng.uniform(-1, 1, (100, 30)) ** 5 - 0.02

    together = positive_chance(a)

    alone = np.concatenate([positive_chance(row[None]) for row in a])
    assert together == pytest.approx(alone, rel=1e-7)


@pytest.mark.parametrize(
    ("row", "chance"), [([-1.0, -0.5], 0.0), ([1.0, 0.5], 1.0), ([0.0, 0.0], 1.0), ([0.0, -1.0], 0)]
)
def test_a_sum_of_one_sign_is_certain(row, chance) -> None:
    """And the edge, a sum that is nothing for sure, counts as the hypothesis."""
    assert positive_chance(np.array([row])) == [chance]
