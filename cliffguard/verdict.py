"""The one place where a comparison becomes a decision. Counts in, outcomes out; no arrays.

Two questions per capability, never one: "is a drop of the margin or more excluded?" earns HELD,
"is any drop at all proven?" earns REGRESSED. Both: HELD, a real drop that the margin bounds.
Neither: INCONCLUSIVE. "No significant drop" passes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from cliffguard.plans import Policy, Ring, Role
from cliffguard.records import (
    CapabilityComparison,
    Comparison,
    Finding,
    Ladder,
    LadderFinding,
    LevelComparison,
    Outcome,
    Pooled,
    Uncut,
    Verdict,
)
from cliffguard.sentence import sentence, where_it_falls
from cliffguard.stats.ladder import Shape, shape_of
from cliffguard.stats.multiplicity import Share, holm, pooled_p_value
from cliffguard.stats.power import items_to_decide
from cliffguard.stats.runs import run_level

EXIT_CODES = {Outcome.PASS: 0, Outcome.FAIL: 10, Outcome.INCONCLUSIVE: 11}
"""What a verdict means to the shell. Errors carry their own code (cliffguard.errors)."""

POOLED_SHARE = 0.2  # of alpha, for the test of all gating capabilities together
_POWER = 0.9  # the power at which "items needed" is planned


def judge(comparison: Comparison, policy: Policy, before: Verdict | None = None) -> Verdict:
    """Decide every capability and the whole, with one alpha for each kind of error.

    PASS by intersection–union: every gating capability HELD and the demanded gain proven. FAIL
    when a gating capability REGRESSED by Holm's procedure, when the gain is disproven, or when,
    though no single loss is proven, all gating capabilities together have provably dropped. Holm
    and the pooled test share alpha. A drop that is not proven without the candidate's answers that
    were cut is INCONCLUSIVE, and never HELD for that. What REGRESSED in `before`, the verdict at
    the look before, stays REGRESSED whatever this look says alone.
    """
    by_role: dict[Role, list[CapabilityComparison]] = {"target": [], "gating": [], "monitored": []}
    for found in comparison.capabilities:
        by_role[policy.role(found.capability, found.ring)].append(found)
    shapes = _shapes(comparison, policy)
    share = 1.0 - POOLED_SHARE if len(by_role["gating"]) > 1 else 1.0
    findings = [
        *(_judge_target(found, policy) for found in by_role["target"]),
        *_judge_family(by_role["gating"], "gating", policy, share, shapes),
        *_judge_family(by_role["monitored"], "monitored", policy, 1.0, shapes),
        *_absent(comparison, policy),
    ]
    failed = {} if before is None else {found.capability: found for found in before.findings}
    findings = [_still_failed(finding, failed.get(finding.capability)) for finding in findings]
    order = {found.capability: place for place, found in enumerate(comparison.capabilities)}
    findings.sort(key=lambda finding: order.get(finding.capability, len(order)))
    pooled = _pool(by_role["gating"], findings, policy, comparison.pooled_level)
    outcome = _overall(findings, pooled)
    return Verdict(
        outcome=outcome,
        sentence=sentence(outcome, findings, comparison, pooled),
        findings=tuple(findings),
        pooled=pooled,
    )


def is_decided(finding: Finding) -> bool:
    """Say whether more items could not change the finding for the better of anyone."""
    return finding.outcome in (Outcome.HELD, Outcome.REGRESSED)


def _still_failed(finding: Finding, before: Finding | None) -> Finding:
    """Return the finding, REGRESSED if it was so before: what failed stays failed.

    Repeated p-values do not rise, so that a proven drop stays proven; but HELD goes first, and a
    ladder that is asked to its end may earn it later, or may be explained by answers that were cut.
    """
    if before is None or before.outcome is not Outcome.REGRESSED:
        return finding
    if finding.outcome is Outcome.REGRESSED:
        return finding
    size = " beyond the margin" if before.is_material else ""
    return replace(
        finding,
        outcome=Outcome.REGRESSED,
        p_regressed=before.p_regressed,
        is_material=before.is_material,
        n_items_needed=None,
        reason=f"a drop{size} was proven at an earlier look",
    )


# --- one capability ------------------------------------------------------------------------------


def _judge_family(
    family: Sequence[CapabilityComparison],
    role: Role,
    policy: Policy,
    share: float,
    shapes: Mapping[tuple[str, str], LadderFinding],
) -> list[Finding]:
    """Judge capabilities that are tested together: by Holm, with their share of alpha."""
    adjusted = holm([_at_alpha(found.p_drop, found, policy) for found in family])
    uncut = holm([_at_alpha(_p_uncut(found), found, policy) for found in family])
    return [
        _judge_one(
            found, role, min(1.0, p_value / share), min(1.0, p_uncut / share), policy, shapes
        )
        for found, p_value, p_uncut in zip(family, adjusted, uncut, strict=True)
    ]


def _at_alpha(p_value: float | None, found: CapabilityComparison, policy: Policy) -> float:
    """Return a p-value as it is compared with alpha, of which this run may spend its level."""
    return _scaled(1.0 if p_value is None else p_value, found.level, policy)


def _scaled(p_value: float, level: float | None, policy: Policy) -> float:
    level = policy.first_level if level is None else level
    return min(1.0, p_value * policy.alpha / level) if level else 1.0


def _p_uncut(found: CapabilityComparison) -> float | None:
    return found.p_drop if found.uncut is None else found.uncut.p_drop


def _judge_one(
    found: CapabilityComparison,
    role: Role,
    p_regressed: float,
    p_uncut: float,
    policy: Policy,
    shapes: Mapping[tuple[str, str], LadderFinding],
) -> Finding:
    if found.drop is None or found.p_held is None or found.p_beyond is None:
        return _not_measured(found, role)
    is_held = _at_alpha(found.p_held, found, policy) <= policy.alpha
    has_dropped = p_regressed <= policy.alpha
    is_material = _at_alpha(found.p_beyond, found, policy) <= policy.alpha
    ladders = tuple(shapes[found.capability, ladder.task] for ladder in found.ladders)
    at = "".join(f", but {where_it_falls(ladder)}" for ladder in ladders if ladder.edge is not None)
    needed = None
    if is_held:
        outcome = Outcome.HELD
        reason = "a drop beyond the margin is excluded"
        if has_dropped:
            reason = "a real drop, bounded by the margin"
        reason += at
    elif has_dropped:
        outcome = Outcome.REGRESSED
        reason = "a drop beyond the margin is proven" if is_material else "a drop is proven"
        if found.uncut is not None and _is_explained(found, found.uncut, p_uncut, policy):
            outcome = Outcome.INCONCLUSIVE
            reason += _not_without(found.uncut)
    else:
        outcome = Outcome.INCONCLUSIVE
        needed = _needed(found, policy)
        reason = f"neither a drop nor its absence is proven on {found.n_items} items"
        reason += f"{_about(found, needed, policy)}{at}"
    return Finding(
        capability=found.capability,
        suite=found.suite,
        ring=found.ring,
        role=role,
        outcome=outcome,
        margin=found.margin,
        p_regressed=p_regressed,
        is_material=is_material,
        ladders=ladders,
        n_items_needed=needed,
        reason=reason,
    )


def _is_explained(
    found: CapabilityComparison, uncut: Uncut, p_uncut: float, policy: Policy
) -> bool:
    """Say whether a proven drop would not be called one, had no answer been cut."""
    return _at_alpha(uncut.p_held, found, policy) <= policy.alpha or p_uncut > policy.alpha


def _not_without(uncut: Uncut) -> str:
    return (
        f", but not without {uncut.n_cut} answers of the candidate that were cut (the drop would "
        f"be {100 * uncut.drop:+.1f} points): raise max_tokens, or look at the stop strings"
    )


def _needed(found: CapabilityComparison, policy: Policy) -> int | None:
    """Return how many items would probably decide, if they go on as those seen.

    With what a further run may spend; None where that is nothing, or where no number decides.
    Graded scores and clusters enter by their variance: as many items of right or wrong answers,
    each alone, that change as often as gives the same.
    """
    assert found.drop is not None
    level = _next_level(found, policy)
    if not level or _is_mute(found) or policy.estimand == "suite":
        return None
    n_known = found.n_items + found.n_lost
    at_worst = (found.drop * found.n_items + found.n_lost) / n_known
    if found.drop <= 0.0 and at_worst >= found.margin:
        return None
    design_effect = found.n_items / found.n_effective
    n_changed = min(max(found.square, abs(found.drop)), 1.0) * found.n_effective
    n_broken = round((n_changed + found.drop * found.n_effective) / 2)
    n_fixed = max(0, round(n_changed) - n_broken)
    n = items_to_decide(
        n_broken=max(0, n_broken),
        n_fixed=n_fixed,
        n_items=max(round(found.n_effective), n_broken + n_fixed, 1),
        margin=found.margin,
        alpha=level,
        power=_POWER,
    )
    return max(math.ceil(n * design_effect), found.n_items + 1)


def _next_level(found: CapabilityComparison, policy: Policy) -> float:
    """Return what a further run may spend; before the plan is at its end, this run itself."""
    if found.n_asked < found.n_planned:
        return policy.first_level if found.level is None else found.level
    if found.next_level is not None:
        return found.next_level
    return run_level(alpha=policy.alpha, reserve=policy.reserve, spent=policy.first_level)


def _about(found: CapabilityComparison, needed: int | None, policy: Policy) -> str:
    if found.level == 0.0:
        return "; earlier runs have spent all of alpha, so that no number of items decides"
    if found.n_lost:
        return f"; {found.n_lost} that the base had right have no answer of the candidate"
    if found.n_asked < found.n_planned:
        return f", of {found.n_planned} planned"
    if needed is None:
        if not _next_level(found, policy):
            return "; nothing of alpha is left for a further run (reserve in the policy)"
        return ""
    left = 100 * _next_level(found, policy)
    return f"; about {needed} items would decide, in a further run with what is left ({left:.3g} %)"


def _judge_target(found: CapabilityComparison, policy: Policy) -> Finding:
    """A gain above the demanded minimum is HELD when proven, REGRESSED when disproven."""
    assert policy.target is not None
    if found.p_held is None or found.p_drop is None:
        return _not_measured(found, "target")
    wanted = f"a gain above {100 * policy.target.min_gain:.1f} points"
    p_disproven = _at_alpha(found.p_drop, found, policy)
    if _at_alpha(found.p_held, found, policy) <= policy.alpha:
        outcome, reason = Outcome.HELD, f"{wanted} is proven"
    elif p_disproven <= policy.alpha:
        outcome, reason = Outcome.REGRESSED, f"{wanted} is disproven"
        if found.uncut is not None and _at_alpha(_p_uncut(found), found, policy) > policy.alpha:
            outcome = Outcome.INCONCLUSIVE
            reason += _not_without(found.uncut)
    else:
        outcome = Outcome.INCONCLUSIVE
        reason = f"{wanted} is neither proven nor disproven on {found.n_items} items"
    return Finding(
        capability=found.capability,
        suite=found.suite,
        ring=found.ring,
        role="target",
        outcome=outcome,
        margin=found.margin,
        p_regressed=p_disproven,
        is_material=False,
        ladders=(),
        n_items_needed=None,
        reason=reason,
    )


# --- ladders -------------------------------------------------------------------------------------


def _shapes(comparison: Comparison, policy: Policy) -> dict[tuple[str, str], LadderFinding]:
    """Return the shape of every ladder by capability and task; whether it differs, by Holm."""
    ladders = [(found, ladder) for found in comparison.capabilities for ladder in found.ladders]
    adjusted = holm([ladder.fall.p_differs if ladder.fall else 1.0 for _, ladder in ladders])
    return {
        (found.capability, ladder.task): _shape(found, ladder, p_differs, policy)
        for (found, ladder), p_differs in zip(ladders, adjusted, strict=True)
    }


def _shape(
    found: CapabilityComparison, ladder: Ladder, p_differs: float, policy: Policy
) -> LadderFinding:
    fall, levels, margin = ladder.fall, ladder.gating, policy.margin(found.capability)
    has_dropped = found.p_drop is not None and found.p_drop <= policy.alpha
    shape: Shape = "uniform" if has_dropped else "level"
    past: Sequence[LevelComparison] = ()
    edges: tuple[int, ...] = ()
    if fall is not None:
        shape = shape_of(
            fall, p_differs=p_differs, margin=margin, alpha=policy.alpha, has_dropped=has_dropped
        )
        if shape not in ("level", "uniform") and fall.drop_past > margin:
            past = levels[fall.cut :]
            edges = tuple(levels[cut].level for cut in fall.cuts)
    n_past = sum(level.n_items for level in past)
    return LadderFinding(
        task=ladder.task,
        level_name=ladder.level_name,
        shape=shape,
        edge=past[0].level if past else None,
        edges=edges,
        base_mean=sum(x.base_mean * x.n_items for x in past) / n_past if past else None,
        candidate_mean=sum(x.candidate_mean * x.n_items for x in past) / n_past if past else None,
        p_differs=p_differs,
        p_abrupt=fall.p_abrupt if fall is not None else None,
    )


def _not_measured(found: CapabilityComparison, role: Role) -> Finding:
    if found.n_unscored:
        reason = f"all {found.n_unscored} items are unscored"
    elif found.n_excluded and not found.n_planned:
        reason = f"all {found.n_excluded} items are in the training data"
    else:
        reason = "no items ran"
    return Finding(
        capability=found.capability,
        suite=found.suite,
        ring=found.ring,
        role=role,
        outcome=Outcome.NOT_MEASURED,
        margin=found.margin,
        p_regressed=None,
        is_material=False,
        ladders=(),
        n_items_needed=None,
        reason=reason,
    )


def _absent(comparison: Comparison, policy: Policy) -> list[Finding]:
    rings = {found.capability: found.ring for found in comparison.capabilities}
    return [_unmeasured(*one) for one in absent(policy, rings)]


def absent(policy: Policy, measured: Mapping[str, Ring]) -> list[tuple[str, Role, float]]:
    """What the policy demands and no suite measures, with its margin: no test is not a pass."""
    found: list[tuple[str, Role, float]] = []
    if policy.target is not None and "target" not in measured.values():
        found.append(("target", "target", -policy.target.min_gain))
    for name, own in policy.capabilities.items():
        if name not in measured:
            role: Role = "monitored" if own.gate is False else "gating"
            found.append((name, role, policy.margin(name)))
    return found


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
        ladders=(),
        n_items_needed=None,
        reason="the policy names it, but no suite measures it",
    )


# --- the whole -----------------------------------------------------------------------------------


def _pool(
    gating: Sequence[CapabilityComparison],
    findings: Sequence[Finding],
    policy: Policy,
    level: float | None,
) -> Pooled | None:
    """Test all gating capabilities together, once nothing more of them will be measured.

    A drop that is spread thinly over many capabilities shows only here.
    """
    outcomes = {finding.capability: finding for finding in findings}
    measured = [found for found in gating if found.drop is not None and not _is_mute(found)]
    is_over = all(
        found.n_asked >= found.n_planned or is_decided(outcomes[found.capability])
        for found in gating
    )
    if len(measured) < 2 or not is_over:
        return None
    shares = [Share(f.drop or 0.0, f.square, f.n_effective) for f in measured]
    # A drop of all together is held to answers that were not cut, as that of each is.
    p_value = max(pooled_p_value(shares), pooled_p_value([_uncut_share(f) for f in measured]))
    p_value = _scaled(min(1.0, p_value / POOLED_SHARE), level, policy)
    return Pooled(
        drop=fmean(share.drop for share in shares),
        p_value=p_value,
        n_capabilities=len(shares),
        has_dropped=p_value <= policy.alpha,
    )


def _uncut_share(found: CapabilityComparison) -> Share:
    if found.uncut is None:
        return Share(found.drop or 0.0, found.square, found.n_effective)
    n_effective = found.uncut.n_items * found.n_effective / found.n_items
    return Share(found.uncut.drop, found.uncut.square, n_effective)


def _is_mute(found: CapabilityComparison) -> bool:
    """Say whether its items prove nothing either way: too few clusters."""
    return found.p_held == found.p_drop == found.p_beyond == 1.0


def _overall(findings: Sequence[Finding], pooled: Pooled | None) -> Outcome:
    counted = [finding for finding in findings if finding.role != "monitored"]
    if any(finding.outcome is Outcome.REGRESSED for finding in counted):
        return Outcome.FAIL
    # Margins that all hold are what the policy asked for; a small drop within them may be real.
    if counted and all(finding.outcome is Outcome.HELD for finding in counted):
        return Outcome.PASS
    gating = [
        finding
        for finding in counted
        if finding.role == "gating" and finding.outcome is not Outcome.NOT_MEASURED
    ]
    all_held = all(finding.outcome is Outcome.HELD for finding in gating)
    if pooled is not None and pooled.has_dropped and not all_held:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE
