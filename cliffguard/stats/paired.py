"""Tests and confidence intervals of the drop of binary paired scores at a fixed number of items.

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
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc, ndtr, ndtri

from cliffguard.stats.interval import Interval, check_open_fraction

# Of the corrections to the normal tail, in items: scripts/studies/paired_sizes.py, decision 31.
LATTICE_HELD = 0.5
LATTICE_BEYOND = 0.7
LARGEST_SHIFT = 1.25
FARTHEST_SKEW = 5.0  # standard deviations beyond which the skewness counts no further
N_BISECTIONS = 60  # halves an interval of length 2 down to the spacing of floats near 1

FloatArray = NDArray[np.float64]
Sizes = int | NDArray[np.int64]


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
    # `score_z` for single numbers, for which numpy takes five times as long.
    broken, fixed = n_broken / n_items, n_fixed / n_items
    b = broken + fixed + (2 + broken - fixed) * drop
    twice_q = (b + math.sqrt(max(b * b - 8 * broken * drop * (1 + drop), 0.0))) / 2
    variance = n_items * max(twice_q - drop * (1 + drop), drop * (1 - drop))
    return (n_fixed - n_broken + n_items * drop) / math.sqrt(variance)


def score_z(
    n_broken: FloatArray | NDArray[np.int64] | np.float64,
    n_fixed: FloatArray | NDArray[np.int64] | np.float64,
    n_items: Sizes,
    drop: float,
) -> FloatArray:
    """`tango_z` for arrays of counts and one drop strictly between 0 and 1."""
    variance = n_items * null_variance(n_broken / n_items, n_fixed / n_items, drop)
    return np.asarray((n_fixed - n_broken + n_items * drop) / np.sqrt(variance))


def null_variance(
    rate_broken: FloatArray | float, rate_fixed: FloatArray | float, drop: FloatArray | float
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
        It does not rise with `n_items` (one more item that both answer alike), with `margin`, or
        with `n_fixed` in place of an unchanged item, and does not fall with `n_broken`. It is
        never below the normal tail of `tango_z` at the margin, so that "held" never contradicts
        the interval.

    Notes
    -----
    *The form.* With S = n_broken - n_fixed, the normal tail of the score statistic at ``n_broken +
    c``, where c corrects for what the normal curve leaves out (`_continuity`, `_skew`). Or the
    binomial tail P(X <= n_broken), X ~ Binomial(n_items, margin), where that is smaller: a proof
    in its own right, since no fewer items break than make up the drop. Nothing in it jumps from
    one number of items to the next, as an enumeration's p-value does with every item.

    *The level* was computed by enumerating all tables, for drops of exactly the margin, where a
    false "held" is likeliest (Hsueh, Liu and Chen 2001), and for all discordances, the one
    unknown that is left: `python -m scripts.studies.paired_sizes` and decision 31.

    References
    ----------
    Nam (1997), Biometrics 53:1422-1430. Hsueh, Liu and Chen (2001), Biometrics 57:478-483. Hall
    (1992), The Bootstrap and Edgeworth Expansion, chapter 2.
    """
    check_paired_counts(n_broken, n_fixed, n_items)
    check_open_fraction("margin", margin)
    p_value = non_inferiority_p_values(np.float64(n_broken), np.float64(n_fixed), n_items, margin)
    return float(p_value)


def non_inferiority_p_values(
    n_broken: FloatArray | np.float64,
    n_fixed: FloatArray | np.float64,
    n_items: Sizes,
    margin: float,
) -> FloatArray:
    """`non_inferiority_p` for arrays of counts."""
    z = score_z(n_broken, n_fixed, n_items, margin)
    shift = _continuity(n_broken, n_fixed, n_items, LATTICE_HELD)
    shift -= _skew(n_broken, n_fixed, n_items, margin, z)
    shift = np.clip(shift, 0.0, LARGEST_SHIFT)
    corrected = ndtr(-score_z(n_broken + shift, n_fixed, n_items, margin))
    breaks_alone = bdtr(n_broken, n_items, margin)
    return np.asarray(np.maximum(np.minimum(corrected, breaks_alone), ndtr(-z)))


def beyond_p(*, n_broken: int, n_fixed: int, n_items: int, margin: float) -> float:
    """One-sided p-value of "the true drop is `margin` or less"; small means that it is more.

    Parameters are those of `non_inferiority_p`.

    Returns
    -------
    float
        The other tail of the same statistic, corrected alike, and never below P(X >= n_broken -
        n_fixed), X ~ Binomial(n_items, margin).
    """
    check_paired_counts(n_broken, n_fixed, n_items)
    check_open_fraction("margin", margin)
    return float(beyond_p_values(np.float64(n_broken), np.float64(n_fixed), n_items, margin))


def beyond_p_values(
    n_broken: FloatArray | np.float64, n_fixed: FloatArray | np.float64, n_items: int, margin: float
) -> FloatArray:
    """`beyond_p` for arrays of counts."""
    z = score_z(n_broken, n_fixed, n_items, margin)
    shift = _continuity(n_broken, n_fixed, n_items, LATTICE_BEYOND)
    shift += _skew(n_broken, n_fixed, n_items, margin, -z)
    shifted = np.maximum(n_broken - np.maximum(shift, 0.0), 0.0)
    corrected = ndtr(score_z(shifted, n_fixed, n_items, margin))
    surplus = n_broken - n_fixed
    breaks_alone = np.where(surplus > 0, bdtrc(np.maximum(surplus - 1, 0), n_items, margin), 1.0)
    return np.asarray(np.maximum(np.maximum(corrected, breaks_alone), ndtr(z)))


def _continuity(
    n_broken: FloatArray | np.float64,
    n_fixed: FloatArray | np.float64,
    n_items: Sizes,
    lattice: float,
) -> FloatArray:
    """Items by which the normal tail is shifted because counts are whole numbers.

    Where nothing is fixed, n_broken moves in steps of 1, and half a step is due. Fixed items blur
    the steps, the more the better. Where every item changes, S moves in steps of 2, and nothing
    blurs them.
    """
    blurred = lattice / np.sqrt(n_fixed + 0.5)
    return np.asarray(blurred + ((n_broken + n_fixed) / n_items) ** 2)


def _skew(
    n_broken: FloatArray | np.float64,
    n_fixed: FloatArray | np.float64,
    n_items: Sizes,
    margin: float,
    statistic: FloatArray,
) -> FloatArray:
    """Items by which the skewness of S moves the quantile at `statistic` (Cornish and Fisher).

    It is ``(statistic² - 1) / 6`` times the third cumulant of an item's change over its variance,
    both as estimated under the hypothesis that the drop equals the margin. The restricted estimate
    of the discordance is uncorrelated with S, and so adds nothing of this order.
    """
    variance = null_variance(n_broken / n_items, n_fixed / n_items, margin)
    discordance = variance + margin**2
    third = margin * (1 - 3 * discordance + 2 * margin**2)
    reached = np.minimum(statistic, FARTHEST_SKEW)
    return np.asarray(third / variance * (reached * reached - 1) / 6)


def non_inferior(*, n_broken: int, n_fixed: int, n_items: int, margin: float, alpha: float) -> bool:
    """Whether a drop of `margin` or more is rejected at level `alpha`: the capability is held.

    Parameters are those of `non_inferiority_p`, whose guarantees it carries; `alpha` lies strictly
    between 0 and 1.
    """
    check_open_fraction("alpha", alpha)
    p_value = non_inferiority_p(n_broken=n_broken, n_fixed=n_fixed, n_items=n_items, margin=margin)
    return p_value <= alpha


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
