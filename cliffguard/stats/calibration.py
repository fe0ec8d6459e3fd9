"""Calibration of confidence (smooth ECE, confident errors): changes between two sides.

Estimates of calibration error are biased upwards by an amount that depends on the number of items,
so that only paired changes are of use. Plainest is the share of answers that are *confident and
wrong*: a paired yes or no, to which every test of `cliffguard.stats.paired` applies.

References
----------
Błasiok and Nakkiran (2024), ICLR, arXiv:2309.12236 (smooth calibration error). Roelofs et al.
(2022), AISTATS, arXiv:2012.08668 (bias of binned estimates).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Numbers = Sequence[float] | FloatArray

CONFIDENT = 0.8
"""An answer that is given a probability of this or more is confident."""

_N_BINS = 1000  # of the confidences, before they are smoothed
_N_BISECTIONS = 20


def confident_wrong(
    confidences: Numbers, scores: Numbers, *, threshold: float = CONFIDENT
) -> NDArray[np.bool_]:
    """Say of every answer whether it is confident and wrong.

    Parameters
    ----------
    confidences : array of float, shape (n_items,)
        Probability that the model gives its own answer, in [0, 1].
    scores : array of float, shape (n_items,)
        1 right, 0 wrong.
    threshold : float, optional
        Confidence from which an answer counts, fixed beforehand.
    """
    confidence, score = _checked(confidences, scores)
    return np.asarray((confidence >= threshold) & (score < 1.0))


def confidence_gap(confidences: Numbers, scores: Numbers) -> FloatArray:
    """Confidence minus score of every answer, in [-1, 1]; its mean is the overconfidence.

    Half the difference of two sides' gaps lies in [-1, 1] again, as `cliffguard.stats.e_values`
    asks of a change.
    """
    confidence, score = _checked(confidences, scores)
    return confidence - score


def smooth_calibration_error(confidences: Numbers, scores: Numbers) -> float:
    """smECE: mean size of the miscalibration, smoothed as widely as it is large itself.

    Parameters
    ----------
    confidences, scores : array of float, shape (n_items,)
        As in `confident_wrong`; graded scores are allowed.

    Returns
    -------
    float
        In [0, 1]. 0 when nothing is off at any scale; about 0.04 for a perfectly calibrated model
        on 300 items, which is why only differences are worth a test.

    Notes
    -----
    The residuals ``score - confidence`` are smoothed over the confidence with a Gaussian kernel
    of width w reflected at 0 and 1; ``smECE_w`` is the mean absolute value. It falls as w rises,
    and the error is the w at which ``smECE_w = w``.

    References
    ----------
    Błasiok and Nakkiran (2024), sections 3 and 4.
    """
    from scipy.fft import dct, idct

    confidence, score = _checked(confidences, scores)
    bins = np.minimum((confidence * _N_BINS).astype(int), _N_BINS - 1)
    residuals = np.bincount(bins, weights=score - confidence, minlength=_N_BINS)

    # Reflected at 0 and 1 they are a sum of cosines, of which a Gaussian shrinks each by itself.
    waves = dct(residuals, norm="ortho")
    frequencies = np.pi * np.arange(_N_BINS)

    def smoothed(width: float) -> float:
        off = idct(waves * np.exp(-((frequencies * width) ** 2) / 2), norm="ortho")
        return float(np.abs(off).sum()) / len(score)

    low, high = 0.0, 1.0
    for _ in range(_N_BISECTIONS):
        middle = (low + high) / 2
        if smoothed(middle) < middle:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def _checked(confidences: Numbers, scores: Numbers) -> tuple[FloatArray, FloatArray]:
    confidence, score = np.asarray(confidences, dtype=float), np.asarray(scores, dtype=float)
    if confidence.shape != score.shape or confidence.ndim != 1 or not len(score):
        raise ValueError(f"{confidence.shape} confidences for {score.shape} scores.")
    for name, values in (("confidence", confidence), ("score", score)):
        if not np.all((values >= 0) & (values <= 1)):
            raise ValueError(f"a {name} lies between 0 and 1.")
    return confidence, score
