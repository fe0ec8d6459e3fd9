"""Tests and intervals for the drop of binary paired scores at a fixed number of items.

Two questions are asked of the same three counts, and neither answers the other:

- *Held*: is a drop of the margin or more rejected? (`non_inferior`, the score test)
- *Regressed*: is "no drop" rejected? (`mcnemar_mid_p`, McNemar's test)

The score statistic and its interval are Tango's; at the margin they are Nam's test of
non-inferiority. Both allow items that never change, unlike the usual standard error of a paired
difference, whose false "held" rate reaches 20 % at 100 items when changes are rare.

References
----------
Tango (1998), Statistics in Medicine 17:891-908. Nam (1997), Biometrics 53:1422-1430.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, gammaln, ndtr, ndtri

from cliffguard.stats.interval import Interval, check_open_fraction

N_ITEMS_ASYMPTOTIC = 300  # from here on the normal quantile is used as it stands
TIED_Z = 1e-9  # statistics closer than this are equal up to rounding, and rejected together
N_GRID = 600  # discordances at which the exact null probabilities are computed
GRID_ERROR = 2e-5  # more than such a grid was seen to hide of a maximum, see _null_tails
N_BISECTIONS = 60  # halves an interval of length 2 down to the spacing of floats near 1

FloatArray = NDArray[np.float64]


class PairedCounts(NamedTuple):
    """The counts that binary paired scores come down to; see the package docstring."""

    n_broken: int
    n_fixed: int
    n_items: int

    @property
    def drop(self) -> float:
        """Share of items broken minus share fixed: positive is worse."""
        return (self.n_broken - self.n_fixed) / self.n_items

    @property
    def swapped(self) -> PairedCounts:
        """The same table from candidate to base: what was fixed is broken."""
        return PairedCounts(self.n_fixed, self.n_broken, self.n_items)


def check_paired_counts(n_broken: int, n_fixed: int, n_items: int) -> None:
    """Raise ValueError unless the counts describe at least one item, none of them twice."""
    if not n_items >= 1:
        raise ValueError(f"n_items must be at least 1, not {n_items}.")
    if not (n_broken >= 0 and n_fixed >= 0):
        raise ValueError(f"n_broken ({n_broken}) and n_fixed ({n_fixed}) must not be negative.")
    if not n_broken + n_fixed <= n_items:
        raise ValueError(
            f"n_broken ({n_broken}) + n_fixed ({n_fixed}) must not be greater than "
            f"n_items ({n_items})."
        )


def tango_z(*, n_broken: int, n_fixed: int, n_items: int, drop: float) -> float:
    """Score statistic of the hypothesis that the true drop equals `drop`.

    Parameters
    ----------
    n_broken, n_fixed, n_items : int
        Counts of the paired table; see the package docstring.
    drop : float
        Hypothesised drop, in [-1, 1].

    Returns
    -------
    float
        Approximately standard normal under the hypothesis. Large and positive is evidence that
        the true drop is *smaller* than `drop`; it rises with `drop` and with `n_fixed` and falls
        with `n_broken`. At ``drop=0`` it is McNemar's z, ``(n_fixed - n_broken) /
        sqrt(n_fixed + n_broken)``, and 0.0 when nothing changed. At ``drop=1``, where every item
        must break, it is 0.0 if every item did and infinite otherwise; likewise at ``drop=-1``.

    Notes
    -----
    With n items, D the hypothesised drop, and the observed rates ``l = n_broken / n`` and
    ``g = n_fixed / n``, the broken rate under the hypothesis is estimated by maximum likelihood,
    ``q = (b + sqrt(b² - 8 l D(1+D))) / 4`` where ``b = l + g + (2 + l - g) D``. Then
    ``Z = (n_fixed - n_broken + nD) / sqrt(n (2q - D(1+D)))``.

    References
    ----------
    Tango (1998), Statistics in Medicine 17:891-908.
    """
    check_paired_counts(n_broken, n_fixed, n_items)
    if not -1 <= drop <= 1:
        raise ValueError(f"drop must lie between -1 and 1, not {drop}.")
    if drop < 0:  # seen from the other side; also keeps q free of cancellation
        return 0.0 - tango_z(n_broken=n_fixed, n_fixed=n_broken, n_items=n_items, drop=-drop)
    n_changed = n_broken + n_fixed
    if drop == 0:
        return (n_fixed - n_broken) / math.sqrt(n_changed) if n_changed else 0.0
    if drop == 1:
        return 0.0 if n_broken == n_items else math.inf
    return float(score_z(np.float64(n_broken), np.float64(n_fixed), n_items, drop))


def score_z(
    n_broken: FloatArray | NDArray[np.int64] | np.float64,
    n_fixed: FloatArray | NDArray[np.int64] | np.float64,
    n_items: int,
    drop: float,
) -> FloatArray:
    """`tango_z` for arrays of counts and one drop strictly between 0 and 1."""
    variance = n_items * null_variance(n_broken / n_items, n_fixed / n_items, drop)
    return np.asarray((n_fixed - n_broken + n_items * drop) / np.sqrt(variance))


def null_variance(
    rate_broken: FloatArray | float, rate_fixed: FloatArray | float, drop: float
) -> FloatArray:
    """Variance of one item's change, estimated under the hypothesis that the drop equals `drop`.

    The rates are those observed, or those expected of a very large suite; `drop` lies strictly
    between 0 and 1. The restricted estimate q of the broken rate is then at least `drop`, so
    that the variance, ``2q - drop(1 + drop)``, is at least ``drop(1 - drop)``; rounding is not
    allowed to make it less.
    """
    b = rate_broken + rate_fixed + (2 + rate_broken - rate_fixed) * drop
    discriminant = np.maximum(b * b - 8 * rate_broken * drop * (1 + drop), 0.0)
    variance = (b + np.sqrt(discriminant)) / 2 - drop * (1 + drop)
    return np.asarray(np.maximum(variance, drop * (1 - drop)))


def tango_interval(*, n_broken: int, n_fixed: int, n_items: int, confidence: float) -> Interval:
    """Score interval of the drop: the drops that `tango_z` does not reject.

    Parameters
    ----------
    n_broken, n_fixed, n_items : int
        Counts of the paired table; see the package docstring.
    confidence : float
        Two-sided confidence level, strictly between 0 and 1. The upper bound at
        ``confidence = 1 - 2 alpha`` lies below the margin whenever `non_inferior` is true.

    Returns
    -------
    Interval
        Bounds of the drop, within [-1, 1]. It contains the observed drop, is never a single
        point, and ends at 1 (or begins at -1) only when every item was broken (or fixed).

    Notes
    -----
    The bounds solve ``Z(drop) = ±z``. They are found by bisection, since Z is infinite at the
    ends of the range, and agree with the closed form of Yang, Sun and Hardin (2013),
    Statistics in Medicine, doi:10.1002/sim.5561.

    References
    ----------
    Tango (1998), Statistics in Medicine 17:891-908.
    """
    check_open_fraction("confidence", confidence)
    z = float(ndtri((1 + confidence) / 2))
    return score_interval(n_broken=n_broken, n_fixed=n_fixed, n_items=n_items, z=z)


def score_interval(*, n_broken: int, n_fixed: int, n_items: int, z: float) -> Interval:
    """Drops at which `tango_z` lies between -z and z: `tango_interval` for any critical value.

    With the boundary of a look for z, it is the repeated interval of that look (Jennison and
    Turnbull 1989, Journal of the Royal Statistical Society B 51:305-361). z may be infinite.
    """
    check_paired_counts(n_broken, n_fixed, n_items)
    if not z > 0:
        raise ValueError(f"z must be above 0, not {z}.")
    return Interval(
        low=-_largest_drop_not_rejected(n_fixed, n_broken, n_items, z),
        high=_largest_drop_not_rejected(n_broken, n_fixed, n_items, z),
    )


def _largest_drop_not_rejected(n_broken: int, n_fixed: int, n_items: int, z: float) -> float:
    """Largest drop whose score statistic does not exceed z, from the observed drop up to 1."""
    not_rejected, rejected = (n_broken - n_fixed) / n_items, 1.0
    if n_broken == n_items:
        return rejected
    for _ in range(N_BISECTIONS):
        middle = (not_rejected + rejected) / 2
        if tango_z(n_broken=n_broken, n_fixed=n_fixed, n_items=n_items, drop=middle) > z:
            rejected = middle
        else:
            not_rejected = middle
    return not_rejected


def non_inferiority_p(*, n_broken: int, n_fixed: int, n_items: int, margin: float) -> float:
    """One-sided p-value of "the true drop is `margin` or more"; small means held.

    Parameters
    ----------
    n_broken, n_fixed, n_items : int
        Counts of the paired table; see the package docstring.
    margin : float
        Largest tolerated drop, strictly between 0 and 1.

    Returns
    -------
    float
        At 300 items or more the normal tail of the score statistic at the margin. Below, the
        larger of that and the exact probability, maximised over the discordance, of a statistic
        at least as large. It is at most alpha exactly when `non_inferior` is true.

    References
    ----------
    Nam (1997), Biometrics 53:1422-1430. Exact form: Hsueh, Liu and Chen (2001), Biometrics
    57:478-483.
    """
    check_open_fraction("margin", margin)
    z = tango_z(n_broken=n_broken, n_fixed=n_fixed, n_items=n_items, drop=margin)
    normal_p = float(ndtr(-z))
    if n_items >= N_ITEMS_ASYMPTOTIC:
        return normal_p
    statistics, tail, _ = _null_tails(n_items, margin)
    rank = int(np.searchsorted(-statistics, -z - TIED_Z / 2))
    return min(1.0, max(normal_p, float(tail[rank])))


def beyond_p(*, n_broken: int, n_fixed: int, n_items: int, margin: float) -> float:
    """One-sided p-value of "the true drop is `margin` or less"; small means that it is more.

    Parameters are those of `non_inferiority_p`.

    Returns
    -------
    float
        The other tail of the same statistic: normal at 300 items or more; below, the larger of
        that and the exact probability, maximised over the discordance, of a statistic at most as
        large.
    """
    check_open_fraction("margin", margin)
    z = tango_z(n_broken=n_broken, n_fixed=n_fixed, n_items=n_items, drop=margin)
    normal_p = float(ndtr(z))
    if n_items >= N_ITEMS_ASYMPTOTIC:
        return normal_p
    statistics, _, tail = _null_tails(n_items, margin)
    rank = int(np.searchsorted(-statistics, -z - TIED_Z / 2))
    return min(1.0, max(normal_p, float(tail[rank])))


@lru_cache(maxsize=1024)
def critical_value(n_items: int, margin: float, alpha: float) -> float:
    """Value that the score statistic at the margin must exceed for "held" at level `alpha`.

    Parameters
    ----------
    n_items : int
        Items asked, at least 1.
    margin : float
        Largest tolerated drop, strictly between 0 and 1.
    alpha : float
        One-sided error rate, strictly between 0 and 1.

    Returns
    -------
    float
        At 300 items or more the normal quantile z at 1 - alpha (1.645 for 0.05). Below, the
        smallest value, not less than z, at which the exact probability of a false "held" is at
        most alpha for every true drop of the margin or more and every discordance considered
        (see Notes).

    Notes
    -----
    *Exact part.* Counts are trinomial. The statistic falls with n_broken and rises with n_fixed,
    so among true drops of the margin or more a false "held" is likeliest at the margin itself
    (Hsueh, Liu and Chen 2001). The one unknown left is the discordance, the share of items that
    change. It runs from the margin to ``(1 + margin²) / 2``: with this drop, two checkpoints
    change more items than that only if the candidate tends to be right where the base is wrong.
    Beyond, with most of the suite overturned, the exact rate at alpha = 0.05 is at most 6.3 %
    from 50 items on, for margins from 0.01 to 0.1.

    *Why never below z.* A smaller value is sometimes admissible, the counts being discrete. It is
    not used, so that "held" never contradicts the interval of level 1 - 2 alpha that is shown
    beside it.

    *From 300 items on* the level is approximate: with alpha = 0.05 the exact rate is at most
    6.1 % for margins of 0.02 or more and 5.7 % for margins of 0.05 or more. The largest excess
    occurs where every change is a break.

    References
    ----------
    Nam (1997), Biometrics 53:1422-1430. Hsueh, Liu and Chen (2001), Biometrics 57:478-483. Lloyd
    and Moldovan (2008), Statistics in Medicine 27:3540-3549.
    """
    if not n_items >= 1:
        raise ValueError(f"n_items must be at least 1, not {n_items}.")
    check_open_fraction("margin", margin)
    check_open_fraction("alpha", alpha)
    normal_quantile = float(ndtri(1 - alpha))
    if n_items >= N_ITEMS_ASYMPTOTIC:
        return normal_quantile
    statistics, tail, _ = _null_tails(n_items, margin)
    first_not_rejected = int(np.searchsorted(tail, alpha, side="right"))
    return max(normal_quantile, float(statistics[first_not_rejected]) + TIED_Z / 2)


@lru_cache(maxsize=32)
def _null_tails(n_items: int, margin: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Attainable score statistics, largest first, and the null probabilities of one as extreme.

    First that of reaching it from below, then that of not exceeding it.

    The probabilities are the largest over the discordance, at a true drop of the margin. The grid
    of discordances is even on the arcsine scale, where the counts have a constant variance; it
    misses less than GRID_ERROR of the maximum, which is added.
    """
    n_broken, n_fixed = np.divmod(np.arange((n_items + 1) ** 2), n_items + 1)
    possible = n_broken + n_fixed <= n_items
    broken, fixed = n_broken[possible].astype(float), n_fixed[possible].astype(float)
    z = score_z(broken, fixed, n_items, margin)
    order = np.argsort(-z, kind="stable")
    z, broken, fixed = z[order], broken[order], fixed[order]
    same = n_items - broken - fixed
    log_ways = gammaln(n_items + 1) - gammaln(broken + 1) - gammaln(fixed + 1) - gammaln(same + 1)
    upper, lower = np.zeros_like(z), np.zeros_like(z)
    largest = (1 + margin**2) / 2
    for angle in np.linspace(0, math.pi / 2, N_GRID):
        discordance = margin + (largest - margin) * math.sin(angle) ** 2
        rate_fixed = max((discordance - margin) / 2, np.finfo(float).tiny)  # keeps 0·log 0 at 0
        log_probability = log_ways + broken * math.log((discordance + margin) / 2)
        log_probability += fixed * math.log(rate_fixed)
        log_probability += same * math.log1p(-discordance)
        probability = np.exp(log_probability)
        np.maximum(upper, np.cumsum(probability), out=upper)
        np.maximum(lower, np.cumsum(probability[::-1])[::-1], out=lower)
    new_value = -np.diff(z) > TIED_Z
    first_of_tie, last_of_tie = np.append(True, new_value), np.append(new_value, True)
    return z[first_of_tie], upper[last_of_tie] + GRID_ERROR, lower[first_of_tie] + GRID_ERROR


