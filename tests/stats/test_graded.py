"""Graded scores in one look: no order, an exact special case, level and power."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from cliffguard.stats.graded import mean_interval, p_at_least, p_at_most
from cliffguard.stats.graded_evidence import GradedSample, graded_evidence

changes = st.lists(
    st.one_of(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), st.floats(-1, 1, width=32)),
    min_size=1,
    max_size=40,
)


@pytest.mark.slow
@settings(deadline=None, max_examples=15)
@given(st.data(), changes)
def test_the_order_of_items_changes_no_digit(data, values):
    """Of any p-value or end of the interval; with weights they move along."""
    places = data.draw(st.permutations(range(len(values))))
    weights = np.array([1.0, *data.draw(st.lists(st.sampled_from([0.25, 0.5, 1.0]), min_size=40))])
    shuffled, weights = np.array(values)[places], weights[: len(values)]

    for kept, moved in ((None, None), (weights, weights[places])):
        there = graded_evidence(GradedSample(values, weights=kept), margin=0.05, alpha=0.05)
        again = GradedSample(shuffled, weights=moved)
        assert there == graded_evidence(again, margin=0.05, alpha=0.05)


@pytest.mark.parametrize(("n", "n_lost"), [(59, 0), (58, 0), (300, 9), (300, 3), (2000, 70)])
def test_total_losses_alone_are_the_exact_binomial_test(n, n_lost):
    """P(as few losses, where each item is lost with a chance of the margin)."""
    values = np.repeat([1.0, 0.0], [n_lost, n - n_lost])

    assert p_at_least(values, 0.05) == pytest.approx(binom.cdf(n_lost, n, 0.05), rel=1e-8)


def test_p_values_are_resolved_far_below_one_in_a_million():
    """Ten more items without a change multiply a p-value by 0.95 to the tenth, wherever it is."""
    p_values = [p_at_least(np.zeros(n), 0.05) for n in (250, 260, 270, 600)]

    assert p_values[0] == pytest.approx(0.95**250, rel=1e-8)
    assert p_values[0] / 1.05 > p_values[1] > 1.05 * p_values[2]
    assert p_values[3] == pytest.approx(0.95**600, rel=1e-8, abs=0)


@settings(deadline=None, max_examples=50)
@given(changes, st.sampled_from([-0.2, 0.0, 0.03, 0.1]), st.data())
def test_p_values_move_as_they_must(values, mean, data):
    """A worse item, or a smaller margin, never helps *held*; a better one never *dropped*."""
    index = data.draw(st.integers(0, len(values) - 1))
    worse = [*values]
    worse[index] = min(1.0, worse[index] + 0.25)
    slack = 1e-9

    assert p_at_least(worse, mean) >= p_at_least(values, mean) - slack
    assert p_at_most(worse, mean) <= p_at_most(values, mean) + slack
    assert p_at_least(values, mean + 0.05) <= p_at_least(values, mean) + slack


@settings(deadline=None, max_examples=15)
@given(changes)
def test_the_interval_ends_where_the_tests_turn(values):
    """A mean just outside is rejected at alpha, one just inside is not; swapped sides mirror."""
    interval = mean_interval(values, confidence=0.9)
    mirrored = mean_interval([-x for x in values], confidence=0.9)

    assert (interval.low, interval.high) == pytest.approx((-mirrored.high, -mirrored.low), abs=1e-9)
    for step, is_rejected in ((1e-7, True), (-1e-7, False)):
        if interval.high < 1 - 1e-6:
            assert (p_at_least(values, interval.high + step) <= 0.05) == is_rejected
        if interval.low > -1 + 1e-6:
            assert (p_at_most(values, interval.low - step) <= 0.05) == is_rejected


def test_many_items_in_no_time_and_without_a_loss_of_digits():
    """Two hundred thousand items: nearly the normal test, the bound being a bit wider."""
    rng = np.random.default_rng(5)
    values = np.clip(rng.normal(0.01, 0.2, 200_000), -1, 1)
    half = 1.6449 * values.std() / np.sqrt(len(values))

    assert p_at_least(values, values.mean() + half) == pytest.approx(0.05, rel=0.05)
    assert p_at_least(values, values.mean() + 2.9 * half) == pytest.approx(1e-6, rel=0.25)


@pytest.mark.parametrize("values", [[], [1.5], [np.nan], [[0.1, 0.2]]])
def test_impossible_changes_are_refused(values):
    """In one line, not as a NaN verdict."""
    with pytest.raises(ValueError, match=r"one row|at least one item|between -1 and 1"):
        p_at_least(values, 0.05)


@pytest.mark.parametrize("weights", [[0.0], [1.5], [0.5, 0.5]])
def test_impossible_weights_are_refused(weights):
    """A size over the largest lies in (0, 1], and there is one for each."""
    with pytest.raises(ValueError, match="weight"):
        p_at_least([0.1], 0.05, weights=np.array(weights))
