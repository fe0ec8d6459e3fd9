"""In which order the items are asked, and when a decision is tried; fixed before the first answer.

The order is a function of the seed and the items' ids alone: the same for base and candidate,
and a prefix of it is balanced over the levels of a ladder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cliffguard.canonical import digest
from cliffguard.plans import Protocol
from cliffguard.records import Item, Task, Verdict

SHARD_ITEMS = 64
"""Items that are batched and stored together; seconds to a minute of work on a small model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A fixed slice of a task's order: the unit of batching, storing and resuming."""

    number: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A task with its items in the order of the run, and the shards to have by this look."""

    task: Task
    items: tuple[Item, ...]
    shards: tuple[Shard, ...]


Look = tuple[Series, ...]
"""What is known when a decision is tried: every task with its shards so far."""


def in_order(task: Task, protocol: Protocol) -> tuple[Item, ...]:
    """Return the task's items in seeded order, the levels in turn, cut at the protocol's limit."""
    by_level: dict[int, list[Item]] = {}
    for item in task.items:
        by_level.setdefault(item.level or 0, []).append(item)
    for items in by_level.values():
        items.sort(key=lambda item: digest([protocol.seed, task.name, item.id]))
    rows = [by_level[level] for level in sorted(by_level)]
    longest = max((len(row) for row in rows), default=0)
    ordered = [row[i] for i in range(longest) for row in rows if i < len(row)]
    return tuple(ordered[: protocol.limit])


def in_shards(items: Sequence[Item]) -> tuple[Shard, ...]:
    """Cut an order into shards."""
    starts = range(0, len(items), SHARD_ITEMS)
    return tuple(
        Shard(number=number, items=tuple(items[start : start + SHARD_ITEMS]))
        for number, start in enumerate(starts)
    )


class Schedule:
    """The looks of one run. Today there is one look, at everything."""

    def __init__(self, tasks: Sequence[Task], protocol: Protocol) -> None:
        self._looks: list[Look] = [
            tuple(
                Series(task=task, items=items, shards=in_shards(items))
                for task, items in ((task, in_order(task, protocol)) for task in tasks)
            )
        ]

    def next(self, verdict: Verdict | None) -> Look | None:
        """Return the next look, or None when `verdict` needs no more or nothing is left."""
        del verdict  # a single look is taken whatever it may show
        return self._looks.pop(0) if self._looks else None
