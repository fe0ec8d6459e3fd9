"""The items of a capability that count, as a diagnosis reads them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from cliffguard.compare.clusters import shown_copies
from cliffguard.compare.counts import Gathered
from cliffguard.compare.evidence import cluster_of
from cliffguard.compare.pairs import Pair

Key = tuple[str, str]
"""An item by the name of its task and its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedItem:
    """An item with both scores that counts for the verdict.

    `pair` is the one that is shown of it; `drop`, in [-1, 1], that of the mean of its copies, and
    above 0 it is broken. Items of one `cluster` stand or fall together.
    """

    pair: Pair
    drop: float
    cluster: Hashable

    @property
    def key(self) -> Key:
        """Its name, as in items.jsonl."""
        return self.pair.task.name, self.pair.item.id

    @property
    def is_broken(self) -> bool:
        """Whether the candidate has the lower score."""
        return self.drop > 0

    @property
    def is_fixed(self) -> bool:
        """Whether the candidate has the higher score."""
        return self.drop < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbedItems:
    """Which broken items of a capability were asked again, and which came back in most forms.

    `is_suppressed`: the probes prove that what broke there is still in the candidate.
    """

    probed: frozenset[Key]
    recovered: frozenset[Key]
    is_suppressed: bool


def counted_items(items: Gathered) -> tuple[CountedItem, ...]:
    """Return what counts of a capability's answers, in the order of the run."""
    return tuple(
        CountedItem(pair=shown, drop=whole.change, cluster=cluster_of(whole))
        for whole, shown in shown_copies(items.gating, items.counted)
        if whole.is_scored
    )
