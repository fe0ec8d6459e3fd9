"""Tests of one slice among many, against enumeration, textbooks and simulated candidates."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import (
    binom,
    binomtest,
    false_discovery_control,
    fisher_exact,
    norm,
    ttest_1samp,
    ttest_ind,
)

from cliffguard.stats.multiplicity import benjamini_hochberg
from cliffguard.stats.slice_tests import (
    above_zero_p_value,
    larger_share_p_value,
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
    """Sizes are rounded to sixteenths of the median, and nothing but the sizes."""
    values = np.random.default_rng(seed).normal(0.2, 1.0, 9)
    rounded = np.sign(values) * np.rint(np.abs(values) / np.median(np.abs(values)) * 16)

    assert sign_flip_p_value(values) == pytest.approx(enumerated(list(rounded)))


@pytest.mark.parametrize("size", [16, 17, 33, 60, 400])
@pytest.mark.parametrize("scale", [1.0, 0.37])
def test_lone_items_count_beside_a_large_cluster(size: int, scale: float) -> None:
    """Eighty that are lost, and a cluster that gained: whichever sign it has, all are counted."""
    p_value = sign_flip_p_value(scale * np.array([1.0] * 80 + [-float(size)]))

    # The cluster gained as well (1 of 2), and all 80 lost; or it lost, and 80 - size did at least.
    enough = binom.sf(80 - size - 1, 80, 0.5) if size < 80 else 1.0
    assert p_value == pytest.approx((0.5**80 + enough) / 2, rel=0.02)


def test_sums_of_thousands_are_coarser_and_still_tell() -> None:
    """A total beyond sixteen thousand is rounded, and what is lost is lost."""
    rng = np.random.default_rng(3)
    sizes = rng.integers(100, 900, 60).astype(float)

    assert sign_flip_p_value(sizes) == pytest.approx(0.5**60)
    assert sign_flip_p_value(sizes * rng.choice([-1.0, 1.0], 60)) > 0.01


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


@pytest.mark.parametrize("n_others", [1, 8, 40])
def test_a_cluster_is_ranked_among_the_others(n_others: int) -> None:
    """As the only one it is no surprise; beside 40 that lost less its rank is 1 of 41."""
    less = list(np.linspace(0.0, 0.5, n_others))

    first = unlike_others_p_value(*clustered([1.0, *less]))

    assert first == pytest.approx(1 / (n_others + 1))
    assert unlike_others_p_value(*clustered([0.0, *less])) == 1.0


def test_how_far_it_lies_from_the_others_says_nothing() -> None:
    """A document that flips as a whole is no surer than one that lost a little more."""
    others = [0.1] * 19

    assert unlike_others_p_value(*clustered([1.0, *others])) == unlike_others_p_value(
        *clustered([0.2, *others])
    )


def test_lone_items_do_not_say_how_documents_differ() -> None:
    """Hundreds that did not change leave one document of twenty alone, with no rank."""
    changes, inside = split(np.ones(20), np.zeros(300))
    clusters = np.concatenate([np.zeros(20, dtype=int), np.arange(1, 301)])

    assert unlike_others_p_value(changes, inside, clusters) == 1.0


# --- means and shares ----------------------------------------------------------------------------


def test_a_mean_of_lone_items_gives_students_t() -> None:
    """One more deviation among hundreds is next to nothing."""
    values = np.random.default_rng(2).normal(0.1, 1.0, 500)
    expected = ttest_1samp(values, 0.0, alternative="greater").pvalue

    assert above_zero_p_value(values, np.arange(500)) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("values", "clusters"),
    [(np.zeros(20), np.arange(20)), (np.ones(20), np.zeros(20, dtype=int))],
    ids=["nothing changed", "a single cluster"],
)
def test_a_mean_without_a_spread_is_none(values: np.ndarray, clusters: np.ndarray) -> None:
    """There is nothing to measure it by."""
    assert above_zero_p_value(values, clusters) == 1.0


def shares(
    n_hits: int, n_cases: int, n_other_hits: int, n_other_cases: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the marks of cases that are all different items."""
    places = np.arange(n_cases + n_other_cases)
    others = places - n_cases
    return (
        places < n_hits,
        places < n_cases,
        (others >= 0) & (others < n_other_hits),
        others >= 0,
    )


@pytest.mark.parametrize("counts", [(18, 20, 5, 20), (60, 90, 20, 60), (9, 12, 3, 40)])
def test_a_larger_share_is_never_surer_than_fisher_says(counts: tuple[int, ...]) -> None:
    """It is the larger of two p-values, and close to Fisher's where items stand alone."""
    n_hits, n, m_hits, m = counts
    table = np.array([[n_hits, n - n_hits], [m_hits, m - m_hits]])
    expected = fisher_exact(table, alternative="greater").pvalue

    p_value = larger_share_p_value(*shares(*counts), np.arange(n + m))

    assert expected <= p_value < max(10 * expected, 1e-3)


@pytest.mark.parametrize("counts", [(0, 20, 0, 20), (5, 20, 10, 20), (5, 5, 0, 0), (0, 0, 3, 9)])
def test_a_share_that_is_no_larger_is_no_surprise(counts: tuple[int, ...]) -> None:
    """Nor one that cannot be compared, for want of cases on a side."""
    assert larger_share_p_value(*shares(*counts), np.arange(counts[1] + counts[3])) >= 0.5


def test_cases_of_one_cluster_are_one_observation() -> None:
    """Forty hits of forty in two documents are nothing beside ten documents without one."""
    marks = shares(40, 40, 0, 40)
    documents = np.concatenate([np.repeat([0, 1], 20), np.repeat(np.arange(2, 12), 4)])

    assert larger_share_p_value(*marks, np.arange(80)) < 1e-9
    assert larger_share_p_value(*marks, documents) > 0.01


# --- Benjamini and Hochberg ----------------------------------------------------------------------


@given(p_lists)
def test_q_values_are_those_of_scipy(p_values: list[float]) -> None:
    """In the order given."""
    expected = list(false_discovery_control(p_values)) if p_values else []

    assert benjamini_hochberg(p_values) == pytest.approx(expected)


def test_a_q_value_takes_a_p_value() -> None:
    """A number that is no probability is refused, with its position."""
    with pytest.raises(ValueError, match=r"p_values\[1\] must lie between 0 and 1"):
        benjamini_hochberg([0.5, 1.5])
