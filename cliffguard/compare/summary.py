"""The summary of a verdict: one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cliffguard.core.comparisons import CapabilityComparison, Comparison, MeanComparison
from cliffguard.core.diagnostics import StratumComparison, TaskComparison
from cliffguard.core.reviews import Finding, LadderFinding, Outcome, Pooled
from cliffguard.core.texts import in_points, n_things, plural

_N_NAMED = 5  # losses that the sentence names; the report has all of them

DIRECTIONS = {
    "higher": "",
    "lower": "lower is better",
    "mixed": "scores that are better low counted as 1 − score",
}
"""What is said beside a change of means, by which way the metrics point."""


def summary_of(
    outcome: Outcome,
    findings: Sequence[Finding],
    comparison: Comparison,
    pooled: Pooled | None,
    mean_held: bool | None = None,
    *,
    target_only: bool = False,
) -> str:
    """Return what was lost, or that nothing was, or what is open.

    With `target_only` a target may pass alone, which is then said.
    """
    drops = {capability.capability: capability for capability in comparison.capabilities}
    counted = [finding for finding in findings if finding.role != "monitored"]
    # 1. FAIL: what was lost, and nothing else. Without a single loss it is that of all together.
    if outcome is Outcome.FAIL:
        return _losses(counted, drops, pooled)
    # 2. Said beside any other outcome: what had nothing to lose, and what was asked in part.
    idle = [finding for finding in counted if not finding.counts]
    beside = "".join(f"; {_nothing_to_lose(drops[finding.capability])}" for finding in idle)
    beside += "".join(
        f"; {capability.capability} on {capability.counts.n_items} of {capability.counts.n_in_all}"
        for capability in comparison.capabilities
        if capability.counts.n_in_all is not None
    )
    counted = [finding for finding in counted if finding.counts]
    # 3. PASS: what the target gained, then what held; a policy may let the target pass alone.
    if outcome is Outcome.PASS:
        gains = [_gain(drops[f.capability]) for f in counted if f.role == "target"]
        kept = _kept([f for f in counted if f.role == "gating"], is_idle=bool(idle))
        if mean_held and comparison.mean is not None:
            most = in_points(comparison.mean.margin)
            kept += f", and their mean drop is below {most}"
        return f"{'; '.join([*gains, kept])}{beside}."
    # 4. INCONCLUSIVE, the most fundamental reason first: nothing gates; all is proven but the mean;
    # findings are open.
    roles = {finding.role for finding in counted if finding.behaviour is None}
    if "gating" not in roles and not (target_only and "target" in roles):
        reason = "nothing that gates counts" if idle else "no capability gates this release"
        more = ""
        if "target" in roles:
            reason = "nothing around the target counts" if idle else "nothing but the target gates"
            more = " (target_only: true in a policy judges the target alone)"
        elif target_only:
            more = " (target_only: true needs a gain to judge it by: target: {min_gain: 0.0})"
        return f"{reason}, so nothing can pass{more}{beside}."
    mean = "" if mean_held is not False else _open_mean(comparison.mean)
    if all(finding.outcome is Outcome.HELD for finding in counted):
        return f"all required findings are proven, but {mean}{beside}."
    return f"{_undecided(counted)}{mean and f'; {mean}'}{beside}."


def _kept(gating: Sequence[Finding], *, is_idle: bool) -> str:
    """Return what held; a policy may let the target pass alone, and behaviours beside it."""
    held = [finding for finding in gating if finding.behaviour is None]
    kept = "the gating capability held within its margin"
    if not held:
        around = "nothing around it counts" if is_idle else "nothing around it was asked to hold"
        kept = f"{around}, which target_only in the policy allows"
    elif len(held) != 1:
        kept = f"all {len(held)} gating capabilities held within their margins"
    if n_more := len(gating) - len(held):
        kept += f", and so did {n_things(n_more, 'behaviour')} of the answers"
    return kept


def _losses(
    counted: Sequence[Finding], drops: Mapping[str, CapabilityComparison], pooled: Pooled | None
) -> str:
    lost = [finding for finding in counted if finding.outcome is Outcome.REGRESSED]
    if not lost:
        assert pooled is not None
        return (
            f"no single loss is proven, but the {pooled.n_capabilities} gating capabilities "
            f"together dropped by {100 * pooled.drop:.1f} points on average."
        )
    # The steepest loss first: it is what the reader must know.
    lost.sort(key=lambda finding: -(drops[finding.capability].evidence.drop or 0.0))
    losses = [_loss(finding, drops) for finding in lost]
    n_more = len(losses) - _N_NAMED
    more = [f"and {n_more} more that are REGRESSED"] if n_more > 0 else []
    return f"{'; '.join([*losses[:_N_NAMED], *more])}."


def _open_mean(mean: MeanComparison | None) -> str:
    if mean is None:
        return "the mean drop is not known"
    return (
        f"the mean drop ({100 * mean.drop:+.1f} points) is not proven to be below "
        f"{in_points(mean.margin)}"
    )


def _loss(finding: Finding, drops: Mapping[str, CapabilityComparison]) -> str:
    capability = drops[finding.capability]
    if finding.role == "target" and finding.stratum is None:
        return f"{finding.capability}: {finding.reason} ({_change(capability)})"
    if finding.stratum is not None:
        (part, *_) = (
            stratum for stratum in capability.diagnostics.strata if stratum.name == finding.stratum
        )
        return f"{finding.capability} regressed in {part.name} ({change_in(part, capability)})"
    if finding.cause == "format":
        return (
            f"{finding.capability} regressed by format ({_change(capability)}): "
            f"{n_things(capability.counts.n_unreadable_candidate, 'answer')} "
            f"{plural(capability.counts.n_unreadable_candidate, 'holds', 'hold')} nothing that the "
            "metric reads"
        )
    falls = [f", {_fall(ladder)}" for ladder in finding.ladders if ladder.is_placed]
    return f"{finding.capability} regressed ({_change(capability)}){''.join(falls)}"


def _nothing_to_lose(capability: CapabilityComparison) -> str:
    what = "had nothing to lose"
    if not capability.has_nothing_to_lose:
        what = "did not measure the skill"
    return f"{capability.capability} {what} on this base ({_change(capability)})"


def _gain(capability: CapabilityComparison) -> str:
    return f"{capability.capability} gained ({_change(capability)})"


def _change(capability: CapabilityComparison) -> str:
    counts = capability.counts
    change = _mean_change(
        capability, capability.evidence.base_mean, capability.evidence.candidate_mean
    )
    return (
        change if counts.n_in_all is None else f"{change} on {counts.n_items} of {counts.n_in_all}"
    )


def change_in(part: StratumComparison, capability: CapabilityComparison) -> str:
    """Return the change of a part, which of a task is in that task's own numbers."""
    tasks = [
        task
        for task in capability.diagnostics.tasks
        if part.kind == "task" and task.task == part.name
    ]
    return _mean_change(tasks[0] if tasks else capability, part.base_mean, part.candidate_mean)


