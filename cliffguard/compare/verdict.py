"""The verdict: findings and the test of all together → PASS, FAIL or INCONCLUSIVE.

Two questions per capability, never one: "is a drop of the margin or more excluded?" earns HELD,
"is any drop at all proven?" earns REGRESSED. Both: HELD, a real drop that the margin bounds.
Neither: INCONCLUSIVE. "No significant drop" passes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from cliffguard.compare.findings import judge_family, judge_target, still_failed, unmeasured_by_any
from cliffguard.compare.items_needed import is_mute, is_shielded
from cliffguard.compare.ladder_shapes import shapes_of
from cliffguard.compare.strata_evidence import with_parts
from cliffguard.compare.summary import summary_of
from cliffguard.core.comparisons import CapabilityComparison, Comparison
from cliffguard.core.reviews import EXIT_CODES, SAMPLES, Finding, Outcome, Pooled, Verdict
from cliffguard.core.settings import Policy, Ring, Role
from cliffguard.evaluate.alpha_shares import scaled, shares
from cliffguard.stats.multiplicity import Share, pooled_p_value

__all__ = ["EXIT_CODES", "absent", "follows", "is_decided", "judge"]


def judge(comparison: Comparison, policy: Policy, before: Verdict | None = None) -> Verdict:
    """Decide every capability and the whole, with one alpha for each kind of error.

    PASS by intersection–union: every gating capability, and behaviour, HELD, the mean of the
    drops below its own margin where the policy has one, and the demanded gain proven. FAIL
    when a gating capability REGRESSED by Holm's procedure, when the gain is disproven, or when,
    though no single loss is proven, all gating capabilities together have provably dropped. Holm
    and the pooled test share alpha. A drop that is not proven without the candidate's answers that
    were cut is INCONCLUSIVE, and never HELD for that. What REGRESSED in `before`, the verdict at
    the look before, stays REGRESSED whatever this look says alone.

    Margins that hold at 5 % shield from FAIL even where a stricter alpha asks more of PASS. So a
    stricter alpha turns a verdict into INCONCLUSIVE and into nothing else.
    """
    by_role: dict[Role, list[CapabilityComparison]] = {"target": [], "gating": [], "monitored": []}
    for capability in comparison.capabilities:
        by_role[policy.role(capability.capability, capability.ring)].append(capability)
    shapes = shapes_of(comparison, policy)
    required = [*by_role["target"], *by_role["gating"]]
    gating = [row for row in by_role["gating"] if row.behaviour is None]
    share = shares(
        len(gating),
        has_parts=any(row.diagnostics.strata for row in required if row.behaviour is None),
    )
    findings = [
        *(judge_target(capability, policy) for capability in by_role["target"]),
        *judge_family(by_role["gating"], "gating", policy, share.single, shapes),
        *judge_family(by_role["monitored"], "monitored", policy, 1.0, shapes),
    ]
    mean_held = _mean_held(comparison, policy)
    waits = mean_held is False and not _has_failed(findings, before)
    findings = with_parts(required, findings, policy, share.parts, held_wait=waits)
    findings = _with_earlier(findings, before) + _absent(comparison, policy)
    order = {
        capability.capability: position
        for position, capability in enumerate(comparison.capabilities)
    }
    findings.sort(key=lambda finding: order.get(finding.capability, len(order)))
    pooled = None
    if _is_over(gating, findings, held_wait=waits):
        pooled = _pool(gating, findings, comparison, policy, share.together)
    is_shielded_all = _all_shielded(gating, findings, policy)
    outcome = _overall(
        findings, pooled, mean_held, all_shielded=is_shielded_all, target_only=policy.target_only
    )
    return Verdict(
        outcome=outcome,
        sentence=summary_of(
            outcome, findings, comparison, pooled, mean_held, target_only=policy.target_only
        ),
        findings=tuple(findings),
        pooled=pooled,
        mean_held=mean_held,
    )


def _with_earlier(findings: Sequence[Finding], before: Verdict | None) -> list[Finding]:
    """Return the findings with what failed at the look before, which stays failed."""
    failed = {} if before is None else {finding.capability: finding for finding in before.findings}
    return [still_failed(finding, failed.get(finding.capability)) for finding in findings]


def follows(verdict: Verdict, policy: Policy) -> bool:
    """Return whether the outcome is one that its findings may have; a verdict of `judge` is.

    Whether a drop of all together is shielded the findings do not say: either will do.
    """
    return verdict.outcome in {
        _overall(
            verdict.findings,
            verdict.pooled,
            verdict.mean_held,
            all_shielded=is_shielded_all,
            target_only=policy.target_only,
        )
        for is_shielded_all in (True, False)
    }


def is_decided(finding: Finding) -> bool:
    """Return whether the finding is final (HELD or REGRESSED): more items are not asked."""
    return finding.outcome in (Outcome.HELD, Outcome.REGRESSED)


# --- what nobody measured ------------------------------------------------------------------------


def _absent(comparison: Comparison, policy: Policy) -> list[Finding]:
    rings = {capability.capability: capability.ring for capability in comparison.capabilities}
    of_samples = any(capability.suite == SAMPLES for capability in comparison.capabilities)
    return [unmeasured_by_any(*demand, of_samples=of_samples) for demand in absent(policy, rings)]


def absent(policy: Policy, measured: Mapping[str, Ring]) -> list[tuple[str, Role, float]]:
    """What the policy demands and no suite measures, with its margin: no test is not a pass."""
    demands: list[tuple[str, Role, float]] = []
    if policy.target is not None and "target" not in measured.values():
        demands.append(("target", "target", -policy.target.min_gain))
    for name, rules in policy.capabilities.items():
        if name not in measured:
            role: Role = "monitored" if rules.gate is False else "gating"
            demands.append((name, role, policy.margin(name)))
    return demands


# --- the whole -----------------------------------------------------------------------------------


def _mean_held(comparison: Comparison, policy: Policy) -> bool | None:
    """Return whether the mean drop is proven to be below its margin; None where there is none."""
    if policy.mean_margin is None:
        return None
    mean = comparison.mean
    return mean is not None and scaled(mean.p_held, mean.level, policy) <= policy.alpha


def _has_failed(findings: Sequence[Finding], before: Verdict | None) -> bool:
    if before is not None and before.outcome is Outcome.FAIL:
        return True
    return any(
        finding.outcome is Outcome.REGRESSED and finding.role != "monitored" for finding in findings
    )


def _is_over(
    gating: Sequence[CapabilityComparison], findings: Sequence[Finding], *, held_wait: bool
) -> bool:
    """Return whether nothing more of the gating capabilities will be measured.

    With `held_wait` those that held are asked on, for the mean of all.
    """
    outcomes = {finding.capability: finding for finding in findings}
    return all(
        capability.is_finished or (is_decided(outcomes[capability.capability]) and not held_wait)
        for capability in gating
    )


def _pool(
    gating: Sequence[CapabilityComparison],
    findings: Sequence[Finding],
    comparison: Comparison,
    policy: Policy,
    share: float,
) -> Pooled | None:
    """Test all gating capabilities together: a drop that is spread thinly shows only here."""
    outcomes = {finding.capability: finding for finding in findings}
    measured = [
        capability
        for capability in gating
        if capability.evidence.drop is not None
        and not is_mute(capability)
        and not capability.cannot_fail
        and outcomes[capability.capability].counts
    ]
    if len(measured) < 2:
        return None
    tied = {link.capabilities: link.covariance for link in comparison.shared}
    names = [capability.capability for capability in measured]
    covariances = {
        (a, b): tied[names[a], names[b]]
        for a in range(len(names))
        for b in range(len(names))
        if (names[a], names[b]) in tied
    }
    drops = [
        Share(
            capability.evidence.drop or 0.0,
            capability.evidence.square,
            capability.evidence.n_effective,
        )
        for capability in measured
    ]
    # A drop of all together is held to answers that were not cut, as that of each is.
    p_value = max(
        pooled_p_value(rows, covariances) for rows in (drops, [_uncut_share(f) for f in measured])
    )
    p_value = scaled(min(1.0, p_value / share), comparison.pooled_level, policy)
    return Pooled(
        drop=fmean(row.drop for row in drops),
        p_value=p_value,
        n_capabilities=len(drops),
        has_dropped=p_value <= policy.alpha,
    )


def _uncut_share(capability: CapabilityComparison) -> Share:
    evidence = capability.evidence
    diagnostics = capability.diagnostics
    if diagnostics.uncut is None:
        return Share(evidence.drop or 0.0, evidence.square, evidence.n_effective)
    n_effective = diagnostics.uncut.n_items * evidence.n_effective / capability.counts.n_items
    return Share(diagnostics.uncut.drop, diagnostics.uncut.square, n_effective)


def _all_shielded(
    gating: Sequence[CapabilityComparison], findings: Sequence[Finding], policy: Policy
) -> bool:
    """Return whether all that counts and was measured holds: drops within margins may be real."""
    counts = {finding.capability: finding.counts for finding in findings}
    return all(
        capability.evidence.p_held is None or is_shielded(capability.evidence.p_held, policy)
        for capability in gating
        if counts[capability.capability]
    )


def _overall(
    findings: Sequence[Finding],
    pooled: Pooled | None,
    mean_held: bool | None,
    *,
    all_shielded: bool,
    target_only: bool,
) -> Outcome:
    counted = [finding for finding in findings if finding.role != "monitored" and finding.counts]
    if any(finding.outcome is Outcome.REGRESSED for finding in counted):
        return Outcome.FAIL
    # A gain alone says nothing of what was lost for it, nor does how answers are given.
    enough = ("gating", "target") if target_only else ("gating",)
    measures = [finding for finding in counted if finding.behaviour is None]
    if any(finding.role in enough for finding in measures) and all(
        finding.outcome is Outcome.HELD for finding in counted
    ):
        return Outcome.INCONCLUSIVE if mean_held is False else Outcome.PASS
    if pooled is not None and pooled.has_dropped and not all_shielded:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE
