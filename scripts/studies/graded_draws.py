"""Distributions of changes with a known mean, for scripts/studies/graded.py and its tests.

Each draws samples whose expected change is exactly the drop that it is given; among them are those
that break other tests.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Shape = tuple[int, int]  # runs, items
Draw = Callable[[np.random.Generator, Shape, float], Array]


def _noise(rng: np.random.Generator, shape: Shape, sd: float) -> Array:
    return np.clip(rng.normal(0.0, sd, shape), -0.49, 0.49)  # symmetric, so its mean is 0


def rouge(sd: float) -> Draw:
    """Every item moves a little; a share of the items loses half."""
    return lambda rng, shape, drop: _noise(rng, shape, sd) + 0.5 * (rng.random(shape) < 2 * drop)


def mean_of_four(rng: np.random.Generator, shape: Shape, drop: float) -> Array:
    """Four samples an item and side; each item has its own chance, which the candidate lowers."""
    chance = rng.beta(0.6, 0.4, shape)
    return (rng.binomial(4, chance) - rng.binomial(4, chance * (1 - drop / 0.6))) / 4


def collapses(share: float) -> Draw:
    """Small gains everywhere, and total losses on `share` more than the drop needs."""

    def draw(rng: np.random.Generator, shape: Shape, drop: float) -> Array:
        lost = drop + share
        return np.where(rng.random(shape) < lost, 1.0, -share / (1 - lost))

    return draw


def rare_losses(rng: np.random.Generator, shape: Shape, drop: float) -> Array:
    """Total losses alone make the drop; one in a hundred of the others moves by up to 0.3."""
    moved = (rng.random(shape) < 0.01) * rng.uniform(-0.3, 0.3, shape)
    return np.where(rng.random(shape) < drop, 1.0, moved)


def hidden(n_expected: float) -> Draw:
    """Total losses, `n_expected` in a sample, most often unseen; all others are alike."""

    def draw(rng: np.random.Generator, shape: Shape, drop: float) -> Array:
        share = n_expected / shape[1]
        return np.where(rng.random(shape) < share, 1.0, (drop - share) / (1 - share))

    return draw


def right_or_wrong(churn: float) -> Draw:
    """Right or wrong, judged as graded."""

    def draw(rng: np.random.Generator, shape: Shape, drop: float) -> Array:
        u = rng.random(shape)
        fixed = max(0.0, (churn - drop) / 2)
        return 1.0 * (u < fixed + drop) - (u > 1 - fixed)

    return draw


def halves(rng: np.random.Generator, shape: Shape, drop: float) -> Array:
    """Right or wrong, and every second item the mean of two copies that need not agree."""
    first, second = (right_or_wrong(0.15)(rng, shape, drop) for _ in range(2))
    first[:, ::2] = (first[:, ::2] + second[:, ::2]) / 2
    return first


def rare_jumps(rng: np.random.Generator, shape: Shape, drop: float) -> Array:
    """Total losses and total gains of one item in a hundred each, among tiny changes."""
    u = rng.random(shape)
    return np.where(u < 0.01 + drop, 1.0, np.where(u > 0.99, -1.0, _noise(rng, shape, 0.01)))


def all_sizes(rng: np.random.Generator, shape: Shape, drop: float) -> Array:
    """Losses of 1, 0.3, 0.1 and 0.03, each kind adding alike to the mean; others gain alike."""
    sizes, total = np.array([1.0, 0.3, 0.1, 0.03]), drop + 0.02
    shares = total / 4 / sizes
    kind = np.searchsorted(np.cumsum(shares), rng.random(shape))
    return np.append(sizes, -0.02 / (1 - shares.sum()))[kind]


def rare_gains(rng: np.random.Generator, shape: Shape, drop: float) -> Array:
    """Total gains of one item in fifty, and small losses everywhere else."""
    return np.where(rng.random(shape) < 0.02, -1.0, (drop + 0.02) / 0.98)


def skewed(rng: np.random.Generator, shape: Shape, drop: float) -> Array:
    """Most changes next to nothing, some anywhere up to 0.8."""
    return 0.9 * (rng.beta(0.1, 0.9, shape) - 0.1) + drop


def two_levels(rng: np.random.Generator, shape: Shape, drop: float) -> Array:
    """A thousandth below the drop, or above it as much, and one in a hundred by 0.4 either way."""
    side = rng.choice([-1.0, 1.0], shape)
    return drop + side * np.where(rng.random(shape) < 0.01, 0.4, 0.001)


SMALL, USUAL, LARGE = ((20, 0.10), (50, 0.10)), ((150, 0.05), (300, 0.03)), ((2000, 0.02),)

SETTINGS: dict[str, tuple[Draw, tuple[tuple[int, float], ...]]] = {
    "mean of four samples": (mean_of_four, (*SMALL, *USUAL, *LARGE)),
    "ROUGE-like, sd 0.1": (rouge(0.1), (*SMALL, *USUAL)),
    "ROUGE-like, sd 0.2": (rouge(0.2), (*SMALL, *USUAL, *LARGE)),
    "small gains, collapses 4 %": (collapses(0.04), (*SMALL, *USUAL, *LARGE)),
    "small gains, collapses 1 %": (collapses(0.01), USUAL),
    "rare total losses": (rare_losses, (*USUAL, *LARGE)),
    "half a hidden loss a sample": (hidden(0.5), (*SMALL, *USUAL)),
    "one hidden loss a sample": (hidden(1.0), (*SMALL, *USUAL)),
    "two hidden losses a sample": (hidden(2.0), USUAL),
    "right or wrong, 3 % flip": (right_or_wrong(0.03), (*SMALL, *USUAL)),
    "right or wrong, 10 % flip": (right_or_wrong(0.10), (*SMALL, *USUAL, *LARGE)),
    "right or wrong, 20 % flip": (right_or_wrong(0.20), USUAL),
    "halves of two copies": (halves, (*SMALL, *USUAL)),
    "rare jumps both ways": (rare_jumps, (*SMALL, *USUAL, *LARGE)),
    "losses of all sizes": (all_sizes, (*SMALL, *USUAL)),
    "rare total gains": (rare_gains, (*SMALL, *USUAL)),
    "skewed": (skewed, (*SMALL, *USUAL)),
    "two levels at the drop": (two_levels, (*SMALL, *USUAL)),
}


# --- clusters ------------------------------------------------------------------------------------


_QUANTILES = (np.arange(1000) + 0.5) / 1000

SIZES = {
    "all 5": np.full(1000, 5.0),
    "1 to 9": 1.0 + np.floor(9 * _QUANTILES),
    "Pareto(1.2) to 60": np.minimum(60.0, np.floor((1 - _QUANTILES) ** (-1 / 1.2))),
}
"""A thousand clusters that stand for a distribution of their sizes, for exact means."""


def sizes_of(kind: str, rng: np.random.Generator, shape: Shape) -> tuple[Array, Array]:
    """Return the sizes of clusters, and the thousand that they are drawn from."""
    return rng.choice(SIZES[kind], shape), SIZES[kind]


def topics(rng: np.random.Generator, sizes: Array, every: Array, drop: float) -> Array:
    """A share of the clusters loses half of everything; all others move a little."""
    fell = rng.random(sizes.shape) < 2 * drop
    return 0.5 * fell + np.clip(rng.normal(0, 0.2, sizes.shape) / np.sqrt(sizes), -0.5, 0.5)


def largest_topics(rng: np.random.Generator, sizes: Array, every: Array, drop: float) -> Array:
    """Only the largest tenth of the clusters falls; the others gain a little."""
    least, gain = np.quantile(every, 0.9), 0.02  # where all sizes are equal, all are large
    share = every[every >= least].sum() / every.sum()
    chance = (drop + gain * (1 - share)) / share
    return np.where(sizes >= least, 1.0 * (rng.random(sizes.shape) < chance), -gain)


def correlated(correlation: float) -> Callable[..., Array]:
    """Items of a cluster share a chance to be lost by half; 4 % gain as much."""

    def draw(rng: np.random.Generator, sizes: Array, every: Array, drop: float) -> Array:
        lost = 2 * drop + 0.04
        strength = (1 - correlation) / correlation
        chance = rng.beta(lost * strength, (1 - lost) * strength, sizes.shape)
        n = sizes.astype(int)
        return 0.5 * (rng.binomial(n, chance) - rng.binomial(n, 0.04)) / sizes

    return draw


CLUSTERS: dict[str, Callable[..., Array]] = {
    "topics lose half": topics,
    "only the largest topics fall": largest_topics,
    "correlation 0.1": correlated(0.1),
    "correlation 0.3": correlated(0.3),
}
