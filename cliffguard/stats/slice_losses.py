"""Two more questions of a slice: do more items lose, and is more lost of what the base had?

`cliffguard.stats.slice_tests` compares means. Means err where one score in ten gains much and all
others lose a little, and where a candidate lost everything: then most is lost where the base was
best.

References
----------
Brown and Mood (1951), Proceedings of the second Berkeley Symposium, pages 159-166 (counts above the
median of all). Cochran (1977), Sampling Techniques, section 6.4 (residuals of a ratio).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cliffguard.stats.slice_tests import larger_share_p_value

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

_ROUNDING = 1e-9


def is_graded(changes: FloatArray) -> bool:
    """Return whether some change is no whole answer lost or gained."""
    return bool(np.abs(changes - np.rint(changes)).max(initial=0.0) > _ROUNDING)


def more_above_mean_p_value(changes: FloatArray, inside: BoolArray, clusters: IntArray) -> float:
    """One-sided p-value of "no more items inside lost more than the mean of all than outside".

    Where one score in ten gains much and the others lose a little, a small slice without a gain
    seems certain to lose: its changes are alike, and flipped signs and Welch's t go by what they
    see. How many are above the mean does not depend on how far the rare ones reach. It is Mood's
    median test, with the mean in the median's place.

    Parameters
    ----------
    changes, inside, clusters : ndarray, shape (n_items,)
        As of `more_inside_p_value`.

    Returns
    -------
    float
        That of `larger_share_p_value`.
    """
    above = changes > changes.mean() + _ROUNDING
    return larger_share_p_value(above & inside, inside, above & ~inside, ~inside, clusters)


def beyond_share(changes: FloatArray, had: FloatArray) -> FloatArray:
    """Return what was lost beyond the share of the base's score that is lost of all items.

    Parameters
    ----------
    changes : ndarray of float, shape (n_items,)
        Base score minus candidate score of every item.
    had : ndarray of float, shape (n_items,)
        The base's scores, in [0, 1].

    Returns
    -------
    ndarray of float, shape (n_items,)
        ``changes - r had`` with the ratio ``r = Σ changes / Σ had``, at least 0: the residuals of a
        ratio estimate. All 0 where all was lost.
    """
    total = float(had.sum())
    ratio = max(0.0, float(changes.sum()) / total) if total else 0.0
    left = changes - ratio * had
    return np.where(np.abs(left) > _ROUNDING, left, 0.0)
