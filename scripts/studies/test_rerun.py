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
