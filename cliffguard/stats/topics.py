"""Losses by topic: the chance that clusters show so little of a drop of a given size.

Clusters of unequal size are no sample of each other. Ten passages of forty questions beside two
thousand single ones are worth 320 clusters of one size, and yet none of the ten has fallen with a
chance of one in three, at a drop of 5 points; a weighing of what was seen does not notice. Here the
sizes are taken as they are, and the whole distribution of what is lost is computed from them.

Reference: Clopper and Pearson (1934), Biometrika 26:404-413, which this is for clusters of one
size: the chance of no more fallen ones among so many.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

ComplexArray = NDArray[np.complex128]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LOST = 0.5
"""Of its items, in a cluster that fell."""

_LEAST_CELL = 0.5  # items; a cluster of an odd size loses so many and a half
_MOST_CELLS = 16_384
_ROUNDING = 1e-9
_REACH = 16.0  # standard deviations to either side, beyond which nothing is looked for


def chance_of_as_little(lost: float, sizes: IntArray, *, drop: float, gained: float = 0.0) -> float:
    """Return the chance that no more than `lost` is lost where the expected drop is `drop`.

    Parameters
    ----------
    lost : float
        Sum of the changes of all items: what was lost, less what was gained.
    sizes : ndarray of int, shape (n_clusters,)
        Items of every cluster, at least 1, in any order.
    drop : float
        Expected loss an item, in [0, 1].
    gained : float, optional
        Items that were gained, at least 0. As many again come and go by themselves (the
        difference of two Poisson variables).

    Returns
    -------
    float
        In [0, 1], to about 1e-14. Every cluster falls with the chance ``2 drop`` and loses half of
        its items; an item alone is lost with the chance one half. Above a drop of one half, all
        fall and lose this share.

    Notes
    -----
    The product of the characteristic functions, inverted by a fast Fourier transform on cells of
    half an item. Where 16 standard deviations are more than 8,192 of these the cells are larger,
    and a loss is divided between the two next to it.
    """
    share = max(LOST, drop)
    falls = drop / share
    numbers, counts = np.unique(sizes, return_counts=True)
    # Of an item alone the half is a chance, not a share.
    losses = np.where(numbers == 1, 1.0, share * numbers)
    chances = np.where(numbers == 1, falls * share, falls)
    low, high = _window(losses, chances, counts, gained)
    cell = max(_LEAST_CELL, (high - low) / _MOST_CELLS)
    first, last = math.floor(low / cell), math.floor(lost / cell + _ROUNDING)
    n_cells = 1 << math.ceil(math.log2((high - low) / cell + 3.0))
    if last >= first + n_cells:
        return 1.0
    turn = np.exp(-2j * np.pi * np.arange(n_cells // 2 + 1) / n_cells)
    characteristic = np.exp(2.0 * gained * (_moved(turn, 1.0 / cell).real - 1.0)).astype(complex)
    for loss, chance, n in zip(losses, chances, counts, strict=True):
        characteristic *= (1.0 - chance + chance * _moved(turn, loss / cell)) ** int(n)
    at = np.fft.irfft(characteristic, n_cells)[np.arange(first, last + 1) % n_cells]
    return float(np.clip(at.sum(), 0.0, 1.0))


def _window(
    losses: FloatArray, chances: FloatArray, counts: IntArray, gained: float
) -> tuple[float, float]:
    """Return the ends between which the sum lies, but for a negligible chance."""
    mean = float(counts @ (chances * losses))
    noise = _REACH * (math.sqrt(2.0 * gained) + (gained > 0.0))
    spread = _REACH * math.sqrt(float(counts @ (chances * (1.0 - chances) * losses**2))) + noise
    return max(mean - spread, -noise), min(mean + spread, float(counts @ losses) + noise)


def _moved(turn: ComplexArray, n_cells: float) -> ComplexArray:
    """Return the transform of a loss of so many cells, divided between two where it falls between.

    `turn` is that of one cell.
    """
    whole = math.floor(n_cells + _ROUNDING)
    part = max(0.0, n_cells - whole)
    return np.asarray(turn**whole * (1.0 - part + part * turn))
