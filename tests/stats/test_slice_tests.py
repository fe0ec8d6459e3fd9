"""Tests of one slice among many, against enumeration, textbooks and simulated candidates."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, false_discovery_control, norm, ttest_ind

from cliffguard.stats.multiplicity import benjamini_hochberg
from cliffguard.stats.slice_tests import (
    more_inside_p_value,
    sign_flip_p_value,
    unlike_others_p_value,
)

sums = st.lists(st.integers(-6, 6), max_size=9)
p_lists = st.lists(st.floats(0, 1), max_size=12)


def enumerated(values: list[float]) -> float:
    """Return the share of all patterns of signs with at least the sum that was seen."""
    sizes = np.abs(values)
    totals = [float(np.dot(signs, sizes)) for signs in product((-1, 1), repeat=len(sizes))]
    return float(np.mean(np.array(totals) >= sum(values) - 1e-9))


# --- flipped signs -------------------------------------------------------------------------------


@given(sums)
def test_flipped_signs_are_counted_exactly(values: list[int]) -> None:
    """The p-value of whole sums is that of all patterns of signs, one by one."""
    expected = enumerated([float(value) for value in values])

    assert sign_flip_p_value(np.array(values, dtype=float)) == pytest.approx(expected)


@pytest.mark.parametrize(("n_lost", "n_gained"), [(10, 0), (7, 3), (3, 7), (120, 80)])
def test_items_that_stand_alone_give_mcnemars_test(n_lost: int, n_gained: int) -> None:
    """Each changed item is one sign."""
    changes = np.array([1.0] * n_lost + [-1.0] * n_gained + [0.0] * 50)
    expected = binomtest(n_lost, n_lost + n_gained, alternative="greater").pvalue

    assert sign_flip_p_value(changes) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
def test_graded_sums_are_tested_at_their_rounded_sizes(seed: int) -> None:
    """Sizes are rounded to sixteenths of the largest, and nothing but the sizes."""
    values = np.random.default_rng(seed).normal(0.2, 1.0, 9)
    rounded = np.sign(values) * np.rint(np.abs(values) / np.abs(values).max() * 16)

    assert sign_flip_p_value(values) == pytest.approx(enumerated(list(rounded)))


@pytest.mark.parametrize("values", [[], [0.0, 0.0]])
def test_no_change_is_no_loss(values: list[float]) -> None:
    """Without a sign there is nothing to flip."""
    assert sign_flip_p_value(np.array(values)) == 1.0


def test_the_largest_surprise_is_all_signs_alike() -> None:
    """However many they are, the p-value is above 0."""
    assert sign_flip_p_value(np.ones(200)) == pytest.approx(0.5**200)


# --- inside against outside ----------------------------------------------------------------------


def split(inside: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all changes, and which of them are inside."""
    return np.concatenate([inside, outside]), np.arange(len(inside) + len(outside)) < len(inside)


def test_large_slices_give_welchs_t() -> None:
    """One more deviation in a side of hundreds is next to nothing."""
    rng = np.random.default_rng(0)
    sides = rng.choice([1.0, 0.0, -1.0], 400, p=[0.2, 0.7, 0.1]), rng.choice([1.0, 0.0, -1.0], 900)
    changes, inside = split(*sides)
    expected = ttest_ind(*sides, equal_var=False, alternative="greater").pvalue

    p_value = more_inside_p_value(changes, inside, np.arange(len(changes)))

    assert p_value == pytest.approx(expected, rel=0.05)


def test_a_slice_that_lost_all_is_no_certainty() -> None:
    """Twelve of twelve have no variance; textbook's t would be bounded by the others alone."""
    others = np.tile([0.0, 1.0, -1.0, 0.0], 25)
    changes, inside = split(np.ones(12), others)
    of_the_others = norm.sf(1.0 / np.sqrt(others.var() / len(others)))

    p_value = more_inside_p_value(changes, inside, np.arange(len(changes)))

    assert 1e9 * of_the_others < p_value < 1e-3


