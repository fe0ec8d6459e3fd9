"""Sample size and power of the paired tests: items needed, detectable drop.

Planning formulas for the two tests in `cliffguard.stats.paired`. They are normal
approximations; asked for a power of 0.9, they gave an exact power of 0.88 or more wherever they
were enumerated (margins 0.02 to 0.1, discordance 0.02 to 0.3).

References
----------
Nam (1997), Biometrics 53:1422-1430. Connett, Smith and McHugh (1987), Statistics in Medicine
6:53-59.
"""

from __future__ import annotations

import math

from scipy.special import ndtri

from cliffguard.stats.interval import check_open_fraction
from cliffguard.stats.paired import check_paired_counts, non_inferior, null_variance


def items_needed(
    *, margin: float, alpha: float, power: float, discordance: float, drop: float = 0.0
) -> int:
    """Number of items at which "held" is proven with probability `power`.

    Parameters
    ----------
    margin : float
        Largest tolerated drop, strictly between 0 and 1.
    alpha : float
        One-sided error rate, strictly between 0 and 1.
    power : float
        Wanted probability of "held"; greater than `alpha`, less than 1.
    discordance : float
        Expected share of items that change, broken and fixed together, in [0, 1].
    drop : float, optional
        True drop to plan for; less than `margin`, at most `discordance` in size.

    Returns
    -------
    int
        ``(z_alpha sqrt(v0) + z_power sqrt(v))² / (margin - drop)²``, rounded up, and not less
        than `smallest_deciding_n`.

    Notes
    -----
    ``v = discordance - drop²`` is the variance of an item's change; v0 is what the score test
    takes it to be when it is told that the drop equals the margin. When far more items change
    than the margin, v0 approaches v, and without a drop the number of items approaches
    ``(z_alpha + z_power)² discordance / margin²``: 8.56 discordance / margin² for alpha 0.05 and
    power 0.9. Fewer changes than that need more items than this rule of thumb says: 4 % more for
    a discordance of 0.1 and a margin of 0.03, 9 % for 0.1 and 0.05, 30 % where the two are equal.

    References
    ----------
    Nam (1997), Biometrics 53:1422-1430.
    """
    _check_rates(alpha, power, discordance)
    check_open_fraction("margin", margin)
    if not drop < margin:
        raise ValueError(f"drop ({drop}) must be less than margin ({margin}): nothing to prove.")
    if not abs(drop) <= discordance:
        raise ValueError(f"drop ({drop}) must not exceed discordance ({discordance}) in size.")
    rate_broken, rate_fixed = (discordance + drop) / 2, (discordance - drop) / 2
    null_part = float(ndtri(1 - alpha)) * math.sqrt(null_variance(rate_broken, rate_fixed, margin))
    true_part = float(ndtri(power)) * math.sqrt(discordance - drop**2)
    n_items = math.ceil(((null_part + true_part) / (margin - drop)) ** 2)
    return max(n_items, smallest_deciding_n(margin=margin, alpha=alpha))


def smallest_deciding_n(*, margin: float, alpha: float) -> int:
    """Smallest number of items at which a candidate that changes nothing is held.

    With fewer items the suite cannot pass at this margin, whatever the candidate does short of
    fixing items.

    Parameters
    ----------
    margin : float
        Largest tolerated drop, strictly between 0 and 1.
    alpha : float
        One-sided error rate, strictly between 0 and 1.

    Returns
    -------
    int
        99 at a margin of 0.03 and 59 at 0.05, for alpha 0.05.

    Notes
    -----
    A candidate that breaks a share `margin` of the items and fixes none shows no change in n of
    them with probability ``(1 - margin)^n``; a test that keeps its level must wait until this is
    at most alpha. The statistic alone exceeds the normal quantile earlier, at 88 and 52 items,
    where the probability is still 6.9 %. For small alphas it is the other way round, and the
    statistic, ``Z² = n margin / (1 - margin)``, decides.
    """
    check_open_fraction("margin", margin)
    check_open_fraction("alpha", alpha)
    z_alpha = max(0.0, float(ndtri(1 - alpha)))
    n_items = max(
        math.floor(math.log(alpha) / math.log1p(-margin)),
        math.floor(z_alpha**2 * (1 - margin) / margin),
        1,
    )
    while not non_inferior(n_broken=0, n_fixed=0, n_items=n_items, margin=margin, alpha=alpha):
        n_items += 1
    return n_items


