"""The mean length of a candidate's answers over the base's: a ratio of means, by Gaffke's bound.

Lengths are counted in shares of a limit that no answer passes, so that they lie in [0, 1]. "The
ratio of the means is r or more" says the same as "the mean of ``candidate - r base`` is 0 or more",
whose terms are bounded: no normal approximation of a ratio, and no t-test of differences, both of
which err where a few answers are as long as all others together. To the sample comes one more
term, the worst that there can be (1, and r the other way round), and the p-value is the chance that
a mean with Dirichlet(1, …, 1) weights is above 0; see `cliffguard.stats.graded`.

References
----------
Gaffke (2005), Mathematical Methods of Statistics 14:451-467. Fieller (1954), Journal of the Royal
Statistical Society B 16:175-185 (a ratio of means tested by its linear contrast). Schuirmann
(1987), Journal of Pharmacokinetics and Biopharmaceutics 15:657-680 (two one-sided tests).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cliffguard.stats.evidence import Evidence, check_alpha
from cliffguard.stats.exponentials import positive_chance
from cliffguard.stats.interval import Interval

FloatArray = NDArray[np.float64]

_METHOD = "Gaffke's bound on the ratio of mean lengths"
_LARGEST_RATIO = 100.0  # at which an interval ends at the latest
_N_BISECTIONS = 40


@dataclass(frozen=True, slots=True)
class Lengths:
    """Paired lengths in shares of the limit, in [0, 1]; of clusters their means.

    `weights` are the sizes of clusters over the largest (None: every answer stands alone).
    """

    base: FloatArray
    candidate: FloatArray
    weights: FloatArray | None = None

    @property
    def ratio(self) -> float:
        """The candidate's mean over the base's, which is above 0."""
        weights = np.ones_like(self.base) if self.weights is None else self.weights
        return math.fsum(weights * self.candidate) / math.fsum(weights * self.base)

    def p_at_least(self, ratio: float) -> float:
        """P-value of "the ratio is `ratio` or more"; small where it is less."""
        return self._p(self.candidate - ratio * self.base, 1.0)

    def p_at_most(self, ratio: float) -> float:
        """P-value of "the ratio is `ratio` or less"; small where it is more."""
        return self._p(ratio * self.base - self.candidate, ratio)

    def _p(self, terms: FloatArray, worst: float) -> float:
        if self.weights is not None:
            terms, worst = terms * self.weights, worst * float(self.weights.max())
        return float(positive_chance(np.sort(np.append(terms, worst))[None])[0])


def length_evidence(
    seen: Lengths, longest: Lengths, shortest: Lengths, *, margin: float, alpha: float
) -> Evidence:
    """Evidence about the change of the mean length, longer or shorter.

    Parameters
    ----------
    seen : Lengths
        Of answers that both sides gave, those of the base not all empty.
    longest, shortest : Lengths
        The same with what was not answered as it would make the candidate's longest, and shortest.
    margin : float
        On the change as a share of the base's mean, strictly between 0 and 1.
    alpha : float
        One-sided error rate of each end of the interval.

    Returns
    -------
    Evidence
        *Held*: both "longer by the margin or more" and "shorter by it" are rejected, each at the
        level that the larger p-value is compared with. *Dropped* and *beyond* are two-sided: twice
        the smaller p-value of both directions. The interval is of the change in the direction in
        which it was seen: above 0 is a change, whichever way.
    """
    check_alpha(alpha)
    low, high = _interval(seen, alpha)
    change = Interval(low - 1.0, high - 1.0)
    if seen.ratio < 1.0:
        change = Interval(1.0 - high, 1.0 - low)
    return Evidence(
        p_held=max(longest.p_at_least(1.0 + margin), shortest.p_at_most(1.0 - margin)),
        p_dropped=_two_sided(seen.p_at_most(1.0), seen.p_at_least(1.0)),
        p_beyond=_two_sided(seen.p_at_most(1.0 + margin), seen.p_at_least(1.0 - margin)),
        interval=change,
        method=_METHOD if seen.weights is None else f"{_METHOD}; {len(seen.base)} clusters",
    )


def _two_sided(*p_values: float) -> float:
    return min(1.0, 2.0 * min(p_values))


def _interval(seen: Lengths, alpha: float) -> tuple[float, float]:
    """Return the ratios that are not rejected, each end at alpha, by bisection."""
    middle = min(seen.ratio, _LARGEST_RATIO)
    low, below = 0.0, middle
    for _ in range(_N_BISECTIONS):
        at = (low + below) / 2
        low, below = (low, at) if seen.p_at_most(at) > alpha else (at, below)
    above, high = middle, _LARGEST_RATIO
    if seen.p_at_least(high) <= alpha:
        for _ in range(_N_BISECTIONS):
            at = (above + high) / 2
            above, high = (at, high) if seen.p_at_least(at) > alpha else (above, at)
    return low, high
