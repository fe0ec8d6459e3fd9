"""Wilson confidence intervals of proportions, and the check of fractions that modules share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval of a drop or of a mean, in score units.

    Raises
    ------
    ValueError
        If ``low`` exceeds ``high``, or if one of them is not a number.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"low ({self.low}) must not be greater than high ({self.high}).")


def check_open_fraction(name: str, fraction: float) -> None:
    """Raise ValueError unless ``fraction`` lies strictly between 0 and 1; NaN does not."""
    if not 0 < fraction < 1:
        raise ValueError(f"{name} must lie strictly between 0 and 1, not {fraction}.")


def wilson_interval(*, n_right: float, n_items: int, confidence: float) -> Interval:
    """Score interval of the share of right answers of one checkpoint.

    Parameters
    ----------
    n_right : float
        Items answered correctly, from 0 to `n_items`; of graded scores, their sum.
    n_items : int
        Items asked, at least 1.
    confidence : float
        Two-sided confidence level, strictly between 0 and 1.

    Returns
    -------
    Interval
        Bounds in [0, 1]. Exactly 0 below when nothing is right, exactly 1 above when all is.

    Notes
    -----
    With p = n_right / n and z the standard normal quantile at (1 + confidence) / 2, the bounds
    are ``(p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)``.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22:209-212.
    """
    check_open_fraction("confidence", confidence)
    if not n_items >= 1:
        raise ValueError(f"n_items must be at least 1, not {n_items}.")
    if not 0 <= n_right <= n_items:
        raise ValueError(f"n_right ({n_right}) must lie between 0 and n_items ({n_items}).")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = n_right / n_items
    centre = share + z * z / (2 * n_items)
    reach = z * math.sqrt(share * (1 - share) / n_items + z * z / (4 * n_items**2))
    scale = 1 + z * z / n_items
    low = 0.0 if n_right == 0 else max(0.0, (centre - reach) / scale)
    high = 1.0 if n_right == n_items else min(1.0, (centre + reach) / scale)
    return Interval(low, high)
