"""Change-point test: is the fall along a ladder a step, beyond a straight line and a constant rate?

Two nulls, with two free numbers each as a step has its two heights. *A straight line*: the drop
grows by the same points from level to level. *A constant rate*: of what the base earns above
chance, the candidate keeps a share that shrinks by the same factor from level to level, as where
every hop is one more chance to err. A step has to fit better than the better of both, by more than
it does where either is true. A step in the middle is the hardest to tell from a line, so it is
asked for less: without that, falls would be named by where they lie.

How much that is, is drawn from the fitted null item by item, not from normal means: changes are
rare, a level's variance comes from the few that were seen, and a level where none was seen would be
trusted more than it deserves. So every replicate estimates its variances anew.

References
----------
Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 16: tests by bootstrap.
Berger (1982), Technometrics 24:295-300: each of several nulls is tested at the whole alpha.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_IMAGINARY_ITEMS = 15.0  # a level, with the ladder's own share of changes; see the study of cliffs
_LEAST_SQUARE = 1e-4  # of a level's change per item, where all that was seen is alike
_MOST_LOST = 3.0  # minus the logarithm of the factor from level to level: one twentieth is kept
_ADVANCE = 4.5  # squares, times what a line hides of a cut more than of the plainest; decision 68
_N_RATES, _N_ZOOMS, _ZOOM = 9, 6, 0.3  # a grid of rates, narrowed so often and so far
_CHUNK = 2_000_000  # values drawn at a time, for memory
_ROUNDING = 1e-9


class Abruptness(NamedTuple):
    """The larger p-value under the two nulls, and whether a step fits better than both at all."""

    p_value: float
    fits_step: bool


class _Means(NamedTuple):
    """Level means of base scores, changes and squared changes; each of shape (rows, levels)."""

    base: FloatArray
    drop: FloatArray
    square: FloatArray


class _Fit(NamedTuple):
    """Weighted squares that are left, of shape (rows,), and the drops of the fit (rows, levels)."""

    left: FloatArray
    drop: FloatArray


_Null = Callable[[_Means, FloatArray], _Fit]


@dataclass(frozen=True, slots=True)
class Rungs:
    """The items of a ladder: per level, easiest first, changes and base scores of the same items.

    `is_blocked`: the i-th items of all levels come from one seed.
    """

    changes: Sequence[FloatArray]
    bases: Sequence[FloatArray]
    is_blocked: bool

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Items at each level."""
        return np.array([len(level) for level in self.changes])

    @property
    def is_right_or_wrong(self) -> bool:
        """Return whether no score is graded."""
        values = np.concatenate([*self.changes, *self.bases])
        return bool(np.isin(values, (-1.0, 0.0, 1.0)).all())


def abruptness(
    rungs: Rungs, *, chance: float, n_replicates: int, rng: np.random.Generator
) -> Abruptness:
    """Test a step against a line and against a constant rate.

    `chance` is the score of guessing, below which a constant rate does not lead. At least three
    levels of at least two items.
    """
    seen = _Means(
        *(
            np.array([[level.mean() for level in levels]])
            for levels in (rungs.bases, rungs.changes, [level**2 for level in rungs.changes])
        )
    )
    nulls = (_line, partial(_constant_rate, chance=chance))
    fits, advantage, lead = _advantage(seen, rungs.sizes, nulls)
    p_value = 0.0
    for fit in fits:
        drawn = _drawn(rungs, seen, fit.drop[0], n_replicates, rng)
        _, by_chance, _ = _advantage(drawn, rungs.sizes, nulls)
        n_as_large = 1 + np.count_nonzero(by_chance >= advantage[0] - _ROUNDING)
        p_value = max(p_value, float(n_as_large) / (n_replicates + 1))
    return Abruptness(p_value, bool(lead[0] > 0))


# --- fits -----------------------------------------------------------------------------------------


def _advantage(
    means: _Means, sizes: NDArray[np.int64], nulls: Sequence[_Null]
) -> tuple[list[_Fit], FloatArray, FloatArray]:
    """Return the nulls' fits, and by how much a step fits better than the best of them.

    Twice, of shape (rows,): with the advance that its cut is given, and without.
    """
    variance = np.maximum(_shrunk(means.square, sizes) - means.drop**2, _LEAST_SQUARE)
    weights = sizes / variance
    fits = [null(means, weights) for null in nulls]
    places = np.arange(len(sizes))
    steps = [_straight(means.drop, weights, (places >= cut).astype(float)) for cut in places[1:]]
    left = np.stack([step.left for step in steps])  # cuts × rows
    best = np.min([fit.left for fit in fits], axis=0)
    return fits, best - (left - _advance(len(sizes))[:, None]).min(axis=0), best - left.min(axis=0)


@cache
def _advance(n_levels: int) -> FloatArray:
    """Return what every cut is given: nothing where a line leaves most of a step, else more."""
    places = np.arange(n_levels) - (n_levels - 1) / 2
    steps = np.array([np.arange(n_levels) >= cut for cut in range(1, n_levels)], dtype=float)
    steps -= steps.mean(axis=1, keepdims=True)
    left = (steps**2).sum(axis=1) - (steps @ places) ** 2 / (places @ places)
    return np.asarray(_ADVANCE * (1 - left / left.max()))


def _shrunk(square: FloatArray, sizes: NDArray[np.int64]) -> FloatArray:
    """Return mean squares to which every level's imaginary items are added."""
    overall = (square * sizes).sum(axis=1, keepdims=True) / sizes.sum()
    shrunk = (square * sizes + _IMAGINARY_ITEMS * overall) / (sizes + _IMAGINARY_ITEMS)
    return np.asarray(shrunk)


