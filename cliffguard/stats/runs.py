"""Alpha over repeated runs on growing sets of items (a reserve that later runs halve).

Who is told "about 900 items would decide", asks them and judges again has looked twice; at the
whole alpha each time, a true hypothesis of 5 % is rejected more often (scripts/studies/rerun.py).
Here every run has a level of its own, and the levels of all runs together are at most alpha: the
union bound, which holds however the runs depend on each other. A *reserve* of alpha is kept from
the first run for later ones, and each of these takes half of what is left, so that there is always
something for another one.

The bound is exact for runs whose sizes are fixed beforehand. A size that is chosen by what was seen
may bring a run more than its level; scripts/studies/rerun.py says how much, whoever chooses.
"""

from __future__ import annotations

from cliffguard.stats.interval import check_open_fraction

LEAST_LEVEL = 1e-9
"""Below it nothing is left: no number of items that anyone has decides."""


def run_level(*, alpha: float, reserve: float, spent: float) -> float:
    """Return the error rate of the next run.

    Parameters
    ----------
    alpha : float
        Error rate of all runs together, strictly between 0 and 1.
    reserve : float
        Share of alpha that is kept for runs after the first, at least 0 and below 1.
    spent : float
        What earlier runs have spent of alpha, at least 0. A group-sequential run that ended early
        has spent less than its level.

    Returns
    -------
    float
        All that is left but the reserve; where no more than that is left, half of it. 0.0 where
        nothing is left.
    """
    check_open_fraction("alpha", alpha)
    if not 0 <= reserve < 1:
        raise ValueError(f"reserve must be at least 0 and below 1, not {reserve}.")
    left, kept = alpha - spent, alpha * reserve
    # What is within rounding of the reserve is the reserve.
    level = left - kept if left - kept > LEAST_LEVEL else left / 2
    return level if level >= LEAST_LEVEL else 0.0
