"""Health of a suite's items on this base: floor, ceiling, saturation.

Notes for a reader; nothing here decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

from cliffguard.core.comparisons import CapabilityComparison, Comparison
from cliffguard.core.diagnostics import Ladder, TaskComparison
from cliffguard.core.items import Capability, Suite
from cliffguard.core.reviews import Finding, HealthNote, Outcome
from cliffguard.core.settings import Policy
from cliffguard.core.texts import in_points, n_things
from cliffguard.stats.clusters import LEAST_CLUSTERS
from cliffguard.stats.power import items_needed
from cliffguard.suites.contamination import near_duplicates

SATURATED = 0.98
"""A base that scores this much has items that are too easy to tell more of it."""

POWER = 0.9
"""The probability behind the number of items that a margin needs."""

Kind = Literal["saturated", "floor", "too_few", "shadow"]

_LEAST_CHURN = 0.02  # assumed where fewer items changed than that


def health(
    comparison: Comparison, findings: Sequence[Finding], policy: Policy
) -> tuple[HealthNote, ...]:
    """Return what is wrong with the items of each capability that was measured."""
    outcomes = {finding.capability: finding.outcome for finding in findings}
    notes = [
        note
        for capability in comparison.capabilities
        if capability.evidence.drop is not None
        and capability.ring != "target"
        and capability.behaviour is None
        for note in _notes(capability, outcomes.get(capability.capability), policy)
    ]
    return (*notes, *_shadow_notes(comparison.capabilities))


SHADOW = "_shadow"
"""Ends the name of a capability that asks the like of another one, by items that lie in no file."""

_SURE = 2.6  # standard errors; about one false note in a hundred


def _shadow_notes(capabilities: Sequence[CapabilityComparison]) -> Iterator[HealthNote]:
    """Say where a side does better on frozen items than on fresh ones of the same kind."""
    by_name = {capability.capability: capability for capability in capabilities}
    for name, fresh in by_name.items():
        frozen = by_name.get(name.removesuffix(SHADOW))
        if frozen is None or frozen is fresh:
            continue
        for side, known, unknown in (
            ("base", frozen.evidence.base_mean, fresh.evidence.base_mean),
            ("candidate", frozen.evidence.candidate_mean, fresh.evidence.candidate_mean),
        ):
            if known is None or unknown is None:
                continue
            spread = (
                known * (1 - known) / frozen.counts.n_items
                + unknown * (1 - unknown) / fresh.counts.n_items
            )
            if known - unknown > _SURE * math.sqrt(spread):
                yield _note(
                    frozen,
                    None,
                    "shadow",
                    f"the {side} is at {100 * known:.0f} % on these items and at "
                    f"{100 * unknown:.0f} % on fresh ones of the same kind: they have been learned",
                )


USUAL_CHURN = 0.10
"""Share of items whose score changes, where nothing is known of a fine-tune."""


def static_health(suites: Sequence[Suite], policy: Policy) -> tuple[str, ...]:
    """Return what is weak in suites as they stand, before any model is asked."""
    return tuple(
        line
        for suite in suites
        for capability in suite.capabilities
        for line in _weak(capability, policy)
    )


def _weak(capability: Capability, policy: Policy) -> Iterator[str]:
    items = [item for task in capability.tasks for item in task.items if task.gates(item)]
    is_named = policy.rules(capability.name).margin is not None
    margin = policy.margin(capability.name) if is_named else capability.margin
    margin = policy.default_margin if margin is None else margin
    needed = items_needed(
        margin=margin, alpha=policy.first_level, power=POWER, discordance=USUAL_CHURN
    )
    if items and len(items) < needed:
        yield (
            f"{capability.name}: {n_things(len(items), 'item', ',')} count, and about {needed:,} "
            f"exclude a loss of {in_points(margin)} where {100 * USUAL_CHURN:.0f} % change"
        )
    n_clusters = len({item.cluster for item in items if item.cluster is not None})
    if 0 < n_clusters < LEAST_CLUSTERS and all(item.cluster for item in items):
        yield (
            f"{capability.name}: {n_things(n_clusters, 'cluster')}; under {LEAST_CLUSTERS} decide "
            "nothing"
        )
    for task in capability.tasks:
        pairs = near_duplicates(task)
        if pairs:
            first, other, _ = pairs[0]
            yield (
                f"{task.name}: {n_things(len(pairs), 'pair', ',')} of items are nearly the same, "
                f"such as {first} and {other}"
            )


def _notes(
    capability: CapabilityComparison, outcome: Outcome | None, policy: Policy
) -> Iterator[HealthNote]:
    ladders = {ladder.task: ladder for ladder in capability.diagnostics.ladders}
    for task in capability.diagnostics.tasks:
        if task.base_mean is None:
            continue
        if task.task in ladders:
            yield from _ladder_notes(capability.capability, ladders[task.task])
        elif task.base_mean >= SATURATED:
            yield _note(capability, task.task, "saturated", _saturated(_base_mean(task)))
        elif task.chance and _is_guessing(task.base_mean, task.chance, task.n_items):
            text = f"the base is at {_shown(_base_mean(task))}, no better than guessing"
            yield _note(capability, task.task, "floor", text)
    if outcome is Outcome.INCONCLUSIVE:
        yield from _too_few(capability, policy)


def _ladder_notes(capability: str, ladder: Ladder) -> Iterator[HealthNote]:
    at_floor = [level.level for level in ladder.gating if level.base_interval.low <= ladder.chance]
    easy = [level.level for level in ladder.gating if level.base_mean >= SATURATED]
    if at_floor:
        levels = ", ".join(map(str, at_floor))
        yield HealthNote(
            capability=capability,
            task=ladder.task,
            kind="floor",
            text=f"at {ladder.level_name} {levels} the base cannot be told from guessing: no loss "
            "can show there, and one elsewhere is diluted; leave them out of gate_levels",
        )
    if len(easy) == len(ladder.gating):
        yield HealthNote(
            capability=capability,
            task=ladder.task,
            kind="saturated",
            text="every level is saturated for this base; add harder ones",
        )


def _too_few(capability: CapabilityComparison, policy: Policy) -> Iterator[HealthNote]:
    counts = capability.counts
    evidence = capability.evidence
    churn = max(_LEAST_CHURN, (counts.n_broken + counts.n_fixed) / counts.n_items)
    margin = evidence.margin if evidence.margin > 0.0 else policy.margin(capability.capability)
    needed = items_needed(margin=margin, alpha=policy.first_level, power=POWER, discordance=churn)
    if needed > evidence.n_effective:
        worth = (
            "" if evidence.n_effective >= counts.n_items else f", worth {evidence.n_effective:.0f}"
        )
        yield _note(
            capability,
            None,
            "too_few",
            f"{n_things(counts.n_items, 'item', ',')}{worth}: in a first run, to exclude a loss of "
            f"{in_points(margin)} where {100 * churn:.0f} % change takes about {needed:,}",
        )


def _is_guessing(mean: float, chance: float, n_items: int) -> bool:
    """Return whether the mean lies within two standard errors of chance, or below."""
    return mean <= chance + 2.0 * math.sqrt(chance * (1.0 - chance) / max(1, n_items))


def _base_mean(task: TaskComparison) -> float:
    """Return the base's mean in the metric's own numbers."""
    return task.in_own_numbers(task.base_mean) or 0.0


def _saturated(mean: float) -> str:
    return f"the base is at {_shown(mean)}: too easy to tell more than a large loss"


def _shown(mean: float) -> str:
    return f"{100 * mean:.1f} %"


def _note(capability: CapabilityComparison, task: str | None, kind: Kind, text: str) -> HealthNote:
    return HealthNote(capability=capability.capability, task=task, kind=kind, text=text)
