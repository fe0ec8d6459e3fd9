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
A slice that is one cluster is one observation: all that can be said is its rank among the others.
*Is a share of cases larger on this side?* is Fisher's test, and a score test by clusters beside it.
`reports/patterns/` has them, and what was tried beside them.

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

from cliffguard.stats.exact import fisher_greater

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

# Sizes of sums that are no whole numbers are rounded, which is no error, only coarser. Steps are
# small beside the usual sum, not beside the largest: what is lost item by item still counts beside
# one large cluster.
_STEPS_OF_MEDIAN = 16
_MOST_ROUNDED_STEPS = 1 << 12  # of the total: a thousand graded items take two milliseconds
_MOST_STEPS = 1 << 14
_ROUNDING = 1e-9


def sign_flip_p_value(sums: FloatArray) -> float:
    """One-sided p-value of "nothing is lost": the chance of as much under flipped signs.

    Parameters
    ----------
    sums : ndarray of float, shape (n_clusters,)
        Of every cluster the sum of its changes, above 0 where it is lost. Zeros say nothing. Sizes
        that are no whole numbers are rounded to sixteenths of their median, or to 1 / 4096 of their
        total if that is more, and whole ones to 1 / 16384 of a total above that; signs stay, so
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
    chances = np.ones(1)
    for value, count in zip(*np.unique(sizes, return_counts=True), strict=True):
        chances = _with_lost(chances, int(value), _halves(int(count)))
    lost = int(sizes[signs > 0].sum())
    return float(min(1.0, max(chances[lost:].sum(), 0.5 ** len(sizes))))


def _with_lost(chances: FloatArray, size: int, ways: FloatArray) -> FloatArray:
    """Return the chances of a total of lost sizes, from 0, with some sums of one size more.

    `ways` are the chances that none, one, … of them are lost.
    """
    if len(chances) == 1 and size == 1:
        return ways
    longer = np.zeros(len(chances) + size * (len(ways) - 1))
    for n_lost, way in enumerate(ways):
        longer[n_lost * size : n_lost * size + len(chances)] += way * chances
    return longer


def _halves(n: int) -> FloatArray:
    """Return the chances of 0 to n heads among n coins."""
    k = np.arange(n + 1)
    chances = np.exp(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) - n * math.log(2.0))
    return np.asarray(chances, dtype=float)


def _whole_sizes(sizes: FloatArray) -> IntArray:
    whole = np.rint(sizes)
    is_rounded = bool(np.abs(sizes - whole).max(initial=0.0) > _ROUNDING)
    total = float(sizes.sum())
    if is_rounded:
        usual = float(np.median(sizes[sizes > 0])) / _STEPS_OF_MEDIAN
        whole = np.rint(sizes / max(usual, total / _MOST_ROUNDED_STEPS))
    elif total > _MOST_STEPS:
        whole = np.rint(sizes / total * _MOST_STEPS)
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


def above_zero_p_value(values: FloatArray, clusters: IntArray) -> float:
    """One-sided p-value of "the mean is 0 or less": Student's t by clusters.

    Parameters
    ----------
    values : ndarray of float, shape (n_items,)
        At least one.
    clusters : ndarray of int, shape (n_items,)
        The number of every item's cluster, from 0.

    Returns
    -------
    float
        1.0 where there are fewer than two clusters, or all is 0. Variance and degrees of freedom
        are those of a side of `more_inside_p_value`.
    """
    largest = float(np.abs(values).max())
    mean, _, variance, degrees = _side(values, np.ones(len(values), bool), clusters, largest)
    if largest == 0.0 or degrees <= 0.0:
        return 1.0
    return float(stdtr(degrees, -mean / math.sqrt(variance)))


def unlike_others_p_value(changes: FloatArray, inside: BoolArray, clusters: IntArray) -> float:
    """One-sided p-value of "this cluster is as the others": its rank among them.

    Parameters
    ----------
    changes, inside, clusters : ndarray, shape (n_items,)
        As of `more_inside_p_value`; inside is exactly one cluster.

    Returns
    -------
    float
        ``(1 + k) / (1 + G)``, of G other clusters with at least half as many items, of which k lost
        as much on the mean or more. How far it lies from the others says nothing more: documents
        that stand or fall as a whole are as far apart without any reason.
    """
    sizes = np.bincount(clusters)
    places = clusters[inside][0]
    others = (2 * sizes >= sizes[places]) & (np.arange(len(sizes)) != places)
    means = np.bincount(clusters, weights=changes) / np.maximum(1, sizes)
    n_as_much = int((means[others] >= means[places] - _ROUNDING).sum())
    return (1 + n_as_much) / (1 + int(others.sum()))


def larger_share_p_value(
    hits: BoolArray,
    cases: BoolArray,
    other_hits: BoolArray,
    other_cases: BoolArray,
    clusters: IntArray,
) -> float:
    """One-sided p-value of "no larger a share of the cases hits than of the other side's cases".

    Parameters
    ----------
    hits, cases, other_hits, other_cases : ndarray of bool, shape (n_items,)
        Of every item whether it is a case on this side and on the other, and whether it hits there;
        only cases hit.
    clusters : ndarray of int, shape (n_items,)
        The number of every item's cluster, from 0.

    Returns
    -------
    float
        The larger of Fisher's, to which a case is an observation, and of a score test to which a
        cluster is; 1.0 where a side has no case.

    Notes
    -----
    With the share p of all cases of both sides that hit, an item's score is
    ``(hit - p case) / n - (other hit - p other case) / m`` for n and m cases. A cluster's score
    ``u_g`` is the sum of its items'; t is ``Σ u_g / sqrt(Σ u_g² G / (G - 1))``, with
    ``(Σ c_g)² / Σ c_g² - 1`` degrees of freedom for clusters of ``c_g`` cases of both sides.
    """
    n, m = int(cases.sum()), int(other_cases.sum())
    n_hits, m_hits = int(hits.sum()), int(other_hits.sum())
    exact = fisher_greater(n_hits, n, m_hits, m)
    if not n or not m or n_hits / n <= m_hits / m:
        return max(exact, 0.5)
    pooled = (n_hits + m_hits) / (n + m)
    scores = (hits - pooled * cases) / n - (other_hits - pooled * other_cases) / m
    sums = np.bincount(clusters, weights=scores)
    sizes = np.bincount(clusters, weights=cases.astype(float) + other_cases)
    degrees = (n + m) ** 2 / float(sizes @ sizes) - 1.0
    n_clusters = int(np.count_nonzero(sizes))
    square = float(sums @ sums) * n_clusters / max(1, n_clusters - 1)
    if degrees <= _ROUNDING:
        return 1.0
    return max(exact, float(stdtr(degrees, -float(sums.sum()) / math.sqrt(square))))