def _line(means: _Means, weights: FloatArray) -> _Fit:
    return _straight(means.drop, weights, np.arange(means.drop.shape[1], dtype=float))


def _straight(drop: FloatArray, weights: FloatArray, x: FloatArray) -> _Fit:
    """Fit a + b·x in every row by weighted least squares; `x` of shape (levels,)."""
    total = weights.sum(axis=1)
    middle = (weights @ x) / total
    mean = (weights * drop).sum(axis=1) / total
    away = x - middle[:, None]
    slope = (weights * away * drop).sum(axis=1) / (weights * away**2).sum(axis=1)
    fit = mean[:, None] + slope[:, None] * away
    return _Fit((weights * (drop - fit) ** 2).sum(axis=1), fit)


def _constant_rate(means: _Means, weights: FloatArray, *, chance: float) -> _Fit:
    """Fit (b - c)(1 - a·e^(-rate·k)) at the k-th level in every row; b the base's mean, c chance.

    The best `a` has a closed form at every rate; the rate, 0 or more, is searched.
    """
    n_rows, n_levels = means.drop.shape
    earned = (means.base - chance)[:, None, :]
    kept = earned - means.drop[:, None, :]
    weights = weights[:, None, :]
    rows, centre, width = np.arange(n_rows), np.full(n_rows, _MOST_LOST / 2), _MOST_LOST / 2
    for _ in range(_N_ZOOMS):
        rates = np.maximum(centre[:, None] + width * np.linspace(-1, 1, _N_RATES), 0.0)
        shape = earned * np.exp(-rates[:, :, None] * np.arange(n_levels))
        squares = np.maximum((weights * shape**2).sum(axis=2), _ROUNDING)
        share = np.maximum((weights * shape * kept).sum(axis=2) / squares, 0.0)
        fits = share[:, :, None] * shape
        left = (weights * (kept - fits) ** 2).sum(axis=2)
        best = left.argmin(axis=1)
        centre, width = rates[rows, best], width * _ZOOM
    return _Fit(left[rows, best], earned[:, 0] - fits[rows, best])


# --- replicates -----------------------------------------------------------------------------------


def _drawn(
    rungs: Rungs, seen: _Means, expected: FloatArray, n: int, rng: np.random.Generator
) -> _Means:
    """Return `n` replicates of the level means where the mean drops are the expected ones."""
    if rungs.is_right_or_wrong:
        moved = _shrunk(seen.square, rungs.sizes)[0]
        each = zip(rungs.sizes, seen.base[0], expected, moved, strict=True)
        levels = [_flips(*level, n, rng) for level in each]
    else:
        each_graded = zip(rungs.bases, rungs.changes, expected, strict=True)
        levels = [_resampled(*level, n, rng) for level in each_graded]
    base, drop, square = (np.stack(means, axis=1) for means in zip(*levels, strict=True))
    if rungs.is_blocked:
        root = _root_of_correlation(np.stack(rungs.changes))
        base, drop = _tied(base, root), _tied(drop, root)
    return _Means(base, drop, square)


def _flips(
    size: int, base: float, drop: float, moved: float, n: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Draw how many of a level's items are right on both sides, broken, fixed, wrong on both."""
    candidate = min(max(base - drop, 0.0), 1.0)
    drop = base - candidate
    moved = min(max(moved, abs(drop)), base + candidate, 2.0 - base - candidate)
    broken, fixed = (moved + drop) / 2, (moved - drop) / 2
    shares = np.clip([base - broken, broken, fixed, 1.0 - base - fixed], 0.0, 1.0)
    counts = rng.multinomial(size, shares / shares.sum(), size=n) / size
    return counts[:, 0] + counts[:, 1], counts[:, 1] - counts[:, 2], counts[:, 1] + counts[:, 2]


def _resampled(
    bases: FloatArray, changes: FloatArray, drop: float, n: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Draw a level's items with replacement, their changes shifted to the mean `drop`."""
    n_items = len(changes)
    spread = np.sqrt(n_items / (n_items - 1))  # a sample's own variance is too small
    shifted = drop + spread * (changes - changes.mean())
    means = np.empty((3, n))
    n_rows = max(1, _CHUNK // n_items)
    for start in range(0, n, n_rows):
        rows = slice(start, min(start + n_rows, n))
        items = rng.integers(n_items, size=(rows.stop - rows.start, n_items), dtype=np.int32)
        for mean, values in zip(means, (bases, shifted, shifted**2), strict=True):
            mean[rows] = values[items].mean(axis=1)
    return means[0], means[1], means[2]


def _root_of_correlation(changes: FloatArray) -> FloatArray:
    """Return the symmetric root of the correlation between levels; `changes` levels × seeds."""
    sd = np.maximum(changes.std(axis=1), np.sqrt(_LEAST_SQUARE))
    deviations = (changes - changes.mean(axis=1, keepdims=True)) / sd[:, None]
    correlation = deviations @ deviations.T / changes.shape[1]
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


def _tied(means: FloatArray, root: FloatArray) -> FloatArray:
    """Give independent level means the correlation that levels of the same seeds have."""
    middle, sd = means.mean(axis=0), np.maximum(means.std(axis=0), _ROUNDING)
    return np.asarray(middle + (means - middle) / sd @ root * sd)
