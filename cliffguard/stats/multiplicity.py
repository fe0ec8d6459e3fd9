"""Adjustment of p-values when several capabilities or levels are tested together."""

from __future__ import annotations

from collections.abc import Sequence


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
    for position, p_value in enumerate(p_values):
        if not 0 <= p_value <= 1:
            raise ValueError(f"p_values[{position}] must lie between 0 and 1, not {p_value}.")
    adjusted = [0.0] * len(p_values)
    largest_so_far = 0.0
    for rank, position in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        scaled = (len(p_values) - rank) * p_values[position]
        largest_so_far = min(1.0, max(largest_so_far, scaled))
        adjusted[position] = largest_so_far
    return adjusted
