"""How much a score depends on a feature of the items: the best third of them against the worst."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

Array = Any

N_PERMUTATIONS = 1999
_AT_ONCE = 2000  # permutations in memory


def effect_of_thirds(scores: Sequence[float], features: Sequence[Hashable]) -> float:
    """Return the mean score of the third of items with the best feature less that of the worst.

    Features are taken in the order of their mean scores until a third of the items is there; of
    the feature at its end, only a part counts. In points of the score, 0 to 1.

    >>> effect_of_thirds([1, 1, 0, 0, 0, 1], ["first", "first", "mid", "mid", "last", "last"])
    1.0
    """
    best, worst = means_of_thirds(scores, features)
    return best - worst


def means_of_thirds(scores: Sequence[float], features: Sequence[Hashable]) -> tuple[float, float]:
    """Return the mean scores of the third with the best feature and of that with the worst."""
    best, worst = _thirds(np.array([scores], dtype=float), _one_hot(features))
    return float(best[0]), float(worst[0])


def p_of_thirds(
    scores: Sequence[float],
    features: Sequence[Hashable],
    rng: np.random.Generator,
    n_permutations: int = N_PERMUTATIONS,
) -> float:
    """Return the p-value of "scores do not depend on the feature", by so many permutations.

    The thirds are chosen anew in every permutation, or chance alone would always find a best and a
    worst one. The observed order counts as one of them (Phipson and Smyth, 2010).
    """
    members, values = _one_hot(features), np.asarray(scores, dtype=float)
    observed = _effects(values[None], members)[0]
    n_as_large = 0
    for start in range(0, n_permutations, _AT_ONCE):
        n = min(_AT_ONCE, n_permutations - start)
        shuffled = rng.permuted(np.tile(values, (n, 1)), axis=1)
        n_as_large += int((_effects(shuffled, members) >= observed - 1e-12).sum())
    return (n_as_large + 1) / (n_permutations + 1)


def _one_hot(features: Sequence[Hashable]) -> Array:
    """Return which feature each item has, float64 [items, features]."""
    known = {feature: number for number, feature in enumerate(dict.fromkeys(features))}
    return np.eye(len(known))[[known[feature] for feature in features]]


def _effects(scores: Array, members: Array) -> Array:
    """Return the effect of each row of scores [rows, items], float64 [rows]."""
    best, worst = _thirds(scores, members)
    return best - worst


def _thirds(scores: Array, members: Array) -> tuple[Array, Array]:
    """Return the means of both thirds of each row of scores [rows, items], float64 [rows] each."""
    sizes = members.sum(axis=0)
    means = (scores @ members) / sizes  # [rows, features]
    order = np.argsort(-means, axis=1)
    sorted_means, sorted_sizes = np.take_along_axis(means, order, axis=1), sizes[order]
    third = sizes.sum() / 3
    best = _mean_of_first(sorted_means, sorted_sizes, third)
    return best, _mean_of_first(sorted_means[:, ::-1], sorted_sizes[:, ::-1], third)


def _mean_of_first(means: Array, sizes: Array, third: float) -> Array:
    """Return the mean of so many items from the left, each feature's at the mean of it."""
    before = np.cumsum(sizes, axis=1) - sizes
    weights = np.clip(third - before, 0.0, sizes)
    return (weights * means).sum(axis=1) / third
