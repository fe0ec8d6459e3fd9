"""The four procedures: what they agree on, and what none of them may do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from cliffguard.stats.clusters import clustering
from cliffguard.stats.evidence import (
    PairedSample,
    fixed_evidence,
    gain_evidence,
    sequential_evidence,
)
from cliffguard.stats.graded_evidence import (
    GradedSample,
    e_process_evidence,
    graded_evidence,
    graded_gain_evidence,
    suite_evidence,
)
from cliffguard.stats.paired import (
    PairedCounts,
    mcnemar_mid_p,
    non_inferior,
    score_interval,
    tango_interval,
)
from cliffguard.stats.sequential import boundaries, look_sizes

MARGIN, ALPHA = 0.05, 0.05


def sample(n_broken, n_fixed, n_items, n_lost=0, clustering=None):
    """Return a sample in which every item was asked."""
    return PairedSample(
        counts=PairedCounts(n_broken, n_fixed, n_items),
        n_lost=n_lost,
        n_asked=n_items + n_lost,
        clustering=clustering,
    )


def looks_at(changes, sizes):
    """Return the samples of the first items of `changes`, at each size."""
    worse, better = np.cumsum(changes > 0), np.cumsum(changes < 0)
    return [sample(int(worse[n - 1]), int(better[n - 1]), n) for n in sizes]


def walked(rng, drop, churn, n):
    """Return `n` changes of right-or-wrong items."""
    return rng.choice([1, 0, -1], p=[(churn + drop) / 2, 1 - churn, (churn - drop) / 2], size=n)


def test_one_look_is_the_paired_test():
    """The evidence of a fixed number of items is what stats.paired says of it."""
    counts = {"n_broken": 14, "n_fixed": 9, "n_items": 400}
    evidence = fixed_evidence(sample(**counts), margin=MARGIN, alpha=ALPHA)

    assert evidence.p_dropped == mcnemar_mid_p(n_broken=14, n_fixed=9)
    assert (evidence.p_held <= ALPHA) == non_inferior(**counts, margin=MARGIN, alpha=ALPHA)
    assert evidence.interval == tango_interval(**counts, confidence=0.9)


def test_a_plan_with_one_look_is_not_sequential():
    """Both procedures agree on the p-values when there was nothing to stop."""
    paired = sample(60, 20, 500)
    fixed = fixed_evidence(paired, margin=MARGIN, alpha=ALPHA)
    planned = sequential_evidence([paired], n_planned=500, margin=MARGIN, alpha=ALPHA)

    assert planned.p_dropped == pytest.approx(fixed.p_dropped, rel=1e-3)
    assert planned.interval.low == pytest.approx(fixed.interval.low, abs=1e-6)


def test_a_lost_item_is_broken_where_held_is_asked_and_nowhere_else():
    """No answer passes nothing and proves nothing."""
    whole = fixed_evidence(sample(4, 4, 400), margin=MARGIN, alpha=ALPHA)
    lossy = fixed_evidence(sample(4, 4, 400, n_lost=20), margin=MARGIN, alpha=ALPHA)

    assert (whole.p_held <= ALPHA, lossy.p_held <= ALPHA) == (True, False)
    assert lossy.p_dropped == whole.p_dropped


def test_a_small_real_drop_is_not_convicted_on_the_way():
    """Significant, but below the margin: more items tell whether it is tolerable."""
    early = sample(12, 0, 400)  # three points, mid-p far below any boundary
    late = sample(30, 0, 1000)

    on_the_way = sequential_evidence([early], n_planned=1000, margin=MARGIN, alpha=ALPHA)
    at_the_end = sequential_evidence([early, late], n_planned=1000, margin=MARGIN, alpha=ALPHA)

    assert on_the_way.p_dropped == 1.0
    assert at_the_end.p_dropped < 0.001
    assert at_the_end.p_held < ALPHA


@pytest.mark.slow
@pytest.mark.parametrize(("drop", "n_runs"), [(0.05, 200), (0.0, 200)])
def test_stopping_when_one_likes_errs_no_more_than_alpha(drop, n_runs):
    """1,000 items, 10 % churn, eleven looks: false HELD at the margin, false drop at none."""
    rng = np.random.default_rng(11)
    sizes = look_sizes(1000)
    wrong = 0
    for _ in range(n_runs):
        looks = looks_at(walked(rng, drop, 0.1, 1000), sizes)
        evidence = sequential_evidence(looks, n_planned=1000, margin=MARGIN, alpha=ALPHA)
        wrong += (evidence.p_held if drop else evidence.p_dropped) <= ALPHA

    assert wrong / n_runs <= ALPHA + 3 * np.sqrt(ALPHA * 0.95 / n_runs)


def test_each_end_of_the_interval_follows_the_boundary_of_its_own_side():
    """HELD spends alpha late, so that the upper end of an early look lies farther out."""
    early = sample(12, 9, 300)
    evidence = sequential_evidence([early], n_planned=1000, margin=MARGIN, alpha=ALPHA)
    (z_drop,) = boundaries((300,), n_planned=1000, alpha=ALPHA, spending="linear")
    (z_held,) = boundaries((300,), n_planned=1000, alpha=ALPHA, spending="cubic")

    assert z_held > z_drop
    assert evidence.interval.low == score_interval(**early.counts._asdict(), z=z_drop).low
    assert evidence.interval.high == score_interval(**early.counts._asdict(), z=z_held).high


def test_the_repeated_interval_agrees_with_beyond():
    """Where a first look proves a drop beyond the margin, the interval lies beyond it.

    Not the other way round: the p-value is corrected for whole numbers, the interval is not.
    """
    n_proven = 0
    for n_broken in range(15, 80):
        paired = sample(n_broken, 6, 320)
        evidence = sequential_evidence([paired], n_planned=1000, margin=MARGIN, alpha=ALPHA)
        if evidence.p_beyond <= ALPHA:
            n_proven += 1
            assert evidence.interval.low > MARGIN

    assert n_proven > 10


@pytest.mark.slow
def test_the_repeated_interval_agrees_with_held():
    """Where a look crosses, the margin lies outside the interval of that look."""
    rng = np.random.default_rng(12)
    sizes, n_held = look_sizes(1000), 0
    for _ in range(100):
        looks = looks_at(walked(rng, 0.0, 0.1, 1000), sizes)
        for k in range(1, len(looks) + 1):
            evidence = sequential_evidence(looks[:k], n_planned=1000, margin=MARGIN, alpha=ALPHA)
            if evidence.p_held <= ALPHA:
                assert evidence.interval.high < MARGIN
                n_held += 1
                break

    assert n_held > 80


@pytest.mark.parametrize("procedure", ["fixed", "sequential", "graded", "betting", "suite"])
def test_identical_answers_never_regress_and_are_held(procedure):
    """Two thousand items without a change."""
    nothing = np.zeros(2000)
    evidence = {
        "fixed": lambda: fixed_evidence(sample(0, 0, 2000), margin=MARGIN, alpha=ALPHA),
        "sequential": lambda: sequential_evidence(
            looks_at(nothing, look_sizes(2000)), n_planned=2000, margin=MARGIN, alpha=ALPHA
        ),
        "graded": lambda: graded_evidence(GradedSample(nothing), margin=MARGIN, alpha=ALPHA),
        "betting": lambda: e_process_evidence(GradedSample(nothing), margin=MARGIN, alpha=ALPHA),
        "suite": lambda: suite_evidence(
            GradedSample(nothing), n_suite=2000, margin=MARGIN, alpha=ALPHA
        ),
    }[procedure]()

    assert evidence.p_held <= ALPHA
    assert evidence.p_dropped == 1.0
    assert evidence.interval.low <= 0 <= evidence.interval.high


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(100, 400))
def test_more_broken_items_are_never_better_news(n_broken, n_fixed, n_items):
    """p-values move with the counts in the direction that they must."""
    few, more = (
        fixed_evidence(sample(n, n_fixed, n_items), margin=MARGIN, alpha=ALPHA)
        for n in (n_broken, n_broken + 5)
    )

    assert more.p_held >= few.p_held
    assert more.p_dropped <= few.p_dropped
    assert more.interval.high >= few.interval.high


def grouped(n_broken: int, n_fixed: int, n_items: int, n_clusters: int) -> PairedSample:
    """Return items of which the changed ones lie side by side, cut into clusters of one size."""
    changes = [1.0] * n_broken + [-1.0] * n_fixed + [0.0] * (n_items - n_broken - n_fixed)
    names = [item * n_clusters // n_items for item in range(n_items)]
    return sample(n_broken, n_fixed, n_items, clustering=clustering(changes, names))


def test_clusters_widen_everything():
    """Groups that fall together carry less evidence."""
    alone = fixed_evidence(sample(30, 10, 400), margin=MARGIN, alpha=ALPHA)
    tied = fixed_evidence(grouped(30, 10, 400, 80), margin=MARGIN, alpha=ALPHA)

    assert tied.p_dropped > alone.p_dropped
    assert tied.interval.low < alone.interval.low
    assert tied.interval.high > alone.interval.high
    assert "80 clusters, design effect" in tied.method


def test_too_few_clusters_say_nothing():
    """However many items they hold."""
    evidence = fixed_evidence(grouped(300, 0, 1000, 10), margin=MARGIN, alpha=ALPHA)

    assert (evidence.p_held, evidence.p_dropped, evidence.p_beyond) == (1.0, 1.0, 1.0)
    assert (evidence.interval.low, evidence.interval.high) == pytest.approx((-1.0, 1.0))
    assert "too few" in evidence.method


def test_a_suite_seen_to_its_end_forgets_how_the_bet_once_stood() -> None:
    """1,500 unchanged items would have held, had the run stopped there; now the drop is known."""
    values = np.concatenate([np.zeros(1500), np.ones(200), np.zeros(300)])

    evidence = suite_evidence(GradedSample(values), n_suite=2000, margin=MARGIN, alpha=ALPHA)

    assert (evidence.p_held, evidence.p_dropped) == (1.0, 0.0)
    assert (evidence.interval.low, evidence.interval.high) == (
        pytest.approx(0.1),
        pytest.approx(0.1),
    )


def test_clusters_never_make_held_easier():
    """55 items without a change are too few, whether or not two of them share a passage."""
    tied = grouped(0, 0, 55, 54)

    assert tied.p_held(MARGIN) >= sample(0, 0, 55).p_held(MARGIN) > ALPHA


def test_a_suite_that_is_the_contract_takes_far_fewer_items():
    """Nothing changed on the first 150 of 1,000 items: enough about this suite, not in general."""
    nothing = np.zeros(150)

    suite = suite_evidence(GradedSample(nothing), n_suite=1000, margin=MARGIN, alpha=ALPHA)
    seen_to_its_end = suite_evidence(
        GradedSample(np.zeros(1000)), n_suite=1000, margin=MARGIN, alpha=ALPHA
    )

    assert suite.p_held <= ALPHA
    assert seen_to_its_end.p_held == 0.0


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_an_impossible_alpha_is_refused(alpha):
    """Each end of an interval errs less than half the time."""
    with pytest.raises(ValueError, match="2 alpha"):
        fixed_evidence(sample(0, 0, 100), margin=MARGIN, alpha=alpha)


@pytest.mark.parametrize("gain", [-0.05, 0.0, 0.05])
def test_a_gain_from_base_to_candidate_is_a_drop_the_other_way(gain):
    """Proven and disproven change places when the sides do, about the gain the other way."""
    there = gain_evidence(sample(4, 21, 120), gain=gain, alpha=ALPHA)
    back = gain_evidence(sample(21, 4, 120), gain=-gain, alpha=ALPHA)

    assert there.p_held == pytest.approx(back.p_dropped)
    assert there.p_dropped == pytest.approx(back.p_held)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [1, 2, 6])
def test_a_gain_is_proven_where_its_interval_leaves_it_out(seed, size):
    """One method for both: with clusters as without; but for the tail that is corrected."""
    rng = np.random.default_rng([seed, size])
    means = np.repeat(rng.normal(0.15, 0.2, 240 // size), size)
    changes = np.where(rng.random(240) < np.abs(means), -np.sign(means), 0.0).astype(int)
    groups = None if size == 1 else clustering(changes.tolist(), list(np.arange(240) // size))
    paired = sample(int((changes > 0).sum()), int((changes < 0).sum()), 240, clustering=groups)

    for gain in np.linspace(0.0, 0.3, 31):
        evidence = gain_evidence(paired, gain=float(gain), alpha=ALPHA)
        if abs(evidence.p_held - ALPHA) > 0.01:
            assert (evidence.p_held <= ALPHA) == (-evidence.interval.high > gain)
        if abs(evidence.p_dropped - ALPHA) > 0.01:
            assert (evidence.p_dropped <= ALPHA) == (-evidence.interval.low < gain)


def test_a_lost_item_weighs_against_a_gain_and_never_disproves_it():
    """At a demanded gain of five points."""
    clean = gain_evidence(sample(4, 21, 120), gain=0.05, alpha=ALPHA)
    silent = gain_evidence(sample(4, 21, 120, n_lost=5), gain=0.05, alpha=ALPHA)

    assert silent.p_held > clean.p_held
    assert silent.p_dropped == clean.p_dropped


def test_a_demanded_gain_is_exact_at_few_items():
    """60 items, each fixed with a probability of exactly the gain demanded: 5 % at the most."""
    n, gain = 60, 0.05
    chances = binom.pmf(np.arange(n + 1), n, gain)
    proven = [
        gain_evidence(sample(0, k, n), gain=gain, alpha=ALPHA).p_held <= ALPHA for k in range(n + 1)
    ]
    assert chances[proven].sum() <= ALPHA


@pytest.mark.parametrize("procedure", [graded_evidence, e_process_evidence])
def test_large_clusters_count_for_their_items(procedure):
    """Every other cluster is a passage of ten that fell by half: 5 of 11 items, not 1 of 4."""
    changes = np.tile([0.5, 0.0], 1000)
    weights = np.tile([1.0, 0.1], 1000)

    evidence = procedure(GradedSample(changes, weights=weights), margin=MARGIN, alpha=ALPHA)

    assert evidence.interval.low <= 5 / 11 <= evidence.interval.high
    assert evidence.interval.low > 0.3


@pytest.mark.slow
@pytest.mark.parametrize("about", ["held", "dropped"])
def test_bets_on_unequal_clusters_keep_alpha(about):
    """Large clusters fall more often than small ones; the mean over items is the hypothesis."""
    rng = np.random.default_rng(11)
    drop, n_runs, wrong = (MARGIN if about == "held" else 0.0), 400, 0
    for _ in range(n_runs):
        sizes = rng.choice([1.0, 9.0], size=300)
        # Half of the clusters hold nine tenths of the items, and all of the drop or the gain.
        moves = np.where(sizes > 1, 0.06 + drop * 10 / 9, 0.0)
        means = (rng.random(300) < moves).astype(float) - (rng.random(300) < 0.06) * (sizes > 1)
        evidence = e_process_evidence(
            GradedSample(means, weights=sizes / 9.0), margin=MARGIN, alpha=ALPHA
        )
        wrong += (evidence.p_held if about == "held" else evidence.p_dropped) <= ALPHA

    assert wrong / n_runs <= ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / n_runs)


def test_graded_evidence_is_one_bound_throughout():
    """Its interval ends where its tests turn, lost items weigh against *held* alone."""
    rng = np.random.default_rng(12)
    changes = np.clip(rng.normal(0.01, 0.2, 200), -1, 1)
    worst = np.append(changes, [1.0, 0.8])

    alone = graded_evidence(GradedSample(changes), margin=0.05, alpha=ALPHA)
    lossy = graded_evidence(GradedSample(changes, worst), margin=0.05, alpha=ALPHA)
    at_the_end = graded_evidence(GradedSample(changes), margin=alone.interval.high, alpha=ALPHA)

    assert at_the_end.p_held == pytest.approx(ALPHA, rel=1e-6)
    assert alone.p_dropped <= alone.p_beyond
    assert lossy.p_held > alone.p_held
    assert (lossy.p_dropped, lossy.interval) == (alone.p_dropped, alone.interval)
    assert alone.method == "Gaffke's bound on graded scores, in any order"


def test_a_graded_gain_from_base_to_candidate_is_a_drop_the_other_way():
    """Proven and disproven change places when the sides do."""
    rng = np.random.default_rng(13)
    changes = np.clip(rng.normal(-0.1, 0.2, 60), -1, 1)

    there = graded_gain_evidence(GradedSample(changes), gain=0.04, alpha=ALPHA)
    back = graded_gain_evidence(GradedSample(-changes), gain=-0.04, alpha=ALPHA)

    assert there.p_held == pytest.approx(back.p_dropped)
    assert there.p_dropped == there.p_beyond == pytest.approx(back.p_held)
    assert (there.p_held <= ALPHA) == (there.interval.high < -0.04)
