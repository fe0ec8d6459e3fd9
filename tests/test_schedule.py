"""The order of the items: seeded, balanced, the same for everyone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from cliffguard.plans import Protocol
from cliffguard.records import Task
from cliffguard.schedule import SHARD_ITEMS, Schedule, in_order, in_shards
from tests import support


def ladder_task(n_items: int = 90, n_levels: int = 3) -> Task:
    """Return a task with `n_items` spread evenly over the levels."""
    items = tuple(support.item(n, level=n % n_levels + 1) for n in range(n_items))
    return replace(support.task(items), level="hops")


def test_the_order_does_not_depend_on_the_file() -> None:
    """Items written in another order are asked in the same order."""
    task = ladder_task()
    turned = replace(task, items=task.items[::-1])

    assert in_order(turned, Protocol()) == in_order(task, Protocol())


def test_another_seed_gives_another_order() -> None:
    """The seed decides the order."""
    task = ladder_task()

    assert in_order(task, Protocol(seed=1)) != in_order(task, Protocol(seed=0))


def test_all_items_are_asked_once() -> None:
    """The order is a permutation."""
    task = ladder_task()

    assert sorted(item.id for item in in_order(task, Protocol())) == sorted(
        item.id for item in task.items
    )


def test_a_limit_is_balanced_over_the_levels() -> None:
    """With a limit every level keeps its share."""
    kept = in_order(ladder_task(), Protocol(limit=12))

    assert Counter(item.level for item in kept) == {1: 4, 2: 4, 3: 4}


def test_a_limit_is_a_prefix_of_the_whole() -> None:
    """The first items of a limited run are the first items of the full one."""
    task = ladder_task()

    assert in_order(task, Protocol(limit=12)) == in_order(task, Protocol())[:12]


def test_shards_cut_the_order_without_gaps() -> None:
    """Shards are consecutive, numbered, full but for the last, and cover the order."""
    items = in_order(ladder_task(150), Protocol())

    shards = in_shards(items)

    assert [len(shard.items) for shard in shards] == [SHARD_ITEMS, SHARD_ITEMS, 150 - 128]
    assert [shard.number for shard in shards] == [0, 1, 2]
    assert tuple(item for shard in shards for item in shard.items) == items


def test_one_look_at_everything() -> None:
    """Today's schedule has a single look."""
    schedule = Schedule([ladder_task()], Protocol())

    look = schedule.next(None)

    assert look is not None
    assert [len(series.items) for series in look] == [90]
    assert schedule.next(None) is None