def detectable_drop(
    *, n_items: int, alpha: float, power: float, discordance: float
) -> float | None:
    """Smallest true drop that is proven to be a drop with probability `power`.

    Parameters
    ----------
    n_items : int
        Items asked, at least 1.
    alpha : float
        One-sided error rate of the test of "no drop", strictly between 0 and 1.
    power : float
        Wanted probability of the proof; greater than `alpha`, less than 1.
    discordance : float
        Expected share of items that change, broken and fixed together, in [0, 1].

    Returns
    -------
    float or None
        The drop d that solves ``d sqrt(n) = z_alpha sqrt(discordance) + z_power
        sqrt(discordance - d²)``. None if no drop is detectable: d cannot exceed the discordance.

    References
    ----------
    Connett, Smith and McHugh (1987), Statistics in Medicine 6:53-59.
    """
    _check_rates(alpha, power, discordance)
    if not n_items >= 1:
        raise ValueError(f"n_items must be at least 1, not {n_items}.")
    z_alpha, z_power = float(ndtri(1 - alpha)), float(ndtri(power))
    under_root = n_items + z_power**2 - z_alpha**2
    if under_root < 0:
        return None
    numerator = z_alpha * math.sqrt(n_items) + z_power * math.sqrt(under_root)
    drop = math.sqrt(discordance) * numerator / (n_items + z_power**2)
    return drop if 0 < drop <= discordance else None


def items_to_decide(
    *,
    n_broken: int,
    n_fixed: int,
    n_items: int,
    margin: float,
    alpha: float,
    power: float,
    may_regress: bool = True,
) -> int:
    """Total number of items at which the capability would probably be held or regressed.

    Meant for a result that is neither. It supposes that items go on breaking and being fixed at
    the rates seen so far, which is a plan and not a prediction.

    Parameters
    ----------
    n_broken, n_fixed, n_items : int
        Counts seen so far; see the package docstring.
    margin, alpha, power : float
        As in `items_needed`.
    may_regress : bool, optional
        Whether a proof of a drop decides. If not, a drop below the margin has to be held.

    Returns
    -------
    int
        The smaller of the number that proves "held" (if the drop is below the margin) and the
        number that proves "regressed" (if it is above zero), and at least ``n_items + 1``.

    Notes
    -----
    There is always an answer. Any drop is below the margin or above zero, and between the two it
    is both: there either proof may come, neither is an error, and the nearer one decides. The
    worst case is a drop of half the margin, which costs four times the items of no drop at all.

    The rates are shrunk by two imaginary items, one of them changed, half broken and half fixed,
    since no change among few items does not mean that items never change.
    """
    check_paired_counts(n_broken, n_fixed, n_items)
    check_open_fraction("margin", margin)
    discordance = (n_broken + n_fixed + 1) / (n_items + 2)
    drop = (n_broken - n_fixed) / (n_items + 2)
    _check_rates(alpha, power, discordance)
    enough = []
    if drop < margin:
        enough.append(
            items_needed(
                margin=margin, alpha=alpha, power=power, discordance=discordance, drop=drop
            )
        )
    if drop > 0 and (may_regress or not enough):
        enough.append(_items_to_regress(drop, discordance, alpha, power))
    return max(n_items + 1, min(enough))


def _items_to_regress(drop: float, discordance: float, alpha: float, power: float) -> int:
    """Items at which McNemar's test proves this drop with probability `power`."""
    null_part = float(ndtri(1 - alpha)) * math.sqrt(discordance)
    true_part = float(ndtri(power)) * math.sqrt(discordance - drop**2)
    return math.ceil(((null_part + true_part) / drop) ** 2)


def _check_rates(alpha: float, power: float, discordance: float) -> None:
    """Raise ValueError unless 0 < alpha < power < 1 and the discordance is a share."""
    check_open_fraction("alpha", alpha)
    check_open_fraction("power", power)
    if not power > alpha:
        raise ValueError(f"power ({power}) must be greater than alpha ({alpha}).")
    if not 0 <= discordance <= 1:
        raise ValueError(f"discordance must lie between 0 and 1, not {discordance}.")
