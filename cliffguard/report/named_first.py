"""What is named first of a capability's broken items: a cause, a pattern, or nothing."""

from __future__ import annotations

import math

from cliffguard.core.diagnosis import READ, CapabilityDiagnosis, CauseCount, Pattern

_LEAST_PART = 0.2  # of the loss: a cause that is found and has it stands before any pattern
_MOST = 0.5  # of the loss, which a cause must exceed to be named without a comparison
_NEARLY_ALL = 0.9  # of the loss, by which such a cause tells more than any slice
_LEAST_ITEMS = 10  # that such a cause must have


def named_first(diagnosis: CapabilityDiagnosis) -> CauseCount | Pattern | None:
    """Return what explains most and is proven best; None where nothing does.

    In this order: a found cause of a fifth of the loss or more; a cause of nearly all of it that
    the base has too few wrong answers to compare with; a found pattern that has a fifth of
    the broken items and restates no cause; any found cause; a cause of most of the loss, where the
    base has too few wrong answers to compare it with. What was compared and is not found is never
    named, nor a pattern that has hardly any of the loss.
    """
    causes = sorted(diagnosis.causes, key=lambda cause: -part_of_loss(cause, diagnosis))
    proven = [cause for cause in causes if cause.is_found]
    patterns = [row for row in diagnosis.patterns if _tells_enough(row, diagnosis)]
    large = [cause for cause in proven if part_of_loss(cause, diagnosis) >= _LEAST_PART]
    alone = [cause for cause in causes if _is_alone(cause, diagnosis)]
    whole = [cause for cause in alone if part_of_loss(cause, diagnosis) >= _NEARLY_ALL]
    in_order: list[CauseCount | Pattern] = [*large, *whole, *patterns, *proven, *alone]
    return in_order[0] if in_order else None


def part_of_loss(cause: CauseCount, diagnosis: CapabilityDiagnosis) -> float:
    """Return the part of a capability's loss that a cause has, in [0, 1].

    Only probed items can be suppressed: their part of what probed items lost stands for all items
    that no reader explains.
    """
    if not diagnosis.loss:
        return 0.0
    losses = {each.cause: each.loss for each in diagnosis.causes}
    probed = probed_loss(diagnosis)
    if cause.cause == "suppressed" and probed:
        return cause.loss / probed * (probed + losses.get("unprobed", 0.0)) / diagnosis.loss
    return cause.loss / diagnosis.loss


def probed_loss(diagnosis: CapabilityDiagnosis) -> float:
    """Return what the items lost that only probes could explain, and that were asked again."""
    return math.fsum(c.loss for c in diagnosis.causes if c.cause in ("suppressed", "lost"))


def is_graded(diagnosis: CapabilityDiagnosis) -> bool:
    """Return whether some item lost or gained less than all: its score is no right or wrong."""
    return not (
        math.isclose(diagnosis.loss, diagnosis.n_broken)
        and math.isclose(diagnosis.gain, diagnosis.n_fixed)
    )


def _tells_enough(pattern: Pattern, diagnosis: CapabilityDiagnosis) -> bool:
    """Return whether a pattern is found, restates no cause, and has a fifth of what broke."""
    is_large = pattern.n_broken >= _LEAST_PART * diagnosis.n_broken
    return pattern.is_found and pattern.restates is None and is_large


def _is_alone(cause: CauseCount, diagnosis: CapabilityDiagnosis) -> bool:
    """Return whether a cause has most of the loss, and the base nothing to compare it with."""
    is_most = cause.n_items >= _LEAST_ITEMS and part_of_loss(cause, diagnosis) > _MOST
    # The few that there are must not speak against it.
    is_larger = (
        cause.n_fits_base * cause.n_wrong_candidate < cause.n_fits_candidate * cause.n_wrong_base
    )
    is_against = cause.n_wrong_base > 0 and not is_larger
    return cause.cause in READ and is_most and not cause.is_comparable and not is_against
