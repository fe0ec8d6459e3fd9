"""E-values and e-processes (testing by betting; wealth) for scores between 0 and 1.

Whoever doubts a hypothesis about a mean bets against it, item by item, with money that cannot go
below zero. If the hypothesis is true the expected wealth never grows, so that it exceeds
``1 / alpha`` at any time with probability at most alpha (Ville's inequality), whatever the
distribution of the scores and however often one looks. No normal approximation is involved: a few
total losses among many tiny gains, where the usual tests err at twice their level, are safe here.

A *change* is base score minus candidate score of one item, in [-1, 1]; positive is worse, and its
mean is the drop.

References
----------
Waudby-Smith and Ramdas (2024), Journal of the Royal Statistical Society B 86:1-27 (bets), and
(2020), NeurIPS 33 (without replacement). Stark (2023), Annals of Applied Statistics 17:641-668,
audits of elections, which are the same problem.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cliffguard.stats.interval import Interval, check_open_fraction

FloatArray = NDArray[np.float64]

_N_BISECTIONS = 40
_LARGEST_STAKE = 0.75  # of the wealth that the worst possible item could take
_IMAGINARY_ITEMS = 200.0  # how slowly a bet leaves the plan for what was seen
_PLANNED_SQUARE = 0.10  # mean square of a change that the first bets suppose: 10 % of items flip


def held_wealth(
    changes: Sequence[float] | FloatArray,
    *,
    margin: float,
    n_suite: int | None = None,
    weights: FloatArray | None = None,
) -> FloatArray:
    """Bet against "the drop is the margin or more"; whoever wins it may say *held*.

    Parameters
    ----------
    changes : array of float, shape (n_items,)
        Base score minus candidate score, in [-1, 1], in an order that does not depend on them.
    margin : float
        Largest tolerated drop, strictly between 0 and 1.
    n_suite : int, optional
        Items of the suite that these were drawn from without replacement, at least as many. The
        bet is then about the drop over exactly them. Without it, about the capability that the
        items are a sample of.
    weights : ndarray, optional
        As in `log_wealth`.

    Returns
    -------
    ndarray, shape (n_items,)
        Natural logarithm of the wealth after every item.
    """
    x = _checked(changes, n_suite)
    check_open_fraction("margin", margin)
    return log_wealth(-x, mean=-margin, expected=0.0, n_suite=n_suite, weights=weights)


def dropped_wealth(
    changes: Sequence[float] | FloatArray,
    *,
    margin: float,
    n_suite: int | None = None,
    weights: FloatArray | None = None,
) -> FloatArray:
    """Bet against "there is no drop" or, of a suite, "the drop is less than the margin".

    Of a suite both bets are about the margin, so that one of them has won by the last item: with
    all items seen the drop is known, and it is less than the margin or it is not. Parameters and
    result are those of `held_wealth`.
    """
    x = _checked(changes, n_suite)
    check_open_fraction("margin", margin)
    if n_suite is None:
        return log_wealth(x, mean=0.0, expected=margin, weights=weights)
    return log_wealth(x, mean=margin, expected=2 * margin, n_suite=n_suite, or_equal=False)


def log_wealth(
    x: FloatArray,
    *,
    mean: float,
    expected: float,
    n_suite: int | None = None,
    or_equal: bool = True,
    weights: FloatArray | None = None,
) -> FloatArray:
    """Wealth of a bet against "the mean is `mean` or less", after every item.

    Parameters
    ----------
    x : ndarray, shape (n_items,)
        Values in [-1, 1], in the order drawn.
    mean : float
        The hypothesis, in [-1, 1].
    expected : float
        The mean that the first bets suppose.
    n_suite : int, optional
        Items of the finite suite that x is drawn from without replacement, and whose mean is
        meant. Without it, x is a sample and the mean is that of its distribution.
    or_equal : bool, optional
        Whether the hypothesis contains `mean` itself. It matters for a suite seen to its end.
    weights : ndarray, shape (n_items,), optional
        Where x are the means of clusters: the size of each over the largest, in (0, 1]. The mean
        is then that of the items, not of the clusters. Not together with `n_suite`.

    Returns
    -------
    ndarray, shape (n_items,)
        Natural logarithm of the wealth, at most 0 in expectation of its exponential. Infinite
        from the item on after which the hypothesis is impossible.

    Notes
    -----
    Before item t the hypothesis allows a mean of at most ``m_t``: `mean`, or in a suite of N
    ``(N mean - S_{t-1}) / (N - t + 1)``, S being the running sum. With the running estimates of
    mean and variance, each shrunk towards the plan by 200 imaginary items, the stake is
    approximately Kelly's, ``e / (v + e²)`` with ``e = estimate - m_t``, between 0 and
    ``0.75 / (1 + m_t)``.

    With items i of clusters g, "the mean of an item is m or less" is "``Σ_{i in g} (x_i - m)`` has
    a mean of 0 or less"; so the bet is on ``m + w_g (x_g - m)``, which the weights keep in range.
    """
    if weights is not None:  # clusters: pulled towards the hypothesis by how small each is
        x = mean + weights * (x - mean)
    before = np.arange(len(x), dtype=float)
    total = _sums_before(x)
    allowed = np.full(len(x), mean, dtype=float)  # m_t; in a suite, what is left of the mean
    if n_suite is not None:
        allowed = (n_suite * mean - total) / (n_suite - before)
    weight = _IMAGINARY_ITEMS + before  # the plan's items, and those that were seen
    estimate = (_IMAGINARY_ITEMS * expected + total) / weight
    spread = (_IMAGINARY_ITEMS * _PLANNED_SQUARE + _sums_before(x * x)) / weight - estimate**2
    gain = _stake(estimate - allowed, spread, allowed) * (x - allowed)  # settled before item t
    wealth = np.cumsum(np.log1p(np.maximum(gain, -_LARGEST_STAKE)))
    if n_suite is not None:
        wealth[_impossible(x, mean, n_suite, or_equal)] = math.inf
    return wealth


def _sums_before(x: FloatArray) -> FloatArray:
    """Return the sum of what came before each item: a bet must not look at its own."""
    return np.concatenate(([0.0], np.cumsum(x)))[:-1]


def _stake(edge: FloatArray, spread: FloatArray, allowed: FloatArray) -> FloatArray:
    """Return Kelly's stakes, approximately; so that no item can lose more than three quarters."""
    most = _LARGEST_STAKE / np.maximum(1.0 + allowed, 1e-9)
    return np.asarray(np.clip(edge / (np.maximum(spread, 1e-9) + edge * edge), 0.0, most))


