"""Bets: that their expectation does not grow, by enumeration; that a suite's end decides."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliffguard.stats.e_values import (
    dropped_wealth,
    held_wealth,
    log_wealth,
    mean_interval,
    p_value,
)

changes = st.lists(
    st.one_of(st.sampled_from([-1.0, 0.0, 1.0]), st.floats(-1, 1, width=32)),
    min_size=1,
    max_size=60,
)


@pytest.mark.parametrize(("p_worse", "p_better"), [(0.3, 0.3), (0.05, 0.05), (0.5, 0.5), (0, 0)])
def test_the_expected_wealth_of_a_true_hypothesis_is_one(p_worse, p_better):
    """Over all sequences of seven changes with mean zero, weighted by their probabilities."""
    chance = {1.0: p_worse, 0.0: 1 - p_worse - p_better, -1.0: p_better}
    expected = np.zeros(7)
    for sequence in itertools.product(chance, repeat=7):
        weight = math.prod(chance[x] for x in sequence)
        expected += weight * np.exp(log_wealth(np.array(sequence), mean=0.0, expected=0.05))

    assert expected == pytest.approx(np.ones(7), abs=1e-12)


@pytest.mark.parametrize("mean", [-0.25, 0.0, 0.1])
def test_a_mean_below_the_hypothesis_shrinks_the_wealth(mean):
    """The bet is one-sided: it never profits from a mean under the hypothesis."""
    expected = np.zeros(6)
    for sequence in itertools.product([1.0, -1.0], repeat=6):
        up = sequence.count(1.0)
        weight = (0.5 + mean / 2) ** up * (0.5 - mean / 2) ** (6 - up)
        expected += weight * np.exp(log_wealth(np.array(sequence), mean=0.1, expected=0.3))

    assert np.all(expected <= 1 + 1e-12)


@pytest.mark.parametrize(
    "suite", [(1, 0, 0, -1, 0, 0), (1, 1, 0, 0, -1, -1), (0.5, -0.25, 0.25, -0.5, 0, 0)]
)
def test_drawing_without_replacement_is_a_fair_game(suite):
    """Over all orders of a suite whose mean is the hypothesis, up to the item that settles it."""
    mean = sum(suite) / len(suite)
    orders = list(itertools.permutations(suite))
    wealths = np.array(
        [
            np.exp(log_wealth(np.array(order), mean=mean, expected=0.4, n_suite=len(suite)))
            for order in orders
        ]
    )

    assert np.all(np.isfinite(wealths))  # a true hypothesis is never impossible
    assert wealths.mean(axis=0) == pytest.approx(np.ones(len(suite)), abs=1e-9)


@given(changes, st.sampled_from([0.01, 0.03, 0.05, 0.1]))
def test_a_suite_seen_to_its_end_is_decided(values, margin):
    """One bet has won for sure and the other has not: the drop is below the margin or it is not."""
    held = held_wealth(values, margin=margin, n_suite=len(values))[-1]
    dropped = dropped_wealth(values, margin=margin, n_suite=len(values))[-1]
    drop = math.fsum(values) / len(values)

    if abs(drop - margin) > 1e-6:
        assert math.isinf(held) == (drop < margin)
        assert math.isinf(dropped) == (drop > margin)
    assert math.isinf(held) != math.isinf(dropped)


def test_a_drop_of_exactly_the_margin_is_not_below_it():
    """Five of a hundred at a margin of five points."""
    values = [1.0] * 5 + [0.0] * 95

    assert math.isfinite(held_wealth(values, margin=0.05, n_suite=100)[-1])
    assert math.isinf(dropped_wealth(values, margin=0.05, n_suite=100)[-1])


@pytest.mark.slow
@given(changes)
def test_swapping_sides_mirrors_the_interval(values):
    """The interval of the negated changes is the negated interval."""
    there, back = (mean_interval(x, confidence=0.9) for x in (values, [-x for x in values]))

    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-9)


@pytest.mark.parametrize(("n_items", "is_held"), [(50, False), (1000, True)])
def test_identical_answers_never_regress(n_items, is_held):
    """And they are held once there are enough of them, not before."""
    nothing = [0.0] * n_items

    assert p_value(dropped_wealth(nothing, margin=0.05)) == 1.0
    assert (p_value(held_wealth(nothing, margin=0.05)) <= 0.05) == is_held


def test_false_decisions_on_rare_total_losses():
    """Many tiny gains and a few collapses, mean exactly at the margin: the shape that fools t."""
    rng = np.random.default_rng(3)
    n_runs, n_held = 2000, 0
    for _ in range(n_runs):
        # 7.5 % lose everything, the rest gain 0.027…: the mean drop is 0.05
        lost = rng.random(200) < 0.075
        values = np.where(lost, 1.0, -0.025 / 0.925)
        n_held += p_value(held_wealth(values, margin=0.05)) <= 0.05

    assert n_held / n_runs <= 0.05


@pytest.mark.slow
def test_an_interval_covers_at_all_times_at_once():
    """The running intervals of one sequence contain its mean, in at least 90 % of sequences."""
    rng = np.random.default_rng(4)
    n_missed = 0
    for _ in range(300):
        values = rng.choice([1.0, 0.0, -1.0], p=[0.1, 0.85, 0.05], size=400)
        interval = mean_interval(values, confidence=0.9)
        n_missed += not interval.low <= 0.05 <= interval.high

    assert n_missed / 300 <= 0.10


def test_an_interval_of_a_whole_suite_is_its_mean():
    """Nothing is left to be unsure of."""
    values = [1.0, 0.0, 0.0, -0.5, 0.25, 0.0, 0.0, 0.0]
    interval = mean_interval(values, confidence=0.9, n_suite=len(values))

    assert (interval.low, interval.high) == pytest.approx((0.09375, 0.09375), abs=1e-6)


def test_a_p_value_remembers_the_best_moment():
    """Ville's inequality is about the largest wealth."""
    assert p_value(np.array([0.0, math.log(40), -3.0])) == pytest.approx(1 / 40)
    assert p_value(np.array([-1.0])) == 1.0


@pytest.mark.parametrize("values", [[], [1.5], [math.nan]])
def test_impossible_changes_are_refused(values):
    """In one line, not as a NaN verdict."""
    with pytest.raises(ValueError, match=r"at least one item|between -1 and 1"):
        held_wealth(values, margin=0.05)
