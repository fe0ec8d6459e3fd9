"""Group-sequential tests: alpha spending over interim looks, boundaries, repeated p-values.

A one-sided test at level alpha that is repeated at every look would reject a true hypothesis far
more often than alpha. Here each look may *spend* a part of alpha, by a rule that is fixed before
the first answer, and the critical value of a look is what makes the chance of crossing there, and
not before, equal to the part that it spends. The statistics of the looks are taken to be jointly
normal with the correlation of partial sums, ``sqrt(n_j / n_k)``: the canonical joint distribution,
which the score statistic of `cliffguard.stats.paired` follows approximately.

References
----------
Lan and DeMets (1983), Biometrika 70:659-663. Armitage, McPherson and Rowe (1969), Journal of the
Royal Statistical Society A 132:235-244. Jennison and Turnbull (1999), Group Sequential Methods
with Applications to Clinical Trials, chapters 7, 9 and 19.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from cliffguard.stats.interval import check_open_fraction

SpendingFunction = Literal["linear", "quadratic", "cubic"]
"""How fast alpha is spent: evenly, or less at first, by a power of the share that is there."""

HELD_SPENDING: SpendingFunction = "cubic"
"""Of "the drop is the margin or more", which a candidate that lost nothing rejects late anyway."""

DROP_SPENDING: SpendingFunction = "linear"
"""Of "there is no drop", which a large loss rejects early: every item that it breaks is a cost."""

FloatArray = NDArray[np.float64]

_POWERS: dict[SpendingFunction, int] = {"linear": 1, "quadratic": 2, "cubic": 3}
_REACH = 8.0  # standard deviations beyond which a statistic does not lie (probability 6e-16)
_N_NODES = 64  # of the integral over a look, at the least
_NODES_PER_STEP = 24  # the more, the smaller the step between two looks is beside what came before
_LEAST_ALPHA = 1e-12  # a p-value is not computed below it
_LARGEST_Z = 8.0  # the normal tail beyond it is below what a p-value is computed to


def spent_alpha(fraction: float, *, alpha: float, spending: SpendingFunction) -> float:
    """Return how much of alpha may be spent once `fraction` of the planned sample is there.

    Parameters
    ----------
    fraction : float
        Share of the planned number of items, in [0, 1].
    alpha : float
        One-sided error rate of the whole, strictly between 0 and 1.
    spending : {"linear", "quadratic", "cubic"}
        ``alpha t``; ``alpha t²``; ``alpha t³``.

    Returns
    -------
    float
        0 at a fraction of 0, `alpha` at 1, rising between.

    References
    ----------
    Kim and DeMets (1987), Biometrika 74:149-154.
    """
    check_open_fraction("alpha", alpha)
    return alpha * spent_share(fraction, spending)


def spent_share(fraction: float, spending: SpendingFunction) -> float:
    """Return which part of alpha may be spent once `fraction` of the sample is there, in [0, 1]."""
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction must lie between 0 and 1, not {fraction}.")
    return fraction ** _POWERS[spending]


@lru_cache(maxsize=4096)
def boundaries(
    n_items: tuple[int, ...], *, n_planned: int, alpha: float, spending: SpendingFunction = "linear"
) -> tuple[float, ...]:
    """Critical values of the looks of a one-sided test at level `alpha`.

    Parameters
    ----------
    n_items : tuple of int
        Items seen at each look so far, strictly rising, each at least 1. Later looks need not be
        known: what was spent does not depend on them.
    n_planned : int
        Items at which all of alpha will have been spent. A look at this number or beyond spends
        what is left, and must be the last.
    alpha : float
        One-sided error rate of all looks together, strictly between 0 and 1.
    spending : str
        See `spent_alpha`.

    Returns
    -------
    tuple of float
        Per look, the value that a standard normal statistic must exceed. Infinite where a look
        has nothing to spend.

    Notes
    -----
    In units of the score, ``S_k = Z_k sqrt(n_k)``, a look adds an independent normal step of
    variance ``n_k - n_{k-1}``. The density of S over the paths that crossed no boundary yet is
    carried from look to look on Gauss-Legendre nodes.
    """
    _check_looks(n_items, n_planned)
    check_open_fraction("alpha", alpha)
    criticals: list[float] = []
    nodes, density = np.zeros(1), np.ones(1)  # weights of the points of S among the paths inside
    spent_before, n_before = 0.0, 0
    for n in n_items:
        # 1. What may be spent at this look is what the rule grants by now, less what was spent.
        fraction = min(1.0, n / n_planned)
        spent = spent_alpha(fraction, alpha=alpha, spending=spending)
        # 2. The boundary: paths inside so far exceed it, after this step, with that probability.
        sd = math.sqrt(n - n_before)
        edge = spending_edge(nodes, density, sd, spent - spent_before, reach=_REACH * math.sqrt(n))
        criticals.append(edge / math.sqrt(n))
        # 3. Those below it go on. What crossed is taken out of the density, which no longer sums
        #    to 1: alpha spent once is not spent again.
        upper = min(edge, _REACH * math.sqrt(n))
        nodes, density = carried_below(nodes, density, sd, upper=upper, n=n)
        spent_before, n_before = spent, n
    return tuple(criticals)


def repeated_p_value(
    z_values: Sequence[float],
    n_items: tuple[int, ...],
    *,
    n_planned: int,
    spending: SpendingFunction = "linear",
) -> float:
    """Smallest alpha at which a boundary was crossed at one of the looks so far.

    Rejecting when it is at most alpha is the group-sequential test at level alpha, whichever look
    is the last one taken; so it may enter Holm's procedure together with the values of other
    tests, each stopped when it likes.

    Parameters
    ----------
    z_values : sequence of float
        The statistic at each look; large is evidence against the hypothesis.
    n_items, n_planned, spending
        As in `boundaries`.

    Returns
    -------
    float
        In (0, 1]. 1.0 where even alpha = 1/2 crosses nothing; never below 1e-12.

    References
    ----------
    Jennison and Turnbull (1999), section 9.3.
    """
    if len(z_values) != len(n_items):
        raise ValueError(f"{len(z_values)} statistics for {len(n_items)} looks.")

    def excess(log_alpha: float) -> float:
        edges = boundaries(
            n_items, n_planned=n_planned, alpha=math.exp(log_alpha), spending=spending
        )
        # A boundary that nothing crosses may be infinite, which a root finder cannot go by.
        return max(
            min(z, _REACH) - min(edge, 2 * _REACH) for z, edge in zip(z_values, edges, strict=True)
        )

    from scipy.optimize import brentq

    # The boundaries fall as alpha rises, so that there is one alpha at which the first is met.
    low, high = math.log(_LEAST_ALPHA), math.log(0.5)
    if excess(high) < 0:
        return 1.0
    if excess(low) >= 0:
        return _LEAST_ALPHA
    return math.exp(float(brentq(excess, low, high, xtol=1e-4)))


def repeated_p_of(
    p_values: Sequence[float],
    *,
    n_asked: tuple[int, ...],
    n_planned: int,
    spending: SpendingFunction,
) -> float:
    """Return the p-value of all looks together from that of each look alone.

    Parameters are those of `repeated_p_value`, with one p-value a look for its statistic.
    """
    z_values = [float(z_of_p(p)) for p in p_values]
    return repeated_p_value(z_values, n_asked, n_planned=n_planned, spending=spending)


def z_of_p(p_values: float | FloatArray) -> FloatArray:
    """Return the standard normal statistics of one-sided p-values, at most 8 in size."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.clip(-ndtri(p_values), -_LARGEST_Z, _LARGEST_Z))


