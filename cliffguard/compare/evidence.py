"""Evidence of a capability: picks the statistical procedure its answers call for."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cliffguard.compare.chance import chance_of
from cliffguard.compare.diagnostics.responses import lost_to_truncation, runs_in_a_circle
from cliffguard.compare.pairs import Pair
from cliffguard.core.answers import Answer
from cliffguard.core.diagnostics import Readable, TruncationSensitivity
from cliffguard.stats.clusters import LEAST_CLUSTERS, Clustering, clustering
from cliffguard.stats.evidence import (
    Evidence,
    PairedSample,
    fixed_evidence,
    gain_evidence,
    sequential_evidence,
)
from cliffguard.stats.graded import p_at_least, p_at_most
from cliffguard.stats.graded_evidence import (
    GradedSample,
    e_process_evidence,
    e_process_gain,
    graded_evidence,
    graded_gain_evidence,
    suite_evidence,
)
from cliffguard.stats.paired import PairedCounts
from cliffguard.stats.sequential import DROP_SPENDING, HELD_SPENDING, repeated_p_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """What is asked about a capability's drop.

    Of `n_planned` items; against `margin`, or a demanded `gain` (None: it is no target), or the
    share `relative` of what the base has beyond guessing (None: the margin is in points, as it
    stands). `alpha` is that of each end of the interval.
    """

    n_planned: int
    margin: float
    gain: float | None
    relative: float | None
    is_graded: bool
    about_suite: bool
    alpha: float


def evidence_of(gating: Sequence[Pair], hypothesis: Hypothesis) -> Evidence:
    """Return the p-values and the interval, by the procedure that these answers call for."""
    if hypothesis.about_suite:
        return _about_suite(gating, hypothesis)
    evidence = (
        _graded(gating, hypothesis) if hypothesis.is_graded else _right_or_wrong(gating, hypothesis)
    )
    return evidence if hypothesis.relative is None else _relative(evidence, gating, hypothesis)


def truncation_sensitivity(
    gating: Sequence[Pair], hypothesis: Hypothesis
) -> TruncationSensitivity | None:
    """Return what is left of a drop if the answers that were cut would have been as the base's.

    Answers that run in a circle are not among them: no limit would have led to their end.
    """
    is_cut = [_is_excused(pair.base, pair.candidate) for pair in gating]
    return _unchanged(gating, is_cut, is_cut, hypothesis)


def base_truncation(gating: Sequence[Pair], hypothesis: Hypothesis) -> TruncationSensitivity | None:
    """Return the same if also the base's answers that were cut would have been the candidate's.

    What a limit took from the base is nothing that the candidate has gained, and pays for no loss.
    None where it took nothing from the base alone.
    """
    of_base = [_is_excused(pair.candidate, pair.base) for pair in gating]
    of_candidate = [_is_excused(pair.base, pair.candidate) for pair in gating]
    is_cut = [any(each) for each in zip(of_base, of_candidate, strict=True)]
    return _unchanged(gating, is_cut, of_base, hypothesis)


def _unchanged(
    gating: Sequence[Pair],
    is_cut: Sequence[bool],
    is_named: Sequence[bool],
    hypothesis: Hypothesis,
) -> TruncationSensitivity | None:
    """Return what is left where cut answers would have scored as the better one of the other side.

    `is_named` are those of them that are counted in words; None where there is none.
    """
    if not any(is_named):
        return None
    pairs = [_as_better(pair) if cut else pair for pair, cut in zip(gating, is_cut, strict=True)]
    evidence = evidence_of(pairs, hypothesis)
    scored = [pair for pair in pairs if pair.is_scored]
    return TruncationSensitivity(
        n_cut=sum(is_named),
        n_items=len(scored),
        drop=fmean(pair.change for pair in scored),
        square=fmean(pair.change**2 for pair in scored),
        p_held=evidence.p_held,
        p_drop=evidence.p_dropped,
    )


def _is_excused(better: Answer, worse: Answer) -> bool:
    return lost_to_truncation(better, worse) and not runs_in_a_circle(worse.text)


def _as_better(pair: Pair) -> Pair:
    score = max(pair.base.score or 0.0, pair.candidate.score or 0.0)
    return replace(
        pair,
        base=replace(pair.base, score=score),
        candidate=replace(pair.candidate, score=score),
    )


def readable_of(gating: Sequence[Pair], hypothesis: Hypothesis) -> Readable | None:
    """Return what is lost on the items on which both sides said something readable.

    Answers of the candidate whose end a limit alone took are none of them.
    """
    if not any([any(pair.unreadable) for pair in gating]):
        return None
    pairs = [
        pair
        for pair in gating
        if not any(pair.unreadable) and not _is_excused(pair.base, pair.candidate)
    ]
    scored = [pair for pair in pairs if pair.is_scored]
    return Readable(
        n_items=len(scored),
        base_mean=mean_score(pair.base for pair in scored) if scored else None,
        candidate_mean=mean_score(pair.candidate for pair in scored) if scored else None,
        drop=fmean(pair.change for pair in scored) if scored else None,
        p_drop=evidence_of(pairs, hypothesis).p_dropped if scored else 1.0,
        other=next((pair.task.read_otherwise for pair in gating if pair.task.read_otherwise), None),
    )


def p_of_part(
    scored: Sequence[Pair], drop: float, *, is_graded: bool, alpha: float
) -> float | None:
    """Return the p-value of "the drop of this part is `drop` or less"; None: too few clusters."""
    grouping = grouping_of(scored)
    if grouping is not None and grouping.n_clusters < LEAST_CLUSTERS:
        return None
    if not is_graded:
        return _sample(scored).p_beyond(drop)
    hypothesis = Hypothesis(
        n_planned=len(scored),
        margin=drop,
        gain=None,
        relative=None,
        is_graded=True,
        about_suite=False,
        alpha=alpha,
    )
    at_once = [replace(pair, look=0) for pair in scored]  # once, when no more is asked
    return _graded(at_once, hypothesis).p_beyond


# --- right or wrong ------------------------------------------------------------------------------


def _right_or_wrong(gating: Sequence[Pair], hypothesis: Hypothesis) -> Evidence:
    looks = [_sample(rows) for rows in _by_look(gating)]
    looks = [look for look in looks if look.counts.n_items]
    if hypothesis.gain is not None:
        return gain_evidence(looks[-1], gain=hypothesis.gain, alpha=hypothesis.alpha)
    margin = max(hypothesis.margin, _LEAST_MARGIN)  # a relative one, of a base that has nothing
    if len(looks) == 1 and looks[0].n_asked >= hypothesis.n_planned:
        return fixed_evidence(looks[0], margin=margin, alpha=hypothesis.alpha)
    return sequential_evidence(
        looks, n_planned=hypothesis.n_planned, margin=margin, alpha=hypothesis.alpha
    )


_LEAST_MARGIN = 1e-6


def _by_look(gating: Sequence[Pair]) -> list[list[Pair]]:
    """Return what was asked by each look, that of the looks before it included."""
    numbers = sorted({pair.look for pair in gating})
    if len(numbers) == 1:
        return [list(gating)]
    return [[pair for pair in gating if pair.look <= number] for number in numbers]


def _sample(pairs: Sequence[Pair]) -> PairedSample:
    scored = [pair for pair in pairs if pair.is_scored]
    return PairedSample(
        counts=counts_of(scored),
        n_lost=sum(pair.is_lost for pair in pairs) if len(scored) < len(pairs) else 0,
        n_asked=len(pairs),
        clustering=grouping_of(_counted(pairs)),
    )


def _counted(pairs: Iterable[Pair]) -> list[Pair]:
    return [pair for pair in pairs if pair.is_scored or pair.is_lost]


def counts_of(scored: Sequence[Pair]) -> PairedCounts:
    """Return how many items broke and were fixed."""
    changes = [pair.change for pair in scored]
    return PairedCounts(
        n_broken=sum([change > 0 for change in changes]),
        n_fixed=sum([change < 0 for change in changes]),
        n_items=len(scored),
    )


def grouping_of(pairs: Sequence[Pair]) -> Clustering | None:
    """Return what clusters do to these items; None where every item stands alone."""
    if all([pair.group is None for pair in pairs]):
        return None
    names = [cluster_of(pair) for pair in pairs]
    if len(set(names)) == len(names):
        return None
    # A lost item counts as broken here: a passage that falls silent falls together.
    return clustering([pair.worst_change for pair in pairs], names)


def n_effective_of(pairs: Sequence[Pair]) -> float:
    """Return how many independent items these are worth."""
    grouping = grouping_of(pairs)
    return len(pairs) / (1.0 if grouping is None else grouping.design_effect)


def cluster_of(pair: Pair) -> Hashable:
    """Return what a pair's group is known by; of one that stands alone, its own name."""
    return (pair.task.name, pair.item.id) if pair.group is None else pair.group


