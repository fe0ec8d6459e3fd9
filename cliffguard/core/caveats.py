"""Caveats: what a reader must know before believing a comparison, each with an id for programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Caveat:
    """A sentence for readers, and the stable `id` by which programs go.

    The `text` may be worded anew; an id keeps its meaning (docs/error-ids.md lists all). Of a
    review of a layout that knew sentences only the id is "unknown".

    >>> from cliffguard import Caveat, Plan, guard
    >>> mine = Caveat(id="pipeline.draft", text="The candidate is a draft.")
    >>> review = guard(Plan(candidate="runs/ft/adapter", suites=("adjacent",)), caveats=[mine])
    >>> mine in review.comparison.caveats
    True
    """

    id: str
    text: str


def as_caveats(lines: Iterable[Caveat | str]) -> tuple[Caveat, ...]:
    """Return caveats as they are; a caller's bare sentence gets an id that says whose it is."""
    return tuple(
        Caveat(id="caller.remark", text=line) if isinstance(line, str) else line for line in lines
    )
