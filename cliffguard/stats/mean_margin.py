"""Non-inferiority of the mean drop of several capabilities, over several interim looks.

A margin on the mean may be narrow where that of each capability is wide: of K capabilities the mean
is as well known as one capability of K times the items. The test is the score test of one
(`cliffguard.stats.paired`), on a table whose rates are the means of the capabilities' rates, and
whose number of items gives the mean its variance. Where all are of one size that table is about
the sum of theirs. What it does at the margin itself: ``reports/mean-margin/``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from cliffguard.stats.interval import check_open_fraction
from cliffguard.stats.paired import N_BISECTIONS, non_inferiority_p_values, null_variance, score_z
from cliffguard.stats.sequential import HELD_SPENDING, boundaries, repeated_p_of

FloatArray = NDArray[np.float64]

_ROUNDING = 1e-9
_N_STEPS = 3  # of placing the drop; later ones move the variance by less than a percent
_LARGEST_DROP = 0.95


class MeanEvidence(NamedTuple):
    """P-value of "the mean drop is the margin or more", and the largest drop not excluded."""

    p_held: float
    high: float


def mean_size(n_items: Sequence[int] | NDArray[np.int64]) -> int:
    """Return the harmonic mean of numbers of items, rounded: the precision of the mean drop.

    Of capabilities that change alike, the variance of the mean is that of one with so many items,
    over their number.
    """
    return max(1, round(len(n_items) / sum(1 / n for n in n_items)))


def mean_evidence(
    looks: Sequence[MeanTable], sizes: Sequence[int], *, n_planned: int, margin: float, alpha: float
) -> MeanEvidence:
    """Evidence about the mean drop after looks that every capability had its part in.

    Parameters
    ----------
    looks : sequence of MeanTable
        Every look so far, at least one, each containing the one before.
    sizes : sequence of int
        `mean_size` of what was asked at each; a look that adds nothing takes the place of the one
        before.
    n_planned : int
        `mean_size` of what is planned.
    margin : float
        On the mean, strictly between 0 and 1.
    alpha : float
        One-sided error rate, strictly between 0 and 1.

    Notes
    -----
    Alpha is spent as on *held*, by `HELD_SPENDING`. The weights of the capabilities are equal at
    every look, so that what a look adds to the mean is independent of what was there.
    """
    check_open_fraction("alpha", alpha)
    kept = {min(size, n_planned): table for size, table in zip(sizes, looks, strict=True)}
    n_asked = tuple(kept)
    p_values = [float(table.p_at_least(margin)) for table in kept.values()]
    if n_asked == (n_planned,):
        return MeanEvidence(p_values[0], kept[n_planned].highest_drop(float(ndtri(1 - alpha))))
    edge = boundaries(n_asked, n_planned=n_planned, alpha=alpha, spending=HELD_SPENDING)[-1]
    return MeanEvidence(
        repeated_p_of(p_values, n_asked=n_asked, n_planned=n_planned, spending=HELD_SPENDING),
        kept[n_asked[-1]].highest_drop(edge),
    )


class MeanTable:
    """The capabilities as one paired table, for one sample of each or for arrays of them."""

    def __init__(
        self,
        drops: FloatArray,
        squares: FloatArray,
        n_items: FloatArray,
        *,
        margin: float,
        is_graded: NDArray[np.bool_] | bool = False,
        covariance: float = 0.0,
    ) -> None:
        """Put capabilities together, which lie along the last axis.

        Parameters
        ----------
        drops, squares : ndarray
            Mean and mean square of an item's change; of right or wrong answers, the share broken
            less the share fixed, and their sum.
        n_items : ndarray
            Items, or as many independent ones as they are worth.
        margin : float
            On the mean, strictly between 0 and 1.
        is_graded : ndarray of bool, optional
            Whose scores lie between right and wrong.
        covariance : float, optional
            What documents in common add to the variance of the mean.

        Notes
        -----
        Each capability's variance is Nam's, at a drop of the margin or at the one that is likeliest
        if the mean drop is the margin, whichever is more: what is missing to the margin is put
        where the variance of the mean comes from. With the margin for each, a loss in one small
        capability goes unseen in up to 15.5 % at a nominal 4.75 (scripts/studies/mean.py).

        Of graded scores it is at least what it would be if all that is missing were total losses
        that by chance nobody saw: where few collapses are all that varies, a sample that holds few
        of them has a small mean and a small variance at once.
        """
        n_capabilities = drops.shape[-1]
        squares = np.maximum(squares, np.abs(drops))
        broken, fixed = (squares + drops) / 2, (squares - drops) / 2
        missing = n_capabilities * np.maximum(margin - drops.mean(axis=-1, keepdims=True), 0.0)
        at = np.full(np.shape(drops), margin)
        for _ in range(_N_STEPS):
            variances = null_variance(broken, fixed, at) / n_items
            placed = drops + missing * variances / variances.sum(axis=-1, keepdims=True)
            at = np.clip(placed, margin, _LARGEST_DROP)
        variances = null_variance(broken, fixed, at)
        unseen = squares + np.maximum(at - drops, 0.0) - at**2
        variances = np.where(is_graded, np.maximum(variances, unseen), variances)
        variance = (variances / n_items).sum(axis=-1) / n_capabilities**2 + covariance
        broken, fixed = broken.mean(axis=-1), fixed.mean(axis=-1)
        worth = null_variance(broken, fixed, margin) / variance
        n = np.floor(np.minimum(worth, n_items.sum(axis=-1)) + _ROUNDING)
        self.n_items = np.maximum(n, 1).astype(np.int64)
        self.n_broken = np.ceil(self.n_items * broken - _ROUNDING)
        # What a whole number of broken items adds is fixed again: the drop stays what it is.
        self.n_fixed = np.asarray(self.n_broken - self.n_items * (broken - fixed))

    def p_at_least(self, margin: float) -> FloatArray:
        """P-value of "the mean drop is the margin or more"; small: it is less."""
        return non_inferiority_p_values(self.n_broken, self.n_fixed, self.n_items, margin)

    def highest_drop(self, z: float) -> float:
        """Return the largest mean drop whose score statistic does not exceed `z`; at most 1."""
        assert self.n_items.ndim == 0, "of one sample, not of arrays of them"
        low, high = float((self.n_broken - self.n_fixed) / self.n_items), 1.0
        for _ in range(N_BISECTIONS):
            middle = (low + high) / 2
            if middle > 0 and score_z(self.n_broken, self.n_fixed, self.n_items, middle) > z:
                high = middle
            else:
                low = middle
        return high
