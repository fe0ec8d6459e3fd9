"""The p-values and interval of one capability, by the procedure that its design calls for.

Three hypotheses are tested, whatever the procedure: "the drop is the margin or more" (rejected:
*held*), "there is no drop" (rejected: *dropped*), "the drop is the margin or less" (rejected: the
drop is *beyond* the margin). Only their p-values and an interval leave this module, so that who
decides need not know how they came about. Each p-value is valid at the
level that it is compared with; several together (multiplicity) are `compare.verdict`'s concern.

====================== =========================================================================
procedure              when
====================== =========================================================================
`fixed_evidence`       right or wrong, all planned items asked, one look
`sequential_evidence`  right or wrong, several looks on the way to a planned number of items
`graded_evidence`      scores between 0 and 1, all planned items asked, one look
`e_process_evidence`     scores between 0 and 1; any number of looks
`suite_evidence`       the suite is itself the contract; any scores, any number of looks
`gain_evidence`        a gain is demanded: right or wrong, one look
`graded_gain_evidence` a gain is demanded: scores between 0 and 1, one look
`e_process_gain`      a gain is demanded: scores between 0 and 1, or of the suite; any looks
====================== =========================================================================

The first two and `gain_evidence` are here, the others in `cliffguard.stats.graded_evidence`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import ndtr, ndtri

from cliffguard.stats.clusters import LEAST_CLUSTERS, Clustering
from cliffguard.stats.interval import Interval, check_open_fraction
from cliffguard.stats.paired import (
    PairedCounts,
    beyond_p,
    mcnemar_mid_p,
    non_inferiority_p,
    score_interval,
    tango_z,
)
from cliffguard.stats.sequential import (
    DROP_SPENDING,
    HELD_SPENDING,
    SpendingFunction,
    boundaries,
    repeated_p_of,
)

_FIXED = "McNemar mid-p; Tango score interval"
_SEQUENTIAL = "group-sequential score tests; repeated interval"


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
class PairedSample:
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
        """P-value of a drop of the margin or more; clusters never make it smaller."""
        alone = non_inferiority_p(**self.at_worst._asdict(), margin=margin)
        if self.clustering is None:
            return alone
        return max(alone, self.clustering.p_at_least(margin))

    def p_dropped(self) -> float:
        """P-value of no drop."""
        return self.p_none(self.counts)

    def p_beyond(self, margin: float) -> float:
        """P-value of a drop of the margin or less."""
        return self.p_at_most(self.counts, margin)

    def p_at_least(self, counts: PairedCounts, drop: float) -> float:
        """P-value of a drop of `drop` or more; with clusters, never below that of items alone."""
        alone = non_inferiority_p(**counts._asdict(), margin=drop)
        if self.clustering is None:
            return alone
        return max(alone, self.p_of_z(tango_z(**counts._asdict(), drop=drop)))

    def p_at_most(self, counts: PairedCounts, drop: float) -> float:
        """P-value of a drop of `drop` or less; with clusters, never below that of items alone."""
        alone = beyond_p(**counts._asdict(), margin=drop)
        if self.clustering is None:
            return alone
        return max(alone, self.p_of_z(-tango_z(**counts._asdict(), drop=drop)))

    def p_none(self, counts: PairedCounts) -> float:
        """P-value of no drop, or a gain."""
        alone = mcnemar_mid_p(n_broken=counts.n_broken, n_fixed=counts.n_fixed)
        if self.clustering is None:
            return alone
        return max(alone, self.p_of_z(-tango_z(**counts._asdict(), drop=0.0)))

    def interval(self, z_low: float, z_high: float) -> Interval:
        """Drops that are not rejected: as too small beyond `z_low`, as too large beyond `z_high`.

        The lower end is a test of "the drop is so much or less", the upper end one of "so much or
        more"; where measuring could stop early the two have boundaries of their own.
        """
        counts = self.counts._asdict()
        high = score_interval(**counts, z=z_high).high
        if self.clustering is not None:
            z_low = self.clustering.inflated(z_low)
            high = max(high, self.clustering.highest_drop(float(ndtr(-z_high))))
        return Interval(score_interval(**counts, z=z_low).low, high)

    def gain_interval(self, z: float) -> Interval:
        """Drops that are not rejected by the tests of a gain, which are other ones than of a drop.

        Of clusters a gain takes the score statistic, by Student's t, on either side: what holds
        "a drop of so much or more" against clusters that no one has seen, says nothing of a gain.
        """
        counts = self.counts.swapped._asdict()
        z = z if self.clustering is None else self.clustering.inflated(z)
        gain = score_interval(**counts, z=z)
        return Interval(-gain.high, -gain.low)

    def p_of_z(self, z: float) -> float:
        """Upper tail of a score statistic, as the clusters support it."""
        if self.clustering is None:
            return float(ndtr(-z))
        return self.clustering.p_value(self.clustering.deflated(z))


def fixed_evidence(sample: PairedSample, *, margin: float, alpha: float) -> Evidence:
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
    Tango's score statistic at the margin, its tail corrected; McNemar's mid-p; with clusters, the
    score statistics over the root of the design effect, by Student's t.
    """
    check_alpha(alpha)
    return Evidence(
        p_held=sample.p_held(margin),
        p_dropped=sample.p_dropped(),
        p_beyond=sample.p_beyond(margin),
        interval=_one_look_interval(sample, alpha),
        method=_in_words(sample, _FIXED),
    )


