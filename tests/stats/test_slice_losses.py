"""More questions of a slice: how many items lose, and how much of what the base had."""

from __future__ import annotations

import numpy as np
import pytest

from cliffguard.stats.slice_losses import beyond_share, is_graded, more_above_mean_p_value
from cliffguard.stats.slice_tests import more_inside_p_value


def test_changes_are_graded_where_one_is_no_whole_answer() -> None:
    """One half is enough."""
    assert is_graded(np.array([1.0, 0.5, -1.0]))
    assert not is_graded(np.array([1.0, 0.0, -1.0]))
    assert not is_graded(np.array([]))


@pytest.mark.parametrize("ratio", [1.0, 0.4])
def test_what_is_lost_in_proportion_is_lost_nowhere_more(ratio: float) -> None:
    """Of 0.9 and of 0.3 the same share: nothing is left of either."""
    had = np.array([0.9, 0.3] * 20)

    assert not beyond_share(ratio * had, had).any()


def test_a_gain_is_no_share_that_was_lost() -> None:
    """Changes stay as they are where more was gained than lost, and where the base had nothing."""
    changes = np.array([0.2, -0.5, 0.1])

    assert beyond_share(changes, np.ones(3)).tolist() == changes.tolist()
    assert beyond_share(changes, np.zeros(3)).tolist() == changes.tolist()


def test_a_small_slice_without_a_rare_gain_is_no_surprise() -> None:
    """Of two hundred twenty gain 0.405, none of 25 inside: 0.9^25 is 7 %, whatever means say."""
    rng = np.random.default_rng(1)
    changes = np.where(rng.permutation(200) < 20, -0.405, 0.045)
    inside = np.zeros(200, dtype=bool)
    inside[np.flatnonzero(changes > 0)[:25]] = True
    clusters = np.arange(200)

    assert more_inside_p_value(changes, inside, clusters) < 0.01
    assert more_above_mean_p_value(changes, inside, clusters) > 0.05


def test_a_slice_of_which_most_items_lose_more_is_one() -> None:
    """Nine of ten inside lie above the mean, and three of ten outside."""
    changes = np.concatenate([np.tile([0.3] * 9 + [-0.1], 4), np.tile([0.25] * 3 + [-0.2] * 7, 16)])

    assert more_above_mean_p_value(changes, np.arange(200) < 40, np.arange(200)) < 1e-6
