"""Onset of forgetting along a ladder: does the drop differ by level, where, how abruptly?

Three questions, in this order. *Does it differ?* The largest studentised contrast between the
levels past a cut and those before it, over all cuts and in either direction, is compared with what
it is when the levels' labels are permuted over the items: a drop that is the same everywhere does
not move it, nor does a noise that grows with difficulty. *Where?* At the cut of that contrast; its
sign says which side of the cut has lost more. *Abruptly?* A step must fit the level means better
than a straight line and than a constant rate, which `abruptness` tests: a decline that is steady,
or that compounds from level to level, is not called a cliff.

References
----------
Chung and Romano (2013), Annals of Statistics 41:484-507, for studentising a permutation test.
Hothorn, Bretz and Westfall (2008), Biometrical Journal 50:346-363, for maxima of contrasts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cliffguard.stats.abruptness import Rungs, abruptness
from cliffguard.stats.ladder_shapes import LEAST_ITEMS, LEAST_LEVELS, Onset

FloatArray = NDArray[np.float64]

_IMAGINARY_ITEMS = 2.0  # with the ladder's own share of changes, so that no level has variance 0
_CHUNK = 4_000_000  # values permuted at a time, for memory
_ROUNDING = 1e-9
_LEAST_SQUARE = 1e-4  # of a level's change per item, where all that was seen is alike
_SET_WIDTH = 1.0  # contrasts this close to the largest may be the true cut


def find_onset(
    changes: Sequence[Sequence[float]],
    bases: Sequence[Sequence[float]] | None = None,
    *,
    chance: float = 0.0,
    is_blocked: bool = False,
    n_permutations: int = 9999,
    n_lines: int = 1999,
    seed: int = 0,
) -> Onset:
    """Test whether, where and how abruptly the drop differs along a ladder.

    Parameters
    ----------
    changes : sequence of sequences of float
        Per level, easiest first, base score minus candidate score of its items, in [-1, 1]. At
        least two levels, each with at least one item.
    bases : sequence of sequences of float, optional
        Base scores of the same items, in [0, 1]; a constant rate is one of what the base earns.
        None: as high as the changes allow.
    chance : float, optional
        Score of guessing, in [0, 1].
    is_blocked : bool, optional
        Whether the i-th items of all levels come from one seed. Labels are then permuted within
        each such block.
    n_permutations, n_lines : int, optional
        Draws for the first question, and from each null of the third.
    seed : int, optional
        Of the draws. The same data and seed give the same result.

    Notes
    -----
    How often it errs and what it finds: `python -m scripts.studies.calibrate`, the study of cliffs.
    """
    rungs = _checked(changes, bases, is_blocked=is_blocked)
    levels, sizes = rungs.changes, rungs.sizes
    values = np.concatenate(levels)
    rng = np.random.default_rng(seed)
    contrasts = _contrasts(*_moments(values[None, :], sizes), sizes)[0]
    largest = float(np.abs(contrasts).max())
    drawn = _permutations(levels, n_permutations, is_blocked, rng)
    largest_drawn = (np.abs(_contrasts(*_moments(x, sizes), sizes)).max(axis=1) for x in drawn)
    p_differs = _share_as_large(largest_drawn, largest)
    eases = bool(contrasts.max() < largest)
    p_abrupt, fits_step = None, True
    if len(levels) >= LEAST_LEVELS and sizes.min() >= LEAST_ITEMS and not eases:
        p_abrupt, fits_step = abruptness(rungs, chance=chance, n_replicates=n_lines, rng=rng)
    directed = -contrasts if eases else contrasts
    cut = int(directed.argmax()) + 1
    n_before = sizes[:cut].sum()
    return Onset(
        cut=cut,
        cuts=tuple(int(c) + 1 for c in np.flatnonzero(directed >= largest - _SET_WIDTH)),
        p_differs=p_differs,
        p_abrupt=p_abrupt,
        fits_step=fits_step,
        drop_past=float(values[n_before:].mean()),
        drop_before=float(values[:n_before].mean()),
        eases=eases,
    )


def half_level(means: Sequence[float], levels: Sequence[float]) -> float | None:
    """Level at which the mean score falls to one half, on a falling fit.

    Parameters
    ----------
    means : sequence of float
        Mean score of one side at each level, in [0, 1].
    levels : sequence of float
        The levels, strictly rising; as many.

    Returns
    -------
    float or None
        Interpolated between the two levels around it. None where the fit stays on one side.
    """
    if len(means) != len(levels) or not len(levels):
        raise ValueError(f"{len(means)} means for {len(levels)} levels.")
    from scipy.optimize import isotonic_regression

    fit = isotonic_regression(np.asarray(means, dtype=float), increasing=False).x
    below = np.flatnonzero(fit < 0.5)
    if not len(below) or below[0] == 0:
        return None
    after = int(below[0])
    share = (fit[after - 1] - 0.5) / (fit[after - 1] - fit[after])
    return float(levels[after - 1] + share * (levels[after] - levels[after - 1]))


def _moments(values: FloatArray, sizes: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Return the mean of every level in every row, and the variance of that mean."""
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    means = np.add.reduceat(values, starts, axis=1) / sizes
    squares = np.add.reduceat(values * values, starts, axis=1)
    overall = squares.sum(axis=1, keepdims=True) / sizes.sum()
    shrunk = (squares + _IMAGINARY_ITEMS * overall) / (sizes + _IMAGINARY_ITEMS)
    return means, np.maximum(shrunk - means * means, _LEAST_SQUARE) / sizes


