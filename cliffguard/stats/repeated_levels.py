"""Levels of checks that are repeated on the same items: alpha by their joint distribution.

Each check may spend ``alpha / K``. Its level makes the chance that it is the first to err equal to
that. A check that repeats the one before errs with it, and so gets a larger level than ``alpha /
K``; one that has nothing in common with it gets just that.

References
----------
Lan and DeMets (1983), Biometrika 70:659-663. Slepian (1962), Bell System Technical Journal
41:463-501: the less correlation, the more errors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from cliffguard.stats.interval import check_open_fraction
from cliffguard.stats.sequential import carried_below, spending_edge

FloatArray = NDArray[np.float64]

_IMAGINED = 2.0  # changed items of each check that the other does not share
_CLOSEST = 0.98  # correlation beyond which neighbours are not taken to repeat each other
_REACH = 8.0  # standard deviations beyond which a statistic does not lie (probability 6e-16)


def check_levels(
    correlations: Sequence[float], *, n_checks: int, alpha: float
) -> tuple[float, ...]:
    """One-sided level of every check so far, each spending ``alpha / n_checks``.

    Parameters
    ----------
    correlations : sequence of float
        Between the statistics of each check and the one before, from the second check on; below 0
        it counts as 0, beyond 0.98 as that.
    n_checks : int
        Checks that are planned, at least 1.
    alpha : float
        Chance that any of them errs, strictly between 0 and 1.

    Returns
    -------
    tuple of float
        One more than there are correlations; 0 beyond the planned checks.

    Notes
    -----
    The statistics are taken for normal, each tied to earlier ones through the one before. Where
    checks that are further apart have more in common than that, they err less often.
    """
    check_open_fraction("alpha", alpha)
    levels = [0.0] * (1 + len(correlations))
    nodes, density = np.zeros(1), np.ones(1)  # of the statistic, among the runs that did not err
    for k, correlation in enumerate([0.0, *correlations][:n_checks]):
        shared = min(max(correlation, 0.0), _CLOSEST)
        means, sd = shared * nodes, math.sqrt(1.0 - shared**2)
        edge = spending_edge(means, density, sd, alpha / n_checks, reach=_REACH)
        levels[k] = float(ndtr(-edge))
        nodes, density = carried_below(means, density, sd, upper=min(edge, _REACH), n=1)
    return tuple(levels)


def neighbour_correlations(deviations: FloatArray) -> tuple[float, ...]:
    """Correlation between each check's changes and those of the check before, drawn towards 0.

    Parameters
    ----------
    deviations : ndarray, shape (k, n_items)
        Changes of the same items less their mean, a row for every check; or sums over clusters.

    Returns
    -------
    tuple of float
        ``k - 1`` of them. Two items, changed as much as the one that changed most, are imagined in
        each check that the other does not share: what few changed items have in common by chance
        must not pass for a rule.
    """
    squares = (deviations**2).sum(axis=1)
    imagined = _IMAGINED * np.max(deviations**2, initial=0.0)
    products = (deviations[1:] * deviations[:-1]).sum(axis=1)
    scales = np.sqrt((squares[1:] + imagined) * (squares[:-1] + imagined))
    return tuple(float(p / s) if s > 0.0 else 0.0 for p, s in zip(products, scales, strict=True))
