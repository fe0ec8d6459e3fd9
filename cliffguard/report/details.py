"""What the numbers of a capability hide: answers that are none, ties, the limit of one side."""

from __future__ import annotations

import math

from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.reviews import Cause
from cliffguard.core.texts import n_things
from cliffguard.report import numbers
from cliffguard.report.clean import one_line


def details(found: CapabilityComparison, cause: Cause | None) -> tuple[str, ...]:
    """Return a line for each; none of what was not measured, nor what `cause` has told already."""
    if found.evidence.drop is None:
        return ()
    unreadable = "" if cause == "format" else _unreadable(found)
    return tuple(line for line in (_missing(found), unreadable, _worth(found)) if line)


def _missing(found: CapabilityComparison) -> str:
    """Say how many answers each side lacks, or how many items no score."""
    if not found.counts.n_unscored:
        return ""
    sides = (("base", found.counts.n_missing_base), ("candidate", found.counts.n_missing_candidate))
    told = " and ".join(f"{n:,} of the {side}'s" for side, n in sides if n)
    if not told:  # a review of the first layout, which did not tell them apart
        return f"{found.counts.n_unscored:,} unscored, not in n"
    lost = f"; {found.counts.n_lost:,} count against HELD" if found.counts.n_lost else ""
    return f"{told} answers are missing, not in n{lost}"


def _unreadable(found: CapabilityComparison) -> str:
    """Say how many answers hold nothing that the metric reads, and what is lost beside them."""
    sides = (
        ("base", found.counts.n_unreadable_base),
        ("candidate", found.counts.n_unreadable_candidate),
    )
    told = " and ".join(f"{n:,} of the {side}'s" for side, n in sides if n)
    readable = found.diagnostics.readable
    if not told or readable is None:
        return ""
    words = f"{told} answers are unreadable, and count as wrong"
    if readable.drop is not None:
        base, candidate = map(found.in_own_numbers, (readable.base_mean, readable.candidate_mean))
        words += (
            f"; on the {n_things(readable.n_items, 'item', ',')} that both sides answered readably "
            f"{numbers.percent(base).removesuffix(' %')} → {numbers.percent(candidate)}, drop "
            f"{numbers.points(readable.drop)}"
        )
    return words if readable.other is None else f"{words}; {one_line(readable.other)}"


def _worth(found: CapabilityComparison) -> str:
    """Say how many items of how many there would be, and what they are worth together."""
    told = []
    if found.counts.n_in_all is not None:
        told.append(
            f"on {found.counts.n_items:,} of {n_things(found.counts.n_in_all, 'item', ',')}, for "
            "the limit of one side"
        )
    if found.counts.n_clusters is not None:
        worth = math.floor(found.evidence.n_effective_clusters or 0.0)
        told.append(
            f"{n_things(found.counts.n_clusters, 'cluster', ',')}, worth {worth:,} of one size"
        )
    return "; ".join(told)
