"""Group-sequential boundaries against published tables, simulation and their own definition."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliffguard.stats.sequential import boundaries, look_sizes, repeated_p_value, spent_alpha

FIVE = (20, 40, 60, 80, 100)
SPENDINGS = ["linear", "quadratic", "cubic"]


def test_one_look_is_the_usual_test():
    """With everything seen at once the boundary is the normal quantile."""
    assert boundaries((500,), n_planned=500, alpha=0.05) == pytest.approx((1.6448536,), abs=1e-6)


@pytest.mark.parametrize(("spending", "at_first"), [("linear", 0.015), ("cubic", 0.00135)])
def test_two_looks_cross_with_the_probability_that_is_spent(spending, at_first):
    """Against the bivariate normal distribution, integrated by scipy."""
    from scipy.stats import multivariate_normal, norm

    first, second = boundaries((30, 100), n_planned=100, alpha=0.05, spending=spending)
    correlation = math.sqrt(0.3)
    inside = multivariate_normal([0, 0], [[1, correlation], [correlation, 1]])

    assert norm.sf(first) == pytest.approx(at_first, rel=1e-6)
    assert 1 - inside.cdf([first, second]) == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize("spending", SPENDINGS)
def test_five_looks_cross_with_the_probability_that_is_spent(spending):
    """Look by look, against the multivariate normal distribution, integrated by scipy."""
    from scipy.stats import multivariate_normal

    edges = boundaries(FIVE, n_planned=100, alpha=0.05, spending=spending)
    shared = np.minimum.outer(FIVE, FIVE)
    correlation = shared / np.sqrt(np.outer(FIVE, FIVE))

    for n_looks, n in enumerate(FIVE, start=1):
        inside = multivariate_normal(np.zeros(n_looks), correlation[:n_looks, :n_looks], seed=1)
        spent = spent_alpha(n / 100, alpha=0.05, spending=spending)
        assert 1 - inside.cdf(edges[:n_looks]) == pytest.approx(spent, abs=2e-5)


@pytest.mark.parametrize("spending", ["linear", "cubic"])
def test_many_looks_cross_as_often_as_allowed(spending):
    """Ten thousand random walks over ten uneven looks."""
    looks = look_sizes(1000)
    edges = boundaries(looks, n_planned=1000, alpha=0.05, spending=spending)
    steps = np.sqrt(np.diff((0, *looks)))
    walks = np.cumsum(np.random.default_rng(1).standard_normal((20_000, len(looks))) * steps, 1)

    crossed = np.mean(np.any(walks / np.sqrt(looks) > edges, axis=1))

    assert crossed == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / 20_000))


def test_later_looks_do_not_change_earlier_ones():
    """What a look needs is fixed when it is taken."""
    whole = boundaries((100, 150, 200), n_planned=200, alpha=0.05)

    assert boundaries((100, 150), n_planned=200, alpha=0.05) == whole[:2]


def test_looks_one_item_apart():
    """The steps are then much narrower than the range of the statistic."""
    looks = tuple(range(100, 131))

    edges = boundaries(looks, n_planned=130, alpha=0.05)
    walks = np.random.default_rng(2).standard_normal((40_000, 130)).cumsum(1)[:, 99:]

    crossed = np.mean(np.any(walks / np.sqrt(looks) > edges, axis=1))
    assert crossed == pytest.approx(0.05, abs=0.005)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=6, unique=True).map(sorted),
    st.sampled_from(SPENDINGS),
)
def test_a_repeated_p_value_is_the_level_that_is_just_crossed(looks, spending):
    """At that alpha the largest excess over the boundaries is zero."""
    looks = tuple(looks)
    z_values = np.random.default_rng(len(looks)).standard_normal(len(looks)) + 1.5
    p = repeated_p_value(z_values, looks, n_planned=looks[-1], spending=spending)

    if p < 1.0:
        edges = boundaries(looks, n_planned=looks[-1], alpha=p, spending=spending)
        assert max(z_values - np.array(edges)) == pytest.approx(0.0, abs=5e-3)
    else:
        edges = boundaries(looks, n_planned=looks[-1], alpha=0.5, spending=spending)
        assert max(z_values - np.array(edges)) <= 0


def test_a_huge_statistic_has_a_tiny_p_value_and_not_zero():
    """Reports show logarithms of it."""
    assert repeated_p_value([40.0], (100,), n_planned=100) == 1e-12


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(-1.0, 6.0), min_size=5, max_size=5),
    st.floats(1e-6, 0.3),
    st.sampled_from(SPENDINGS),
)
def test_a_repeated_p_value_says_what_the_boundaries_say(z_values, alpha, spending):
    """At any level: a boundary was crossed exactly where the p-value is at most the level."""
    p = repeated_p_value(z_values, FIVE, n_planned=100, spending=spending)
    edges = boundaries(FIVE, n_planned=100, alpha=alpha, spending=spending)

    excess = max(z - edge for z, edge in zip(z_values, edges, strict=True))
    if abs(excess) > 1e-3:
        assert (p <= alpha) == (excess > 0)


@pytest.mark.parametrize("spending", SPENDINGS)
def test_a_larger_statistic_never_has_a_larger_p_value(spending):
    """Whichever look it comes at."""
    for look in range(5):
        p_values = []
        for z in np.linspace(0.0, 8.0, 17):
            z_values = [1.0] * 5
            z_values[look] = z
            p_values.append(repeated_p_value(z_values, FIVE, n_planned=100, spending=spending))
        assert all(b <= a * (1 + 1e-3) for a, b in itertools.pairwise(p_values))


def test_a_first_look_that_may_spend_next_to_nothing_proves_nothing():
    """A boundary beyond every statistic is none that a root finder stumbles over."""
    nothing = repeated_p_value([9.0], (1,), n_planned=1_000_000, spending="cubic")
    later = repeated_p_value([0.0, 3.0], (1, 10**6), n_planned=10**6, spending="cubic")

    assert nothing == 1.0
    assert later == pytest.approx(0.00135, rel=1e-3)


@pytest.mark.parametrize("spending", SPENDINGS)
def test_a_crossing_is_not_forgotten(spending):
    """A repeated p-value never rises from look to look."""
    early = repeated_p_value([4.0], (100,), n_planned=300, spending=spending)
    later = repeated_p_value([4.0, 0.0], (100, 300), n_planned=300, spending=spending)

    assert later == pytest.approx(early, rel=1e-3)
    assert early < 0.05


def test_a_power_spends_what_it_says():
    """Half of the items: a half, a quarter, an eighth of alpha."""
    spent = [spent_alpha(0.5, alpha=0.08, spending=s) for s in ("linear", "quadratic", "cubic")]

    assert spent == pytest.approx([0.04, 0.02, 0.01])


@pytest.mark.parametrize("spending", SPENDINGS)
def test_spending_runs_from_nothing_to_alpha(spending):
    """And never back."""
    spent = [spent_alpha(t, alpha=0.05, spending=spending) for t in np.linspace(0, 1, 21)]

    assert spent[0] == 0
    assert spent[-1] == 0.05
    assert all(a <= b for a, b in itertools.pairwise(spent))


def test_look_sizes():
    """From 100 each a quarter more than the one before, the last all there is, none just before."""
    sizes = look_sizes(1000)
    *growth, last = [after / before for before, after in itertools.pairwise(sizes)]

    assert (sizes[0], sizes[-1]) == (100, 1000)
    assert growth == pytest.approx([1.25] * len(growth), rel=0.01)
    assert last >= 1.25
    assert look_sizes(60) == (60,)
    assert look_sizes(104) == (104,)


@pytest.mark.parametrize("looks", [(100, 100), (200, 100), (0,), (100, 200, 300)])
def test_impossible_looks_are_refused(looks):
    """Not rising, empty, or going on after everything was spent."""
    with pytest.raises(ValueError, match=r"n_items must rise|beyond the planned"):
        boundaries(looks, n_planned=200, alpha=0.05)