def test_fixed_items_count_against_broken_ones() -> None:
    """As many broken, and as many mended: more breaks inside, and no more is lost."""
    inside_changes = np.array([1.0] * 15 + [-1.0] * 15)
    changes, inside = split(inside_changes, np.zeros(300))

    assert more_inside_p_value(changes, inside, np.arange(len(changes))) == pytest.approx(0.5)


@pytest.mark.parametrize("n_times", [2, 5])
def test_copies_in_a_cluster_are_no_evidence(n_times: int) -> None:
    """Every item some times over, in one cluster: not surer than once."""
    lost = np.array([1.0] * 14 + [-1.0] * 4 + [0.0] * 22)
    changes, inside = split(lost, np.array([1.0] * 8 + [-1.0] * 8 + [0.0] * 64))
    clusters = np.arange(len(changes))
    whole = more_inside_p_value(changes, inside, clusters)

    copied = more_inside_p_value(*(np.repeat(x, n_times) for x in (changes, inside, clusters)))

    assert copied == pytest.approx(whole, rel=0.35)
    alone = more_inside_p_value(
        np.repeat(changes, n_times), np.repeat(inside, n_times), np.arange(n_times * len(changes))
    )
    assert alone < whole / 3


def test_clusters_on_both_sides_cancel() -> None:
    """Pairs of which one lies inside tell more than as many strangers."""
    rng = np.random.default_rng(5)
    pairs = rng.choice([1.0, -1.0], 60)
    changes, inside = split(np.minimum(1.0, pairs + rng.choice([0.0, 1.0], 60)), pairs)

    tied = more_inside_p_value(changes, inside, np.tile(np.arange(60), 2))

    assert tied < more_inside_p_value(changes, inside, np.arange(120))


@pytest.mark.parametrize(
    ("changes", "clusters"),
    [(np.zeros(40), np.arange(40)), (np.ones(40), np.repeat([0, 1], 20))],
    ids=["nothing changed", "a side is one cluster"],
)
def test_without_a_spread_nothing_is_said(changes: np.ndarray, clusters: np.ndarray) -> None:
    """There is nothing to measure a difference by."""
    assert more_inside_p_value(changes, np.arange(40) < 20, clusters) == 1.0


# --- one cluster against the others --------------------------------------------------------------


def clustered(means: list[float], size: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return clusters of one size that lose these shares, of which the first is inside."""
    rows = [np.arange(size) < round(mean * size) for mean in means]
    clusters = np.repeat(np.arange(len(means)), size)
    return np.concatenate(rows).astype(float), clusters == 0, clusters


def test_a_cluster_has_to_differ_as_clusters_do() -> None:
    """As far from the others as these are from each other is no surprise; far beyond them is."""
    others = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.1, 0.3]

    assert unlike_others_p_value(*clustered([0.5, *others])) > 0.05
    assert unlike_others_p_value(*clustered([1.0, *others])) < 0.01


@pytest.mark.parametrize("n_others", [0, 1, 2])
def test_few_clusters_do_not_say_how_clusters_differ(n_others: int) -> None:
    """It takes three others."""
    assert unlike_others_p_value(*clustered([1.0] + [0.0] * n_others)) == 1.0


# --- Benjamini and Hochberg ----------------------------------------------------------------------


@given(p_lists)
def test_q_values_are_those_of_scipy(p_values: list[float]) -> None:
    """In the order given."""
    expected = false_discovery_control(p_values) if p_values else []

    assert benjamini_hochberg(p_values) == pytest.approx(list(expected))


def test_a_q_value_takes_a_p_value() -> None:
    """A number that is no probability is refused, with its position."""
    with pytest.raises(ValueError, match=r"p_values\[1\] must lie between 0 and 1"):
        benjamini_hochberg([0.5, 1.5])
