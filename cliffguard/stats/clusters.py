"""Cluster-robust tests: items that stand or fall together, such as questions on one passage.

They carry less information than as many independent items; two questions are answered apart.

*Is a loss excluded?* What would show one is a cluster that fell, and where losses come by topic
most samples of few clusters hold none. So "held" takes no variance from the sample. Clusters are
weighed at random (Dirichlet(1, …, 1) weights, each cluster by its items), with one more that nobody
saw: of the size of a random item's cluster, it loses half of its items. The p-value of "the drop is
D or more" is the chance that such a weighted drop is D or more (`cliffguard.stats.exponentials`).
Where nothing changed in G clusters of one size it is ``(1 - 2 D)^G``: the chance that none of them
is one of the share ``2 D`` that would lose half.

Clusters of unequal size are no sample of each other: that none of a few large ones fell is likely
by itself, however many small ones lie beside them. So the p-value is at least the chance that as
little is lost where a share ``2 D`` of these very clusters loses half (`cliffguard.stats.topics`).
For clusters of one size both are nearly the same. ``reports/clusters/`` has what it does at the
margin itself, where topics lose half, at correlations up to 0.3, and for unequal sizes.

*Is a drop proven?* The score statistic is divided by the root of the design effect and compared
with Student's t, whose degrees of freedom count the clusters that carry the variance. The design
effect is never taken from the changed items alone: the correlation within clusters is shrunk
towards one quarter with the weight of six clusters, and those with a change outvote it.

References
----------
Yang, Sun and Hardin (2013), Statistics in Medicine 32:1336-1347. Eliasziw and Donner (1991),
Statistics in Medicine 10:1981-1991. Satterthwaite (1946), Biometrics Bulletin 2:110-114. Miller
(2024), arXiv:2411.00640, for the variance. Gaffke (2005), Mathematical Methods of Statistics
14:451-467, for a bound by random weights and one unseen value.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from cliffguard.stats.exponentials import positive_chance
from cliffguard.stats.interval import check_open_fraction
from cliffguard.stats.topics import LOST, chance_of_as_little

LEAST_CLUSTERS = 20
"""Below it no statement is made."""

_PRIOR_CORRELATION = 0.25
_PRIOR_CLUSTERS = 6  # changed clusters that outvote the prior one to one
_USUAL_CORRELATION = 0.05


def least_effective_clusters(*, margin: float, alpha: float) -> int:
    """Return how many clusters of one size "held" takes at the least.

    Parameters
    ----------
    margin : float
        Largest tolerated drop, strictly between 0 and 1.
    alpha : float
        One-sided error rate, strictly between 0 and 1.

    Returns
    -------
    int
        ``max(20, ⌈ln alpha / ln(1 - 2 margin)⌉)``: where a share ``2 margin`` of the clusters
        loses half of its items, fewer miss all of them with a probability above alpha. 29 at 5
        points, 49 at 3, 20 at 8, for alpha 0.05.
    """
    if 2 * margin >= 1:
        return LEAST_CLUSTERS
    return max(LEAST_CLUSTERS, math.ceil(math.log(alpha) / math.log1p(-2 * margin)))


@dataclass(frozen=True, slots=True)
class Clustering:
    """What the clusters of a sample do to its statistics.

    Attributes
    ----------
    n_clusters : int
        Groups of items, each item alone counted as one.
    design_effect : float
        Variance of the mean change over that of as many independent items, at least 1; shrunk
        as the module says.
    degrees : float
        Degrees of freedom of the variance: one less than there are clusters where they are of
        one size, fewer where large ones carry most of it.
    n_effective_clusters : float
        Clusters of one size that would weigh as much: ``(Σ n_g)² / Σ n_g²``.
    sums : tuple of (float, int)
        Of every cluster the sum of its changes and its size, in an order of their own. Empty where
        it is planned with, and nothing changed yet.
    gained : float
        Sum of the changes of the items that the candidate does better, without its sign.
    """

    n_clusters: int
    design_effect: float
    degrees: float
    n_effective_clusters: float
    sums: tuple[tuple[float, int], ...] = ()
    gained: float = 0.0

    def deflated(self, z: float) -> float:
        """Return a statistic of independent items as these clusters support it."""
        return z / math.sqrt(self.design_effect)

    def critical_value(self, alpha: float) -> float:
        """Value that a deflated statistic must exceed; infinite below 20 clusters."""
        check_open_fraction("alpha", alpha)
        if self.n_clusters < LEAST_CLUSTERS:
            return math.inf
        return -float(stdtrit(self.degrees, alpha))

    def inflated(self, z: float) -> float:
        """Return the value of independent items whose deflated value is as surprising as z."""
        return self.critical_value(float(ndtr(-z))) * math.sqrt(self.design_effect)

    def inflation(self, alpha: float) -> float:
        """Return how many times as many items as independent ones decide alike; maybe infinite."""
        if self.n_clusters < LEAST_CLUSTERS:
            return math.inf
        return (self.inflated(float(ndtri(1 - alpha))) / float(ndtri(1 - alpha))) ** 2

    def p_value(self, z: float) -> float:
        """One-sided p-value of a deflated statistic; 1.0 below 20 clusters."""
        if self.n_clusters < LEAST_CLUSTERS:
            return 1.0
        return float(stdtr(self.degrees, -z))

    def p_at_least(self, drop: float) -> float:
        """P-value of "the drop is `drop` or more"; small where the clusters exclude it.

        The same for the same clusters in any order; 1.0 below 20 clusters.
        """
        if self.n_clusters < LEAST_CLUSTERS:
            return 1.0
        return max(self._p_weighed(drop), self._p_as_little(drop))

    def highest_drop(self, alpha: float) -> float:
        """Return the largest drop that `p_at_least` does not reject at `alpha`; at most 1."""
        if self.n_clusters < LEAST_CLUSTERS or self.p_at_least(1.0) > alpha:
            return 1.0
        from scipy.optimize import brentq

        total, size = np.array(self.sums, dtype=float).T
        high = float(total.sum() / size.sum())
        for p_value in (self._p_weighed, self._p_as_little):
            if p_value(high) > alpha:
                high = float(brentq(lambda drop, p=p_value: p(drop) - alpha, high, 1.0))
        return high

    def _p_weighed(self, drop: float) -> float:
        total, size = np.array(self.sums, dtype=float).T
        unseen = float((size**2).sum() / size.sum()) * (LOST - drop)
        return float(positive_chance(np.append(total - drop * size, unseen)[None])[0])

    def _p_as_little(self, drop: float) -> float:
        total, size = np.array(self.sums, dtype=float).T
        return chance_of_as_little(
            float(total.sum()), size.astype(int), drop=max(0.0, drop), gained=self.gained
        )


def clustering(changes: Sequence[float], clusters: Sequence[Hashable]) -> Clustering:
    """Design effect of the mean of `changes` over groups of items.

    Parameters
    ----------
    changes : sequence of float
        Base score minus candidate score of every item, in [-1, 1].
    clusters : sequence of hashable
        The group of every item; as many as there are changes.

    Notes
    -----
    With n items in G groups and the mean change d: ``G/(G-1) Σ_g (Σ_{i in g} (d_i - d))² / n²``
    over ``Σ_i (d_i - d)² / (n - 1) / n``. It is ``1 + (s - 1) r`` for a correlation r within
    groups, s being the size of the group of a random item. With k groups of two or more in
    which something changed, what is returned is at least the effect of a correlation of
    ``(6 / 4 + k r) / (6 + k)``; 1 where every item is alone. The degrees of freedom are
    Satterthwaite's, ``(Σ_g v_g)² / Σ_g v_g² - 1``, for variances ``v_g = n_g (1 + (n_g - 1) r)``.
    """
    if len(changes) != len(clusters) or not len(changes):
        raise ValueError(f"{len(changes)} changes for {len(clusters)} cluster names.")
    groups: dict[Hashable, list[float]] = {}
    for name, change in zip(clusters, changes, strict=True):
        groups.setdefault(name, []).append(float(change))
    # Sorted, so that no name and no order moves the last digit.
    rows = sorted(sorted(group) for group in groups.values())
    x = np.array([change for row in rows for change in row])
    places = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    sizes = np.bincount(places).astype(float)
    sums = np.bincount(places, weights=x)
    plain = max(1.0, _plain_design_effect(x, places, len(rows)))
    # An item alone says nothing of how items fall together.
    n_changed = int(np.count_nonzero(sizes[np.unique(places[x != 0.0])] > 1))
    estimate = _clustering(sizes, plain, n_changed)
    return replace(
        estimate,
        sums=tuple(sorted(zip(map(float, sums), map(int, sizes), strict=True))),
        gained=float(-x[x < 0.0].sum()),
    )


def expected_clustering(clusters: Sequence[Hashable], *, churn: float) -> Clustering:
    """Clustering to plan with, before anything is known of the answers.

    Parameters
    ----------
    clusters : sequence of hashable
        The group of every item.
    churn : float
        Share of items that are expected to change, in [0, 1]; in as many clusters as if items
        changed independently, with a correlation of 0.05 between them.
    """
    sizes = np.array(list(Counter(clusters).values()), dtype=float)
    size = float((sizes**2).sum() / sizes.sum())
    n_changed = float((1 - (1 - churn) ** sizes[sizes > 1]).sum())
    return _clustering(sizes, 1.0 + (size - 1.0) * _USUAL_CORRELATION, n_changed)


def expected_power(
    *, n_items: int, n_clusters: float, churn: float, margin: float, alpha: float
) -> float:
    """Chance that clusters are held in one look, where nothing is lost; to plan with.

    Parameters
    ----------
    n_items : int
        At least 1.
    n_clusters : float
        Effective ones, ``(Σ n_g)² / Σ n_g²``; at most as many as there are items.
    churn : float
        Share of items that are expected to change, in (0, 1].
    margin, alpha : float
        Largest tolerated drop and one-sided error rate, strictly between 0 and 1.

    Returns
    -------
    float
        In [0, 1], for the correlation of `expected_clustering`.

    Notes
    -----
    `Clustering.p_at_least` asks whether a sum of exponentials with weights ``x_g = S_g - D n_g``,
    and ``u (1/2 - D)`` for the unseen cluster of u items, exceeds 0. By its mean and its variance
    ``Σ x²`` this is about a normal statistic of mean ``m = (n D - u (1/2 - D)) / sqrt(Σ x²)`` and
    variance ``v = n churn (1 + (u - 1) r) / Σ x²``, r being the correlation; it exceeds the
    critical value c with the chance ``Φ((m - c) / sqrt(v))``. The chance of as little is about one
    of a normal sum of mean n D and variance ``n (u D (1 - 2 D) / 2 + churn)``. HELD takes both, and
    what speaks for one speaks for the other: the smaller chance is returned.
    """
    size = n_items / n_clusters  # of the cluster of a random item, as the unseen one has
    unseen = size * max(0.0, LOST - margin)
    changed = n_items * churn * (1.0 + (size - 1.0) * _USUAL_CORRELATION)
    squares = changed + margin**2 * n_items * size + unseen**2
    z = float(ndtri(1 - alpha))
    weighed = n_items * margin - unseen - z * math.sqrt(squares)
    falls = min(1.0, margin / LOST)
    by_topic = n_items * (size * falls * (1.0 - falls) * LOST**2 + churn)
    as_little = n_items * margin - z * math.sqrt(by_topic)
    return float(ndtr(min(weighed, as_little) / math.sqrt(changed)))


def _clustering(sizes: NDArray[np.float64], estimate: float, n_changed: float) -> Clustering:
    """Return what an estimate of the design effect comes to under the prior."""
    size = float((sizes**2).sum() / sizes.sum())
    effect, correlation = 1.0, 0.0
    if size > 1.0:
        estimated = min(1.0, (estimate - 1.0) / (size - 1.0))
        correlation = max(estimated, _shrunk(estimated, n_changed))
        effect = max(estimate, 1.0 + (size - 1.0) * correlation)
    shares = sizes * (1.0 + (sizes - 1.0) * correlation)
    degrees = float(shares.sum() ** 2 / (shares**2).sum()) - 1.0
    return Clustering(
        n_clusters=len(sizes),
        design_effect=effect,
        degrees=max(1.0, degrees),
        n_effective_clusters=float(sizes.sum() ** 2 / (sizes**2).sum()),
    )


def _shrunk(correlation: float, n_changed: float) -> float:
    """Return a correlation that `n_changed` clusters speak for, drawn towards the prior."""
    weighed = _PRIOR_CLUSTERS * _PRIOR_CORRELATION + n_changed * correlation
    return weighed / (_PRIOR_CLUSTERS + n_changed)


def _plain_design_effect(
    x: NDArray[np.float64], places: NDArray[np.int64], n_clusters: int
) -> float:
    """Return the estimate from the changes alone; 1 where nothing changed or there is one group."""
    n = len(x)
    off = x - x.mean()
    square_sum = float(off @ off)
    if n_clusters < 2 or square_sum <= 0.0:
        return 1.0
    totals = np.bincount(places, weights=off)
    clustered = n_clusters / (n_clusters - 1) * float(totals @ totals) / n**2
    return clustered / (square_sum / (n - 1) / n)
