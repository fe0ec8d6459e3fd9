"""What a check of a model in memory found: the losses of what gates, the gain of the target."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

from cliffguard.compare.clusters import with_groups
from cliffguard.compare.comparison import gathered
from cliffguard.compare.write_review import Decision
from cliffguard.core.errors import IntegrityError
from cliffguard.integrations.checks import Counted, Losses


def losses_of(decision: Decision) -> tuple[Losses, Counted]:
    """Return what each gating capability lost, item by item, and how that counts.

    Raises IntegrityError where nothing counts.
    """
    case, comparison = decision.case, decision.comparison
    margins = {row.capability: row.evidence.margin for row in comparison.capabilities}
    pairs = [
        replace(pair, group=None)
        for _, capability, items in gathered(decision.pairs, case, decision.look, comparison)
        if case.policy.role(capability.name, capability.ring) == "gating"
        for pair in items.gating
    ]
    losses: dict[str, tuple[float | None, ...]] = {}
    groups: dict[str, tuple[int, ...]] = {}
    for number, pair in enumerate(with_groups(pairs)):  # also over capabilities
        name, group = pair.task.capability, -1 - number if pair.group is None else pair.group
        losses[name] = (*losses.get(name, ()), pair.change if pair.is_scored else None)
        groups[name] = (*groups.get(name, ()), group)
    if not losses:
        raise IntegrityError(
            "the base has nothing to lose in any capability that gates; choose a suite that it can "
            "answer",
            id="training.nothing-to-lose",
        )
    return losses, Counted(margins={name: margins[name] for name in losses}, groups=groups)


def gain_of(decision: Decision) -> float | None:
    """Return the mean gain of the targets, in score units; None where none was measured."""
    gains = [
        row.evidence.candidate_mean - row.evidence.base_mean
        for row in decision.comparison.capabilities
        if row.ring == "target"
        and row.evidence.candidate_mean is not None
        and row.evidence.base_mean is not None
    ]
    return fmean(gains) if gains else None
