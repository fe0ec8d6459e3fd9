"""Shards: the fixed slices of a task's items that are asked and stored together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cliffguard.core.canonical_json import digest
from cliffguard.core.items import Item, Task
from cliffguard.core.settings import EvalSettings

SHARD_ITEMS = 64
"""Items that are batched and stored together; seconds to a minute of work on a small model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A fixed slice of a task's order: the unit of batching, storing and resuming."""

    number: int
    items: tuple[Item, ...]


def in_order(task: Task, protocol: EvalSettings) -> tuple[Item, ...]:
    """Return the task's items in seeded order, cut at its limit or the protocol's, if smaller.

    The levels of a ladder take turns in proportion to their size.
    """
    by_level: dict[int, list[Item]] = {}
    for item in task.items:
        by_level.setdefault(item.level or 0, []).append(item)
    placed = []
    for level, items in by_level.items():
        items.sort(key=lambda item: _drawn(protocol.seed, task.name, item.id))
        placed += [((i + 0.5) / len(items), level, item) for i, item in enumerate(items)]
    placed.sort(key=lambda at: at[:2])
    limits = [limit for limit in (task.limit, protocol.limit) if limit is not None]
    return tuple(item for *_, item in placed[: min(limits, default=None)])


@lru_cache(maxsize=1 << 16)  # a run asks for the order of a task at every step
def _drawn(seed: int, task: str, id: str) -> str:
    return digest([seed, task, id])


def in_shards(items: Sequence[Item]) -> tuple[Shard, ...]:
    """Cut an order into shards."""
    starts = range(0, len(items), SHARD_ITEMS)
    return tuple(
        Shard(number=number, items=tuple(items[start : start + SHARD_ITEMS]))
        for number, start in enumerate(starts)
    )
