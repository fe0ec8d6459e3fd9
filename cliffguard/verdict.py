"""The one place where a comparison becomes a decision. Counts in, outcomes out; no arrays.

Two questions per capability, never one: "is a drop of the margin or more excluded?" earns HELD,
"is any drop at all proven?" earns REGRESSED. Both: HELD, a real drop that the margin bounds.
Neither: INCONCLUSIVE. "No significant drop" passes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist

from cliffguard.plans import CapabilityPolicy, Policy
from cliffguard.records import (
    CapabilityComparison,
    Comparison,
    Edge,
    Finding,
    Ladder,
    Outcome,
    Role,
    Verdict,
)
from cliffguard.stats.ladder import LevelCounts, first_broken_level
from cliffguard.stats.multiplicity import holm
from cliffguard.stats.paired import mcnemar_mid_p, non_inferior, tango_z
from cliffguard.stats.power import items_to_decide

EXIT_CODES = {Outcome.PASS: 0, Outcome.FAIL: 10, Outcome.INCONCLUSIVE: 11}
"""What a verdict means to the shell. Errors carry their own code (cliffguard.errors)."""

_POWER = 0.9  # the power at which "items needed" is planned


def judge(comparison: Comparison, policy: Policy) -> Verdict:
    """Decide every capability and the whole, with one alpha for each kind of error.

    PASS by intersection–union: every gating capability HELD and the demanded gain proven. FAIL
    when, after Holm over the gating capabilities, one REGRESSED, or the gain is disproven.
    """
    by_role: dict[Role, list[CapabilityComparison]] = {"target": [], "gating": [], "monitored": []}
    for found in comparison.capabilities:
        by_role[_role(found, policy)].append(found)
    findings = [
        *(_judge_target(found, policy) for found in by_role["target"]),
        *_judge_family(by_role["gating"], "gating", policy),
        *_judge_family(by_role["monitored"], "monitored", policy),
        *_absent(comparison, policy),
    ]
    order = {found.capability: place for place, found in enumerate(comparison.capabilities)}
    findings.sort(key=lambda finding: order.get(finding.capability, len(order)))
    outcome = _overall(findings)
    return Verdict(
        outcome=outcome,
        sentence=_sentence(outcome, findings, comparison),
        findings=tuple(findings),
    )


def _role(found: CapabilityComparison, policy: Policy) -> Role:
    if found.ring == "target":
        return "target" if policy.target is not None else "monitored"
    gate = _own_policy(found.capability, policy).gate
    if gate is None:
        gate = found.ring != "control"
    return "gating" if gate else "monitored"


def _own_policy(capability: str, policy: Policy) -> CapabilityPolicy:
    return policy.capabilities.get(capability) or CapabilityPolicy()


def _margin(capability: str, policy: Policy) -> float:
    margin = _own_policy(capability, policy).margin
    return policy.default_margin if margin is None else margin


# --- one capability ------------------------------------------------------------------------------


def _judge_family(
    family: Sequence[CapabilityComparison], role: Role, policy: Policy
) -> list[Finding]:
    adjusted = holm([1.0 if found.p_drop is None else found.p_drop for found in family])
    return [_judge_one(f, role, p, policy) for f, p in zip(family, adjusted, strict=True)]


def _judge_one(
    found: CapabilityComparison, role: Role, p_regressed: float, policy: Policy
) -> Finding:
    if found.drop is None:
        return _not_measured(found, role, policy)
    margin = _margin(found.capability, policy)
    counts = {"n_broken": found.n_broken, "n_fixed": found.n_fixed, "n_items": found.n_items}
    # What the base had right and only the candidate left unscored counts as broken: a loss must
    # not pass because it took the form of no answer.
    at_worst = {**counts, "n_broken": found.n_broken + found.n_lost}
    at_worst["n_items"] = found.n_items + found.n_lost
    is_held = non_inferior(**at_worst, margin=margin, alpha=policy.alpha)
    has_dropped = p_regressed <= policy.alpha
    is_material = tango_z(**counts, drop=margin) < -_z(policy.alpha)
    edges = tuple(e for ladder in found.ladders if (e := _edge(ladder, margin, policy.alpha)))
    needed = None
    at = "".join(f", but broken at {edge.level_name} = {edge.level}" for edge in edges)
    if is_held:
        outcome = Outcome.HELD
        reason = "a drop beyond the margin is excluded"
        if has_dropped:
            reason = "a real drop, bounded by the margin"
        reason += at
    elif has_dropped:
        outcome = Outcome.REGRESSED
        reason = "a drop beyond the margin is proven" if is_material else "a drop is proven"
    else:
        outcome = Outcome.INCONCLUSIVE
        needed = items_to_decide(**counts, margin=margin, alpha=policy.alpha, power=_POWER)
        about = f"; about {needed} items would decide" if needed else ""
        if found.n_lost:
            about = f"; {found.n_lost} that the base had right have no answer of the candidate"
        reason = f"neither a drop nor its absence is proven on {found.n_items} items{about}{at}"
    return Finding(
        capability=found.capability,
        suite=found.suite,
        ring=found.ring,
        role=role,
        outcome=outcome,
        margin=margin,
        p_regressed=p_regressed,
        is_material=is_material,
        edges=edges,
        n_items_needed=needed,
        reason=reason,
    )


def _judge_target(found: CapabilityComparison, policy: Policy) -> Finding:
    """A gain above the demanded minimum is HELD when proven, REGRESSED when disproven."""
    assert policy.target is not None
    if found.drop is None:
        return _not_measured(found, "target", policy)
    gain = policy.target.min_gain
    is_proven, is_disproven = _gain_tests(found, gain, policy.alpha)
    wanted = f"a gain above {100 * gain:.1f} points"
    if is_proven:
        outcome, reason = Outcome.HELD, f"{wanted} is proven"
    elif is_disproven:
        outcome, reason = Outcome.REGRESSED, f"{wanted} is disproven"
    else:
        outcome = Outcome.INCONCLUSIVE
        reason = f"{wanted} is neither proven nor disproven on {found.n_items} items"
    return Finding(
        capability=found.capability,
        suite=found.suite,
        ring=found.ring,
        role="target",
        outcome=outcome,
        margin=-gain,
        p_regressed=found.p_drop,
        is_material=False,
        edges=(),
        n_items_needed=None,
        reason=reason,
    )


def _gain_tests(found: CapabilityComparison, gain: float, alpha: float) -> tuple[bool, bool]:
    """Say whether a gain above `gain` is proven, and whether it is disproven.

    At 0 by McNemar's mid-p, as drops are; elsewhere by the score test at the demanded gain.
    """
    broken, fixed = found.n_broken, found.n_fixed
    if gain == 0.0:
        return (
            mcnemar_mid_p(n_broken=fixed, n_fixed=broken) <= alpha,
            mcnemar_mid_p(n_broken=broken, n_fixed=fixed) <= alpha,
        )
    z = tango_z(n_broken=broken, n_fixed=fixed, n_items=found.n_items, drop=-gain)
    return z > _z(alpha), z < -_z(alpha)


def _edge(ladder: Ladder, margin: float, alpha: float) -> Edge | None:
    levels = [level for level in ladder.levels if level.is_gating]
    if not levels:
        return None
    found = first_broken_level(
        [LevelCounts(level.n_broken, level.n_fixed, level.n_items) for level in levels],
        margin=margin,
        alpha=alpha,
    )
    if found.edge is None:
        return None
    broken = levels[found.edge]
    return Edge(
        task=ladder.task,
        level_name=ladder.level_name,
        level=broken.level,
        base_mean=broken.base_mean,
        candidate_mean=broken.candidate_mean,
        p_adjusted=found.adjusted_p_values[found.edge],
    )


def _not_measured(found: CapabilityComparison, role: Role, policy: Policy) -> Finding:
    unscored = f"all {found.n_unscored} items are unscored" if found.n_unscored else "no items ran"
    return Finding(
        capability=found.capability,
        suite=found.suite,
        ring=found.ring,
        role=role,
        outcome=Outcome.NOT_MEASURED,
        margin=None if role == "target" else _margin(found.capability, policy),
        p_regressed=None,
        is_material=False,
        edges=(),
        n_items_needed=None,
        reason=unscored,
    )


def _absent(comparison: Comparison, policy: Policy) -> list[Finding]:
    """What the policy demands and no suite measures: an absent test is not a pass."""
    measured = {found.capability for found in comparison.capabilities}
    findings = [
        _unmeasured(name, "monitored" if own.gate is False else "gating", _margin(name, policy))
        for name, own in policy.capabilities.items()
        if name not in measured
    ]
    has_target = any(found.ring == "target" for found in comparison.capabilities)
    if policy.target is not None and not has_target:
        findings.insert(0, _unmeasured("target", "target", -policy.target.min_gain))
    return findings


def _unmeasured(capability: str, role: Role, margin: float) -> Finding:
    return Finding(
        capability=capability,
        suite="",
        ring="target" if role == "target" else "general",
        role=role,
        outcome=Outcome.NOT_MEASURED,
        margin=margin,
        p_regressed=None,
        is_material=False,
        edges=(),
        n_items_needed=None,
        reason="the policy names it, but no suite measures it",
    )


def _z(alpha: float) -> float:
    return NormalDist().inv_cdf(1.0 - alpha)


# --- the whole -----------------------------------------------------------------------------------


def _overall(findings: Sequence[Finding]) -> Outcome:
    counted = [finding for finding in findings if finding.role != "monitored"]
    if any(finding.outcome is Outcome.REGRESSED for finding in counted):
        return Outcome.FAIL
    if counted and all(finding.outcome is Outcome.HELD for finding in counted):
        return Outcome.PASS
    return Outcome.INCONCLUSIVE


def _sentence(outcome: Outcome, findings: Sequence[Finding], comparison: Comparison) -> str:
    drops = {found.capability: found for found in comparison.capabilities}
    counted = [finding for finding in findings if finding.role != "monitored"]
    if outcome is Outcome.FAIL:
        lost = [finding for finding in counted if finding.outcome is Outcome.REGRESSED]
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
    edges = [
        f"first broken at {edge.level_name} = {edge.level} "
        f"({100 * edge.base_mean:.0f} → {100 * edge.candidate_mean:.0f} %)"
        for edge in finding.edges
    ]
    return f"{finding.capability} regressed ({_change(found)}){', ' if edges else ''}" + ", ".join(
        edges
    )


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
        f"required findings are open: {'; '.join(parts)}."
    )
