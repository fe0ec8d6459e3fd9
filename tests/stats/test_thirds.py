"""The best third of items against the worst, and how often chance alone makes one."""

from __future__ import annotations

import numpy as np
import pytest

from cliffguard.stats.thirds import effect_of_thirds, p_of_thirds


@pytest.mark.parametrize(
    ("scores", "features", "effect"),
    [
        # Of three equal features the best less the worst.
        ([1, 1, 1, 0, 0, 0], "aabbcc", 1.0),
        ([1, 1, 1, 0, 1, 1], "aabbcc", 0.5),
        # A third of six items is two: of a feature of four only half counts.
        ([1, 0, 1, 0, 0, 0], "aaaabb", 0.5),
        # Of one feature there is no best and no worst.
        ([1, 0, 1], "aaa", 0.0),
        ([0.25, 0.75], "ab", 0.5),
    ],
)
def test_the_effect(scores: list[float], features: str, effect: float) -> None:
    """By hand."""
    assert effect_of_thirds(scores, list(features)) == pytest.approx(effect)


@pytest.mark.parametrize(
    "n_features", [*(pytest.param(n, marks=pytest.mark.slow) for n in (2, 4)), 8]
)
def test_chance_alone_is_seldom_proven(n_features: int) -> None:
    """At 5 % in at most 5 % of 200 draws, but for three standard errors, however many features."""
    rng = np.random.default_rng(n_features)
    n_proven = 0
    for _ in range(200):
        features = rng.integers(n_features, size=60).tolist()
        scores = (rng.random(60) < 0.6).astype(float).tolist()
        n_proven += p_of_thirds(scores, features, rng) <= 0.05
    assert n_proven / 200 <= 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5


def test_what_hangs_on_it_is_proven() -> None:
    """As of a base that takes the last place: 77 % there, 40 % elsewhere, 160 items."""
    rng = np.random.default_rng(7)
    features = [number % 4 for number in range(160)]
    scores = [float(rng.random() < (0.77 if feature == 3 else 0.4)) for feature in features]
    assert p_of_thirds(scores, features, rng) <= 0.05
