"""Levels of repeated checks: the joint normal distribution of neighbours, and its estimate."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from cliffguard.stats.repeated_levels import check_levels, neighbour_correlations


def test_two_checks_have_the_chance_of_the_bivariate_normal() -> None:
    for correlation in (0.0, 0.3, 0.9):
        first, second = norm.isf(check_levels([correlation], n_checks=2, alpha=0.05))
        covariance = [[1.0, correlation], [correlation, 1.0]]
        inside = multivariate_normal(cov=covariance).cdf([first, second])
        assert 1 - inside == pytest.approx(0.05, abs=1e-6)
        assert norm.sf(first) == pytest.approx(0.025)


def test_all_checks_together_err_at_alpha_under_the_correlation_they_are_given() -> None:
    rng = np.random.default_rng(3)
    correlations = rng.uniform(0.0, 0.97, size=19)
    edges = norm.isf(check_levels(correlations, n_checks=20, alpha=0.05))
    statistic = rng.standard_normal(400_000)
    errs = statistic > edges[0]
    for correlation, edge in zip(correlations, edges[1:], strict=True):
        step = np.sqrt(1 - correlation**2) * rng.standard_normal(len(statistic))
        statistic = correlation * statistic + step
        errs |= statistic > edge
    assert errs.mean() == pytest.approx(0.05, abs=0.0015)


def test_independent_checks_get_little_more_than_bonferroni_and_twins_nearly_all() -> None:
    alone = check_levels([0.0] * 19, n_checks=20, alpha=0.05)
    twins = check_levels([1.0] * 19, n_checks=20, alpha=0.05)
    assert 0.05 / 20 <= alone[-1] < 0.05 / 19
    assert 0.02 < twins[-1] <= 0.05
    near = check_levels([0.95] * 19, n_checks=20, alpha=0.05)
    assert (round(alone[-1], 4), round(near[-1], 4)) == (0.0026, 0.0131)


def test_a_later_check_changes_no_earlier_level() -> None:
    correlations = [0.2, 0.9, 0.5, 0.7]
    all_levels = check_levels(correlations, n_checks=9, alpha=0.01)
    for k in range(len(correlations)):
        assert check_levels(correlations[:k], n_checks=9, alpha=0.01) == all_levels[: k + 1]


def test_more_correlation_never_lowers_a_level() -> None:
    levels = [check_levels([r] * 9, n_checks=10, alpha=0.05) for r in (-1.0, 0.0, 0.5, 0.9, 1.0)]
    for less, more in pairwise(levels):
        assert (np.array(more) >= np.array(less) - 1e-12).all()


def test_checks_beyond_the_plan_have_nothing_to_spend() -> None:
    levels = check_levels([0.5, 0.5, 0.5], n_checks=2, alpha=0.05)
    assert levels[1] > 0
    assert levels[2:] == (0.0, 0.0)


def test_an_alpha_that_is_no_fraction_is_refused() -> None:
    with pytest.raises(ValueError, match="alpha"):
        check_levels([], n_checks=1, alpha=1.0)


def test_correlations_are_drawn_towards_none() -> None:
    change = np.zeros(64)
    change[:3] = 1.0
    few = neighbour_correlations(np.stack([change - change.mean()] * 2))[0]
    change[:30] = 1.0
    many = neighbour_correlations(np.stack([change - change.mean()] * 2))[0]
    assert few < 0.65
    assert 0.85 < many < 1.0


def test_correlations_do_not_depend_on_the_unit_and_are_there_where_nothing_changed() -> None:
    rows = np.random.default_rng(0).uniform(-1, 1, size=(3, 20))
    assert neighbour_correlations(rows / 50) == pytest.approx(neighbour_correlations(rows))
    assert neighbour_correlations(np.zeros((3, 20))) == (0.0, 0.0)
    assert neighbour_correlations(rows[:1]) == ()


def test_many_items_show_the_correlation_that_they_have() -> None:
    rng = np.random.default_rng(1)
    first = rng.standard_normal(100_000)
    second = 0.6 * first + 0.8 * rng.standard_normal(len(first))
    assert neighbour_correlations(np.stack([first, second]))[0] == pytest.approx(0.6, abs=0.01)
