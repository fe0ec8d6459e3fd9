"""What the numbers of a capability hide: answers that are none, ties, levels left out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.diagnostics import SurfaceLevel
from cliffguard.core.reviews import Finding, Outcome
from cliffguard.core.texts import n_things, plural
from cliffguard.report import numbers
from cliffguard.report.clean import one_line


def details(capability: CapabilityComparison, finding: Finding) -> tuple[str, ...]:
    """Return a line for each; none of what was not measured, nor what `finding` says."""
    if capability.evidence.drop is None:
        return ()
    reason = one_line(finding.reason)
    worth = "; ".join(note for note in _worth(capability) if note not in reason)
    unreadable = "" if finding.cause == "format" else _unreadable(capability)
    lines = (_missing(capability), unreadable, worth, of_levels(capability, finding))
    return tuple(line for line in lines if line)


def of_levels(capability: CapabilityComparison, finding: Finding) -> str:
    """Return which levels do not count, since the base's score hangs on how items look there.

    Of a proven loss also which count though it does, and which may prove to once all is asked. One
    line; empty where there are none, and where none is left, of which the reason of the finding is.
    """
    if capability.evidence.is_surface:
        return ""
    groups: dict[tuple[str, str, str], list[SurfaceLevel]] = {}
    for level in capability.diagnostics.surface:
        if level.gates and finding.outcome is not Outcome.REGRESSED:
            continue
        end = "are left out: the base's score there depends on"
        if level.gates:
            end = "count, though the base's score there depends on"
        if not level.is_proven:
            end = "may be left out once all is asked: the base's score there may depend on"
        groups.setdefault((level.task, level.feature, end), []).append(level)
    return one_line("; ".join(_of_feature(*key, levels) for key, levels in groups.items()))


def _of_feature(task: str, feature: str, end: str, levels: Sequence[SurfaceLevel]) -> str:
    """Return the levels of a task as "levels 4, 5 of places are left out: …, (50 points)"."""
    numbers_of = [str(level.level) for level in levels if level.level is not None]
    is_single = len(levels) == 1
    name = f"{plural(len(levels), 'level')} {', '.join(numbers_of)} of {task}"
    verb = end.replace("are ", "is ", 1).replace("count,", "counts,", 1) if is_single else end
    most = 100 * max(level.effect for level in levels)
    points = f"({'' if is_single else 'up to '}{most:.0f} points)"
    return f"{name if numbers_of else task} {verb} {feature} {points}"


def _missing(capability: CapabilityComparison) -> str:
    """Say how many answers each side lacks, or how many items no score."""
    if not capability.counts.n_unscored:
        return ""
    sides = (
        ("base", capability.counts.n_missing_base),
        ("candidate", capability.counts.n_missing_candidate),
    )
    counts = " and ".join(f"{n:,} of the {side}'s" for side, n in sides if n)
    if not counts:  # a review of the first layout, which did not tell them apart
        return f"{capability.counts.n_unscored:,} unscored, not in n"
    lost = f"; {capability.counts.n_lost:,} count against HELD" if capability.counts.n_lost else ""
    return f"{counts} answers are missing, not in n{lost}"


def _unreadable(capability: CapabilityComparison) -> str:
    """Say how many answers hold nothing that the metric reads, and what is lost beside them."""
    sides = (
        ("base", capability.counts.n_unreadable_base),
        ("candidate", capability.counts.n_unreadable_candidate),
    )
    counts = " and ".join(f"{n:,} of the {side}'s" for side, n in sides if n)
    readable = capability.diagnostics.readable
    if not counts or readable is None:
        return ""
    words = f"{counts} answers are unreadable, and count as wrong"
    if readable.drop is not None:
        means = map(capability.in_own_numbers, (readable.base_mean, readable.candidate_mean))
        words += (
            f"; on the {n_things(readable.n_items, 'item', ',')} that both sides answered readably "
            f"{numbers.change(*means)}, drop {numbers.points(readable.drop)}"
        )
    return words if readable.other is None else f"{words}; {one_line(readable.other)}"


def _worth(capability: CapabilityComparison) -> list[str]:
    """Say how many items of how many there would be, and what they are worth together."""
    counts = capability.counts
    notes = []
    if counts.n_in_all is not None:
        notes.append(
            f"on {counts.n_items:,} of "
            f"{n_things(counts.n_in_all, 'item', ',')}, for the limit of one side"
        )
    if counts.n_clusters is not None:
        worth = math.floor(capability.evidence.n_effective_clusters or 0.0)
        notes.append(f"{n_things(counts.n_clusters, 'cluster', ',')}, worth {worth:,} of one size")
    return notes
