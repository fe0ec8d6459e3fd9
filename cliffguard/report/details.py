"""What the numbers of a capability hide: answers that are none, ties, the limit of one side."""

from __future__ import annotations

import math

from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.reviews import Cause
from cliffguard.core.texts import n_things
from cliffguard.report import numbers
from cliffguard.report.clean import one_line


def details(
    capability: CapabilityComparison, cause: Cause | None, reason: str = ""
) -> tuple[str, ...]:
    """Return a line for each; none of what was not measured, nor what `cause` or `reason` says."""
    if capability.evidence.drop is None:
        return ()
    worth = "; ".join(note for note in _worth(capability) if note not in reason)
    unreadable = "" if cause == "format" else _unreadable(capability)
    return tuple(line for line in (_missing(capability), unreadable, worth) if line)


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