def look_sizes(n_available: int, *, first: int = 100, ratio: float = 1.25) -> tuple[int, ...]:
    """Numbers of items at which to look: `first`, then growing by `ratio`, the last all.

    Parameters
    ----------
    n_available : int
        Items there are, at least 1.
    first : int, optional
        Items of the first look, at least 1; fewer where there are fewer.
    ratio : float, optional
        Growth from look to look, above 1. A look closer to the end than half of the growth
        is left out: it would cost error rate and save nothing.

    Returns
    -------
    tuple of int
        Strictly rising, ending with `n_available`.
    """
    if n_available < 1 or first < 1:
        raise ValueError(f"n_available ({n_available}) and first ({first}) must be at least 1.")
    if not ratio > 1:
        raise ValueError(f"ratio must be above 1, not {ratio}.")
    sizes, size = [], float(first)
    while size * (1 + (ratio - 1) / 2) < n_available:
        sizes.append(math.ceil(size))
        size *= ratio
    return (*dict.fromkeys(sizes), n_available)


def spending_edge(
    nodes: FloatArray, density: FloatArray, sd: float, to_spend: float, *, reach: float
) -> float:
    """Return the score that the paths inside exceed at this look with probability `to_spend`."""

    def excess(edge: float) -> float:
        return float(density @ ndtr((nodes - edge) / sd)) - to_spend

    if excess(reach) >= 0:
        return math.inf
    if excess(-reach) <= 0:  # more to spend than there are paths left
        return -math.inf
    from scipy.optimize import brentq

    return float(brentq(excess, -reach, reach, xtol=1e-10 * reach))


def carried_below(
    nodes: FloatArray, density: FloatArray, sd: float, *, upper: float, n: int
) -> tuple[FloatArray, FloatArray]:
    """Return the nodes and weights of the paths that are still below `upper` after this step."""
    lower = -_REACH * math.sqrt(n)
    if upper <= lower:
        return np.zeros(1), np.zeros(1)
    # The sharper the step beside the spread of the paths, the more nodes it takes to follow it.
    n_nodes = max(_N_NODES, math.ceil(_NODES_PER_STEP * math.sqrt(n) / sd))
    places, weights = _legendre(n_nodes)
    half = (upper - lower) / 2
    new_nodes = lower + half * (places + 1)
    # Convolve with the step: each new node collects from all old ones by the normal density of the
    # way between. `density` carries the quadrature weights of the old nodes in it already.
    steps = (new_nodes[:, None] - nodes[None, :]) / sd
    kernel = np.exp(-steps * steps / 2) / (sd * math.sqrt(2 * math.pi))
    return new_nodes, half * weights * (kernel @ density)


@lru_cache(maxsize=64)
def _legendre(n_nodes: int) -> tuple[FloatArray, FloatArray]:
    places, weights = np.polynomial.legendre.leggauss(n_nodes)
    return places, weights


def _check_looks(n_items: Sequence[int], n_planned: int) -> None:
    if not n_planned >= 1:
        raise ValueError(f"n_planned must be at least 1, not {n_planned}.")
    before = 0
    for n in n_items:
        if not n > before:
            raise ValueError(f"n_items must rise from look to look, not {tuple(n_items)}.")
        if before >= n_planned:
            raise ValueError(f"a look beyond the planned {n_planned} items: {tuple(n_items)}.")
        before = n
