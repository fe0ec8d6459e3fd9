"""Multiple comparisons: p-values adjusted to a family-wise error, or to false discovery."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scipy.special import ndtr

_LEAST_SHIELD = 0.05


class Share(NamedTuple):
    """What one capability brings to the pooled test.

    `drop` is its mean change, `square` the mean square of an item's change (for right or wrong
    answers the share of items that changed), `n_effective` the number of items, divided by the
    design effect of their clusters.
    """

    drop: float
    square: float
    n_effective: float


def shield_level(alpha: float) -> float:
    """Level at which "held" shields from a proof of a drop: `alpha`, and never below 0.05.

    With alpha itself, a stricter alpha would take the shield away before the proof, and turn PASS
    into FAIL. 0.05 is the level that was studied; there, and above, nothing differs.
    """
    return max(alpha, _LEAST_SHIELD)


def pooled_p_value(
    shares: Sequence[Share], covariances: Mapping[tuple[int, int], float] | None = None
) -> float:
    """One-sided p-value of "no capability dropped", from their weighted mean drop.

    It sees what no single test does: a small loss everywhere. On simulated suites of 8
    capabilities with 500 items each that lost 1.5 points everywhere, the gate failed 77 % of
    candidates, and 38 % by Holm's procedure alone (scripts/studies/calibrate.py).

    Parameters
    ----------
    shares : sequence of Share
        At least one; capabilities that were not measured are left out.
    covariances : mapping of (int, int) to float, optional
        Of the mean drops of two of them, by their places, where they ask about the same documents.

    Returns
    -------
    float
        Normal tail of ``Σ w drop`` over its standard error under no drop, with weights
        ``w = sqrt(n_effective)``, so that one small capability cannot drown the others:
        ``sqrt(Σ w² square / n_effective + 2 Σ w_a w_b covariance_ab)``. 1.0 when nothing changed.

    Notes
    -----
    Where capabilities were stopped early because they held, their drops are biased towards none,
    so that the test is conservative. Documents in common never make the error smaller than it is
    without them: a negative covariance in a sample is mostly chance.
    """
    if not shares:
        raise ValueError("shares must hold at least one capability.")
    weights = [math.sqrt(share.n_effective) for share in shares]
    variance = sum(share.square for share in shares)  # w² square / n_effective
    tied = sum(weights[a] * weights[b] * c for (a, b), c in (covariances or {}).items())
    variance += max(0.0, 2.0 * tied)
    if variance <= 0:
        return 1.0
    total = sum(w * share.drop for w, share in zip(weights, shares, strict=True))
    return float(ndtr(-total / math.sqrt(variance)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the order given.

    Rejecting every hypothesis whose adjusted p-value is at most alpha keeps the chance of even
    one false rejection at alpha, whatever the dependence between the tests.

    Parameters
    ----------
    p_values : sequence of float
        Unadjusted p-values, each in [0, 1]. May be empty.

    Returns
    -------
    list of float
        The k-th smallest of K is multiplied by K - k + 1, raised to the adjusted value before
        it where that is larger, and capped at 1.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6:65-70.
    """
    _check(p_values)
    adjusted = [0.0] * len(p_values)
    largest_so_far = 0.0
    for rank, position in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        scaled = (len(p_values) - rank) * p_values[position]
        largest_so_far = min(1.0, max(largest_so_far, scaled))
        adjusted[position] = largest_so_far
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's adjusted p-values (q-values), in the order given.

    Rejecting every hypothesis whose q-value is at most alpha keeps the expected share of false
    rejections among all at alpha, for tests that are independent or rise and fall together. Where
    every hypothesis is true it is the chance of any rejection.

    Parameters
    ----------
    p_values : sequence of float
        Unadjusted p-values, each in [0, 1]. May be empty.

    Returns
    -------
    list of float
        The k-th smallest of K is multiplied by K / k, and lowered to the adjusted value after it
        where that is smaller.

    References
    ----------
    Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57:289-300.
    """
    _check(p_values)
    adjusted = [1.0] * len(p_values)
    least_so_far = 1.0
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, position in reversed(list(enumerate(order, start=1))):
        least_so_far = min(least_so_far, p_values[position] * len(p_values) / rank)
        adjusted[position] = least_so_far
    return adjusted


def _check(p_values: Sequence[float]) -> None:
    for position, p_value in enumerate(p_values):
        if not 0 <= p_value <= 1:
            raise ValueError(f"p_values[{position}] must lie between 0 and 1, not {p_value}.")
