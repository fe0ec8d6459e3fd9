"""Several runs over growing sets of items, and one error rate for all of them.

Who is told "about 900 items would decide", asks them and judges again has looked twice; at the
whole alpha each time, a true hypothesis of 5 % is rejected more often (scripts/studies/rerun.py).
Here every run has a level of its own, and the levels of all runs together are at most alpha: the
union bound, which holds however the runs depend on each other. A *reserve* of alpha is kept from
the first run for later ones, and each of these takes half of what is left, so that there is always
something for another one.

The bound is exact for runs whose sizes are fixed beforehand. A size that is chosen by what was seen
may bring a run more than its level; `worst_error` says how much, whoever chooses, and however.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from cliffguard.stats.interval import check_open_fraction

LEAST_LEVEL = 1e-9
"""Below it nothing is left: no number of items that anyone has decides."""

FloatArray = NDArray[np.float64]


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


def worst_error(levels: Sequence[float]) -> float:
    """Return the chance of a false rejection under the worst possible choice of every run's size.

    Parameters
    ----------
    levels : sequence of float
        The level of each run, each strictly between 0 and 1.

    Returns
    -------
    float
        The supremum over all rules by which the number of items of a run may depend on everything
        seen before. Of a normal statistic, by dynamic programming over its value: with ρ times the
        items, Z is normal around z/√ρ with variance 1 - 1/ρ. On a grid, to about 1e-4.

    References
    ----------
    Proschan and Hunsberger (1995), Biometrics 51:1315-1324, of two runs.
    """
    edges = -ndtri(np.asarray(levels))
    z = np.linspace(-_REACH, _REACH, _N_PLACES)
    cuts = np.concatenate([[-np.inf], (z[1:] + z[:-1]) / 2, [np.inf]])
    later = np.zeros_like(z)  # the chance of a rejection after this run, by where it came to
    for edge in edges[:0:-1]:
        going_on = np.where(z < edge, later, 0.0)
        later = np.max([_after(z, cuts, ratio, edge, going_on) for ratio in _RATIOS], axis=0)
    first = np.diff(ndtr(cuts))
    return float(levels[0] + first @ np.where(z < edges[0], later, 0.0))


_REACH, _N_PLACES = 7.0, 561
_RATIOS = 1 + np.geomspace(1e-3, 1e4, 61)  # by which a run may be larger than the one before


def _after(
    z: FloatArray, cuts: FloatArray, ratio: float, edge: float, going_on: FloatArray
) -> FloatArray:
    """Return the chance of a rejection in a run of `ratio` times the items, or after it."""
    centre, sd = z / math.sqrt(ratio), math.sqrt(1 - 1 / ratio)
    now = ndtr((centre - edge) / sd)
    if not going_on.any():
        return np.asarray(now)
    places = np.diff(ndtr((cuts[None, :] - centre[:, None]) / sd), axis=1)
    return np.asarray(now + places @ going_on)
