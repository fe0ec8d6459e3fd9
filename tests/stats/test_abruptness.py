"""A step against a line and a constant rate: what each of them fits."""

from __future__ import annotations

import numpy as np
import pytest

from cliffguard.stats import abruptness as steps
from cliffguard.stats.abruptness import Rungs, abruptness

CHANCE = 0.25
BASE = CHANCE + 0.75 * 0.95 ** np.arange(6)


def exactly(base, drops, n=2000):
    """Return levels with these means to the item: so many are broken, none is fixed."""
    bases, changes = [], []
    for right, drop in zip(base, drops, strict=True):
        bases.append((np.arange(n) < round(right * n)).astype(float))
        changes.append((np.arange(n) < round(drop * n)).astype(float))
    return Rungs(changes, bases, is_blocked=False)


def fitted(null, base, drops, **known):
    """Return what a null leaves of these means, and its drops."""
    means = steps._Means(*(np.array([row]) for row in (base, drops, drops)))
    return null(means, np.full((1, len(drops)), 1e4), **known)


@pytest.mark.parametrize(("share", "rate"), [(1.0, 0.9), (0.98, 0.85), (1.0, 0.3), (0.6, 1.0)])
def test_a_constant_rate_is_found(share, rate):
    """What decays by it, over chance, is fitted to a tenth of a point."""
    drops = (BASE - CHANCE) * (1 - share * rate ** np.arange(6))

    fit = fitted(steps._constant_rate, BASE, drops, chance=CHANCE)

    assert fit.drop[0] == pytest.approx(drops, abs=1e-3)


def test_a_line_is_found():
    """Least squares leave nothing of it."""
    fit = fitted(steps._line, BASE, np.linspace(0.02, 0.2, 6))

    assert fit.left[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("drops", "fits_step"),
    [
        (np.linspace(0.0, 0.3, 6), False),
        ((BASE - CHANCE) * (1 - 0.85 ** np.arange(1, 7)), False),
        (np.array([0.02, 0.02, 0.02, 0.22, 0.22, 0.22]), True),
    ],
    ids=["line", "rate", "step"],
)
def test_a_step_has_to_beat_both(drops, fits_step):
    """Either of them alone is enough to keep the word back."""
    rng = np.random.default_rng(3)

    result = abruptness(exactly(BASE, drops), chance=CHANCE, n_replicates=199, rng=rng)

    assert (result.fits_step, result.p_value <= 0.05) == (fits_step, fits_step)


def test_replicates_have_the_expected_drops_and_shares():
    """They are drawn at the null, also where a candidate would have to fall below nothing."""
    rungs = exactly([0.9, 0.5, 0.1], [0.1, 0.3, 0.1], n=400)
    means = steps._Means(*(np.array([row]) for row in ([0.9, 0.5, 0.1], [0.1, 0.3, 0.1])), None)
    seen = means._replace(square=means.drop)

    drawn = steps._drawn(rungs, seen, np.array([0.0, 0.2, 0.4]), 4000, np.random.default_rng(1))

    assert drawn.drop.mean(axis=0) == pytest.approx([0.0, 0.2, 0.1], abs=0.002)
    assert drawn.base.mean(axis=0) == pytest.approx([0.9, 0.5, 0.1], abs=0.002)
