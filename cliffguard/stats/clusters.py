"""Items that stand or fall together: several questions on a passage, variants of one seed.

They carry less information than as many independent items. The score statistic is divided by the
root of the design effect and compared with Student's t with one degree of freedom less than there
are clusters.

The design effect must not be taken from the changed items alone. What would show that items fall
together is a cluster that fell, and where few items changed there is none: the estimate is then
1, and two dozen passages would be held as easily as hundreds of single items. So the correlation
within clusters is shrunk towards one half with the weight of four clusters, and those in which
something changed outvote it. Simulated at a nominal 5 %, at a drop of exactly the margin
(``scripts/calibrate.py``, table of clusters), this keeps a false "held" near 5 % up to a
correlation of 0.3, where the plain estimate errs three times as often. Where clusters change only
as a whole and there are fewer than 60 of them, it still errs more often than alpha.

References
----------
Yang, Sun and Hardin (2013), Statistics in Medicine 32:1336-1347. Eliasziw and Donner (1991),
Statistics in Medicine 10:1981-1991. Miller (2024), arXiv:2411.00640, for the variance.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import t as student_t

from cliffguard.stats.interval import check_open_fraction

LEAST_CLUSTERS = 20
"""Below it no statement is made."""

_PRIOR_CORRELATION = 0.5
_PRIOR_CLUSTERS = 4  # changed clusters that outvote the prior one to one


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
    """

    n_clusters: int
    design_effect: float

    def deflated(self, z: float) -> float:
        """Return a statistic of independent items as these clusters support it."""
        return z / math.sqrt(self.design_effect)

    def critical_value(self, alpha: float) -> float:
        """Value that a deflated statistic must exceed; infinite below 20 clusters."""
        check_open_fraction("alpha", alpha)
        if self.n_clusters < LEAST_CLUSTERS:
            return math.inf
        return float(student_t.isf(alpha, self.n_clusters - 1))

    def inflated(self, z: float) -> float:
        """Return the value of independent items whose deflated value is as surprising as z."""
        return self.critical_value(float(ndtr(-z))) * math.sqrt(self.design_effect)

    def p_value(self, z: float) -> float:
        """One-sided p-value of a deflated statistic; 1.0 below 20 clusters."""
        if self.n_clusters < LEAST_CLUSTERS:
            return 1.0
        return float(student_t.sf(z, self.n_clusters - 1))


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
    groups, s being the size of the group of a random item. With k groups in which something
    changed, what is returned is at least the effect of a correlation of ``(4 / 2 + k r) / (4 +
    k)``; 1 where every item is alone.
    """
    if len(changes) != len(clusters) or not len(changes):
        raise ValueError(f"{len(changes)} changes for {len(clusters)} cluster names.")
    x = np.asarray(changes, dtype=float)
    numbers: dict[Hashable, int] = {}
    places = np.array([numbers.setdefault(name, len(numbers)) for name in clusters])
    n, n_clusters = len(x), len(numbers)
    estimate = max(1.0, _plain_design_effect(x, places, n_clusters))
    size = float(np.sum(np.bincount(places).astype(float) ** 2)) / n
    if n_clusters == n:
        return Clustering(n_clusters=n_clusters, design_effect=1.0)
    n_changed = len(np.unique(places[x != 0.0]))
    correlation = min(1.0, (estimate - 1.0) / (size - 1.0))
    shrunk = _PRIOR_CLUSTERS * _PRIOR_CORRELATION + n_changed * correlation
    shrunk /= _PRIOR_CLUSTERS + n_changed
    least = 1.0 + (size - 1.0) * shrunk
    return Clustering(n_clusters=n_clusters, design_effect=max(estimate, least))


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
