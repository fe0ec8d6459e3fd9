"""Tests of the strata (Holm over all): a proven loss in one goes before HELD of the whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cliffguard.compare.findings import lost_in_part
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.diagnostics import StratumComparison
from cliffguard.core.reviews import Finding, Outcome
from cliffguard.core.settings import Policy
from cliffguard.evaluate.alpha_shares import at_alpha
from cliffguard.stats.multiplicity import holm

Part = tuple[str, StratumComparison]
"""The name of a capability, and one of its parts."""


def with_parts(
    capabilities: Sequence[CapabilityComparison],
    findings: Sequence[Finding],
    policy: Policy,
    share: float,
    *,
    held_wait: bool = False,
) -> list[Finding]:
    """Return the findings, REGRESSED by a part where its loss beyond its margin is proven.

    All tested parts of `capabilities` are one family, by Holm, with their share of alpha. Those of
    a capability that is asked further weigh in it as if nothing had been found; with `held_wait`
    those that HELD are asked further.
    """
    lost: dict[str, tuple[float, StratumComparison]] = {}
    adjusted = adjusted_parts(capabilities, findings, policy, share, held_wait=held_wait)
    for (name, part), p_value in adjusted:
        if p_value <= policy.alpha and (name not in lost or p_value < lost[name][0]):
            lost[name] = (p_value, part)
    changes = {capability.capability: capability for capability in capabilities}
    return [
        lost_in_part(finding, *lost[finding.capability], changes[finding.capability])
        if finding.capability in lost and finding.cause is None
        else finding
        for finding in findings
    ]


def adjusted_parts(
    capabilities: Sequence[CapabilityComparison],
    findings: Sequence[Finding],
    policy: Policy,
    share: float,
    *,
    held_wait: bool = False,
) -> list[tuple[Part, float]]:
    """Return every tested part with its p-value as it is compared with alpha.

    Holm-adjusted over all of them, divided by their share of alpha, and at most 1.
    """
    by_capability = {finding.capability: finding for finding in findings}
    compared = {capability.capability: capability for capability in capabilities}
    parts = list(_tested(capabilities, by_capability, held_wait=held_wait))
    adjusted = holm(
        [
            at_alpha(part.p_beyond, compared[name], policy) if is_due else 1.0
            for (name, part), is_due in parts
        ]
    )
    return [
        (part, min(1.0, p_value / share))
        for (part, _), p_value in zip(parts, adjusted, strict=True)
    ]


def _tested(
    capabilities: Sequence[CapabilityComparison], findings: dict[str, Finding], *, held_wait: bool
) -> Iterator[tuple[tuple[str, StratumComparison], bool]]:
    """Return every part that has a p-value, and whether its capability is asked no further."""
    last = (Outcome.REGRESSED,) if held_wait else (Outcome.HELD, Outcome.REGRESSED)
    for capability in capabilities:
        finding = findings[capability.capability]
        is_due = finding.counts and (capability.is_finished or finding.outcome in last)
        for part in capability.diagnostics.strata:
            if part.p_beyond is not None:
                yield (capability.capability, part), is_due
