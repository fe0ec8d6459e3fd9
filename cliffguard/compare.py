"""Two sets of answers to the same items → a comparison. Statistics; nothing is decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from cliffguard.behaviour import behaviour_of, is_worse_cut, runs_in_a_circle
from cliffguard.classes import classes_of
from cliffguard.pairs import Pair, by_task
from cliffguard.plans import Policy
from cliffguard.records import (
    Answer,
    Capability,
    CapabilityComparison,
    Checkpoint,
    ClassesComparison,
    Comparison,
    Ladder,
    LevelComparison,
    Suite,
    Task,
    TaskComparison,
    Uncut,
)
from cliffguard.schedule import Look
from cliffguard.stats.cliff import find_fall, half_level
from cliffguard.stats.clusters import Clustering, clustering
from cliffguard.stats.evidence import (
    Evidence,
    Sample,
    betting_evidence,
    betting_on_gain,
    fixed_evidence,
    gain_evidence,
    graded_evidence,
    graded_gain_evidence,
    sequential_evidence,
    suite_evidence,
)
from cliffguard.stats.graded import mean_interval
from cliffguard.stats.interval import Interval, wilson_interval
from cliffguard.stats.ladder import Fall
from cliffguard.stats.paired import PairedCounts, tango_interval


def compare(
    pairs: Sequence[Pair],
    *,
    look: Look,
    base: Checkpoint,
    candidate: Checkpoint,
    suites: Sequence[Suite],
    policy: Policy,
    repeats: int | None = 1,
    caveats: Sequence[str] = (),
) -> Comparison:
    """Return the paired statistics of every capability of the suites, in their order.

    Intervals are two-sided at 1 - 2 alpha, so that each end is a one-sided test at alpha. Of the
    policy only what was asked enters: margins, alpha, the estimand. `repeats` is how often each
    item was answered, a score being the mean; None where nothing is known beforehand, and the
    scores themselves say whether they are graded.
    """
    by_capability: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_capability.setdefault(pair.task.capability, []).append(pair)
    planned, excluded = _planned(look)
    graded = frozenset(
        series.task.capability
        for series in look
        if repeats is not None and series.task.is_graded(repeats)
    )
    return Comparison(
        base=base,
        candidate=candidate,
        confidence=1.0 - 2.0 * policy.alpha,
        capabilities=tuple(
            _capability(
                suite,
                capability,
                by_capability.get(capability.name, []),
                n_planned=planned[capability.name],
                n_excluded=excluded[capability.name],
                is_graded=capability.name in graded,
                policy=policy,
            )
            for suite in suites
            for capability in suite.capabilities
        ),
        caveats=(*base.notes, *candidate.notes, *caveats),
    )


def _planned(look: Look) -> tuple[Counter[str], Counter[str]]:
    """Return how many gating items of every capability the plan has, and how many it excludes."""
    planned: Counter[str] = Counter()
    excluded: Counter[str] = Counter()
    for series in look:
        n_gating = sum(map(series.task.gates, series.items))
        planned[series.task.capability] += n_gating
        n_in_all = sum(map(series.task.would_gate, series.items))
        excluded[series.task.capability] += n_in_all - n_gating
    return planned, excluded


def _capability(
    suite: Suite,
    capability: Capability,
    pairs: Sequence[Pair],
    *,
    n_planned: int,
    n_excluded: int,
    is_graded: bool,
    policy: Policy,
) -> CapabilityComparison:
    gating = [pair for pair in pairs if pair.gates]
    scored = [pair for pair in gating if pair.is_scored]
    role = policy.role(capability.name, capability.ring)
    gain = policy.target.min_gain if role == "target" and policy.target is not None else None
    margin = policy.margin(capability.name) if gain is None else -gain
    asked_about = partial(
        _evidence,
        n_planned=n_planned,
        margin=margin,
        gain=gain,
        is_graded=is_graded or any(pair.is_graded for pair in gating),
        policy=policy,
    )
    evidence = asked_about(gating) if scored else None
    grouping = _grouping(scored)
    design_effect = 1.0 if grouping is None else grouping.design_effect
    return CapabilityComparison(
        capability=capability.name,
        suite=suite.name,
        ring=capability.ring,
        n_planned=n_planned,
        n_asked=len(gating),
        n_looks=len({pair.look for pair in gating}),
        n_items=len(scored),
        n_unscored=len(gating) - len(scored),
        n_lost=sum(pair.is_lost for pair in gating),
        n_broken=sum(pair.is_broken for pair in scored),
        n_fixed=sum(pair.is_fixed for pair in scored),
        n_effective=len(scored) / design_effect,
        square=fmean(pair.change**2 for pair in scored) if scored else 0.0,
        base_mean=_mean(pair.base for pair in scored) if scored else None,
        candidate_mean=_mean(pair.candidate for pair in scored) if scored else None,
        drop=fmean(pair.change for pair in scored) if scored else None,
        drop_interval=evidence.interval if evidence else None,
        margin=margin,
        p_held=evidence.p_held if evidence else None,
        p_drop=evidence.p_dropped if evidence else None,
        p_beyond=evidence.p_beyond if evidence else None,
        method=evidence.method if evidence else "",
        tasks=tuple(_task(rows[0].task, rows) for rows in by_task(pairs)),
        ladders=tuple(
            _ladder(rows[0].task, rows, 1.0 - 2.0 * policy.alpha)
            for rows in by_task(pairs)
            if rows[0].task.level is not None and any(row.is_scored for row in rows)
        ),
        behaviour=behaviour_of(
            [(pair.base, pair.candidate) for pair in gating], confidence=1.0 - 2.0 * policy.alpha
        ),
        n_excluded=n_excluded,
        classes=_classes(scored),
        uncut=_uncut(gating, asked_about) if scored else None,
    )


# --- the evidence of one capability ---------------------------------------------------------------


def _evidence(
    gating: Sequence[Pair],
    *,
    n_planned: int,
    margin: float,
    gain: float | None,
    is_graded: bool,
    policy: Policy,
) -> Evidence:
    """Return the p-values and the interval, by the procedure that these answers call for."""
    if policy.estimand == "suite" or is_graded:
        procedure = _about_suite if policy.estimand == "suite" else _graded
        return procedure(gating, n_planned=n_planned, margin=margin, gain=gain, policy=policy)
    looks = [
        _sample([pair for pair in gating if pair.look <= number])
        for number in sorted({pair.look for pair in gating})
    ]
    looks = [look for look in looks if look.counts.n_items]
    if gain is not None:
        return gain_evidence(looks[-1], gain=gain, alpha=policy.alpha)
    if len(looks) == 1 and looks[0].n_asked >= n_planned:
        return fixed_evidence(looks[0], margin=margin, alpha=policy.alpha)
    return sequential_evidence(looks, n_planned=n_planned, margin=margin, alpha=policy.alpha)


def _uncut(
    gating: Sequence[Pair], asked_about: Callable[[Sequence[Pair]], Evidence]
) -> Uncut | None:
    """Return what is left of a drop if the answers that were cut would have been as the base's.

    Answers that run in a circle are not among them: no limit would have led to their end.
    """
    is_cut = [
        is_worse_cut(pair.base, pair.candidate) and not runs_in_a_circle(pair.candidate.text)
        for pair in gating
    ]
    if not any(is_cut):
        return None
    pairs = [
        replace(pair, candidate=replace(pair.candidate, score=pair.base.score)) if cut else pair
        for pair, cut in zip(gating, is_cut, strict=True)
    ]
    evidence = asked_about(pairs)
    scored = [pair for pair in pairs if pair.is_scored]
    return Uncut(
        n_cut=sum(is_cut),
        n_items=len(scored),
        drop=fmean(pair.change for pair in scored),
        square=fmean(pair.change**2 for pair in scored),
        p_held=evidence.p_held,
        p_drop=evidence.p_dropped,
    )


def _graded(
    gating: Sequence[Pair], *, n_planned: int, margin: float, gain: float | None, policy: Policy
) -> Evidence:
    """Return the evidence on graded scores: without an order in one look, else by bets."""
    is_one_look = len({pair.look for pair in gating}) == 1 and len(gating) >= n_planned
    gating = gating if is_one_look else _in_betting_order(gating)
    scored = [pair for pair in gating if pair.is_scored]
    changes, at_worst = [pair.change for pair in scored], _at_worst(gating)
    weights = worst_weights = None
    if _grouping([pair for pair in gating if pair.is_scored or pair.is_lost]) is not None:
        changes, weights = _by_cluster(scored, changes)
        at_worst, worst_weights = _by_cluster(gating, at_worst)
    told = partial(
        _GRADED_EVIDENCE[is_one_look, gain is not None],
        changes,
        at_worst=at_worst,
        alpha=policy.alpha,
        weights=weights,
        worst_weights=worst_weights,
    )
    return told(margin=margin) if gain is None else told(gain=gain)


_GRADED_EVIDENCE: dict[tuple[bool, bool], Callable[..., Evidence]] = {
    (True, False): graded_evidence,
    (True, True): graded_gain_evidence,
    (False, False): betting_evidence,
    (False, True): betting_on_gain,
}
"""By whether there is one look, and whether a gain is demanded."""


def _about_suite(
    gating: Sequence[Pair], *, n_planned: int, margin: float, gain: float | None, policy: Policy
) -> Evidence:
    """Return the evidence of bets about the suite itself, whatever its scores are."""
    gating = _in_betting_order(gating)
    changes, at_worst = [pair.change for pair in gating if pair.is_scored], _at_worst(gating)
    # Items without any score are no part of the suite's mean, on either side.
    n_suite = n_planned - sum(not (pair.is_scored or pair.is_lost) for pair in gating)
    if gain is not None:
        return betting_on_gain(
            changes, at_worst=at_worst, gain=gain, alpha=policy.alpha, n_suite=n_suite
        )
    return suite_evidence(
        changes, at_worst=at_worst, n_suite=n_suite, margin=margin, alpha=policy.alpha
    )


def _in_betting_order(gating: Sequence[Pair]) -> list[Pair]:
    """Sort by look, and within one by what was asked: no name of a task places an item.

    Tasks then come in turn, not one after the other: a bet must not see one task's items first.
    """
    return sorted(
        gating,
        key=lambda pair: (pair.look, pair.item.digest, pair.base.prompt_digest, pair.item.id),
    )


def _at_worst(gating: Sequence[Pair]) -> list[float]:
    """Return the changes with every lost item as the base's whole score."""
    return [
        pair.change if pair.is_scored else float(pair.base.score or 0.0)
        for pair in gating
        if pair.is_scored or pair.is_lost
    ]


