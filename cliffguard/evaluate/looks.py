"""Interim looks: which fraction of a capability counts at each, and a task's items so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from cliffguard.core.items import Item, Task
from cliffguard.stats.sequential import look_sizes
from cliffguard.store.shards import SHARD_ITEMS, Shard, in_shards

LEAST_COUNTED = 0.5
"""Of the items that a look asks so many count at least; the others are asked in advance."""

FIRST_LOOK = 100
"""Items of a capability at the first look, before they are rounded up to shards."""

_LEAST_GROWTH = 1.125  # of the items of a capability from look to look; a smaller one is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskProgress:
    """A task with its items in the order of the run, and the shards to have by this look.

    The first `n_planned` of the items are to count at the last look. `n_by_look` says how many
    count at each look so far, this one included. Shards being whole, more may be answered; those
    count at a later look, or not at all.
    """

    task: Task
    items: tuple[Item, ...]
    n_planned: int
    shards: tuple[Shard, ...]
    n_by_look: tuple[int, ...]
    look_ends: tuple[int, ...] = ()

    @property
    def planned(self) -> tuple[Item, ...]:
        """The items that the plan asks."""
        return self.items[: self.n_planned]

    @property
    def n_counted(self) -> int:
        """Items that count at this look."""
        return self.n_by_look[-1]

    def groups(self, n_together: int) -> tuple[tuple[Shard, ...], ...]:
        """Return the shards in groups that are asked together, at most so many in each.

        No group reaches beyond a look of the plan, whichever looks were taken and whatever is
        stored: both sides have the same groups, and nothing is asked for a later look.
        """
        groups: list[tuple[Shard, ...]] = []
        edges = sorted({0, len(self.shards), *self.look_ends})
        for start, end in pairwise(edges):
            part = self.shards[start:end]
            groups += [part[n : n + n_together] for n in range(0, len(part), n_together)]
        return tuple(groups)

    def cut(self, n_items: int) -> TaskProgress:
        """Return the series as if only its first `n_items` items had been reached."""
        n_by_look = tuple(min(n, n_items) for n in self.n_by_look)
        return in_part(self.task, self.items, n_by_look, self.n_planned, self.look_ends)


Look = tuple[TaskProgress, ...]
"""What is known when a decision is tried: every task with its shards so far."""


def n_items_at(fraction: float, n_items: int) -> int:
    """Return how many of a task's items count at a look at this fraction of them."""
    return min(n_items, round(fraction * n_items))


def n_asked_at(fraction: float, n_items: Sequence[int]) -> int:
    """Return how many items of these tasks a look at this fraction asks: whole shards of each."""
    return sum(min(n, in_whole_shards(n_items_at(fraction, n))) for n in n_items)


def look_fractions(
    n_items: Sequence[int], n_gating: Sequence[int], *, n_capabilities: int = 1
) -> tuple[float, ...]:
    """Return which fraction of a capability's tasks counts at each of its looks, 1 at the last.

    Both arguments have a number for each task. The same fraction of each counts, so that an early
    look weighs them as the last one does. Of the largest it is whole shards; of the others up to
    a shard is asked in advance, and a look at which these are most of what was asked is left out.
    Tasks of several capabilities, asked side by side, have their first look at as many items each.
    """
    largest, n_all = max(n_items), sum(n_gating)
    fractions: list[float] = []
    n_before = 0
    for size in look_sizes(n_all, first=FIRST_LOOK * n_capabilities):
        n_shards = math.ceil(size / n_all * largest / SHARD_ITEMS - 1e-9)
        fraction = min(1.0, n_shards * SHARD_ITEMS / largest)
        n_counted = sum(n_items_at(fraction, n) for n in n_items)
        if n_counted < LEAST_COUNTED * n_asked_at(fraction, n_items):
            continue
        n = sum(n_items_at(fraction, n) for n in n_gating)
        if n >= max(1, n_before * _LEAST_GROWTH) and n * _LEAST_GROWTH <= n_all:
            fractions.append(fraction)
            n_before = n
    return (*fractions, 1.0)


def looks_in_step(sizes: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the looks at capabilities of one task each, of so many items, asked side by side."""
    parts = look_fractions(sizes, sizes, n_capabilities=len(sizes))
    return [tuple(n_items_at(part, n) for part in parts) for n in sizes]


def in_whole_shards(n_items: int) -> int:
    """Return the number of items of the whole shards that hold so many."""
    return math.ceil(n_items / SHARD_ITEMS) * SHARD_ITEMS


def in_part(
    task: Task,
    items: tuple[Item, ...],
    n_by_look: tuple[int, ...],
    n_planned: int,
    look_ends: tuple[int, ...] = (),
) -> TaskProgress:
    """Return a task with the whole shards that its last look so far needs."""
    return TaskProgress(
        task=task,
        items=items,
        n_planned=n_planned,
        shards=in_shards(items[: in_whole_shards(n_by_look[-1])]),
        n_by_look=n_by_look,
        look_ends=look_ends,
    )


def in_full(task: Task, items: tuple[Item, ...]) -> TaskProgress:
    """Return a task of which all items are had at one look."""
    return in_part(task, items, (len(items),), len(items))
