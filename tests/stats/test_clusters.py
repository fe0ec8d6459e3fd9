"""Design effects against an independent implementation, and the level on simulated clusters."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliffguard.stats.clusters import clustering, expected_power, least_effective_clusters
from cliffguard.stats.paired import tango_z

rows = st.lists(
    st.tuples(st.sampled_from([-1.0, 0.0, 1.0]), st.integers(0, 5)), min_size=1, max_size=60
)


def test_the_variance_is_that_of_a_regression_with_clustered_errors():
    """A sandwich estimate by hand, for a mean: residual totals by cluster, G/(G-1)."""
    changes, clusters = [1, 1, 1, 0, 0, 0, -1, -1, -1, 1, 1, 1], list("aaabbbcccddd")
    mean = 3 / 12
    totals = [3 - 3 * mean, 0 - 3 * mean, -3 - 3 * mean, 3 - 3 * mean]
    clustered = 4 / 3 * sum(t * t for t in totals) / 12**2
    alone = sum((x - mean) ** 2 for x in changes) / 11 / 12

    estimate = clustering(changes, clusters)

    assert estimate.n_clusters == 4
    assert estimate.design_effect == pytest.approx(clustered / alone)


def test_no_change_is_no_proof_of_independence():
    """24 passages of 10 questions: with nothing changed, the prior's one quarter stands."""
    estimate = clustering([0.0] * 240, [i % 24 for i in range(240)])

    assert estimate.design_effect == pytest.approx(1 + 9 * 0.25)


def test_clusters_that_changed_outvote_the_prior():
    """One changed item in each of 200 pairs: almost no correlation, and almost no effect left."""
    changes = [1.0, 0.0] * 100 + [-1.0, 0.0] * 100

    estimate = clustering(changes, [i // 2 for i in range(400)])

    assert 1.0 < estimate.design_effect < 1.02


@pytest.mark.parametrize(("correlation", "most"), [(0.1, 0.06), (0.3, 0.075)])
def test_the_level_where_whole_passages_fall(correlation, most):
    """24 passages of 10 questions, none fixed, a drop of the margin: few of them changed."""
    rng = np.random.default_rng(7)
    margin, n_runs = 0.05, 1000
    a = (1 - correlation) / correlation
    names = np.repeat(np.arange(24), 10)
    plain = honest = 0
    for _ in range(n_runs):
        rates = rng.beta(margin * a, (1 - margin) * a, size=24)
        values = (rng.random(240) < np.repeat(rates, 10)).astype(float)
        z = tango_z(n_broken=int(values.sum()), n_fixed=0, n_items=240, drop=margin)
        estimate = clustering(values, names)
        plain += z > 1.714
        honest += estimate.deflated(z) > estimate.critical_value(0.05)

    assert plain / n_runs > 1.5 * most
    assert honest / n_runs < most


def test_items_that_are_all_alike_within_a_cluster_count_once():
    """Five copies of each item: a design effect of about five."""
    rng = np.random.default_rng(0)
    per_cluster = rng.choice([-1.0, 0.0, 1.0], size=200)

    estimate = clustering(np.repeat(per_cluster, 5), np.repeat(np.arange(200), 5))

    assert estimate.design_effect == pytest.approx(5.0, rel=0.02)


@given(rows, st.randoms(use_true_random=False))
def test_order_and_names_do_not_matter(pairs, random):
    """Only which items are together."""
    estimate = clustering(*zip(*pairs, strict=True))
    random.shuffle(pairs)
    renamed = [(x, f"cluster {name}") for x, name in pairs]

    assert clustering(*zip(*renamed, strict=True)).design_effect == pytest.approx(
        estimate.design_effect
    )


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=60))
def test_items_alone_have_no_design_effect(values):
    """Every item its own cluster."""
    assert clustering(values, range(len(values))).design_effect == pytest.approx(1.0)


@pytest.mark.slow
def test_the_level_on_clustered_items():
    """40 clusters of 5 with correlation 0.3, drop at the margin; ignoring clusters errs twice."""
    rng = np.random.default_rng(5)
    margin, n_runs = 0.05, 2000
    naive = honest = 0
    for _ in range(n_runs):
        shared = rng.choice([1.0, 0.0, -1.0], p=[0.075, 0.9, 0.025], size=40)
        independent = rng.choice([1.0, 0.0, -1.0], p=[0.075, 0.9, 0.025], size=(40, 5))
        values = np.where(
            rng.random((40, 5)) < math.sqrt(0.3), shared[:, None], independent
        ).ravel()
        z = tango_z(
            n_broken=int((values > 0).sum()),
            n_fixed=int((values < 0).sum()),
            n_items=200,
            drop=margin,
        )
        estimate = clustering(values, np.repeat(np.arange(40), 5))
        naive += z > 1.645
        honest += estimate.deflated(z) > estimate.critical_value(0.05)

    assert naive / n_runs > 0.08
    assert honest / n_runs < 0.065