def _by_cluster(
    pairs: Sequence[Pair], changes: Sequence[float]
) -> tuple[list[float], NDArray[np.float64]]:
    """Return each cluster's mean change and its size over the largest, as they first appear."""
    kept = [pair for pair in pairs if pair.is_scored or pair.is_lost]
    groups: dict[str, list[float]] = {}
    for pair, change in zip(kept, changes, strict=True):
        groups.setdefault(_cluster(pair), []).append(change)
    sizes = np.array([len(group) for group in groups.values()], dtype=float)
    return [fmean(group) for group in groups.values()], sizes / sizes.max()


def _sample(pairs: Sequence[Pair]) -> Sample:
    scored = [pair for pair in pairs if pair.is_scored]
    return Sample(
        counts=_counts(scored),
        n_lost=sum(pair.is_lost for pair in pairs),
        n_asked=len(pairs),
        clustering=_grouping([pair for pair in pairs if pair.is_scored or pair.is_lost]),
    )


def _counts(scored: Sequence[Pair]) -> PairedCounts:
    return PairedCounts(
        n_broken=sum(pair.is_broken for pair in scored),
        n_fixed=sum(pair.is_fixed for pair in scored),
        n_items=len(scored),
    )


def _grouping(scored: Sequence[Pair]) -> Clustering | None:
    """Return what clusters do to these items; None where every item stands alone."""
    names = [_cluster(pair) for pair in scored]
    if len(set(names)) == len(names):
        return None
    # A lost item counts as broken here: a passage that falls silent falls together.
    changes = [pair.change if pair.is_scored else float(pair.base.score or 0.0) for pair in scored]
    return clustering(changes, names)