def sequential_evidence(
    looks: Sequence[PairedSample], *, n_planned: int, margin: float, alpha: float
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
    Alpha is spent by `HELD_SPENDING` on *held* and by `DROP_SPENDING` on *dropped* and *beyond*,
    and each end of the interval follows the boundary of its own side. Before the last planned look,
    a drop counts as proven only if it also reaches the margin as observed: a small real drop is
    then measured on until it is known to be tolerable or not. That only removes rejections, and
    so cannot raise an error rate.
    """
    check_alpha(alpha)
    n_asked = tuple(look.n_asked for look in looks)
    last = looks[-1]

    def repeated(p_values: list[float], spending: SpendingFunction) -> float:
        return repeated_p_of(p_values, n_asked=n_asked, n_planned=n_planned, spending=spending)

    def edge(spending: SpendingFunction) -> float:
        return boundaries(n_asked, n_planned=n_planned, alpha=alpha, spending=spending)[-1]

    may_convict = [look.counts.drop >= margin or look.n_asked >= n_planned for look in looks]
    dropped = [
        look.p_dropped() if may else 1.0 for look, may in zip(looks, may_convict, strict=True)
    ]
    return Evidence(
        p_held=repeated([look.p_held(margin) for look in looks], HELD_SPENDING),
        p_dropped=repeated(dropped, DROP_SPENDING),
        p_beyond=repeated([look.p_beyond(margin) for look in looks], DROP_SPENDING),
        interval=last.interval(z_low=edge(DROP_SPENDING), z_high=edge(HELD_SPENDING)),
        method=_in_words(last, _SEQUENTIAL),
    )


def gain_evidence(sample: PairedSample, *, gain: float, alpha: float) -> Evidence:
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
        or more". At 0 by McNemar's mid-p, elsewhere by the score test at the gain, as drops are.
    """
    check_alpha(alpha)
    seen, worst = sample.counts, sample.at_worst
    z = float(ndtri(1 - alpha))
    interval = _one_look_interval(sample, alpha) if gain < 0.0 else sample.gain_interval(z)
    if gain > 0.0:  # a gain is a drop from candidate to base
        p_held = sample.p_at_most(worst.swapped, gain)
        p_disproven = sample.p_at_least(seen.swapped, gain)
    elif gain < 0.0:
        p_held = sample.p_held(-gain)
        p_disproven = sample.p_at_most(seen, -gain)
    else:
        p_held, p_disproven = sample.p_none(worst.swapped), sample.p_none(seen)
    return Evidence(
        p_held=p_held,
        p_dropped=p_disproven,
        p_beyond=p_disproven,
        interval=interval,
        method=_in_words(sample, _FIXED),
    )


def _one_look_interval(sample: PairedSample, alpha: float) -> Interval:
    z = float(ndtri(1 - alpha))
    return sample.interval(z_low=z, z_high=z)


def check_alpha(alpha: float) -> None:
    """Raise ValueError unless both ends of an interval can err at alpha."""
    check_open_fraction("2 alpha", 2 * alpha)


def _in_words(sample: PairedSample, method: str) -> str:
    if sample.clustering is None:
        return method
    clustering = sample.clustering
    words = (
        f"{method}; {clustering.n_clusters} clusters, design effect {clustering.design_effect:.2f}"
    )
    return f"{words} (too few to decide)" if clustering.n_clusters < LEAST_CLUSTERS else words
