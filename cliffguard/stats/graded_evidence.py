"""Evidence from scores between 0 and 1, and about a suite that is itself the contract.

The procedures are listed in `cliffguard.stats.evidence`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cliffguard.stats.e_values import (
    dropped_wealth,
    held_wealth,
    log_wealth,
    mean_interval,
    p_value,
)
from cliffguard.stats.evidence import Evidence, check_alpha
from cliffguard.stats.graded import mean_interval as order_free_interval
from cliffguard.stats.graded import p_at_least, p_at_most
from cliffguard.stats.interval import Interval

FloatArray = NDArray[np.float64]

_GRADED = "Gaffke's bound on graded scores, in any order"
_BETTING = "betting on graded scores"
_SUITE = "betting without replacement, about this suite"
_EXPECTED_GAIN = 0.1  # what the first bets on a target suppose beyond the demanded gain


@dataclass(frozen=True, slots=True)
class GradedSample:
    """The changes of items in the order in which they were asked, which does not depend on them.

    Attributes
    ----------
    changes : array_like
        Base score minus candidate score of every scored item, in [-1, 1]. At least one. Or the
        means of whole clusters.
    at_worst : array_like, optional
        The same with every lost item at its place, as the base's whole score. Asked about *held*.
    weights, worst_weights : ndarray, optional
        Of clusters, their sizes over the largest, for `changes` and for `at_worst`; see
        `log_wealth`.
    """

    changes: Sequence[float] | FloatArray
    at_worst: Sequence[float] | FloatArray | None = None
    weights: FloatArray | None = None
    worst_weights: FloatArray | None = None

    @property
    def seen(self) -> FloatArray:
        """The changes of what was scored."""
        return np.asarray(self.changes, dtype=float)

    @property
    def worst(self) -> tuple[FloatArray, FloatArray | None]:
        """The changes with what was lost, and their weights."""
        if self.at_worst is None:
            return self.seen, self.weights
        return np.asarray(self.at_worst, dtype=float), self.worst_weights

    def n_scored(self, n_suite: int | None) -> int | None:
        """Items of a suite that have or will have a score; None: it is not about a suite."""
        return None if n_suite is None else n_suite - (len(self.worst[0]) - len(self.seen))

    def method(self, name: str) -> str:
        """The procedure in words, with the number of clusters if there are any."""
        return name if self.weights is None else f"{name}; {len(self.seen)} clusters"


def graded_evidence(sample: GradedSample, *, margin: float, alpha: float) -> Evidence:
    """Evidence from graded scores in one look at everything planned; their order is nothing.

    Parameters
    ----------
    margin, alpha
        As in `fixed_evidence`.

    Notes
    -----
    All by the bound of `cliffguard.stats.graded`: the interval ends where its tests turn.
    """
    check_alpha(alpha)
    seen, weights = sample.seen, sample.weights
    worst, worst_weights = sample.worst
    return Evidence(
        p_held=p_at_least(worst, margin, weights=worst_weights),
        p_dropped=p_at_most(seen, 0.0, weights=weights),
        p_beyond=p_at_most(seen, margin, weights=weights),
        interval=order_free_interval(seen, confidence=1 - 2 * alpha, weights=weights),
        method=sample.method(_GRADED),
    )


def graded_gain_evidence(sample: GradedSample, *, gain: float, alpha: float) -> Evidence:
    """Evidence of a demanded gain from graded scores in one look; as `graded_evidence`.

    `p_held` is of "the gain is `gain` or less", the other two of "it is `gain` or more".
    """
    evidence = graded_evidence(sample, margin=-gain, alpha=alpha)
    return replace(evidence, p_dropped=evidence.p_beyond)


def e_process_evidence(sample: GradedSample, *, margin: float, alpha: float) -> Evidence:
    """Evidence from graded scores, by betting; good at every look.

    Parameters
    ----------
    margin, alpha
        As in `fixed_evidence`.
    """
    check_alpha(alpha)
    seen, weights = sample.seen, sample.weights
    worst, worst_weights = sample.worst
    return Evidence(
        p_held=p_value(held_wealth(worst, margin=margin, weights=worst_weights)),
        p_dropped=p_value(dropped_wealth(seen, margin=margin, weights=weights)),
        p_beyond=p_value(log_wealth(seen, mean=margin, expected=2 * margin, weights=weights)),
        interval=_interval(sample, alpha, None),
        method=sample.method(_BETTING),
    )


def e_process_gain(
    sample: GradedSample, *, gain: float, alpha: float, n_suite: int | None = None
) -> Evidence:
    """Evidence of a demanded gain, by betting; parameters as in the other procedures."""
    check_alpha(alpha)
    n_scored = sample.n_scored(n_suite)
    worst, worst_weights = sample.worst
    proven = log_wealth(
        -worst, mean=gain, expected=gain + _EXPECTED_GAIN, n_suite=n_suite, weights=worst_weights
    )
    disproven = log_wealth(
        sample.seen,
        mean=-gain,
        expected=_EXPECTED_GAIN - gain,
        n_suite=n_scored,
        or_equal=False,
        weights=sample.weights,
    )
    p_disproven = _p_of_suite(disproven, n_scored)
    return Evidence(
        p_held=_p_of_suite(proven, n_suite),
        p_dropped=p_disproven,
        p_beyond=p_disproven,
        interval=_interval(sample, alpha, n_scored),
        method=_SUITE if n_suite is not None else _BETTING,
    )


def suite_evidence(sample: GradedSample, *, n_suite: int, margin: float, alpha: float) -> Evidence:
    """Evidence about the drop on exactly this suite, without replacement; good at every look.

    Parameters
    ----------
    sample : GradedSample
        Without weights; whole numbers where scores are right or wrong.
    n_suite : int
        Items of the suite that have or will have a score, lost ones included.
    margin, alpha
        As in `fixed_evidence`.

    Notes
    -----
    *Dropped* and *beyond* are one here: the drop on the suite reaches the margin. A drop below it
    is what the policy tolerates of this suite, and no more is asked. A drop is only proven
    by scored items.
    """
    check_alpha(alpha)
    n_scored = sample.n_scored(n_suite)
    held = held_wealth(sample.worst[0], margin=margin, n_suite=n_suite)
    dropped = dropped_wealth(sample.seen, margin=margin, n_suite=n_scored)
    p_dropped = _p_of_suite(dropped, n_scored)
    return Evidence(
        p_held=_p_of_suite(held, n_suite),
        p_dropped=p_dropped,
        p_beyond=p_dropped,
        interval=_interval(sample, alpha, n_scored),
        method=_SUITE,
    )


def _p_of_suite(log_wealths: FloatArray, n_suite: int | None) -> float:
    """Return the p-value of a bet; of a suite seen to its end, what is then known."""
    if n_suite is not None and len(log_wealths) >= n_suite:
        return 0.0 if np.isinf(log_wealths[-1]) else 1.0
    return p_value(log_wealths)


def _interval(sample: GradedSample, alpha: float, n_suite: int | None) -> Interval:
    x = sample.seen
    if n_suite is not None and len(x) >= n_suite:
        return Interval(float(x.mean()), float(x.mean()))
    return mean_interval(x, confidence=1 - 2 * alpha, n_suite=n_suite, weights=sample.weights)
