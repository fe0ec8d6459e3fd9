"""A verdict in one sentence, for whoever reads nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cliffguard.records import (
    CapabilityComparison,
    Comparison,
    Finding,
    LadderFinding,
    Outcome,
    Pooled,
)


def sentence(
    outcome: Outcome,
    findings: Sequence[Finding],
    comparison: Comparison,
    pooled: Pooled | None,
) -> str:
    """Return what was lost, or that nothing was, or what is open."""
    drops = {found.capability: found for found in comparison.capabilities}
    counted = [finding for finding in findings if finding.role != "monitored"]
    if outcome is Outcome.FAIL:
        lost = [finding for finding in counted if finding.outcome is Outcome.REGRESSED]
        if not lost:
            assert pooled is not None
            return (
                f"no single loss is proven, but the {pooled.n_capabilities} gating capabilities "
                f"together dropped by {100 * pooled.drop:.1f} points on average."
            )
        # The steepest loss first: it is what the reader must know.
        lost.sort(key=lambda finding: -(drops[finding.capability].drop or 0.0))
        return f"{'; '.join(_loss(finding, drops) for finding in lost)}."
    idle = [finding for finding in counted if not finding.counts]
    beside = "".join(f"; {_nothing_to_lose(drops[one.capability])}" for one in idle)
    counted = [finding for finding in counted if finding.counts]
    if outcome is Outcome.PASS:
        held = [finding for finding in counted if finding.role == "gating"]
        gains = [_gain(drops[f.capability]) for f in counted if f.role == "target"]
        kept = "the gating capability held within its margin"
        if len(held) != 1:
            kept = f"all {len(held)} gating capabilities held within their margins"
        return f"{'; '.join([*gains, kept])}{beside}."
    if not any(finding.role == "gating" for finding in counted):
        return f"no capability gates this release, so nothing can pass{beside}."
    return f"{_undecided(counted)}{beside}."


def _loss(finding: Finding, drops: Mapping[str, CapabilityComparison]) -> str:
    found = drops[finding.capability]
    if finding.role == "target" and finding.stratum is None:
        return f"{finding.capability}: {finding.reason} ({_change(found)})"
    if finding.stratum is not None:
        (part, *_) = (one for one in found.strata if one.name == finding.stratum)
        return (
            f"{finding.capability} regressed in {part.name} ({100 * (part.base_mean or 0.0):.1f} → "
            f"{100 * (part.candidate_mean or 0.0):.1f} %)"
        )
    if finding.cause == "format":
        return (
            f"{finding.capability} regressed by format ({_change(found)}): "
            f"{found.n_unreadable_candidate} answers hold nothing that the metric reads"
        )
    falls = [
        f", {where_it_falls(ladder)}{'' if ladder.edge is None else ' on'} "
        f"({100 * (ladder.base_mean or 0.0):.0f} → {100 * (ladder.candidate_mean or 0.0):.0f} %)"
        for ladder in finding.ladders
        if ladder.is_placed
    ]
    return f"{finding.capability} regressed ({_change(found)}){''.join(falls)}"


def _nothing_to_lose(found: CapabilityComparison) -> str:
    return f"{found.capability} had nothing to lose on this base ({_change(found)})"


def _gain(found: CapabilityComparison) -> str:
    return f"{found.capability} gained ({_change(found)})"


def _change(found: CapabilityComparison) -> str:
    base, candidate = found.base_mean or 0.0, found.candidate_mean or 0.0
    return f"{100 * base:.1f} → {100 * candidate:.1f} %"


def _undecided(counted: Sequence[Finding]) -> str:
    open_findings = [finding for finding in counted if finding.outcome is not Outcome.HELD]
    parts = []
    for finding in open_findings:
        if finding.outcome is Outcome.NOT_MEASURED:
            parts.append(f"{finding.capability} was not measured")
        elif finding.n_items_needed is not None:
            parts.append(f"{finding.capability} needs about {finding.n_items_needed} items")
        else:
            parts.append(f"{finding.capability} is undecided")
    return (
        f"no gating capability is proven lost, but {len(open_findings)} of {len(counted)} "
        f"required findings are open: {'; '.join(parts)}"
    )


def where_it_falls(ladder: LadderFinding) -> str:
    """Say where a ladder that differs by level is worse, and how."""
    if ladder.until is not None:
        return f"worse at the easiest levels, up to {ladder.level_name} = {ladder.until}"
    words = {"cliff": "a cliff at", "gradual": "in decline, most from"}.get(
        ladder.shape, "worse from"
    )
    return f"{words} {ladder.level_name} = {ladder.edge}"
