"""The items of a capability that count, as a diagnosis reads them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from cliffguard.compare.clusters import shown_copies
from cliffguard.compare.counts import Gathered
from cliffguard.compare.diagnostics.unread import as_generated
from cliffguard.compare.evidence import cluster_of
from cliffguard.compare.pairs import Pair
from cliffguard.core.answers import Answer
from cliffguard.core.items import Task

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
    def worse(self) -> Answer:
        """The answer that made it change: the candidate's where it is broken, else the base's."""
        return as_generated(self.pair, int(self.is_broken))

    @property
    def better(self) -> Answer:
        """The other one of an item that changed."""
        return as_generated(self.pair, int(not self.is_broken))

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
    """The broken items of a capability that were asked again, by key.

    `recovered` are those that were right in most of the forms that they were asked in.
    `is_suppressed`: that they come back is proven to be more than what comes back by itself.
    """

    probed: frozenset[Key]
    recovered: frozenset[Key]
    is_suppressed: bool


class TaskKey:
    """A task as a key, by identity: to hash its items takes longer than what is kept of them."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def __hash__(self) -> int:
        return id(self.task)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TaskKey) and other.task is self.task


def counted_items(items: Gathered) -> tuple[CountedItem, ...]:
    """Return what counts of a capability's answers, in the order of the run."""
    return tuple(
        CountedItem(pair=shown, drop=whole.change, cluster=cluster_of(whole))
        for whole, shown in shown_copies(items.gating, items.counted)
        if whole.is_scored
    )
