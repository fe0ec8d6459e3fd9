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

DIRECTIONS = {
    "higher": "",
    "lower": "lower is better",
    "mixed": "scores that are better low counted as 1 − score",
}
"""What is said beside a change of means, by which way the metrics point."""


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
    if outcome is Outcome.PASS:
        held = [finding for finding in counted if finding.role == "gating"]
        gains = [_gain(drops[f.capability]) for f in counted if f.role == "target"]
        kept = "the gating capability held within its margin"
        if len(held) != 1:
            kept = f"all {len(held)} gating capabilities held within their margins"
        return f"{'; '.join([*gains, kept])}."
    if not counted:
        return "no capability gates this release, so nothing can pass."
    return _undecided(counted)


def _loss(finding: Finding, drops: Mapping[str, CapabilityComparison]) -> str:
    found = drops[finding.capability]
    if finding.role == "target":
        return f"{finding.capability}: {finding.reason} ({_change(found)})"
    falls = [
        f", {where_it_falls(ladder)} on ({100 * (ladder.base_mean or 0.0):.0f} → "
        f"{100 * (ladder.candidate_mean or 0.0):.0f} %)"
        for ladder in finding.ladders
        if ladder.edge is not None
    ]
    return f"{finding.capability} regressed ({_change(found)}){''.join(falls)}"


def _gain(found: CapabilityComparison) -> str:
    return f"{found.capability} gained ({_change(found)})"


def _change(found: CapabilityComparison) -> str:
    base, candidate = map(found.in_own_numbers, (found.base_mean, found.candidate_mean))
    words = f", {DIRECTIONS[found.direction]}" if DIRECTIONS[found.direction] else ""
    return f"{100 * (base or 0.0):.1f} → {100 * (candidate or 0.0):.1f} %{words}"


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
        f"required findings are open: {'; '.join(parts)}."
    )


def where_it_falls(ladder: LadderFinding) -> str:
    """Say where a ladder that differs by level falls, and how."""
    words = {"cliff": "a cliff at", "gradual": "in decline, most from"}.get(
        ladder.shape, "worse from"
    )
    return f"{words} {ladder.level_name} = {ladder.edge}"