def _contrasts(means: FloatArray, variances: FloatArray, sizes: NDArray[np.int64]) -> FloatArray:
    """Return, per row and cut, how many standard errors worse the levels past the cut are."""
    total = means * sizes
    spread = variances * sizes**2
    n_before = np.cumsum(sizes)[:-1]
    n_past = sizes.sum() - n_before
    sum_before = np.cumsum(total, axis=1)
    spread_before = np.cumsum(spread, axis=1)
    past = (sum_before[:, -1:] - sum_before[:, :-1]) / n_past
    variance = spread_before[:, :-1] / n_before**2
    variance = variance + (spread_before[:, -1:] - spread_before[:, :-1]) / n_past**2
    return np.asarray((past - sum_before[:, :-1] / n_before) / np.sqrt(variance))


def _permutations(
    levels: Sequence[FloatArray], n: int, is_blocked: bool, rng: np.random.Generator
) -> Iterator[FloatArray]:
    """Yield rows of all values, level after level, with the levels' labels permuted."""
    n_values = sum(len(level) for level in levels)
    rows = max(1, _CHUNK // n_values)
    for start in range(0, n, rows):
        n_rows = min(rows, n - start)
        if is_blocked:
            blocks = np.stack(levels, axis=1)  # seeds × levels
            shuffled = rng.permuted(np.tile(blocks, (n_rows, 1)), axis=1)
            by_level = shuffled.reshape(n_rows, len(blocks), len(levels)).transpose(0, 2, 1)
            yield by_level.reshape(n_rows, n_values)
        else:
            yield rng.permuted(np.tile(np.concatenate(levels), (n_rows, 1)), axis=1)


def _share_as_large(replicates: Iterator[FloatArray], seen: float) -> float:
    n, n_large = 1, 1
    for chunk in replicates:
        n += len(chunk)
        n_large += int(np.count_nonzero(chunk >= seen - _ROUNDING))
    return n_large / n


def _checked(
    changes: Sequence[Sequence[float]], bases: Sequence[Sequence[float]] | None, *, is_blocked: bool
) -> Rungs:
    levels = [np.asarray(level, dtype=float) for level in changes]
    if len(levels) < 2 or any(not len(level) for level in levels):
        raise ValueError("a ladder has at least two levels, each with at least one item.")
    if any(not np.all(np.abs(level) <= 1) for level in levels):
        raise ValueError("a change lies between -1 and 1.")
    if is_blocked and len({len(level) for level in levels}) > 1:
        raise ValueError("blocks need the same number of items at every level.")
    if bases is None:
        return Rungs(levels, [np.minimum(1.0, 1.0 + level) for level in levels], is_blocked)
    scores = [np.asarray(level, dtype=float) for level in bases]
    if [len(level) for level in scores] != [len(level) for level in levels]:
        raise ValueError("every change needs the base score of its item.")
    if any(not np.all((level >= 0) & (level <= 1)) for level in scores):
        raise ValueError("a score lies between 0 and 1.")
    return Rungs(levels, scores, is_blocked)
