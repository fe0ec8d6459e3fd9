"""How many items would decide what is open, if they go on as those that were seen."""

from __future__ import annotations

import math

from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.settings import Policy
from cliffguard.core.texts import n_things
from cliffguard.evaluate.alpha_shares import next_level
from cliffguard.stats.multiplicity import shield_level
from cliffguard.stats.power import items_to_decide

_POWER = 0.9  # at which "items needed" is planned


def items_needed(capability: CapabilityComparison, policy: Policy) -> int | None:
    """Return how many items would probably decide, if they go on as those seen.

    With what a further run may spend; None where that is nothing, or where no number decides.
    Graded scores and clusters enter by their variance: as many items of right or wrong answers,
    each alone, that change as often as gives the same.
    """
    evidence = capability.evidence
    assert evidence.drop is not None
    assert evidence.p_held is not None
    level = next_level(capability, policy)
    is_length = capability.behaviour == "length"  # of which no count of flips tells
    if not level or is_mute(capability) or policy.estimand == "suite" or is_length:
        return None
    n_known = capability.counts.n_items + capability.counts.n_lost
    at_worst = (evidence.drop * capability.counts.n_items + capability.counts.n_lost) / n_known
    if evidence.drop <= 0.0 and at_worst >= evidence.margin:
        return None
    design_effect = capability.counts.n_items / evidence.n_effective
    n_changed = min(max(evidence.square, abs(evidence.drop)), 1.0) * evidence.n_effective
    n_broken = round((n_changed + evidence.drop * evidence.n_effective) / 2)
    n_fixed = max(0, round(n_changed) - n_broken)
    n = items_to_decide(
        n_broken=max(0, n_broken),
        n_fixed=n_fixed,
        n_items=max(round(evidence.n_effective), n_broken + n_fixed, 1),
        margin=evidence.margin,
        alpha=level,
        power=_POWER,
        may_regress=not is_shielded(evidence.p_held, policy),
    )
    return max(math.ceil(n * design_effect), capability.counts.n_items + 1)


def about(capability: CapabilityComparison, needed: int | None, policy: Policy) -> str:
    """Return what a reason says of the items: which count, and how many would decide."""
    if capability.evidence.level == 0.0:
        return "; earlier runs have spent all of alpha, so that no number of items decides"
    if capability.counts.n_lost:
        n_lost = capability.counts.n_lost
        return f"; {n_lost} have no answer of one side, and count against the candidate"
    if not capability.is_finished:
        return f", of {capability.counts.n_planned} planned"
    if needed is None:
        if not next_level(capability, policy):
            return "; nothing of alpha is left for a further run (reserve in the policy)"
        return ""
    left = 100 * next_level(capability, policy)
    return (
        f"; about {n_things(needed, 'item', ',')} would decide, in a further run with what is left "
        f"({left:.3g} %)"
    )


def is_mute(capability: CapabilityComparison) -> bool:
    """Return whether its items prove nothing either way: too few clusters."""
    evidence = capability.evidence
    return evidence.p_held == evidence.p_drop == evidence.p_beyond == 1.0


def is_shielded(p_held: float, policy: Policy) -> bool:
    """Return whether the drop is bounded well enough that a proof of it convicts nobody."""
    return p_held <= shield_level(policy.alpha)