def by_cluster(pairs: Sequence[Pair], values: Iterable[T]) -> dict[Hashable, list[T]]:
    """Return the values, one a pair, by the cluster of their pairs, as these first appear."""
    groups: dict[Hashable, list[T]] = {}
    for pair, value in zip(pairs, values, strict=True):
        groups.setdefault(cluster_of(pair), []).append(value)
    return groups


def mean_score(answers: Iterable[Answer]) -> float:
    """Return the mean score of answers that have one."""
    return fmean([float(answer.score or 0.0) for answer in answers])


# --- a margin relative to what the base has ------------------------------------------------------


def _relative(evidence: Evidence, gating: Sequence[Pair], hypothesis: Hypothesis) -> Evidence:
    """Return evidence whose margin is the share `relative` of what the base has beyond guessing.

    Of every item ``base - candidate - r (base - chance)`` is asked to have a mean below 0, so that
    the base's own error is in it. No order enters; at several looks the p-values are repeated.
    """
    looks = _by_look(gating)
    held, beyond = [], []
    for rows in looks:
        worst, weights = _excesses(_counted(rows), hypothesis, at_worst=True)
        held.append(p_at_least(worst, 0.0, weights=weights))
        seen, weights = _excesses([p for p in rows if p.is_scored], hypothesis, at_worst=False)
        beyond.append(p_at_most(seen, 0.0, weights=weights))
    if len(looks) == 1 and len(gating) >= hypothesis.n_planned:
        return replace(evidence, p_held=held[0], p_beyond=beyond[0])
    n_asked = tuple(map(len, looks))
    repeated = partial(repeated_p_of, n_asked=n_asked, n_planned=hypothesis.n_planned)
    return replace(
        evidence,
        p_held=repeated(held, spending=HELD_SPENDING),
        p_beyond=repeated(beyond, spending=DROP_SPENDING),
    )