def non_inferior(*, n_broken: int, n_fixed: int, n_items: int, margin: float, alpha: float) -> bool:
    """Whether a drop of `margin` or more is rejected at level `alpha`: the capability is held.

    Parameters are those of `non_inferiority_p` and `critical_value`, whose guarantee it carries.
    """
    z = tango_z(n_broken=n_broken, n_fixed=n_fixed, n_items=n_items, drop=margin)
    return z > critical_value(n_items, margin, alpha)


def mcnemar_mid_p(*, n_broken: int, n_fixed: int) -> float:
    """One-sided mid-p-value of "no drop"; small means that the candidate is worse.

    The exact p-value counts only half of the probability of the observed split,
    ``p = P(X > n_broken) + P(X = n_broken) / 2``, which removes most of its conservatism. 1.0
    when nothing changed: identical answers are no evidence at all. The level is not guaranteed,
    but was never exceeded in the 9595 scenarios of the reference.

    References
    ----------
    Fagerland, Lydersen and Laake (2013), BMC Medical Research Methodology 13:91.
    """
    if not (n_broken >= 0 and n_fixed >= 0):
        raise ValueError(f"n_broken ({n_broken}) and n_fixed ({n_fixed}) must not be negative.")
    return float(mid_p_values(np.int64(n_broken), np.int64(n_fixed)))


def mid_p_values(
    n_broken: NDArray[np.int64] | np.int64, n_fixed: NDArray[np.int64] | np.int64
) -> FloatArray:
    """`mcnemar_mid_p` for arrays of counts."""
    n_changed = n_broken + n_fixed
    more_extreme = np.where(n_fixed > 0, bdtr(np.maximum(n_fixed - 1, 0), n_changed, 0.5), 0.0)
    half = (bdtr(n_fixed, n_changed, 0.5) + more_extreme) / 2
    return np.asarray(np.where(n_changed > 0, half, 1.0))