def test_few_clusters_decide_nothing():
    """Below twenty, no value of the statistic is enough."""
    estimate = clustering([1.0, 0.0] * 10, [i // 2 for i in range(20)])

    assert estimate.critical_value(0.05) == math.inf
    assert estimate.p_value(9.0) == 1.0


def test_a_group_is_asked_of_every_item():
    """Lists of different length are a mistake of the caller."""
    with pytest.raises(ValueError, match="2 changes for 1 cluster"):
        clustering([0.0, 1.0], ["a"])


# --- a loss excluded -----------------------------------------------------------------------------


@pytest.mark.parametrize(("n_clusters", "size"), [(20, 5), (49, 3), (200, 10)])
def test_where_nothing_changed_the_p_value_is_the_chance_to_see_no_fallen_cluster(
    n_clusters: int, size: int
) -> None:
    """(1 - 2 D)^G: of the share 2 D of the clusters that lose half, none was drawn."""
    names = [item // size for item in range(n_clusters * size)]
    estimate = clustering([0.0] * len(names), names)

    assert estimate.p_at_least(0.05) == pytest.approx(0.9**n_clusters, rel=1e-6)
    assert estimate.n_effective_clusters == n_clusters


def test_the_least_number_of_clusters_is_where_that_chance_is_alpha() -> None:
    """29 at 5 points, 49 at 3, 20 at 8; and never below 20."""
    least = {m: least_effective_clusters(margin=m, alpha=0.05) for m in (0.03, 0.05, 0.08, 0.3)}

    assert least == {0.03: 49, 0.05: 29, 0.08: 20, 0.3: 20}
    assert 0.9**29 <= 0.05 < 0.9**28


def test_order_and_names_of_clusters_move_no_digit() -> None:
    """The same clusters, their items shuffled and renamed."""
    rng = np.random.default_rng(3)
    names = rng.integers(0, 60, 500)
    changes = rng.choice([0.0, 1.0, -1.0], p=[0.9, 0.06, 0.04], size=500)
    shuffled = rng.permutation(500)

    estimate = clustering(changes, names)
    other = clustering(changes[shuffled], [f"n{name}" for name in names[shuffled]])

    assert estimate.p_at_least(0.05) == other.p_at_least(0.05)
    assert estimate.highest_drop(0.05) == other.highest_drop(0.05)


def test_the_interval_ends_where_the_test_stops_rejecting() -> None:
    """`highest_drop` is the inverse of `p_at_least`."""
    names = [item // 5 for item in range(400)]
    changes = [1.0] * 12 + [0.0] * 388

    estimate = clustering(changes, names)

    assert estimate.p_at_least(estimate.highest_drop(0.05)) == pytest.approx(0.05, rel=1e-4)


def test_a_topic_in_ten_that_loses_half_is_not_held() -> None:
    """60 clusters of 20 at a drop of exactly the margin: false HELD in 5 % and chance at most."""
    rng = np.random.default_rng(11)
    names = [item // 20 for item in range(1200)]
    n_held = 0
    for _ in range(300):
        lost = rng.random(60) < 0.10
        changes = (rng.random(1200) < 0.5 * np.repeat(lost, 20)).astype(float)
        n_held += clustering(changes, names).p_at_least(0.05) <= 0.05
    assert n_held / 300 <= 0.05 + 3 * (0.05 * 0.95 / 300) ** 0.5


def test_a_few_large_clusters_beside_many_items_alone_are_not_held_by_luck() -> None:
    """Ten of 40 beside 2,000 alone, at the margin: often none of the ten fell, and it is no proof.

    Weighed at random alone they are held in one case of ten and more.
    """
    rng = np.random.default_rng(4)
    sizes = np.repeat([40, 1], [10, 2000])
    names = np.repeat(np.arange(len(sizes)), sizes)
    unchanged = clustering(np.zeros(len(names)), names)
    n_held = n_weighed = 0
    for _ in range(200):
        lost = rng.binomial(sizes, 0.5 * (rng.random(len(sizes)) < 0.10))
        sums = tuple(sorted(zip(map(float, lost), map(int, sizes), strict=True)))
        estimate = replace(unchanged, sums=sums)
        if estimate._p_weighed(0.05) <= 0.05:
            n_weighed += 1
            n_held += estimate.p_at_least(0.05) <= 0.05
    assert n_weighed / 200 > 0.08
    assert n_held / 200 <= 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5


def test_the_interval_ends_where_the_test_stops_rejecting_large_clusters_too() -> None:
    """Nothing fell of six clusters of 50; of 300 items alone three were lost and two gained."""
    names = [*np.repeat(np.arange(6), 50), *range(6, 306)]
    changes = [0.0] * 300 + [1.0] * 3 + [-1.0] * 2 + [0.0] * 295

    estimate = clustering(changes, names)

    highest = estimate.highest_drop(0.05)
    assert estimate.p_at_least(highest) == pytest.approx(0.05, rel=1e-4)
    assert estimate._p_weighed(highest) < 0.05


@pytest.mark.parametrize(
    ("sizes", "margin"), [([4] * 72, 0.08), ([3] * 72, 0.08), ([8] * 60 + [12] * 20, 0.06)]
)
def test_the_planned_power_is_that_of_drawn_clusters(sizes: list[int], margin: float) -> None:
    """Where nothing is lost, a tenth changes, and changes correlate as planned: 400 samples."""
    rng = np.random.default_rng(7)
    names = [name for name, size in enumerate(sizes) for _ in range(size)]
    leanings = np.array([math.sqrt(0.05 * 0.1) * sign for sign in (-1, 1)])

    def is_held() -> bool:
        lean = rng.choice(leanings, len(sizes))[names]
        draws = rng.random(len(names))
        changes = np.where(draws < (0.1 + lean) / 2, 1.0, np.where(draws < 0.1, -1.0, 0.0))
        return clustering(changes, names).p_at_least(margin) <= 0.05

    drawn = sum(is_held() for _ in range(400)) / 400

    n_clusters = clustering([0.0] * len(names), names).n_effective_clusters
    power = expected_power(
        n_items=len(names), n_clusters=n_clusters, churn=0.1, margin=margin, alpha=0.05
    )
    assert power == pytest.approx(drawn, abs=0.04)
