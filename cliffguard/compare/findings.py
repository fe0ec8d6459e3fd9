"""One capability, judged: is there anything to lose, does it hold, has it dropped, and by what?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cliffguard.compare.strata import BEFORE_HELD
from cliffguard.compare.summary import where_it_falls
from cliffguard.core.comparisons import CapabilityComparison, Uncut
from cliffguard.core.reviews import Cause, Finding, LadderFinding, Outcome
from cliffguard.core.settings import Policy, Role
from cliffguard.evaluate.alpha_shares import at_alpha, next_level
from cliffguard.stats.clusters import least_effective_clusters
from cliffguard.stats.multiplicity import holm, shield_level
from cliffguard.stats.power import items_to_decide

_POWER = 0.9  # the power at which "items needed" is planned
_MOST_MISSING = 0.05  # of the items, without an answer of a side, before HELD is refused
_MOST_UNREADABLE = 0.05  # of the base's answers, before its prompt is at fault


def judge_family(
    family: Sequence[CapabilityComparison],
    role: Role,
    policy: Policy,
    share: float,
    shapes: Mapping[tuple[str, str], LadderFinding],
) -> list[Finding]:
    """Judge capabilities that are tested together: by Holm, with their share of alpha."""
    adjusted, uncut, readable = (
        holm([at_alpha(p_of(found), found, policy) for found in family])
        for p_of in (_p_drop, _p_uncut, _p_readable)
    )
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
        is_material=at_alpha(found.p_beyond, found, policy) <= policy.alpha,
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
    is_excluded = at_alpha(found.p_held, found, policy) <= policy.alpha
    if is_excluded:
        refused = refusal(found, policy)
    else:
        refused = few_clusters(found, policy) or _too_many_missing(found)
    if is_excluded and refused is None:
        reason = "a drop beyond the margin is excluded"
        if has_dropped:
            reason = "a real drop, bounded by the margin"
        return _Decided(Outcome.HELD, reason + at)
    if has_dropped and not is_shielded(found.p_held, policy):
        return _dropped(found, proofs, policy)
    if refused is not None:
        return _Decided(Outcome.INCONCLUSIVE, refused)
    needed = _needed(found, policy)
    reason = f"neither a drop nor its absence is proven on {found.n_items} items"
    if has_dropped:
        reason = "a real drop, bounded by the margin at 5 %, but not at alpha"
    return _Decided(
        Outcome.INCONCLUSIVE, f"{reason}{_about(found, needed, policy)}{at}", n_needed=needed
    )


def _dropped(found: CapabilityComparison, proofs: _Proofs, policy: Policy) -> _Decided:
    """Return what a proven drop is called: a loss, one of format, or one that cuts explain."""
    is_material = at_alpha(found.p_beyond, found, policy) <= policy.alpha
    reason = f"a drop {'beyond the margin ' if is_material else ''}is proven"
    if found.uncut is not None and _is_explained(found.uncut, proofs.uncut, policy):
        return _Decided(Outcome.INCONCLUSIVE, reason + _not_without(found.uncut))
    if found.readable is not None and proofs.readable > policy.alpha:
        return _Decided(Outcome.REGRESSED, reason + _by_format(found), cause="format")
    return _Decided(Outcome.REGRESSED, reason, cause="loss")


def _nothing_to_lose(found: CapabilityComparison, policy: Policy) -> _Decided:
    """Return what is said where all that the base has beyond guessing is within the margin."""
    assert found.base_mean is not None
    mean = found.base_mean if found.skill is None else found.skill + (found.chance or 0.0)
    has, guessed = map(found.in_own_numbers, (mean, found.chance))
    above = f", {100 * (guessed or 0.0):.1f} % by guessing" if found.chance else ""
    told = (
        f"nothing to lose on this base ({100 * (has or 0.0):.1f} %{above}, margin "
        f"{100 * found.margin:g} points)"
    )
    if not found.is_finished:  # the base may yet prove to have something
        return _Decided(Outcome.INCONCLUSIVE, f"so far {told}")
    if (missing := _too_many_missing(found)) is not None:
        return _Decided(Outcome.INCONCLUSIVE, missing)
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


def counts(found: CapabilityComparison, policy: Policy) -> bool:
    """Say whether it can pass or fail the gate: not where the base has nothing to lose."""
    return not found.has_nothing_to_lose or _nothing_to_lose(found, policy).counts


def refusal(found: CapabilityComparison, policy: Policy) -> str | None:
    """Return why HELD is not given though the drop is excluded; None where it is."""
    if (missing := _too_many_missing(found)) is not None:
        return missing
    if (few := few_clusters(found, policy)) is not None:
        return few
    if not found.is_finished:
        short = [one for one in found.strata if one.n_asked < min(BEFORE_HELD, one.n_planned)]
        if short:
            return f"held so far; {short[0].name} has had {short[0].n_asked} items only"
    return None


def _too_many_missing(found: CapabilityComparison) -> str | None:
    for side, n in (("base", found.n_missing_base), ("candidate", found.n_missing_candidate)):
        if n > _MOST_MISSING * found.n_asked:
            return (
                f"{n} of {found.n_asked} items have no answer of the {side}, too many to say more "
                "than what was lost: measure them"
            )
    return None


def few_clusters(found: CapabilityComparison, policy: Policy) -> str | None:
    """Return that its clusters are too few for HELD; None where they are not."""
    if found.n_effective_clusters is None or found.margin <= 0.0:
        return None
    level = found.level or policy.first_level
    needed = least_effective_clusters(margin=found.margin, alpha=level)
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


def is_shielded(p_held: float, policy: Policy) -> bool:
    """Say whether the drop is bounded well enough that a proof of it convicts nobody."""
    return p_held <= shield_level(policy.alpha)


def _is_explained(uncut: Uncut, p_uncut: float, policy: Policy) -> bool:
    """Say whether a proven drop would not be called one, had no answer been cut."""
    return is_shielded(uncut.p_held, policy) or p_uncut > policy.alpha


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
    assert found.p_held is not None
    level = next_level(found, policy)
    if not level or is_mute(found) or policy.estimand == "suite":
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
        may_regress=not is_shielded(found.p_held, policy),
    )
    return max(math.ceil(n * design_effect), found.n_items + 1)


def _about(found: CapabilityComparison, needed: int | None, policy: Policy) -> str:
    if found.level == 0.0:
        return "; earlier runs have spent all of alpha, so that no number of items decides"
    if found.n_lost:
        return f"; {found.n_lost} have no answer of one side, and count against the candidate"
    if not found.is_finished:
        return f", of {found.n_planned} planned"
    if needed is None:
        if not next_level(found, policy):
            return "; nothing of alpha is left for a further run (reserve in the policy)"
        return ""
    left = 100 * next_level(found, policy)
    return f"; about {needed} items would decide, in a further run with what is left ({left:.3g} %)"


def is_mute(found: CapabilityComparison) -> bool:
    """Say whether its items prove nothing either way: too few clusters."""
    return found.p_held == found.p_drop == found.p_beyond == 1.0


def judge_target(found: CapabilityComparison, policy: Policy) -> Finding:
    """A gain above the demanded minimum is HELD when proven, REGRESSED when disproven."""
    assert policy.target is not None
    if found.p_held is None or found.p_drop is None:
        return _not_measured(found, "target")
    wanted = f"a gain above {100 * policy.target.min_gain:.1f} points"
    p_disproven = at_alpha(found.p_drop, found, policy)
    if at_alpha(found.p_held, found, policy) <= policy.alpha:
        outcome, reason = Outcome.HELD, f"{wanted} is proven"
    elif p_disproven <= policy.alpha:
        outcome, reason = Outcome.REGRESSED, f"{wanted} is disproven"
        uncut = found.uncut
        if uncut is not None and at_alpha(uncut.p_drop, found, policy) > policy.alpha:
            outcome = Outcome.INCONCLUSIVE
            reason += _not_without(uncut)
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


def _not_measured(found: CapabilityComparison, role: Role) -> Finding:
    if found.n_unscored:
        reason = f"all {found.n_unscored} items lack an answer of a side"
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
