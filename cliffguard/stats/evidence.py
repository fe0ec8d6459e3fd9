"""What the answers say about one capability, by the procedure that its design calls for.

Three hypotheses are tested, whatever the procedure: "the drop is the margin or more" (rejected:
*held*), "there is no drop" (rejected: *dropped*), "the drop is the margin or less" (rejected: the
drop is *beyond* the margin). Only their p-values and an interval leave this module, so that who
decides need not know how they came about. Each p-value is good at the level it is compared with,
one at a time; what several capabilities do together is the concern of whoever decides.

====================== =========================================================================
procedure              when
====================== =========================================================================
`fixed_evidence`       right or wrong, all planned items asked, one look
`sequential_evidence`  right or wrong, several looks on the way to a planned number of items
`graded_evidence`      scores between 0 and 1; any number of looks
`suite_evidence`       the suite is itself the contract; any scores, any number of looks
`gain_evidence`        a gain is demanded: right or wrong, one look
`graded_gain_evidence` a gain is demanded: scores between 0 and 1
====================== =========================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from cliffguard.stats.betting import (
    dropped_fortune,
    held_fortune,
    log_fortune,
    mean_interval,
    p_value,
)
from cliffguard.stats.clusters import LEAST_CLUSTERS, Clustering
from cliffguard.stats.interval import Interval, check_open_fraction
from cliffguard.stats.paired import (
    PairedCounts,
    mcnemar_mid_p,
    non_inferiority_p,
    score_interval,
    tango_z,
)
from cliffguard.stats.sequential import boundaries, repeated_p_value

FloatArray = NDArray[np.float64]

_FIXED = "McNemar mid-p; Tango score interval"
_SEQUENTIAL = "group-sequential score tests; repeated interval"
_GRADED = "betting on graded scores"
_SUITE = "betting without replacement, about this suite"
_EXPECTED_GAIN = 0.1  # what the first bets on a target suppose beyond the demanded gain
_LARGEST_Z = 8.0  # the normal tail beyond it is below what a p-value is computed to


@dataclass(frozen=True, slots=True)
class Evidence:
    """One-sided p-values of the three hypotheses, and an interval of the drop.

    Attributes
    ----------
    p_held : float
        Of "the drop is the margin or more". Small: held.
    p_dropped : float
        Of "there is no drop". Small: regressed.
    p_beyond : float
        Of "the drop is the margin or less". Small: the drop is beyond the margin.
    interval : Interval
        Of the drop; each end is a one-sided test at alpha.
    method : str
        The procedure, in words for a report.
    """

    p_held: float
    p_dropped: float
    p_beyond: float
    interval: Interval
    method: str


@dataclass(frozen=True, slots=True)
class Sample:
    """The answers to a number of items, as the score statistic sees them.

    Attributes
    ----------
    counts : PairedCounts
        Over the items that both sides have a score for.
    n_lost : int
        Items that the base had right and that only the candidate left without a score. They count
        as broken where "held" is asked, and not at all where a drop is to be proven: no answer
        must neither pass for a good one nor convict.
    n_asked : int
        Items asked, scored or not: how far the plan has come.
    clustering : Clustering or None
        None where every item stands alone.
    """

    counts: PairedCounts
    n_lost: int
    n_asked: int
    clustering: Clustering | None = None

    @property
    def at_worst(self) -> PairedCounts:
        """The counts with every lost item broken."""
        n_broken, n_fixed, n_items = self.counts
        return PairedCounts(n_broken + self.n_lost, n_fixed, n_items + self.n_lost)

    def p_held(self, margin: float) -> float:
        """P-value of a drop of the margin or more; exact below 300 items, never below it."""
        alone = non_inferiority_p(**self.at_worst._asdict(), margin=margin)
        if self.clustering is None:
            return alone
        return max(alone, self.p_of_z(tango_z(**self.at_worst._asdict(), drop=margin)))

    def p_dropped(self) -> float:
        """P-value of no drop."""
        if self.clustering is None:
            n_broken, n_fixed, _ = self.counts
            return mcnemar_mid_p(n_broken=n_broken, n_fixed=n_fixed)
        return self.p_of_z(-tango_z(**self.counts._asdict(), drop=0.0))

    def p_beyond(self, margin: float) -> float:
        """P-value of a drop of the margin or less."""
        return self.p_of_z(-tango_z(**self.counts._asdict(), drop=margin))

    def interval(self, z: float) -> Interval:
        """Drops whose statistic lies between -z and z."""
        if self.clustering is not None:
            z = self.clustering.inflated(z)
        return score_interval(**self.counts._asdict(), z=z)

    def p_of_z(self, z: float) -> float:
        """Upper tail of a score statistic, as the clusters support it."""
        if self.clustering is None:
            return float(ndtr(-z))
        return self.clustering.p_value(self.clustering.deflated(z))


def fixed_evidence(sample: Sample, *, margin: float, alpha: float) -> Evidence:
    """Evidence of one look at everything that was planned.

    Parameters
    ----------
    sample : Sample
        At least one scored item.
    margin : float
        Largest tolerated drop, strictly between 0 and 1.
    alpha : float
        One-sided error rate of each end of the interval, strictly between 0 and 1/2.

    Notes
    -----
    Tango's score statistic at the margin, with its exact level below 300 items; McNemar's mid-p;
    with clusters, the score statistics over the root of the design effect, by Student's t.
    """
    _check_alpha(alpha)
    return Evidence(
        p_held=sample.p_held(margin),
        p_dropped=sample.p_dropped(),
        p_beyond=sample.p_beyond(margin),
        interval=sample.interval(float(ndtri(1 - alpha))),
        method=_in_words(sample, _FIXED),
    )


def sequential_evidence(
    looks: Sequence[Sample], *, n_planned: int, margin: float, alpha: float
) -> Evidence:
    """Evidence after several looks, at which the measuring could have stopped.

    Parameters
    ----------
    looks : sequence of Sample
        Every look so far, each containing the one before, `n_asked` strictly rising.
    n_planned : int
        Items asked at the last look that is planned.
    margin, alpha
        As in `fixed_evidence`.

    Returns
    -------
    Evidence
        With repeated p-values and the repeated interval of the last look.

    Notes
    -----
    Alpha is spent linearly. Before the last planned look, a drop counts as proven only if it also
    reaches the margin as observed: a small real drop is then measured on until it is known to be
    tolerable or not. That only removes rejections, and so cannot raise an error rate.
    """
    _check_alpha(alpha)
    n_asked = tuple(look.n_asked for look in looks)
    last = looks[-1]

    def repeated(p_values: list[float]) -> float:
        z_values = [float(np.clip(-ndtri(p), -_LARGEST_Z, _LARGEST_Z)) for p in p_values]
        return repeated_p_value(z_values, n_asked, n_planned=n_planned)

    may_convict = [look.counts.drop >= margin or look.n_asked >= n_planned for look in looks]
    dropped = [
        look.p_dropped() if may else 1.0 for look, may in zip(looks, may_convict, strict=True)
    ]
    edge = boundaries(n_asked, n_planned=n_planned, alpha=alpha)[-1]
    return Evidence(
        p_held=repeated([look.p_held(margin) for look in looks]),
        p_dropped=repeated(dropped),
        p_beyond=repeated([look.p_beyond(margin) for look in looks]),
        interval=last.interval(edge),
        method=_in_words(last, _SEQUENTIAL),
    )


def gain_evidence(sample: Sample, *, gain: float, alpha: float) -> Evidence:
    """Evidence of a demanded gain; *held* is that it is exceeded.

    Parameters
    ----------
    sample : Sample
        At least one scored item. A lost item counts as broken where the gain is to be proven.
    gain : float
        The rise of the mean score that must be exceeded, strictly between -1 and 1.
    alpha : float
        As in `fixed_evidence`.

    Returns
    -------
    Evidence
        `p_held` is of "the gain is `gain` or less", `p_dropped` and `p_beyond` of "it is `gain`
        or more". At 0 by McNemar's mid-p, as drops are; elsewhere by the score test at the gain.
    """
    _check_alpha(alpha)
    n_broken, n_fixed, _ = sample.counts
    if gain == 0.0 and sample.clustering is None:
        worst = sample.at_worst
        p_held = mcnemar_mid_p(n_broken=worst.n_fixed, n_fixed=worst.n_broken)
        p_disproven = mcnemar_mid_p(n_broken=n_broken, n_fixed=n_fixed)
    else:
        p_held = sample.p_of_z(tango_z(**sample.at_worst._asdict(), drop=-gain))
        p_disproven = sample.p_of_z(-tango_z(**sample.counts._asdict(), drop=-gain))
    return Evidence(
        p_held=p_held,
        p_dropped=p_disproven,
        p_beyond=p_disproven,
        interval=sample.interval(float(ndtri(1 - alpha))),
        method=_in_words(sample, _FIXED),
    )


def graded_gain_evidence(
    changes: Sequence[float],
    *,
    at_worst: Sequence[float] | None = None,
    gain: float,
    alpha: float,
    n_suite: int | None = None,
) -> Evidence:
    """Evidence of a demanded gain, by betting; parameters as in the other procedures."""
    _check_alpha(alpha)
    x = np.asarray(changes, dtype=float)
    worst = x if at_worst is None else np.asarray(at_worst, dtype=float)
    expected = _EXPECTED_GAIN - gain
    proven = log_fortune(-worst, mean=gain, expected=gain + _EXPECTED_GAIN, n_suite=n_suite)
    disproven = log_fortune(x, mean=-gain, expected=expected, n_suite=n_suite, or_equal=False)
    p_disproven = _p_of_suite(disproven, n_suite)
    return Evidence(
        p_held=_p_of_suite(proven, n_suite),
        p_dropped=p_disproven,
        p_beyond=p_disproven,
        interval=_interval(x, alpha, n_suite),
        method=_SUITE if n_suite is not None else _GRADED,
    )


def graded_evidence(
    changes: Sequence[float],
    *,
    at_worst: Sequence[float] | None = None,
    margin: float,
    alpha: float,
) -> Evidence:
    """Evidence from graded scores, by betting; good at every look.

    Parameters
    ----------
    changes : sequence of float
        Base score minus candidate score of every scored item, in [-1, 1], in the order of the
        run, which does not depend on them. At least one.
    at_worst : sequence of float, optional
        The same with every lost item at its place, as the base's whole score. Asked about *held*.
    margin, alpha
        As in `fixed_evidence`.
    """
    _check_alpha(alpha)
    x = np.asarray(changes, dtype=float)
    worst = x if at_worst is None else np.asarray(at_worst, dtype=float)
    return Evidence(
        p_held=p_value(held_fortune(worst, margin=margin)),
        p_dropped=p_value(dropped_fortune(x, margin=margin)),
        p_beyond=p_value(log_fortune(x, mean=margin, expected=2 * margin)),
        interval=mean_interval(x, confidence=1 - 2 * alpha),
        method=_GRADED,
    )


def suite_evidence(
    changes: Sequence[float],
    *,
    at_worst: Sequence[float] | None = None,
    n_suite: int,
    margin: float,
    alpha: float,
) -> Evidence:
    """Evidence about the drop on exactly this suite, without replacement; good at every look.

    Parameters
    ----------
    changes, at_worst : sequence of float
        As in `graded_evidence`; whole numbers where scores are right or wrong.
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
    _check_alpha(alpha)
    x = np.asarray(changes, dtype=float)
    worst = x if at_worst is None else np.asarray(at_worst, dtype=float)
    n_lost = len(worst) - len(x)
    held = held_fortune(worst, margin=margin, n_suite=n_suite)
    dropped = dropped_fortune(x, margin=margin, n_suite=n_suite - n_lost)
    p_dropped = _p_of_suite(dropped, n_suite - n_lost)
    return Evidence(
        p_held=_p_of_suite(held, n_suite),
        p_dropped=p_dropped,
        p_beyond=p_dropped,
        interval=_interval(x, alpha, n_suite - n_lost),
        method=_SUITE,
    )


def _p_of_suite(log_fortunes: FloatArray, n_suite: int | None) -> float:
    """Return the p-value of a bet; of a suite seen to its end, what is then known."""
    if n_suite is not None and len(log_fortunes) >= n_suite:
        return 0.0 if np.isinf(log_fortunes[-1]) else 1.0
    return p_value(log_fortunes)


def _interval(x: FloatArray, alpha: float, n_suite: int | None) -> Interval:
    if n_suite is not None and len(x) >= n_suite:
        return Interval(float(x.mean()), float(x.mean()))
    return mean_interval(x, confidence=1 - 2 * alpha, n_suite=n_suite)


def _check_alpha(alpha: float) -> None:
    check_open_fraction("2 alpha", 2 * alpha)


def _in_words(sample: Sample, method: str) -> str:
    if sample.clustering is None:
        return method
    found = sample.clustering
    words = f"{method}; {found.n_clusters} clusters, design effect {found.design_effect:.2f}"
    return f"{words} (too few to decide)" if found.n_clusters < LEAST_CLUSTERS else words
