"""The statistics of one capability: what was counted, what is proven, what may explain it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from statistics import fmean

from cliffguard.compare.case import Case
from cliffguard.compare.chance import mean_chance
from cliffguard.compare.clusters import without_copies
from cliffguard.compare.counts import Gathered
from cliffguard.compare.diagnostics.classes import classes_of
from cliffguard.compare.diagnostics.responses import response_comparison
from cliffguard.compare.evidence import (
    Hypothesis,
    base_truncation,
    evidence_of,
    grouping_of,
    mean_score,
    p_of_part,
    readable_of,
    truncation_sensitivity,
)
from cliffguard.compare.ladder_levels import ladder_of
from cliffguard.compare.pairs import RIGHT_OR_WRONG, Pair, by_task
from cliffguard.compare.strata import compared, strata_of
from cliffguard.core.comparisons import CapabilityComparison, CapabilityCounts, CapabilityEvidence
from cliffguard.core.diagnostics import (
    ClassesComparison,
    Diagnostics,
    StratumComparison,
    TaskComparison,
)
from cliffguard.core.items import Capability, Suite, Task
from cliffguard.core.settings import Policy
from cliffguard.evaluate.ledger import Level
from cliffguard.evaluate.looks import Look


def compare_capability(
    suite: Suite,
    capability: Capability,
    items: Gathered,
    case: Case,
    *,
    look: Look,
    n_excluded: int,
    level: Level | None,
) -> CapabilityComparison:
    """Return the paired statistics of one capability over the answers that count.

    `n_excluded` of its planned items are in the training data; `level` is what this run may spend
    of alpha on it (None: as a first run).
    """
    hypothesis = _hypothesis(capability, items, case, look, level)
    return CapabilityComparison(
        capability=capability.name,
        suite=suite.name,
        ring=capability.ring,
        counts=_counts(items, look, capability.name, n_excluded),
        evidence=_evidence(items, hypothesis, level),
        diagnostics=_diagnostics(items, look, capability, hypothesis, case),
    )


def _hypothesis(
    capability: Capability, items: Gathered, case: Case, look: Look, level: Level | None
) -> Hypothesis:
    """Return what is asked about the drop of a capability: by how much, and at which alpha."""
    policy = case.policy
    role = policy.role(capability.name, capability.ring)
    gain = policy.target.min_gain if role == "target" and policy.target is not None else None
    relative = None if gain is not None else policy.rules(capability.name).relative_margin
    margin = policy.margin(capability.name) if gain is None else -gain
    if relative is not None:
        margin = relative * items.skill
    tasks = [series.task for series in look if series.task.capability == capability.name]
    protocol = case.protocol
    is_graded = protocol is not None and any(t.is_graded(protocol.repeats) for t in tasks)
    return Hypothesis(
        n_planned=items.n_planned,
        margin=margin,
        gain=gain,
        relative=relative,
        is_graded=is_graded or _are_graded(items.gating),
        about_suite=policy.estimand == "suite",
        # Where nothing is left nothing is decided, and an interval is that of a first run.
        alpha=(level.now if level is not None else 0.0) or policy.first_level,
    )


def _are_graded(pairs: Sequence[Pair]) -> bool:
    """Return whether a pair is graded; of scores that all say right or wrong none is."""
    scores = {pair.base.score for pair in pairs} | {pair.candidate.score for pair in pairs}
    return not scores <= {None, *RIGHT_OR_WRONG} and any(pair.is_graded for pair in pairs)


def _counts(items: Gathered, look: Look, capability: str, n_excluded: int) -> CapabilityCounts:
    gating, scored = items.gating, items.scored
    grouping, changes = grouping_of(scored), items.changes
    unscored = [pair for pair in gating if not pair.is_scored]
    return CapabilityCounts(
        n_planned=items.n_planned,
        n_asked=len(gating),
        n_looks=len({pair.look for pair in gating}),
        n_items=len(scored),
        n_unscored=len(unscored),
        n_lost=sum(pair.is_lost for pair in unscored),
        n_broken=sum([change > 0 for change in changes]),
        n_fixed=sum([change < 0 for change in changes]),
        n_excluded=n_excluded,
        n_copies=items.n_copies,
        n_missing_base=sum(pair.base.is_missing for pair in unscored),
        n_missing_candidate=sum(pair.candidate.is_missing for pair in unscored),
        n_unreadable_base=sum([pair.unreadable[0] for pair in gating]),
        n_unreadable_candidate=sum([pair.unreadable[1] for pair in gating]),
        n_cut_base=sum([pair.base.is_cut for pair in gating]),
        n_clusters=None if grouping is None else grouping.n_clusters,
        n_empty=items.n_empty,
        n_in_all=_in_all(look, capability),
        n_surface=items.n_surface,
    )


def _evidence(items: Gathered, hypothesis: Hypothesis, level: Level | None) -> CapabilityEvidence:
    scored = items.scored
    evidence = evidence_of(items.gating, hypothesis) if scored else None
    grouping = grouping_of(scored)
    design_effect = 1.0 if grouping is None else grouping.design_effect
    return CapabilityEvidence(
        margin=hypothesis.margin,
        n_effective=len(scored) / design_effect,
        n_effective_clusters=None if grouping is None else grouping.n_effective_clusters,
        square=fmean([change**2 for change in items.changes]) if scored else 0.0,
        base_mean=mean_score(pair.base for pair in scored) if scored else None,
        candidate_mean=mean_score(pair.candidate for pair in scored) if scored else None,
        chance=items.chance,
        skill=items.skill if items.answered else None,
        drop=fmean(items.changes) if scored else None,
        drop_interval=evidence.interval if evidence else None,
        p_held=evidence.p_held if evidence else None,
        p_drop=evidence.p_dropped if evidence else None,
        p_beyond=evidence.p_beyond if evidence else None,
        method=evidence.method if evidence else "",
        level=None if level is None else level.now,
        next_level=None if level is None else level.next,
        is_surface=items.is_surface,
    )


def _diagnostics(
    items: Gathered, look: Look, capability: Capability, hypothesis: Hypothesis, case: Case
) -> Diagnostics:
    confidence, screens = case.policy.confidence, case.screens
    tasks = [without_copies(rows) for rows in by_task(items.rows)]
    return Diagnostics(
        tasks=tuple(_task(rows[0].task, rows) for rows in tasks),
        ladders=tuple(
            ladder_of(rows[0].task, rows, confidence)
            for rows in tasks
            if rows[0].task.level is not None and any(row.is_scored for row in rows)
        ),
        behaviour=response_comparison(
            [(pair.base, pair.candidate) for pair in items.gating], confidence=confidence
        ),
        distance=screens.distances.get(capability.name),
        shift=screens.shifts.get(capability.name),
        classes=_classes(items.scored),
        uncut=truncation_sensitivity(items.gating, hypothesis) if items.scored else None,
        uncut_base=base_truncation(items.gating, hypothesis) if items.scored else None,
        readable=readable_of(items.gating, hypothesis) if items.scored else None,
        strata=_strata(items, look, capability, hypothesis, case.policy),
        surface=items.surface,
    )


def _strata(
    items: Gathered, look: Look, capability: Capability, hypothesis: Hypothesis, policy: Policy
) -> tuple[StratumComparison, ...]:
    """Return the parts in which a cliff could hide, of what can fail the gate."""
    role = policy.role(capability.name, capability.ring)
    if role == "monitored" or policy.estimand == "suite" or items.is_surface:
        return ()
    margin = policy.stratum_margin(capability.name, role, margin=hypothesis.margin)
    p_beyond = partial(p_of_part, is_graded=hypothesis.is_graded, alpha=policy.first_level)
    field, away = policy.rules(capability.name).strata, items.surface_levels
    parts = strata_of(items.counted, look, capability.name, field, away)
    return tuple(compared(part, margin, p_beyond) for part in parts)


def _in_all(look: Look, capability: str) -> int | None:
    """Return how many items there would be without a limit of one side; None without one."""
    tasks = [series.task for series in look if series.task.capability == capability]
    if all(task.n_in_all is None for task in tasks):
        return None
    return sum(len(task.items) if task.n_in_all is None else task.n_in_all for task in tasks)


def _task(task: Task, pairs: Sequence[Pair]) -> TaskComparison:
    scored = [pair for pair in pairs if pair.is_scored]
    return TaskComparison(
        task=task.name,
        metric=task.metric or "",
        chance=mean_chance(pairs) if task.chance is None else task.chance,
        n_items=len(scored),
        n_unscored=len(pairs) - len(scored),
        n_truncated_base=sum(pair.base.is_cut for pair in pairs),
        n_truncated_candidate=sum(pair.candidate.is_cut for pair in pairs),
        base_mean=mean_score(pair.base for pair in scored) if scored else None,
        candidate_mean=mean_score(pair.candidate for pair in scored) if scored else None,
        finish_base=dict(Counter(pair.base.finish_reason for pair in pairs)),
        finish_candidate=dict(Counter(pair.candidate.finish_reason for pair in pairs)),
        lower_is_better=bool(task.lower_is_better),
    )


def _classes(scored: Sequence[Pair]) -> tuple[ClassesComparison, ...]:
    rows_of = (
        classes_of(rows[0].task.name, [(pair.item, pair.base, pair.candidate) for pair in rows])
        for rows in by_task(scored)
    )
    return tuple(classes for classes in rows_of if classes is not None)
