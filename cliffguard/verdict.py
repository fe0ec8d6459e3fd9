"""The one place where a comparison becomes a decision. Counts in, outcomes out; no arrays.

Two questions per capability, never one: "is a drop of the margin or more excluded?" earns HELD,
"is any drop at all proven?" earns REGRESSED. Both: HELD, a real drop that the margin bounds.
Neither: INCONCLUSIVE. "No significant drop" passes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from cliffguard.parts import with_parts
from cliffguard.plans import Policy, Ring, Role
from cliffguard.records import (
    CapabilityComparison,
    Cause,
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
from cliffguard.shares import shares
from cliffguard.stats.clusters import least_effective_clusters
from cliffguard.stats.ladder import Shape, shape_of
from cliffguard.stats.multiplicity import Share, holm, pooled_p_value, shield_level
from cliffguard.stats.power import items_to_decide
from cliffguard.strata import BEFORE_HELD

EXIT_CODES = {Outcome.PASS: 0, Outcome.FAIL: 10, Outcome.INCONCLUSIVE: 11}
"""What a verdict means to the shell. Errors carry their own code (cliffguard.errors)."""

_POWER = 0.9  # the power at which "items needed" is planned
_MOST_MISSING = 0.05  # of the items, without an answer of a side, before HELD is refused
_MOST_UNREADABLE = 0.05  # of the base's answers, before its prompt is at fault


def judge(comparison: Comparison, policy: Policy) -> Verdict:
    """Decide every capability and the whole, with one alpha for each kind of error.

    PASS by intersection–union: every gating capability HELD and the demanded gain proven. FAIL
    when a gating capability REGRESSED by Holm's procedure, when the gain is disproven, or when,
    though no single loss is proven, all gating capabilities together have provably dropped. Holm
    and the pooled test share alpha. A drop that is not proven without the candidate's answers that
    were cut is INCONCLUSIVE, and never HELD for that.

    Margins that hold at 5 % shield from FAIL even where a stricter alpha asks more of PASS. So a
    stricter alpha turns a verdict into INCONCLUSIVE and into nothing else.
    """
    by_role: dict[Role, list[CapabilityComparison]] = {"target": [], "gating": [], "monitored": []}
    for found in comparison.capabilities:
        by_role[policy.role(found.capability, found.ring)].append(found)
    shapes = _shapes(comparison, policy)
    asked = [*by_role["target"], *by_role["gating"]]
    share = shares(len(by_role["gating"]), has_parts=any(found.strata for found in asked))
    findings = [
        *(_judge_target(found, policy) for found in by_role["target"]),
        *_judge_family(by_role["gating"], "gating", policy, share.single, shapes),
        *_judge_family(by_role["monitored"], "monitored", policy, 1.0, shapes),
    ]
    findings = with_parts(asked, findings, policy, share.parts)
    findings += _absent(comparison, policy)
    order = {found.capability: place for place, found in enumerate(comparison.capabilities)}
    findings.sort(key=lambda finding: order.get(finding.capability, len(order)))
    pooled = _pool(by_role["gating"], findings, comparison, policy, share.together)
    outcome = _overall(findings, pooled, _all_shielded(by_role["gating"], findings, policy))
    return Verdict(
        outcome=outcome,
        sentence=sentence(outcome, findings, comparison, pooled),
        findings=tuple(findings),
        pooled=pooled,
    )


def is_decided(finding: Finding) -> bool:
    """Say whether more items could not change the finding for the better of anyone."""
    return finding.outcome in (Outcome.HELD, Outcome.REGRESSED)


# --- one capability ------------------------------------------------------------------------------


def _judge_family(
    family: Sequence[CapabilityComparison],
    role: Role,
    policy: Policy,
    share: float,
    shapes: Mapping[tuple[str, str], LadderFinding],
) -> list[Finding]:
    """Judge capabilities that are tested together: by Holm, with their share of alpha."""
    adjusted = holm([_p_drop(found) for found in family])
    uncut = holm([_p_uncut(found) for found in family])
    readable = holm([_p_readable(found) for found in family])
    return [
        _judge_one(found, role, _Proofs(*(min(1.0, p / share) for p in p_values)), policy, shapes)
        for found, *p_values in zip(family, adjusted, uncut, readable, strict=True)
    ]


class _Proofs(NamedTuple):
    """P-values of a drop, adjusted for the tests beside it.

    `uncut` is of what is left without the candidate's answers that were cut, `readable` of the
    items that both sides answered readably.
    """

    dropped: float
    uncut: float
    readable: float


def _p_drop(found: CapabilityComparison) -> float:
    if found.p_drop is None or found.has_nothing_to_lose:
        return 1.0
    return found.p_drop


def _p_readable(found: CapabilityComparison) -> float:
    return _p_drop(found) if found.readable is None else found.readable.p_drop


def _p_uncut(found: CapabilityComparison) -> float:
    return _p_drop(found) if found.uncut is None else found.uncut.p_drop


def _judge_one(
    found: CapabilityComparison,
    role: Role,
    proofs: _Proofs,
    policy: Policy,
    shapes: Mapping[tuple[str, str], LadderFinding],
) -> Finding:
    if found.drop is None or found.p_held is None or found.p_beyond is None:
        return _not_measured(found, role)
    ladders = tuple(shapes[found.capability, ladder.task] for ladder in found.ladders)
    decided = _decide(found, proofs, policy, ladders)
    return Finding(
        capability=found.capability,
        suite=found.suite,
        ring=found.ring,
        role=role,
        outcome=decided.outcome,
        margin=found.margin,
        p_regressed=proofs.dropped,
        is_material=found.p_beyond <= policy.alpha,
        ladders=ladders,
        n_items_needed=decided.n_needed,
        reason=decided.reason,
        cause=decided.cause,
        counts=decided.counts,
    )


@dataclass(frozen=True, slots=True)
class _Decided:
    outcome: Outcome
    reason: str
    cause: Cause | None = None
    n_needed: int | None = None
    counts: bool = True


def _decide(
    found: CapabilityComparison,
    proofs: _Proofs,
    policy: Policy,
    ladders: Sequence[LadderFinding],
) -> _Decided:
    """Decide one capability: is there anything to lose, does it hold, has it dropped?"""
    assert found.p_held is not None
    assert found.p_beyond is not None
    if found.has_nothing_to_lose:
        return _nothing_to_lose(found, policy)
    at = "".join(f", but {where_it_falls(ladder)}" for ladder in ladders if ladder.is_placed)
    has_dropped = proofs.dropped <= policy.alpha
    is_excluded = found.p_held <= policy.alpha
    refused = refusal(found, policy) if is_excluded else few_clusters(found, policy)
    if is_excluded and refused is None:
        reason = "a drop beyond the margin is excluded"
        if has_dropped:
            reason = "a real drop, bounded by the margin"
        return _Decided(Outcome.HELD, reason + at)
    if has_dropped and not _is_shielded(found.p_held, policy):
        return _dropped(found, proofs, policy)
    if refused is not None:
        return _Decided(Outcome.INCONCLUSIVE, refused)
    needed = _needed(found, found.p_held, policy)
    reason = f"neither a drop nor its absence is proven on {found.n_items} items"
    if has_dropped:
        reason = "a real drop, bounded by the margin at 5 %, but not at alpha"
    return _Decided(Outcome.INCONCLUSIVE, f"{reason}{_about(found, needed)}{at}", n_needed=needed)


def _dropped(found: CapabilityComparison, proofs: _Proofs, policy: Policy) -> _Decided:
    """Return what a proven drop is called: a loss, one of format, or one that cuts explain."""
    is_material = found.p_beyond is not None and found.p_beyond <= policy.alpha
    reason = f"a drop {'beyond the margin ' if is_material else ''}is proven"
    if found.uncut is not None and _is_explained(found.uncut, proofs.uncut, policy):
        return _Decided(Outcome.INCONCLUSIVE, reason + _not_without(found.uncut))
    if found.readable is not None and proofs.readable > policy.alpha:
        return _Decided(Outcome.REGRESSED, reason + _by_format(found), cause="format")
    return _Decided(Outcome.REGRESSED, reason, cause="loss")


def _nothing_to_lose(found: CapabilityComparison, policy: Policy) -> _Decided:
    """Return what is said where all that the base has beyond guessing is within the margin."""
    assert found.base_mean is not None
    has, guessed = map(found.in_own_numbers, (found.base_mean, found.chance))
    above = f", {100 * (guessed or 0.0):.1f} % by guessing" if found.chance else ""
    told = (
        f"nothing to lose on this base ({100 * (has or 0.0):.1f} %{above}, margin "
        f"{100 * found.margin:g} points)"
    )
    if not found.is_finished:  # the base may yet prove to have something
        return _Decided(Outcome.INCONCLUSIVE, f"so far {told}")
    n_bad = found.n_unreadable_base + found.n_cut_base
    if n_bad > _MOST_UNREADABLE * found.n_asked:
        reason = (
            f"{n_bad} of the base's {found.n_asked} answers are cut or hold nothing that the "
            "metric reads: mend the prompt, max_tokens or the filter"
        )
        return _Decided(Outcome.INCONCLUSIVE, reason)
    own = policy.capabilities.get(found.capability)
    if own is not None and own.gate:
        return _Decided(Outcome.INCONCLUSIVE, f"{told}, and the policy demands it")
    return _Decided(Outcome.NOT_MEASURED, told, counts=False)


def refusal(found: CapabilityComparison, policy: Policy) -> str | None:
    """Return why HELD is not given though the drop is excluded; None where it is."""
    for side, n in (("base", found.n_missing_base), ("candidate", found.n_missing_candidate)):
        if n > _MOST_MISSING * found.n_asked:
            return (
                f"{n} of {found.n_asked} items have no answer of the {side}, too many to say HELD: "
                "measure them"
            )
    if (few := few_clusters(found, policy)) is not None:
        return few
    if not found.is_finished:
        short = [one for one in found.strata if one.n_asked < min(BEFORE_HELD, one.n_planned)]
        if short:
            return f"held so far; {short[0].name} has had {short[0].n_asked} items only"
    return None


def few_clusters(found: CapabilityComparison, policy: Policy) -> str | None:
    """Return that its clusters are too few for HELD; None where they are not."""
    if found.n_effective_clusters is None:
        return None
    needed = least_effective_clusters(margin=found.margin, alpha=policy.alpha)
    if found.n_effective_clusters >= needed:
        return None
    return (
        f"its items lie in {found.n_clusters} clusters, worth "
        f"{math.floor(found.n_effective_clusters)} of one size; HELD at this margin takes {needed}"
    )


def _by_format(found: CapabilityComparison) -> str:
    assert found.readable is not None
    readable = found.readable
    told = (
        f", by answers that nobody can read: {found.n_unreadable_candidate} of the candidate's, "
        f"{found.n_unreadable_base} of the base's"
    )
    if readable.drop is not None:
        told += f"; on the {readable.n_items} items that both answered readably the drop is "
        told += f"{100 * readable.drop:+.1f} points"
    return told if readable.other is None else f"{told}; {readable.other}"


def _is_shielded(p_held: float, policy: Policy) -> bool:
    """Say whether the drop is bounded well enough that a proof of it convicts nobody."""
    return p_held <= shield_level(policy.alpha)


def _is_explained(uncut: Uncut, p_uncut: float, policy: Policy) -> bool:
    """Say whether a proven drop would not be called one, had no answer been cut."""
    return _is_shielded(uncut.p_held, policy) or p_uncut > policy.alpha


def _not_without(uncut: Uncut) -> str:
    return (
        f", but not without {uncut.n_cut} answers of the candidate that were cut (the drop would "
        f"be {100 * uncut.drop:+.1f} points): raise max_tokens, or look at the stop strings"
    )


def _needed(found: CapabilityComparison, p_held: float, policy: Policy) -> int:
    """Return how many items would probably decide, if they go on as those seen.

    Graded scores and clusters enter by their variance: as many items of right or wrong answers,
    each alone, that change as often as gives the same.
    """
    assert found.drop is not None
    design_effect = found.n_items / found.n_effective
    n_changed = min(max(found.square, abs(found.drop)), 1.0) * found.n_effective
    n_broken = round((n_changed + found.drop * found.n_effective) / 2)
    n_fixed = max(0, round(n_changed) - n_broken)
    n = items_to_decide(
        n_broken=max(0, n_broken),
        n_fixed=n_fixed,
        n_items=max(round(found.n_effective), n_broken + n_fixed, 1),
        margin=found.margin,
        alpha=policy.alpha,
        power=_POWER,
        may_regress=not _is_shielded(p_held, policy),
    )
    return max(math.ceil(n * design_effect), found.n_items + 1)


def _about(found: CapabilityComparison, needed: int) -> str:
    if found.n_lost:
        return f"; {found.n_lost} have no answer of one side, and count against the candidate"
    if found.n_asked < found.n_planned:
        return f", of {found.n_planned} planned"
    return f"; about {needed} items would decide"


def _judge_target(found: CapabilityComparison, policy: Policy) -> Finding:
    """A gain above the demanded minimum is HELD when proven, REGRESSED when disproven."""
    assert policy.target is not None
    if found.p_held is None or found.p_drop is None:
        return _not_measured(found, "target")
    wanted = f"a gain above {100 * policy.target.min_gain:.1f} points"
    if found.p_held <= policy.alpha:
        outcome, reason = Outcome.HELD, f"{wanted} is proven"
    elif found.p_drop <= policy.alpha:
        outcome, reason = Outcome.REGRESSED, f"{wanted} is disproven"
        if found.uncut is not None and found.uncut.p_drop > policy.alpha:
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
        p_regressed=found.p_drop,
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
    worse: Sequence[LevelComparison] = ()
    is_early = False
    if fall is not None:
        shape = shape_of(
            fall, p_differs=p_differs, margin=margin, alpha=policy.alpha, has_dropped=has_dropped
        )
        is_early = fall.eases
        if shape not in ("level", "uniform") and fall.drop_where_worse > margin:
            worse = levels[: fall.cut] if is_early else levels[fall.cut :]
    has_edge = bool(worse) and not is_early
    return LadderFinding(
        task=ladder.task,
        level_name=ladder.level_name,
        shape=shape,
        edge=worse[0].level if has_edge else None,
        edges=tuple(levels[cut].level for cut in fall.cuts) if fall and has_edge else (),
        base_mean=_mean_over(worse, lambda level: level.base_mean),
        candidate_mean=_mean_over(worse, lambda level: level.candidate_mean),
        p_differs=p_differs,
        p_abrupt=fall.p_abrupt if fall is not None else None,
        until=worse[-1].level if worse and is_early else None,
    )


def _mean_over(
    levels: Sequence[LevelComparison], mean: Callable[[LevelComparison], float]
) -> float | None:
    """Return the mean over the items of these levels; None without a level."""
    n_items = sum(level.n_items for level in levels)
    return sum(mean(level) * level.n_items for level in levels) / n_items if levels else None


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
    comparison: Comparison,
    policy: Policy,
    share: float,
) -> Pooled | None:
    """Test all gating capabilities together, once nothing more of them will be measured.

    A drop that is spread thinly over many capabilities shows only here.
    """
    outcomes = {finding.capability: finding for finding in findings}
    measured = [
        found
        for found in gating
        if found.drop is not None and not _is_mute(found) and outcomes[found.capability].counts
    ]
    is_over = all(found.is_finished or is_decided(outcomes[found.capability]) for found in gating)
    if len(measured) < 2 or not is_over:
        return None
    tied = {one.capabilities: one.covariance for one in comparison.shared}
    names = [found.capability for found in measured]
    covariances = {
        (a, b): tied[names[a], names[b]]
        for a in range(len(names))
        for b in range(len(names))
        if (names[a], names[b]) in tied
    }
    own = [Share(found.drop or 0.0, found.square, found.n_effective) for found in measured]
    # A drop of all together is held to answers that were not cut, as that of each is.
    p_value = max(
        pooled_p_value(rows, covariances) for rows in (own, [_uncut_share(f) for f in measured])
    )
    p_value = min(1.0, p_value / share)
    return Pooled(
        drop=fmean(one.drop for one in own),
        p_value=p_value,
        n_capabilities=len(own),
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


def _all_shielded(
    gating: Sequence[CapabilityComparison], findings: Sequence[Finding], policy: Policy
) -> bool:
    """Say whether everything measured that counts holds: small drops within margins may be real."""
    counts = {finding.capability: finding.counts for finding in findings}
    return all(
        found.p_held is None or _is_shielded(found.p_held, policy)
        for found in gating
        if counts[found.capability]
    )


def _overall(findings: Sequence[Finding], pooled: Pooled | None, all_shielded: bool) -> Outcome:
    counted = [finding for finding in findings if finding.role != "monitored" and finding.counts]
    if any(finding.outcome is Outcome.REGRESSED for finding in counted):
        return Outcome.FAIL
    is_any = any(finding.role == "gating" for finding in counted)
    if is_any and all(finding.outcome is Outcome.HELD for finding in counted):
        return Outcome.PASS
    if pooled is not None and pooled.has_dropped and not all_shielded:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE
