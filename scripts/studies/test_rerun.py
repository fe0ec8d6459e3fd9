"""Runs that take the number of items that the last report named."""

from __future__ import annotations

import numpy as np
import pytest

from cliffguard.core.settings import Policy
from scripts.studies import rerun


@pytest.mark.parametrize("drop", [0.0, 0.03])
def test_following_the_reports_number_errs_as_rarely_as_alpha(drop: float) -> None:
    """A fast part of the study: four runs, a margin of 3 points, 1,500 users."""
    rng = np.random.default_rng(8)

    held, dropped, _ = rerun.followed(
        rng, 1500, (400, 0.03, 0.20), drop, rerun.levels_of(Policy().reserve, 4)
    )

    assert (held if drop else dropped) <= 0.05 + 3 * 0.0056


def test_one_run_errs_as_its_level() -> None:
    """There is nothing to choose."""
    assert rerun.worst_error([0.05]) == pytest.approx(0.05)


def test_the_whole_alpha_twice_errs_in_eleven_percent_at_the_worst() -> None:
    """Proschan and Hunsberger (1995): α + exp(-z²/2)/4, which is 11.46 % for an α of 5 %."""
    assert rerun.worst_error([0.05, 0.05]) == pytest.approx(0.1146, abs=1e-3)


@pytest.mark.parametrize("n_runs", [2, 4, 6])
def test_no_rule_of_choosing_sizes_errs_in_more_than_five_and_a_half_percent(n_runs: int) -> None:
    """At the default reserve."""
    assert rerun.worst_error(rerun.levels_of(Policy().reserve, n_runs)) <= 0.055
