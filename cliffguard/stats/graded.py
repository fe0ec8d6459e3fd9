"""Non-inferiority of the mean of graded scores in one look: Gaffke's bound, free of order.

A *change* is base score minus candidate score of one item, in [-1, 1]; positive is worse, and its
mean is the drop. Nothing is known of how changes are distributed: judges give many tiny gains
beside a few collapses, and a t-test errs there at twice its level. So the sample gets one more
item, the worst that there can be, and all are weighed at random, each alike (Dirichlet(1, …, 1)
weights: Rubin's Bayesian bootstrap). The p-value of "the mean is m or more" is the chance that
such a weighted mean is m or more; the change added is 1 there, and -1 for "m or less".

Of changes that are 0 and 1 alone this is the exact binomial test. That the level holds for every
distribution is a conjecture of Gaffke's to which no counterexample is known; what it does in the
settings that break other tests is simulated by
``scripts/studies/graded.py``. The chance is computed, not drawn, so that it is the same to the last
digit for the same changes in any order.

References
----------
Gaffke (2005), Mathematical Methods of Statistics 14:451-467. Learned-Miller and Thomas (2019),
arXiv:1905.06208 (the same bound, and its simulation). Rubin (1981), Annals of Statistics 9:130-134.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from cliffguard.stats.exponentials import positive_chance
from cliffguard.stats.interval import Interval, check_open_fraction

FloatArray = NDArray[np.float64]

_LEAST_CHANCE = 1e-15  # where the search for an end of the interval may begin; far beyond any alpha
_TOLERANCE = 1e-10  # of an end of the interval


def p_at_least(
    changes: Sequence[float] | FloatArray, mean: float, *, weights: FloatArray | None = None
) -> float:
    """P-value of "the mean change is `mean` or more"; small where it is less.

    Parameters
    ----------
    changes : array of float, shape (n_items,)
        In [-1, 1], in any order; at least one. Or the means of whole clusters.
    mean : float
        The hypothesis, strictly between -1 and 1.
    weights : ndarray, shape (n_items,), optional
        Where changes are those of clusters: the size of each over the largest, in (0, 1]. The mean
        is then that of the items, not of the clusters.

    Returns
    -------
    float
        Right to eight digits or more, however small.

    Notes
    -----
    With items i of clusters g, "the mean of an item is m or more" is "``Σ_{i in g} (x_i - m)`` has
    a mean of 0 or more". So the terms are ``w_g (x_g - m)``, and the worst one is ``1 - m``: a
    cluster as large as the largest that loses everything.
    """
    x = np.asarray(changes, dtype=float)
    if x.ndim != 1:
        raise ValueError("the changes of one sample stand in one row.")
    return float(
        each_p_at_least(x[None], mean, weights=None if weights is None else weights[None])[0]
    )


def each_p_at_least(
    samples: FloatArray, mean: float, *, weights: FloatArray | None = None
) -> FloatArray:
    """`p_at_least` of many samples of one size: arrays of shape (n_samples, n_items)."""
    terms = _sorted_terms(samples, weights)
    if not -1.0 < mean < 1.0:
        raise ValueError(f"a mean to be tested lies strictly between -1 and 1, not {mean}.")
    return _p_at_least(terms, mean)


def p_at_most(
    changes: Sequence[float] | FloatArray, mean: float, *, weights: FloatArray | None = None
) -> float:
    """P-value of "the mean change is `mean` or less"; see `p_at_least`."""
    return p_at_least(-np.asarray(changes, dtype=float), -mean, weights=weights)


def mean_interval(
    changes: Sequence[float] | FloatArray, *, confidence: float, weights: FloatArray | None = None
) -> Interval:
    """Interval of the mean change: what `p_at_least` and `p_at_most` do not reject.

    Parameters
    ----------
    changes, weights
        As in `p_at_least`.
    confidence : float
        Two-sided confidence level, strictly between 0 and 1; each end errs half the rest.
    """
    check_open_fraction("confidence", confidence)
    x = np.asarray(changes, dtype=float)[None]
    w = None if weights is None else weights[None]
    alpha = (1.0 - confidence) / 2.0
    high = _highest(_sorted_terms(x, w), alpha)
    low = -_highest(_sorted_terms(-x, w), alpha)
    return Interval(low, high)


Terms = tuple[FloatArray, FloatArray]
"""Changes and weights of every sample, the added change among them, in an order of their own."""


def _sorted_terms(samples: FloatArray, weights: FloatArray | None) -> Terms:
    x = np.asarray(samples, dtype=float)
    w = np.ones_like(x) if weights is None else np.asarray(weights, dtype=float)
    if x.ndim != 2 or not x.size or x.shape != w.shape:
        raise ValueError("at least one item is needed, in one row, and a weight for each or none.")
    if not np.all(np.abs(x) <= 1):
        raise ValueError("a change lies between -1 and 1.")
    if not np.all((w > 0) & (w <= 1)):
        raise ValueError("a weight lies above 0 and is at most 1.")
    x = np.column_stack([x, np.ones(len(x))])
    w = np.column_stack([w, w.max(axis=1)])
    order = np.lexsort((w, x))
    return np.take_along_axis(x, order, axis=1), np.take_along_axis(w, order, axis=1)


def _p_at_least(terms: Terms, mean: float) -> FloatArray:
    x, w = terms
    return positive_chance(w * (x - mean))


def _highest(terms: Terms, alpha: float) -> float:
    """Return the largest mean that is not rejected at alpha; 1 where none below is.

    On the scale of normal quantiles the p-value is nearly a straight line in the mean.
    """
    x, w = terms
    centre = float((w * x).sum() / w.sum())
    reach = float(np.sqrt(((w * (x - centre)) ** 2).sum()) / w.sum())

    def excess(mean: float) -> float:
        chance = float(_p_at_least(terms, mean)[0])
        chance = min(max(chance, _LEAST_CHANCE), 1.0 - _LEAST_CHANCE)
        return float(ndtri(chance) - ndtri(alpha))

    low = centre
    while low > -1.0 and excess(low) < 0.0:  # alpha is nearly one half, and the sample skewed
        low = max(-1.0, low - reach)
    high = min(1.0, low + 4.0 * reach)
    while high < 1.0 and excess(high) > 0.0:
        high = min(1.0, high + 4.0 * reach)
    if excess(high) >= 0.0:
        return high
    from scipy.optimize import brentq

    return float(brentq(excess, low, high, xtol=_TOLERANCE, rtol=_TOLERANCE))
