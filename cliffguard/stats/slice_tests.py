"""Tests of one slice among many: is more lost inside than outside, and is anything lost at all?

Two questions, both answered item by item with what was gained counted against what was lost, and
both by clusters where items stand or fall together.

*Is anything lost inside?* Under a healthy candidate a cluster's sum is as likely to be lost as to
be gained, whatever share of its items changes. So the signs of the sums are flipped: the p-value is
the share of all patterns of signs whose total is at least the one that was seen. It is exact for
slices of any size, however far churn differs between slices; of items that are right or wrong and
stand alone it is McNemar's exact test.

*Is more lost inside than outside?* Welch's t of the two means, its variance from the clusters' sums
of deviations. A dozen items of which all are lost have no variance, and t knows no bounds; each
side is given one more deviation, of the size of the largest change.

A slice has to pass both. Where a little is lost everywhere the first alone would name any large
slice; the second is approximate, and small slices at small p-values are where that shows.
`reports/patterns/` has both, and what was tried beside them.

References
----------
Fisher (1935), The Design of Experiments, section 21 (flipped signs). McNemar (1947), Psychometrika
12:153-157. Welch (1947), Biometrika 34:28-35. Satterthwaite (1946), Biometrics Bulletin 2:110-114.
Cameron and Miller (2015), Journal of Human Resources 50:317-372 (variances by clusters).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, stdtr

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

_N_SIZES = 16  # sizes of a sum that are told apart; rounding them is no error, only coarser
_ROUNDING = 1e-9


def sign_flip_p_value(sums: FloatArray) -> float:
    """One-sided p-value of "nothing is lost": the chance of as much under flipped signs.

    Parameters
    ----------
    sums : ndarray of float, shape (n_clusters,)
        Of every cluster the sum of its changes, above 0 where it is lost. Zeros say nothing. Sizes
        that are no whole numbers up to 16 are rounded to sixteenths of the largest; signs stay, so
        that the test remains exact.

    Returns
    -------
    float
        At least ``2^-n`` for n sums that are not 0; 1.0 where there are none.
    """
    sizes = _whole_sizes(np.abs(sums))
    signs = np.sign(sums)[sizes > 0]
    sizes = sizes[sizes > 0]
    if not len(sizes):
        return 1.0
    values, counts = np.unique(sizes, return_counts=True)
    # So many of each size are lost at random: the total of lost sizes, in steps of one.
    chances = np.ones(1)
    for value, count in zip(values, counts, strict=True):
        spread = np.zeros(int(value * count) + 1)
        spread[:: int(value)] = _halves(int(count))
        chances = np.convolve(chances, spread)
    lost = int(sizes[signs > 0].sum())
    return float(min(1.0, max(chances[lost:].sum(), 0.5 ** len(sizes))))


def _halves(n: int) -> FloatArray:
    """Return the chances of 0 to n heads among n coins."""
    k = np.arange(n + 1)
    chances = np.exp(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) - n * math.log(2.0))
    return np.asarray(chances, dtype=float)


def _whole_sizes(sizes: FloatArray) -> IntArray:
    largest = float(sizes.max(initial=0.0))
    whole = np.rint(sizes)
    if largest > _N_SIZES or np.abs(sizes - whole).max(initial=0.0) > _ROUNDING:
        whole = np.rint(sizes / largest * _N_SIZES)
    return whole.astype(np.int64)


def more_inside_p_value(changes: FloatArray, inside: BoolArray, clusters: IntArray) -> float:
    """One-sided p-value of "no more is lost inside than outside": Welch's t by clusters.

    Parameters
    ----------
    changes : ndarray of float, shape (n_items,)
        Base score minus candidate score of every item, in [-1, 1].
    inside : ndarray of bool, shape (n_items,)
        Which items belong to the slice; some do, and some do not.
    clusters : ndarray of int, shape (n_items,)
        The number of every item's cluster, from 0. A cluster may lie on both sides.

    Returns
    -------
    float
        1.0 where a side has fewer than two clusters, or nothing changed.

    Notes
    -----
    With ``a_g`` the sum of the deviations from the mean of its side over a cluster's items inside,
    divided by the number of all items inside, and ``b_g`` likewise outside, the variance of the
    difference is ``Σ a² G_a / (G_a - 1) + Σ b² G_b / (G_b - 1) - 2 Σ a b``, where each of the
    first two terms has one deviation of the largest change more. A side is worth
    ``(Σ n_g)² / Σ n_g² - 1`` degrees of freedom, which are combined by Satterthwaite's formula.
    """
    largest = float(np.abs(changes).max(initial=0.0))
    if largest == 0.0:
        return 1.0
    sides = [_side(changes, side, clusters, largest) for side in (inside, ~inside)]
    if any(degrees <= 0.0 for *_, degrees in sides):
        return 1.0
    (mean, sums, variance, degrees), (other_mean, other_sums, other_variance, other_degrees) = sides
    apart = variance + other_variance
    # Clusters on both sides cancel in the difference; a sample in which they cancel all but wholly
    # says so by chance, and half of the variance is kept.
    joint = max(apart - 2.0 * float(sums @ other_sums), apart / 2.0)
    n_degrees = apart**2 / (variance**2 / degrees + other_variance**2 / other_degrees)
    return float(stdtr(n_degrees, (other_mean - mean) / math.sqrt(joint)))


def _side(
    changes: FloatArray, side: BoolArray, clusters: IntArray, largest: float
) -> tuple[float, FloatArray, float, float]:
    """Return a side's mean, its clusters' deviations, their variance and degrees of freedom."""
    n_all = int(clusters.max()) + 1
    values, places = changes[side], clusters[side]
    mean, n = float(values.mean()), len(values)
    sums = np.bincount(places, weights=values - mean, minlength=n_all) / n
    sizes = np.bincount(places, minlength=n_all).astype(float)
    n_clusters = int(np.count_nonzero(sizes))
    if n_clusters < 2:
        return mean, sums, 0.0, 0.0
    square = float(sums @ sums) + (largest / n) ** 2
    degrees = n**2 / float(sizes @ sizes) - 1.0
    return mean, sums, square * n_clusters / (n_clusters - 1), degrees


def unlike_others_p_value(changes: FloatArray, inside: BoolArray, clusters: IntArray) -> float:
    """One-sided p-value of "this cluster is as the others": one cluster against all others.

    Parameters
    ----------
    changes, inside, clusters : ndarray, shape (n_items,)
        As of `more_inside_p_value`; inside is exactly one cluster.

    Returns
    -------
    float
        Of the t of one more cluster's mean by the spread of the others' means:
        ``(m - m̄) / (s sqrt(1 + 1 / G))`` with G - 1 degrees of freedom, for G other clusters, whose
        means weigh as their sizes; ``s²`` is at least the variance of the mean of as many items
        that change as those outside do. 1.0 where there are fewer than three others.
    """
    names = np.unique(clusters[~inside])
    if len(names) < 3:
        return 1.0
    sizes = np.bincount(clusters[~inside])[names].astype(float)
    means = np.bincount(clusters[~inside], weights=changes[~inside])[names] / sizes
    shares = sizes / sizes.sum()
    n_effective = 1.0 / float(shares @ shares)
    if n_effective <= 2.0:
        return 1.0
    centre = float(shares @ means)
    spread = float(shares @ (means - centre) ** 2) * n_effective / (n_effective - 1.0)
    largest = float(np.abs(changes).max())
    n_inside, n_outside = int(inside.sum()), int((~inside).sum())
    noise = (float(changes[~inside].var()) + largest**2 / n_outside) / n_inside
    variance = max(spread, noise) * (1.0 + 1.0 / n_effective)
    if variance <= 0.0:
        return 1.0
    return float(
        stdtr(n_effective - 1.0, (centre - float(changes[inside].mean())) / math.sqrt(variance))
    )
