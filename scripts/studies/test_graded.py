"""Exact tests of graded scores on the distributions of the study, a part of each."""

from __future__ import annotations

import numpy as np
import pytest

from cliffguard.stats.e_values import held_wealth, p_value
from cliffguard.stats.graded import each_p_at_least
from scripts.studies import graded_draws


@pytest.mark.parametrize("name", graded_draws.SETTINGS)
def test_no_distribution_fools_it(name):
    """A small part of scripts/studies/graded.py: a drop of exactly the margin, or none."""
    draw, _ = graded_draws.SETTINGS[name]
    rng, n_runs, n_items, margin = np.random.default_rng(17), 400, 60, 0.08

    at, none = (draw(rng, (n_runs, n_items), drop) for drop in (margin, 0.0))

    largest = 0.05 + 3 * np.sqrt(0.05 * 0.95 / n_runs)
    assert np.mean(each_p_at_least(at, margin) <= 0.05) <= largest
    assert np.mean(each_p_at_least(-at, -margin) <= 0.05) <= largest
    assert np.mean(each_p_at_least(-none, 0.0) <= 0.05) <= largest


@pytest.mark.parametrize("name", ["mean of four samples", "ROUGE-like, sd 0.2"])
def test_it_holds_what_bets_leave_open(name):
    """300 items, 3 points, nothing lost: at least 1.4 times as often."""
    draw, _ = graded_draws.SETTINGS[name]
    samples = draw(np.random.default_rng(18), (300, 300), 0.0)

    by_bets = np.mean([p_value(held_wealth(x, margin=0.03)) <= 0.05 for x in samples])

    assert np.mean(each_p_at_least(samples, 0.03) <= 0.05) >= 1.4 * by_bets


@pytest.mark.parametrize("kind", graded_draws.SIZES)
@pytest.mark.parametrize("name", graded_draws.CLUSTERS)
def test_clusters_of_any_size_keep_the_level(name, kind):
    """60 clusters, some of which lose; in one case only the large ones."""
    rng = np.random.default_rng(19)
    sizes, every = graded_draws.sizes_of(kind, rng, (400, 60))
    weights = sizes / sizes.max(axis=1, keepdims=True)
    means = graded_draws.CLUSTERS[name](rng, sizes, every, 0.08)

    held = np.mean(each_p_at_least(means, 0.08, weights=weights) <= 0.05)

    assert held <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
