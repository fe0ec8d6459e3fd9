"""Why HELD is not given though a drop beyond the margin is excluded: too little is known."""

from __future__ import annotations

import math

from cliffguard.compare.strata import BEFORE_HELD
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.settings import Policy
from cliffguard.core.texts import n_things, plural
from cliffguard.evaluate.alpha_shares import at_alpha
from cliffguard.stats.clusters import least_effective_clusters

_MOST_CUT = 0.05  # of either side's answers, before their lengths are not known
_MOST_MISSING = 0.05  # of the items, without an answer of a side, before HELD is refused


def refusal(capability: CapabilityComparison, policy: Policy) -> str | None:
    """Return why HELD is not given though the drop is excluded; None where it is."""
    if (missing := too_many_missing(capability)) is not None:
        return missing
    if (cut := too_many_cut(capability)) is not None:
        return cut
    if (few := few_clusters(capability, policy)) is not None:
        return few
    if (paid := paid_by_cuts(capability, policy)) is not None:
        return paid
    if not capability.is_finished:
        short = [
            stratum
            for stratum in capability.diagnostics.strata
            if stratum.n_asked < min(BEFORE_HELD, stratum.n_planned)
        ]
        if short:
            return f"held so far; {short[0].name} has had {n_things(short[0].n_asked, 'item')} only"
    return None


def too_many_missing(capability: CapabilityComparison) -> str | None:
    """Return that a side lacks the answers to too many items; None where it does not."""
    for side, n in (
        ("base", capability.counts.n_missing_base),
        ("candidate", capability.counts.n_missing_candidate),
    ):
        if n > _MOST_MISSING * capability.counts.n_asked:
            return (
                f"{n} of {n_things(capability.counts.n_asked, 'item')} {plural(n, 'has', 'have')} "
                f"no answer of the {side}, too many to say more than what was lost: measure them"
            )
    return None


def too_many_cut(capability: CapabilityComparison) -> str | None:
    """Return that the limit ended too many answers to know their length; None where it did not."""
    counts = capability.counts
    most = max(counts.n_cut_base, counts.n_cut_candidate)
    if capability.behaviour != "length" or most <= _MOST_CUT * counts.n_asked:
        return None
    return (
        f"{counts.n_cut_candidate:,} of {n_things(counts.n_asked, 'answer', ',')} of the "
        f"candidate, {counts.n_cut_base:,} of the base, were cut: how long they would be nobody "
        "knows; raise max_tokens"
    )


def paid_by_cuts(capability: CapabilityComparison, policy: Policy) -> str | None:
    """Return that a loss hides behind answers of the base that were cut; None where none does."""
    uncut = capability.diagnostics.uncut_base
    if uncut is None or at_alpha(uncut.p_held, capability, policy) <= policy.alpha:
        return None
    return (
        "a drop beyond the margin is excluded, but not without "
        f"{n_things(uncut.n_cut, 'answer')} of the base that {plural(uncut.n_cut, 'was', 'were')} "
        f"cut (the drop would be {100 * uncut.drop:+.1f} points): raise max_tokens, or look at the "
        "stop strings"
    )


def few_clusters(capability: CapabilityComparison, policy: Policy) -> str | None:
    """Return that its clusters are too few for HELD; None where they are not."""
    needed = clusters_needed(capability, policy)
    if needed is None:
        return None
    return (
        f"its items lie in {n_things(capability.counts.n_clusters or 0, 'cluster')}, worth "
        f"{math.floor(capability.evidence.n_effective_clusters or 0.0)} of one size; HELD at this "
        f"margin takes {needed}"
    )


def clusters_needed(capability: CapabilityComparison, policy: Policy) -> int | None:
    """Return how many clusters of one size HELD takes; None where there are as many, or none."""
    evidence = capability.evidence
    if evidence.n_effective_clusters is None or evidence.margin <= 0.0:
        return None
    level = evidence.level or policy.first_level
    needed = least_effective_clusters(margin=evidence.margin, alpha=level)
    return needed if evidence.n_effective_clusters < needed else None
