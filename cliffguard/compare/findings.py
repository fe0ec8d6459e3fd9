"""The finding of a capability: HELD, REGRESSED, INCONCLUSIVE or NOT_MEASURED, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from cliffguard.compare.items_needed import about, is_shielded, items_needed
from cliffguard.compare.refusals import few_clusters, refusal, too_many_cut, too_many_missing
from cliffguard.compare.summary import change_in, where_it_falls
from cliffguard.compare.unjudged import why_not
from cliffguard.core.behaviours import change_of
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.diagnostics import StratumComparison, TruncationSensitivity
from cliffguard.core.reviews import Cause, Finding, LadderFinding, Outcome
from cliffguard.core.settings import Policy, Ring, Role
from cliffguard.core.texts import in_points, n_things, plural
from cliffguard.evaluate.alpha_shares import at_alpha
from cliffguard.stats.multiplicity import holm


def judge_family(
    family: Sequence[CapabilityComparison],
    role: Role,
    policy: Policy,
    share: float,
    shapes: Mapping[tuple[str, str], LadderFinding],
) -> list[Finding]:
    """Judge capabilities that are tested together: by Holm, with their share of alpha."""
    adjusted, uncut, readable = (
        holm([at_alpha(p_of(capability), capability, policy) for capability in family])
        for p_of in (_p_drop, _p_uncut, _p_readable)
    )
    findings = []
    for capability, *p_values in zip(family, adjusted, uncut, readable, strict=True):
        alone = at_alpha(_p_drop(capability), capability, policy)
        dropped, p_uncut, p_readable = (min(1.0, p / share) for p in p_values)
        proofs = _Proofs(dropped, p_uncut, p_readable, alone, n_beside=len(family) - 1)
        findings.append(_judge_one(capability, role, proofs, policy, shapes))
    return findings


class _Proofs(NamedTuple):
    """P-values of a drop, adjusted for the tests beside it.

    `uncut` is of what is left without the candidate's answers that were cut, `readable` of the
    items that both sides answered readably. `alone` is of the drop as if it were the only one that
    is tested, and `n_beside` how many are tested with it.
    """

    dropped: float
    uncut: float
    readable: float
    alone: float
    n_beside: int


def _p_drop(capability: CapabilityComparison) -> float:
    if capability.evidence.p_drop is None or capability.cannot_fail:
        return 1.0
    return capability.evidence.p_drop


def _p_readable(capability: CapabilityComparison) -> float:
    diagnostics = capability.diagnostics
    return _p_drop(capability) if diagnostics.readable is None else diagnostics.readable.p_drop


def _p_uncut(capability: CapabilityComparison) -> float:
    diagnostics = capability.diagnostics
    return _p_drop(capability) if diagnostics.uncut is None else diagnostics.uncut.p_drop


def _judge_one(
    capability: CapabilityComparison,
    role: Role,
    proofs: _Proofs,
    policy: Policy,
    shapes: Mapping[tuple[str, str], LadderFinding],
) -> Finding:
    evidence = capability.evidence
    if evidence.drop is None or evidence.p_held is None or evidence.p_beyond is None:
        return _not_measured(capability, role)
    ladders = tuple(
        shapes[capability.capability, ladder.task] for ladder in capability.diagnostics.ladders
    )
    decided = _decide(capability, proofs, policy, ladders)
    if capability.behaviour is not None:  # no skill is lost by it, and no drop is what is told
        reason = decided.reason.replace("drop", change_of(capability.behaviour))
        decided = replace(decided, reason=reason, cause=None)
    return replace(
        _finding(capability, role, decided),
        p_regressed=proofs.dropped,
        is_material=at_alpha(evidence.p_beyond, capability, policy) <= policy.alpha,
        ladders=ladders,
    )


@dataclass(frozen=True, slots=True)
class _Decided:
    outcome: Outcome
    reason: str
    cause: Cause | None = None
    n_needed: int | None = None
    counts: bool = True


def _decide(
    capability: CapabilityComparison,
    proofs: _Proofs,
    policy: Policy,
    ladders: Sequence[LadderFinding],
) -> _Decided:
    """Decide one capability by four questions, the first that has an answer.

    1. Could this base lose anything?  2. Is a drop beyond the margin excluded?  3. Is a drop
    proven?  4. If neither, what is missing?
    """
    assert capability.evidence.p_held is not None
    assert capability.evidence.p_beyond is not None
    # 1. Where no drop would be a loss HELD would be empty.
    if capability.cannot_fail:
        outcome, reason = why_not(capability, policy)
        return _Decided(outcome, reason, counts=outcome is not Outcome.NOT_MEASURED)
    at = "".join(f", but {where_it_falls(ladder)}" for ladder in ladders if ladder.is_placed)
    has_dropped = proofs.dropped <= policy.alpha
    # 2. Excluded is HELD, also where a small drop is proven: the margin tolerates it. Refused where
    # missing answers or few clusters make the p-value unreliable, or a stratum was hardly asked.
    is_excluded = at_alpha(capability.evidence.p_held, capability, policy) <= policy.alpha
    if is_excluded:
        refused = refusal(capability, policy)
    else:
        refused = few_clusters(capability, policy) or too_many_missing(capability)
        refused = refused or too_many_cut(capability)
    if is_excluded and refused is None:
        reason = "a drop beyond the margin is excluded"
        if has_dropped:
            reason = "a real drop, bounded by the margin"
        return _Decided(Outcome.HELD, reason + at)
    # 3. A proven drop convicts, whatever was refused above; but not one that is nearly excluded.
    if has_dropped and not is_shielded(capability.evidence.p_held, policy):
        return _dropped(capability, proofs, policy)
    # 4. Open: for what was refused, or else for want of items, and then it says of how many.
    if refused is not None:
        return _Decided(Outcome.INCONCLUSIVE, refused)
    needed = items_needed(capability, policy)
    reason = _open(capability, proofs, policy)
    if has_dropped:
        reason = "a real drop, bounded by the margin at 5 %, but not at alpha"
    return _Decided(
        Outcome.INCONCLUSIVE, f"{reason}{about(capability, needed, policy)}{at}", n_needed=needed
    )


def _open(capability: CapabilityComparison, proofs: _Proofs, policy: Policy) -> str:
    """Return what is said of what is neither: also where only the tests beside it forbid a proof.

    There its interval, which is of it alone, leaves out what the verdict does not.
    """
    on = f"on {n_things(capability.counts.n_items, 'item', ',')}"
    if proofs.alone > policy.alpha or is_shielded(capability.evidence.p_held or 0.0, policy):
        return f"neither a drop nor its absence is proven {on}"
    p_beyond = at_alpha(capability.evidence.p_beyond, capability, policy)
    beyond = "beyond the margin " if p_beyond <= policy.alpha else ""
    among = (
        f"after the correction for {proofs.n_beside + 1:,} capabilities (Holm)"
        if proofs.n_beside
        else "at the share of alpha that is left beside the test of all together"
    )
    return f"a drop {beyond}would be proven of it alone, as its interval says, but not {among} {on}"


def _dropped(capability: CapabilityComparison, proofs: _Proofs, policy: Policy) -> _Decided:
    """Return what a proven drop is called: a loss, one of format, or one that cuts explain."""
    diagnostics = capability.diagnostics
    is_material = at_alpha(capability.evidence.p_beyond, capability, policy) <= policy.alpha
    reason = f"a drop {'beyond the margin ' if is_material else ''}is proven"
    if diagnostics.uncut is not None and _is_explained(diagnostics.uncut, proofs.uncut, policy):
        return _Decided(Outcome.INCONCLUSIVE, reason + _not_without(diagnostics.uncut))
    if diagnostics.readable is not None and proofs.readable > policy.alpha:
        return _Decided(Outcome.REGRESSED, reason + _by_format(capability), cause="format")
    return _Decided(Outcome.REGRESSED, reason, cause="loss")


def _by_format(capability: CapabilityComparison) -> str:
    assert capability.diagnostics.readable is not None
    readable = capability.diagnostics.readable
    text = (
        f", by answers that nobody can read: {capability.counts.n_unreadable_candidate} of the "
        f"candidate's, {capability.counts.n_unreadable_base} of the base's"
    )
    if readable.drop is not None:
        text += f"; on the {n_things(readable.n_items, 'item')} that both answered readably the "
        text += f"drop is {100 * readable.drop:+.1f} points"
    return text if readable.other is None else f"{text}; {readable.other}"


def _is_explained(uncut: TruncationSensitivity, p_uncut: float, policy: Policy) -> bool:
    """Return whether a proven drop would not be called one, had no answer been cut."""
    return is_shielded(uncut.p_held, policy) or p_uncut > policy.alpha


def _not_without(uncut: TruncationSensitivity) -> str:
    return (
        f", but not without {n_things(uncut.n_cut, 'answer')} of the candidate that "
        f"{plural(uncut.n_cut, 'was', 'were')} cut (the drop would be {100 * uncut.drop:+.1f} "
        "points): raise max_tokens, or look at the stop strings"
    )


def judge_target(capability: CapabilityComparison, policy: Policy) -> Finding:
    """A gain above the demanded minimum is HELD when proven, REGRESSED when disproven."""
    assert policy.target is not None
    if capability.evidence.p_held is None or capability.evidence.p_drop is None:
        return _not_measured(capability, "target")
    wanted = f"a gain above {100 * policy.target.min_gain:.1f} points"
    p_disproven = at_alpha(capability.evidence.p_drop, capability, policy)
    if at_alpha(capability.evidence.p_held, capability, policy) <= policy.alpha:
        decided = _Decided(Outcome.HELD, f"{wanted} is proven")
    elif p_disproven <= policy.alpha:
        decided = _Decided(Outcome.REGRESSED, f"{wanted} is disproven")
        uncut = capability.diagnostics.uncut
        if uncut is not None and at_alpha(uncut.p_drop, capability, policy) > policy.alpha:
            decided = _Decided(Outcome.INCONCLUSIVE, decided.reason + _not_without(uncut))
    else:
        n_items = n_things(capability.counts.n_items, "item")
        reason = f"{wanted} is neither proven nor disproven on {n_items}"
        decided = _Decided(Outcome.INCONCLUSIVE, reason)
    return replace(_finding(capability, "target", decided), p_regressed=p_disproven)


# --- all findings are made here -------------------------------------------------------------------


def _unmeasured(
    capability: str, suite: str, ring: Ring, role: Role, margin: float | None, reason: str
) -> Finding:
    """Return the finding of what has no answers: no test is not a pass."""
    return Finding(
        capability=capability,
        suite=suite,
        ring=ring,
        role=role,
        outcome=Outcome.NOT_MEASURED,
        margin=margin,
        p_regressed=None,
        is_material=False,
        ladders=(),
        n_items_needed=None,
        reason=reason,
    )


def _finding(capability: CapabilityComparison, role: Role, decided: _Decided) -> Finding:
    return replace(
        _unmeasured(
            capability.capability,
            capability.suite,
            capability.ring,
            role,
            capability.evidence.margin,
            decided.reason,
        ),
        outcome=decided.outcome,
        n_items_needed=decided.n_needed,
        cause=decided.cause,
        counts=decided.counts,
    )


_UNKNOWN = (
    "logged samples do not say how an answer ended, nor all of its text",
    "how many tokens the answers of a side have is not known, or the base's have hardly any",
)


def _not_measured(capability: CapabilityComparison, role: Role) -> Finding:
    if capability.behaviour is not None and not capability.counts.n_planned:
        beside = " outside the ring safety" if capability.behaviour == "refuses" else ""
        reason = f"nothing that gates{beside} generates answers"
    elif capability.behaviour is not None and not capability.counts.n_asked:
        reason = f"no answers yet, of {capability.counts.n_planned:,} planned"
    elif (
        capability.behaviour is not None
        and capability.counts.n_asked > capability.counts.n_unscored
    ):
        reason = _UNKNOWN[capability.behaviour == "length"]
    elif capability.counts.n_unscored:
        n = capability.counts.n_unscored
        reason = f"all {n_things(n, 'item')} {plural(n, 'lacks', 'lack')} an answer of a side"
    elif capability.counts.n_excluded and not capability.counts.n_planned:
        n = capability.counts.n_excluded
        reason = f"all {n_things(n, 'item')} {plural(n, 'is', 'are')} in the training data"
    else:
        reason = "no items ran"
    return _finding(capability, role, _Decided(Outcome.NOT_MEASURED, reason))


def unmeasured_by_any(
    capability: str, role: Role, margin: float, *, of_samples: bool = False
) -> Finding:
    """Return the finding of what the policy demands and no suite measures.

    Of logged samples its task may be there, and have no score that is an item's.
    """
    ring: Ring = "target" if role == "target" else "general"
    reason = "the policy names it, but no suite measures it"
    if of_samples:
        reason = "the policy names it, but no task in the folders has a score an item for it"
    return _unmeasured(capability, "", ring, role, margin, reason)


def still_failed(finding: Finding, before: Finding | None) -> Finding:
    """Return the finding, REGRESSED if it was so before: what failed stays failed.

    Repeated p-values do not rise, so that a proven drop stays proven; but HELD goes first, and a
    ladder that is asked to its end may earn it later, or may be explained by answers that were cut.
    """
    if before is None or before.outcome is not Outcome.REGRESSED:
        return finding
    if finding.outcome is Outcome.REGRESSED:
        return finding
    size = " beyond the margin" if before.is_material else ""
    where = "" if before.stratum is None else f" in {before.stratum}"
    return replace(
        finding,
        outcome=Outcome.REGRESSED,
        p_regressed=before.p_regressed,
        is_material=before.is_material,
        n_items_needed=None,
        reason=f"a {change_of(finding.behaviour)}{size} was proven{where} at an earlier look",
        cause=before.cause,
        stratum=before.stratum,
        counts=True,
    )


def lost_in_part(
    finding: Finding, p_value: float, part: StratumComparison, capability: CapabilityComparison
) -> Finding:
    """Return the finding, REGRESSED by the drop of a part that is proven at this p-value."""
    n_alike = sum(stratum.kind == part.kind for stratum in capability.diagnostics.strata)
    return replace(
        finding,
        outcome=Outcome.REGRESSED,
        cause="stratum",
        stratum=part.name,
        p_regressed=p_value,
        is_material=True,
        n_items_needed=None,
        reason=(
            f"a drop beyond {in_points(part.margin)} is proven in {part.name}, "
            f"one of {n_alike} ({change_in(part, capability)})"
        ),
    )
