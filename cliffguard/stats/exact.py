"""Exact statements about shares: Clopper and Pearson's interval, Fisher's one-sided test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, gammaln, stdtrit

from cliffguard.stats.clusters import Clustering
from cliffguard.stats.interval import Interval, check_open_fraction


def clopper_pearson_interval(*, n_hits: float, n_items: float, confidence: float) -> Interval:
    """Exact interval of a share.

    Parameters
    ----------
    n_hits : float
        From 0 to `n_items`; what hits are worth where they are not independent.
    n_items : float
        Above 0; independent items, or what items are worth that are not.
    confidence : float
        Two-sided confidence level, strictly between 0 and 1.

    Returns
    -------
    Interval
        Bounds in [0, 1]. Exactly 0 below when nothing hits, exactly 1 above when all does.

    Notes
    -----
    With a = (1 - confidence) / 2, the bounds are the a-quantile of Beta(x, n - x + 1) and the
    (1 - a)-quantile of Beta(x + 1, n - x), which are there for any x and n.

    References
    ----------
    Clopper and Pearson (1934), Biometrika 26:404-413.
    """
    check_open_fraction("confidence", confidence)
    if not n_items > 0:
        raise ValueError(f"n_items must be above 0, not {n_items}.")
    if not 0 <= n_hits <= n_items:
        raise ValueError(f"n_hits ({n_hits}) must lie between 0 and n_items ({n_items}).")
    tail = (1.0 - confidence) / 2
    n_misses = n_items - n_hits
    low = 0.0 if n_hits == 0 else float(betaincinv(n_hits, n_misses + 1.0, tail))
    high = 1.0 if n_misses == 0 else float(betaincinv(n_hits + 1.0, n_misses, 1.0 - tail))
    return Interval(low, high)


def clustered_interval(
    *, n_hits: int, n_items: int, clusters: Clustering, confidence: float
) -> Interval:
    """Return Clopper and Pearson's interval at what items that fall together are worth.

    Notes
    -----
    The effective size is ``n / effect * (t_{n-1} / t_d)²``, for quantiles of Student's t at
    (1 + confidence) / 2 with n - 1 degrees of freedom and the d of the clusters, and never above n.

    References
    ----------
    Korn and Graubard (1998), Survey Methodology 24:193-201.
    """
    check_open_fraction("confidence", confidence)
    upper = (1.0 + confidence) / 2
    shrink = float(stdtrit(max(1, n_items - 1), upper) / stdtrit(clusters.degrees, upper)) ** 2
    worth = min(1.0, shrink / clusters.design_effect)
    return clopper_pearson_interval(
        n_hits=n_hits * worth, n_items=n_items * worth, confidence=confidence
    )


def fisher_greater(n_hits: int, n_items: int, n_other_hits: int, n_others: int) -> float:
    """One-sided p-value of "the items hit no oftener than the others", given all that hit.

    Parameters
    ----------
    n_hits, n_other_hits : int
        From 0 to their number of items.
    n_items, n_others : int
        At least 0; where either is 0 nothing is known, and the p-value is 1.

    Returns
    -------
    float
        The hypergeometric chance of `n_hits` or more among `n_items` of all that hit.

    References
    ----------
    Fisher (1935), Journal of the Royal Statistical Society 98:39-82.
    """
    for hits, items in ((n_hits, n_items), (n_other_hits, n_others)):
        if not 0 <= hits <= items:
            raise ValueError(f"{hits} hits must lie between 0 and {items} items.")
    all_hits = n_hits + n_other_hits
    counts = np.arange(n_hits, min(all_hits, n_items) + 1)
    logs = _log_ways(n_items, counts) + _log_ways(n_others, all_hits - counts)
    logs -= _log_ways(n_items + n_others, np.array(all_hits))
    return min(1.0, float(np.exp(logs).sum()))


def _log_ways(n: int, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the logarithm of how many sets of so many there are among n; -inf where none is."""
    is_possible = chosen <= n
    rest = np.where(is_possible, n - chosen, 0)
    logs = gammaln(n + 1) - gammaln(chosen + 1) - gammaln(rest + 1)
    return np.where(is_possible, logs, -np.inf)
