"""Why no drop of a capability would be a loss: this base has none to lose, or none to see."""

from __future__ import annotations

from cliffguard.compare.diagnostics.surface import BELOW_GUESSING, points_by
from cliffguard.compare.refusals import too_many_missing
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.reviews import Outcome
from cliffguard.core.settings import Policy
from cliffguard.core.texts import in_points, n_things

_MOST_UNREADABLE = 0.05  # of the base's answers, before its prompt is at fault


def why_not(capability: CapabilityComparison, policy: Policy) -> tuple[Outcome, str]:
    """Return what is said of a capability that cannot fail on this base, and why.

    NOT_MEASURED, which neither passes nor fails the gate; INCONCLUSIVE while items are left to ask,
    where the base's answers are incomplete or unreadable, and where the policy demands it.
    """
    has_none = capability.has_nothing_to_lose
    text = _nothing_to_lose(capability) if has_none else _by_surface(capability)
    if not capability.is_finished:  # the base may yet prove to have something
        return Outcome.INCONCLUSIVE, f"so far {text}"
    if (missing := too_many_missing(capability)) is not None:
        return Outcome.INCONCLUSIVE, missing
    n_bad = capability.counts.n_unreadable_base + capability.counts.n_cut_base
    if n_bad > _MOST_UNREADABLE * capability.counts.n_asked:
        reason = (
            f"{n_bad} of the base's {n_things(capability.counts.n_asked, 'answer')} are cut or "
            "hold nothing that the metric reads: mend the prompt, max_tokens or the filter"
        )
        return Outcome.INCONCLUSIVE, reason
    if policy.rules(capability.capability).gate:
        return Outcome.INCONCLUSIVE, f"{text}, and the policy demands it"
    return Outcome.NOT_MEASURED, text


def counts(capability: CapabilityComparison, policy: Policy) -> bool:
    """Return whether it can pass or fail the gate: not where no drop of it would be a loss."""
    return not capability.cannot_fail or why_not(capability, policy)[0] is not Outcome.NOT_MEASURED


def _nothing_to_lose(capability: CapabilityComparison) -> str:
    """Say that all that the base has beyond guessing is within the margin."""
    evidence = capability.evidence
    assert evidence.base_mean is not None
    mean = evidence.base_mean
    if evidence.skill:  # of all that the base answered; 0 also stands for less than guessing earns
        mean = evidence.skill + (evidence.chance or 0.0)
    has, guessed = map(capability.in_own_numbers, (mean, evidence.chance))
    above = f", {100 * (guessed or 0.0):.1f} % by guessing" if evidence.chance else ""
    levels = capability.diagnostics.surface if evidence.is_surface else ()
    by = (
        f", by {BELOW_GUESSING}" if any(level.feature == BELOW_GUESSING for level in levels) else ""
    )
    return (
        f"nothing to lose on this base ({100 * (has or 0.0):.1f} %{above}, margin "
        f"{in_points(evidence.margin)}){by}"
    )


def _by_surface(capability: CapabilityComparison) -> str:
    """Say what it measures instead of the skill, at the level where that is most."""
    levels = [level for level in capability.diagnostics.surface if not level.gates]
    worst = max(levels, key=lambda level: level.effect)
    where = worst.task if worst.level is None else f"{worst.task}, level {worst.level},"
    by = points_by(worst)
    return f"does not measure the skill on this base: the score in {where} depends on {by}"