def _excesses(
    pairs: Sequence[Pair], hypothesis: Hypothesis, *, at_worst: bool
) -> tuple[list[float], NDArray[np.float64] | None]:
    """Return what each item, or cluster, loses beyond its share, and the clusters' weights."""
    assert hypothesis.relative is not None
    values = []
    for pair in pairs:
        base = 1.0 if pair.base.score is None else pair.base.score
        change = pair.worst_change if at_worst else pair.change
        values.append(change - hypothesis.relative * (base - (chance_of(pair) or 0.0)))
    if grouping_of(pairs) is None:
        return values, None
    return _by_cluster(pairs, values)


# --- graded scores, and suites that are the contract ---------------------------------------------


def _graded(gating: Sequence[Pair], hypothesis: Hypothesis) -> Evidence:
    """Return the evidence on graded scores: without an order in one look, else by bets."""
    is_one_look = len({pair.look for pair in gating}) == 1 and len(gating) >= hypothesis.n_planned
    gating = gating if is_one_look else _in_betting_order(gating)
    sample = _changes(gating, in_clusters=grouping_of(_counted(gating)) is not None)
    alpha, margin = hypothesis.alpha, max(hypothesis.margin, _LEAST_MARGIN)
    if hypothesis.gain is not None:
        by_gain = graded_gain_evidence if is_one_look else e_process_gain
        return by_gain(sample, gain=hypothesis.gain, alpha=alpha)
    by_margin = graded_evidence if is_one_look else e_process_evidence
    return by_margin(sample, margin=margin, alpha=alpha)


def _changes(gating: Sequence[Pair], *, in_clusters: bool) -> GradedSample:
    scored, counted = [pair for pair in gating if pair.is_scored], _counted(gating)
    changes = [pair.change for pair in scored]
    at_worst = [pair.worst_change for pair in counted]
    if not in_clusters:
        return GradedSample(changes, at_worst)
    changes, weights = _by_cluster(scored, changes)
    at_worst, worst_weights = _by_cluster(counted, at_worst)
    return GradedSample(changes, at_worst, weights, worst_weights)


def _about_suite(gating: Sequence[Pair], hypothesis: Hypothesis) -> Evidence:
    """Return the evidence of bets about the suite itself, whatever its scores are."""
    gating = _in_betting_order(gating)
    sample, alpha = _changes(gating, in_clusters=False), hypothesis.alpha
    # Items without any score are no part of the suite's mean, on either side.
    n_suite = hypothesis.n_planned - (len(gating) - len(_counted(gating)))
    if hypothesis.gain is not None:
        return e_process_gain(sample, gain=hypothesis.gain, alpha=alpha, n_suite=n_suite)
    margin = max(hypothesis.margin, _LEAST_MARGIN)
    return suite_evidence(sample, n_suite=n_suite, margin=margin, alpha=alpha)


def _in_betting_order(gating: Sequence[Pair]) -> list[Pair]:
    """Sort by look, and within one by what was asked: no name of a task places an item.

    Tasks then come in turn, not one after the other: a bet must not see one task's items first.
    """
    return sorted(
        gating,
        key=lambda pair: (pair.look, pair.item.digest, pair.base.prompt_digest, pair.item.id),
    )


def _by_cluster(
    pairs: Sequence[Pair], changes: Sequence[float]
) -> tuple[list[float], NDArray[np.float64]]:
    """Return each cluster's mean change and its size over the largest, as they first appear."""
    groups = by_cluster(pairs, changes).values()
    sizes = np.array([len(group) for group in groups], dtype=float)
    return [fmean(group) for group in groups], sizes / sizes.max()