def p_value(log_wealths: FloatArray) -> float:
    """One over the largest wealth so far, at most 1; valid however often one looks."""
    largest = float(np.max(log_wealths, initial=0.0))
    return math.exp(-largest)


def mean_interval(
    x: Sequence[float] | FloatArray,
    *,
    confidence: float,
    n_suite: int | None = None,
    weights: FloatArray | None = None,
) -> Interval:
    """Interval of a mean that holds at all times at once, by inverting the bets.

    Parameters
    ----------
    x : array of float, shape (n_items,)
        Values in [-1, 1] in the order drawn.
    confidence : float
        Two-sided confidence level, strictly between 0 and 1; each end errs half the rest.
    n_suite : int, optional
        As in `log_wealth`; with all of a suite seen, the interval is its mean.
    weights : ndarray, optional
        As in `log_wealth`.

    Returns
    -------
    Interval
        The means that neither bet refutes, so also what was not refuted at any earlier item.
    """
    values = _checked(x, n_suite)
    check_open_fraction("confidence", confidence)
    log_limit = math.log(2 / (1 - confidence))
    low = _refuted_below(values, log_limit, n_suite, weights)
    high = -_refuted_below(-values, log_limit, n_suite, weights)
    if low > high:  # each end is right with its own probability; together they may cross
        low = high = (low + high) / 2
    return Interval(low, high)


def _refuted_below(
    x: FloatArray, log_limit: float, n_suite: int | None, weights: FloatArray | None
) -> float:
    """Return the largest mean such that it, or less, is refuted; -1 where none is."""
    refuted, open_ = -1.0, 1.0

    def is_refuted(mean: float) -> bool:
        wealth = log_wealth(x, mean=mean, expected=0.0, n_suite=n_suite, weights=weights)
        return float(np.max(wealth, initial=0.0)) >= log_limit

    for _ in range(_N_BISECTIONS):
        middle = (refuted + open_) / 2
        if is_refuted(middle):
            refuted = middle
        else:
            open_ = middle
    return refuted


def _impossible(x: FloatArray, mean: float, n_suite: int, or_equal: bool) -> NDArray[np.bool_]:
    """Say after which items no suite with this mean or less is left."""
    left = n_suite - np.arange(1, len(x) + 1)
    least_total = np.cumsum(x) - left  # if every item to come were -1; it never falls
    rounding = 1e-9 * n_suite
    return np.asarray(least_total > n_suite * mean + (rounding if or_equal else -rounding))


def _checked(values: Sequence[float] | FloatArray, n_suite: int | None) -> FloatArray:
    x = np.asarray(values, dtype=float)
    if x.ndim != 1 or not len(x):
        raise ValueError("at least one item is needed, in one row.")
    if not np.all(np.abs(x) <= 1):
        raise ValueError("a change lies between -1 and 1.")
    if n_suite is not None and n_suite < len(x):
        raise ValueError(f"n_suite ({n_suite}) is less than the {len(x)} items seen.")
    return x