def _cluster(pair: Pair) -> str:
    return f"= {pair.item.cluster}" if pair.item.cluster is not None else _own(pair)


def _own(pair: Pair) -> str:
    return f"{pair.task.name} {pair.item.id}"


# --- tasks and ladders ----------------------------------------------------------------------------


def _task(task: Task, pairs: Sequence[Pair]) -> TaskComparison:
    scored = [pair for pair in pairs if pair.is_scored]
    return TaskComparison(
        task=task.name,
        metric=task.metric or "",
        chance=task.chance,
        n_items=len(scored),
        n_unscored=len(pairs) - len(scored),
        n_truncated_base=sum(pair.base.is_cut for pair in pairs),
        n_truncated_candidate=sum(pair.candidate.is_cut for pair in pairs),
        base_mean=_mean(pair.base for pair in scored) if scored else None,
        candidate_mean=_mean(pair.candidate for pair in scored) if scored else None,
        finish_base=dict(Counter(pair.base.finish_reason for pair in pairs)),
        finish_candidate=dict(Counter(pair.candidate.finish_reason for pair in pairs)),
    )


def _ladder(task: Task, pairs: Sequence[Pair], confidence: float) -> Ladder:
    by_level: dict[int, list[Pair]] = {}
    for pair in pairs:
        assert pair.item.level is not None, "a task with a level field has it on every item"
        if pair.is_scored:
            by_level.setdefault(pair.item.level, []).append(pair)
    assert task.chance is not None, "a suite with levels says what guessing earns"
    rows = [by_level[level] for level in sorted(by_level)]
    levels = tuple(_level(row, confidence) for row in rows)
    places = [level.level for level in levels]
    base_means = [level.base_mean for level in levels]
    candidate_means = [level.candidate_mean for level in levels]
    return Ladder(
        task=task.name,
        level_name=task.level or "",
        chance=task.chance,
        levels=levels,
        fall=_fall([row for row in rows if row[0].gates]),
        base_half=half_level(base_means, places),
        candidate_half=half_level(candidate_means, places),
        base_area=fmean(base_means),
        candidate_area=fmean(candidate_means),
    )


