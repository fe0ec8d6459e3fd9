"""In which order the items are asked, and when a decision is tried; fixed before the first answer.

The order is a function of the seed and the items' ids alone: the same for base and candidate,
and a prefix of it is balanced over the levels of a ladder. The looks are a function of the number
of items; what a look shows decides only whether the next one is taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from cliffguard.canonical import digest
from cliffguard.plans import Protocol
from cliffguard.records import Item, Outcome, Task, Verdict
from cliffguard.stats.sequential import look_sizes

SHARD_ITEMS = 64
"""Items that are batched and stored together; seconds to a minute of work on a small model."""

_LEAST_GROWTH = 1.125  # of the items of a capability from look to look; a smaller one is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A fixed slice of a task's order: the unit of batching, storing and resuming."""

    number: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A task with its items in the order of the run, and the shards to have by this look.

    `n_by_look` counts the items that were to be had by each look so far, this one included.
    """

    task: Task
    items: tuple[Item, ...]
    shards: tuple[Shard, ...]
    n_by_look: tuple[int, ...]

    def cut(self, n_items: int) -> Series:
        """Return the series as if only its first `n_items` items had been reached."""
        return replace(
            self,
            shards=self.shards[: math.ceil(n_items / SHARD_ITEMS)],
            n_by_look=tuple(min(n, n_items) for n in self.n_by_look),
        )


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


def n_shards_at(fraction: float, n_items: int) -> int:
    """Return how many whole shards hold this fraction of a task's items."""
    return math.ceil(fraction * n_items / SHARD_ITEMS - 1e-9)


def look_fractions(n_gating: int, n_gating_at: Callable[[float], int]) -> tuple[float, ...]:
    """Return which fraction of a capability is to be had at each of its looks, 1 at the last.

    `n_gating_at` says how many of its gating items lie in the whole shards of a fraction.
    """
    fractions: list[float] = []
    n_before = 0
    for size in look_sizes(n_gating):
        n = n_gating_at(size / n_gating)
        if n >= n_before * _LEAST_GROWTH and n * _LEAST_GROWTH <= n_gating:
            fractions.append(size / n_gating)
            n_before = n
    return (*fractions, 1.0)


def in_full(task: Task, items: tuple[Item, ...]) -> Series:
    """Return a task of which all items are had at one look."""
    return Series(task=task, items=items, shards=in_shards(items), n_by_look=(len(items),))


class Schedule:
    """The looks of one run: each capability's next one is taken until it is decided.

    The target is asked in full at once, since its gain is what people want to know. A proven loss
    ends the run, but for the ladders of what was lost, which are asked in full to show where.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        protocol: Protocol,
        *,
        in_full: Collection[str] = (),
        stops_early: bool = True,
    ) -> None:
        """Plan the looks at these tasks; the capabilities `in_full` get a single one."""
        self._tasks = [_Planned(task, in_order(task, protocol)) for task in tasks]
        names = dict.fromkeys(task.capability for task in tasks)
        self._steps = {
            name: self._planned_looks(name) if stops_early and name not in in_full else (1.0,)
            for name in names
        }
        self._step = dict.fromkeys(self._steps, -1)

    def next(self, verdict: Verdict | None) -> Look | None:
        """Return the next look, or None when `verdict` needs no more or nothing is left."""
        going_on = self._going_on(verdict)
        if not going_on:
            return None
        for capability, step in going_on.items():
            self._step[capability] = step
        for planned in self._tasks:
            step = self._step[planned.task.capability]
            planned.reach(self._steps[planned.task.capability][step])
        return tuple(planned.series() for planned in self._tasks)

    def is_open(self, verdict: Verdict) -> bool:
        """Say whether another look would be taken after this verdict."""
        return bool(self._going_on(verdict))

    def everything(self) -> Look:
        """Return the look at all items at once, whatever looks are taken on the way to it."""
        return tuple(in_full(planned.task, planned.items) for planned in self._tasks)

    def _going_on(self, verdict: Verdict | None) -> Mapping[str, int]:
        """Return the capabilities that are asked more, and the step that they go to."""
        last = {name: len(steps) - 1 for name, steps in self._steps.items()}
        unfinished = [name for name in self._steps if self._step[name] < last[name]]
        if verdict is None:
            return {name: 0 for name in unfinished}
        outcomes = {finding.capability: finding for finding in verdict.findings}
        if verdict.outcome is Outcome.FAIL:
            lost = [
                name
                for name in unfinished
                if outcomes[name].outcome is Outcome.REGRESSED and self._has_ladder(name)
            ]
            return {name: last[name] for name in lost}
        return {
            name: self._step[name] + 1
            for name in unfinished
            if outcomes[name].outcome in (Outcome.INCONCLUSIVE, Outcome.NOT_MEASURED)
        }

    def _planned_looks(self, capability: str) -> tuple[float, ...]:
        """Return which fraction of a capability is to be had at each of its looks."""
        tasks = [planned for planned in self._tasks if planned.task.capability == capability]
        n_gating = sum(planned.n_gating for planned in tasks)
        if n_gating == 0:
            return (1.0,)
        return look_fractions(
            n_gating, lambda fraction: sum(planned.n_gating_at(fraction) for planned in tasks)
        )

    def _has_ladder(self, capability: str) -> bool:
        tasks = [planned.task for planned in self._tasks]
        return any(t.level is not None for t in tasks if t.capability == capability)


class _Planned:
    """One task on its way: its order, and how far it was asked at each look so far."""

    def __init__(self, task: Task, items: tuple[Item, ...]) -> None:
        self.task = task
        self.items = items
        self.shards = in_shards(items)
        self.n_gating = sum(map(task.gates, items))
        self.n_by_look: tuple[int, ...] = ()

    def n_gating_at(self, fraction: float) -> int:
        """Return how many items that count lie in the whole shards of a fraction."""
        n_items = n_shards_at(fraction, len(self.items)) * SHARD_ITEMS
        return sum(map(self.task.gates, self.items[:n_items]))

    def reach(self, fraction: float) -> None:
        """Plan this fraction for the next look."""
        n_items = min(len(self.items), n_shards_at(fraction, len(self.items)) * SHARD_ITEMS)
        self.n_by_look = (*self.n_by_look, n_items)

    def series(self) -> Series:
        """Return the task as it stands at the last planned look."""
        return Series(
            task=self.task,
            items=self.items,
            shards=self.shards[: math.ceil(self.n_by_look[-1] / SHARD_ITEMS)],
            n_by_look=self.n_by_look,
        )
