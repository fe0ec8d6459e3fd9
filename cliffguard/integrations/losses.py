"""What a check found: the losses of what gates, item by item, and the gain of the target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from statistics import fmean

from cliffguard.compare.clusters import with_groups
from cliffguard.compare.write_review import Decision
from cliffguard.core.comparisons import Comparison
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
        for _, capability, items in decision.gathered
        if case.policy.role(capability.name, capability.ring) == "gating"
        for pair in items.gating
    ]
    rows = (
        (
            pair.task.capability,
            pair.change if pair.is_scored else None,
            -1 - number if pair.group is None else pair.group,
        )
        for number, pair in enumerate(with_groups(pairs))  # also over capabilities
    )
    return counted(rows, margins)


def counted(
    rows: Iterable[tuple[str, float | None, int]], margins: Mapping[str, float]
) -> tuple[Losses, Counted]:
    """Return losses and groups of items: rows of the capability, what was lost, and the group.

    Raises IntegrityError where there is none.
    """
    losses: dict[str, list[float | None]] = {}
    groups: dict[str, list[int]] = {}
    for name, loss, group in rows:
        losses.setdefault(name, []).append(loss)
        groups.setdefault(name, []).append(group)
    if not losses:
        raise IntegrityError(
            "the base has nothing to lose in any capability that gates; choose a suite that it can "
            "answer",
            id="training.nothing-to-lose",
        )
    return (
        {name: tuple(each) for name, each in losses.items()},
        Counted(
            margins={name: margins[name] for name in losses},
            groups={name: tuple(each) for name, each in groups.items()},
        ),
    )


def gain_of(comparison: Comparison) -> float | None:
    """Return the mean gain of the targets, in score units; None where none was measured."""
    gains = [
        row.evidence.candidate_mean - row.evidence.base_mean
        for row in comparison.capabilities
        if row.ring == "target"
        and row.evidence.candidate_mean is not None
        and row.evidence.base_mean is not None
    ]
    return fmean(gains) if gains else None