def _mean_change(
    scored: CapabilityComparison | TaskComparison, base: float | None, candidate: float | None
) -> str:
    """Return a change of means in the numbers of the metric, with its direction."""
    words = DIRECTIONS[scored.direction]
    shown = [100 * (scored.in_own_numbers(mean) or 0.0) for mean in (base, candidate)]
    return f"{shown[0]:.1f} → {shown[1]:.1f} %{f', {words}' if words else ''}"


def _undecided(counted: Sequence[Finding]) -> str:
    open_findings = [finding for finding in counted if finding.outcome is not Outcome.HELD]
    parts = []
    for finding in open_findings:
        if finding.outcome is Outcome.NOT_MEASURED:
            parts.append(f"{finding.capability} was not measured")
        elif finding.n_items_needed is not None:
            parts.append(
                f"{finding.capability} needs about {n_things(finding.n_items_needed, 'item', ',')}"
            )
        else:
            parts.append(f"{finding.capability} is undecided")
    return (
        f"no gating capability is proven lost, but {len(open_findings)} of {len(counted)} "
        f"required findings {plural(len(open_findings), 'is', 'are')} open: {'; '.join(parts)}"
    )


def _fall(ladder: LadderFinding) -> str:
    """Say where a ladder is worse, and directly behind that place the means there."""
    means = f"{100 * (ladder.base_mean or 0.0):.0f} → {100 * (ladder.candidate_mean or 0.0):.0f} %"
    if ladder.until is not None:
        return where_it_falls(ladder, f" ({means})")
    return f"{where_it_falls(ladder)} on ({means})"


def where_it_falls(ladder: LadderFinding, means: str = "") -> str:
    """Say where a ladder that differs by level is worse, and how; of easiest levels with means."""
    if ladder.until is not None:
        last = f"{ladder.level_name} = {ladder.until}"
        return f"worse at the easiest levels, up to {last}{means}, than past them"
    words = {"cliff": "a cliff at", "gradual": "in decline, most from"}.get(
        ladder.shape, "worse from"
    )
    return f"{words} {ladder.level_name} = {ladder.edge}"
