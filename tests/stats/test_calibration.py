"""Confidence: what counts as confident and wrong, and smECE against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from cliffguard.stats.calibration import confidence_gap, confident_wrong, smooth_calibration_error


def by_definition(confidences, scores):
    """Return smECE from a dense sum over reflected Gaussians, solved for the width."""
    f, y = np.asarray(confidences), np.asarray(scores)
    t = (np.arange(500) + 0.5) / 500

    def excess(width):
        kernel = sum(
            norm.pdf(t[:, None], centre, width)
            for k in range(-2, 3)
            for centre in (f[None, :] + 2 * k, -f[None, :] + 2 * k)
        )
        return np.mean(np.abs(kernel @ (y - f) / len(f))) - width

    return brentq(excess, 0.005, 0.9, xtol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_the_smooth_error_is_the_one_defined(seed):
    """On overconfident answers of three sizes."""
    rng = np.random.default_rng(seed)
    n = (30, 60, 120)[seed]
    confidence = rng.random(n) ** 0.5
    right = (rng.random(n) < confidence * 0.8).astype(float)

    error = smooth_calibration_error(confidence, right)

    assert error == pytest.approx(by_definition(confidence, right), abs=0.003)


def test_always_wrong_and_always_sure_is_as_bad_as_it_gets():
    """And always right and sure is perfect."""
    assert smooth_calibration_error([1.0] * 50, [0.0] * 50) > 0.9
    assert smooth_calibration_error([1.0] * 50, [1.0] * 50) == pytest.approx(0.0, abs=1e-3)


def test_confident_and_wrong():
    """The threshold counts as confident; an unsure mistake does not."""
    flagged = confident_wrong([0.8, 0.79, 0.95, 0.95], [0.0, 0.0, 1.0, 0.0])

    assert flagged.tolist() == [True, False, False, True]


def test_the_gap_is_confidence_minus_score():
    """Positive is overconfident."""
    assert confidence_gap([0.9, 0.6], [0.0, 1.0]) == pytest.approx([0.9, -0.4])


@pytest.mark.parametrize(
    ("confidences", "scores"), [([0.5], [1.0, 0.0]), ([1.2], [1.0]), ([0.5], [-1.0]), ([], [])]
)
def test_impossible_confidences_are_refused(confidences, scores):
    """A probability and a score, one of each for every item."""
    with pytest.raises(ValueError, match=r"confidences for|lies between"):
        smooth_calibration_error(confidences, scores)