def _classes(scored: Sequence[Pair]) -> tuple[ClassesComparison, ...]:
    found = (
        classes_of(rows[0].task.name, [(pair.item, pair.base, pair.candidate) for pair in rows])
        for rows in by_task(scored)
    )
    return tuple(one for one in found if one is not None)


def _fall(rows: Sequence[Sequence[Pair]]) -> Fall | None:
    """Return how the drop grows over the gating levels; within seeds that all levels share.

    Items of a cluster at one level stand or fall together, and count as one, by their mean.
    """
    if len(rows) < 2:
        return None
    levels = [_cluster_changes(row) for row in rows]
    is_blocked = all(level.keys() == levels[0].keys() for level in levels)
    names = [sorted(level) if is_blocked else list(level) for level in levels]
    changes = [[level[name] for name in own] for level, own in zip(levels, names, strict=True)]
    return find_fall(changes, is_blocked=is_blocked)


def _cluster_changes(row: Sequence[Pair]) -> dict[str, float]:
    groups: dict[str, list[float]] = {}
    for pair in row:
        groups.setdefault(_cluster(pair), []).append(pair.change)
    return {name: fmean(group) for name, group in groups.items()}


def _level(scored: Sequence[Pair], confidence: float) -> LevelComparison:
    first = scored[0]
    assert first.item.level is not None
    counts = _counts(scored)
    return LevelComparison(
        level=first.item.level,
        is_gating=first.gates,
        n_items=counts.n_items,
        n_broken=counts.n_broken,
        n_fixed=counts.n_fixed,
        base_mean=_mean(pair.base for pair in scored),
        candidate_mean=_mean(pair.candidate for pair in scored),
        base_interval=_wilson((pair.base for pair in scored), confidence),
        candidate_interval=_wilson((pair.candidate for pair in scored), confidence),
        drop=fmean(pair.change for pair in scored),
        drop_interval=_drop_interval(scored, counts, confidence),
    )


def _drop_interval(scored: Sequence[Pair], counts: PairedCounts, confidence: float) -> Interval:
    if any(pair.is_graded for pair in scored):
        return mean_interval([pair.change for pair in scored], confidence=confidence)
    return tango_interval(**counts._asdict(), confidence=confidence)


def _wilson(answers: Iterable[Answer], confidence: float) -> Interval:
    # Of graded scores it is wider than it need be: they vary less than right or wrong does.
    scores = [float(answer.score or 0.0) for answer in answers]
    return wilson_interval(n_right=sum(scores), n_items=len(scores), confidence=confidence)


def _mean(answers: Iterable[Answer]) -> float:
    return fmean(float(answer.score or 0.0) for answer in answers)
