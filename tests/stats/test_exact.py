"""Exact intervals of shares, and Fisher's test, against published numbers and scipy."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, fisher_exact

from cliffguard.stats.clusters import clustering
from cliffguard.stats.exact import clopper_pearson_interval, clustered_interval, fisher_greater

COUNTS = st.integers(1, 80).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=60, deadline=None)
@given(COUNTS, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_interval_is_scipys(counts: tuple[int, int], confidence: float) -> None:
    """Of whole counts it is the exact interval of `scipy.stats.binomtest`."""
    n_hits, n_items = counts
    interval = clopper_pearson_interval(n_hits=n_hits, n_items=n_items, confidence=confidence)
    oracle = binomtest(n_hits, n_items).proportion_ci(confidence_level=confidence, method="exact")

    assert (interval.low, interval.high) == pytest.approx((oracle.low, oracle.high), abs=1e-9)


def test_an_interval_of_parts_lies_between_those_of_whole_counts() -> None:
    """Counts that are worth parts of an item have an interval, too."""
    few, parts, many = (
        clopper_pearson_interval(n_hits=n / 2, n_items=n, confidence=0.9) for n in (10, 10.5, 11)
    )

    assert few.low < parts.low < many.low < 0.5 < many.high < parts.high < few.high


def test_items_that_stand_alone_have_the_exact_interval() -> None:
    """Clusters of one change nothing."""
    alone = clustering([1.0] * 6 + [0.0] * 14, range(20))

    assert clustered_interval(
        n_hits=6, n_items=20, clusters=alone, confidence=0.9
    ) == clopper_pearson_interval(n_hits=6, n_items=20, confidence=0.9)


def test_items_that_fall_together_are_worth_fewer() -> None:
    """Where clusters hit as a whole the interval is nearly that of the clusters."""
    names = [number // 4 for number in range(80)]
    hits = [float(name % 2 == 0) for name in names]
    tied = clustered_interval(
        n_hits=40, n_items=80, clusters=clustering(hits, names), confidence=0.9
    )
    of_clusters = clopper_pearson_interval(n_hits=10, n_items=20, confidence=0.9)

    assert tied.low == pytest.approx(of_clusters.low, abs=0.03)
    assert tied.high == pytest.approx(of_clusters.high, abs=0.03)


@settings(max_examples=60, deadline=None)
@given(COUNTS, COUNTS)
def test_fishers_test_is_scipys(counts: tuple[int, int], others: tuple[int, int]) -> None:
    """The p-value is that of `scipy.stats.fisher_exact`, one-sided."""
    (hits, n), (other_hits, m) = counts, others
    table = [[hits, n - hits], [other_hits, m - other_hits]]

    assert fisher_greater(hits, n, other_hits, m) == pytest.approx(
        fisher_exact(table, alternative="greater").pvalue, abs=1e-9
    )


def test_with_nothing_to_compare_nothing_is_known() -> None:
    """Without items of a side the p-value is 1."""
    assert fisher_greater(5, 5, 0, 0) == 1.0
    assert fisher_greater(0, 0, 3, 9) == 1.0


@pytest.mark.parametrize("counts", [(3, 2, 0, 1), (-1, 2, 0, 1), (0, 2, 2, 1)])
def test_more_hits_than_items_are_refused(counts: tuple[int, int, int, int]) -> None:
    """Counts that cannot be are an error of who calls."""
    with pytest.raises(ValueError, match="hits must lie between"):
        fisher_greater(*counts)


@pytest.mark.parametrize(
    ("n_hits", "n_items", "confidence"), [(2, 1, 0.9), (-1, 1, 0.9), (0, 0, 0.9), (0, 1, 1.0)]
)
def test_an_interval_of_what_cannot_be_is_refused(
    n_hits: float, n_items: float, confidence: float
) -> None:
    """So is a confidence that is none."""
    with pytest.raises(ValueError, match=r"must (?:lie|be)"):
        clopper_pearson_interval(n_hits=n_hits, n_items=n_items, confidence=confidence)
