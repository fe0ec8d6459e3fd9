"""The chance that as little is lost, against distributions that are known and by enumeration."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from scipy.stats import binom, skellam

from cliffguard.stats.topics import chance_of_as_little


@pytest.mark.parametrize(("n_clusters", "size", "n_fallen"), [(29, 10, 0), (40, 7, 3), (200, 2, 9)])
def test_of_one_size_it_is_the_chance_of_no_more_fallen_clusters(
    n_clusters: int, size: int, n_fallen: int
) -> None:
    """Clopper and Pearson's, of a share of twice the drop; also where half a cluster is odd."""
    chance = chance_of_as_little(n_fallen * size / 2, np.full(n_clusters, size), drop=0.05)

    assert chance == pytest.approx(binom.cdf(n_fallen, n_clusters, 0.10), rel=1e-9)


def test_items_alone_are_lost_with_the_chance_of_the_drop() -> None:
    """One hundred of them, of which seven or fewer are lost at 5 points."""
    chance = chance_of_as_little(7.0, np.ones(100, dtype=int), drop=0.05)

    assert chance == pytest.approx(binom.cdf(7, 100, 0.05), rel=1e-9)


@pytest.mark.parametrize("lost", [0.0, 1.0, 2.5, 4.0])
def test_of_several_sizes_it_is_the_sum_over_all_that_can_fall(lost: float) -> None:
    """Clusters of 4 and 3 lose half of them with the chance 0.2, two alone fall with 0.1."""
    chances, losses = (0.2, 0.2, 0.1, 0.1), (2.0, 1.5, 1.0, 1.0)
    by_hand = sum(
        np.prod([p if falls else 1 - p for p, falls in zip(chances, fallen, strict=True)])
        for fallen in product((False, True), repeat=4)
        if np.dot(fallen, losses) <= lost
    )

    chance = chance_of_as_little(lost, np.array([1, 4, 1, 3]), drop=0.1)

    assert chance == pytest.approx(by_hand, rel=1e-9)


def test_what_comes_and_goes_is_added_to_it() -> None:
    """Without a drop nothing else is left: the difference of two Poisson variables of mean 6."""
    chance = chance_of_as_little(-5.0, np.full(30, 10), drop=0.0, gained=6.0)

    assert chance == pytest.approx(skellam.cdf(-5, 6, 6), rel=1e-9)


def test_above_a_half_every_cluster_falls_and_loses_its_share() -> None:
    """30 clusters of 10 at a drop of 60 points: 180 items, for sure."""
    sizes = np.full(30, 10)

    assert chance_of_as_little(179.0, sizes, drop=0.6) == pytest.approx(0.0, abs=1e-12)
    assert chance_of_as_little(180.0, sizes, drop=0.6) == pytest.approx(1.0, abs=1e-12)


def test_many_items_take_no_more_memory_and_lose_no_digit() -> None:
    """16,000 clusters of 3 lie within 16 standard deviations of what they lose in the mean."""
    chance = chance_of_as_little(1550 * 1.5, np.full(16_000, 3), drop=0.05)

    assert chance == pytest.approx(binom.cdf(1550, 16_000, 0.10), rel=1e-6)


def test_on_large_cells_a_loss_is_divided_between_two() -> None:
    """Ten clusters of 40,000 beside 1,001 of 1 and 3: cells of a dozen items, as if of one size."""
    sizes = np.repeat([40_000, 3, 1], [10, 500, 501])

    chance = chance_of_as_little(40_300.0, sizes, drop=0.05)

    assert chance == pytest.approx(binom.cdf(2, 10, 0.10), abs=1e-6)


def test_it_falls_as_the_drop_grows() -> None:
    """So that there is one largest drop which is not rejected."""
    sizes = np.repeat([40, 3, 1], [5, 20, 200])
    chances = [chance_of_as_little(9.0, sizes, drop=d, gained=4.0) for d in np.linspace(0, 1, 41)]

    assert all(chance >= other - 1e-12 for chance, other in pairwise(chances))
