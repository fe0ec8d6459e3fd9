"""The order of the items: seeded, balanced, the same for everyone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from cliffguard.compare.pairs import cut_to_both
from cliffguard.core.items import Task
from cliffguard.core.reviews import Finding, Outcome, Verdict
from cliffguard.core.settings import EvalSettings
from cliffguard.evaluate.looks import Look
from cliffguard.evaluate.measure import Measurement
from cliffguard.evaluate.schedule import Schedule
from cliffguard.stats.sequential import DROP_SPENDING, HELD_SPENDING
from cliffguard.store.shards import SHARD_ITEMS, in_order, in_shards
from tests import support


def ladder_task(n_items: int = 90, n_levels: int = 3) -> Task:
    """Return a task with `n_items` spread evenly over the levels."""
    items = tuple(support.item(n, level=n % n_levels + 1) for n in range(n_items))
    return replace(support.task(items), level="hops")


def test_the_order_does_not_depend_on_the_file() -> None:
    """Items written in another order are asked in the same order."""
    task = ladder_task()
    turned = replace(task, items=task.items[::-1])

    assert in_order(turned, EvalSettings()) == in_order(task, EvalSettings())


def test_another_seed_gives_another_order() -> None:
    """The seed decides the order."""
    task = ladder_task()

    assert in_order(task, EvalSettings(seed=1)) != in_order(task, EvalSettings(seed=0))


def test_all_items_are_asked_once() -> None:
    """The order is a permutation."""
    task = ladder_task()

    assert sorted(item.id for item in in_order(task, EvalSettings())) == sorted(
        item.id for item in task.items
    )


def test_a_limit_is_balanced_over_the_levels() -> None:
    """With a limit every level keeps its share."""
    kept = in_order(ladder_task(), EvalSettings(limit=12))

    assert Counter(item.level for item in kept) == {1: 4, 2: 4, 3: 4}


def test_a_limit_is_a_prefix_of_the_whole() -> None:
    """The first items of a limited run are the first items of the full one."""
    task = ladder_task()

    assert in_order(task, EvalSettings(limit=12)) == in_order(task, EvalSettings())[:12]


def test_shards_cut_the_order_without_gaps() -> None:
    """Shards are consecutive, numbered, full but for the last, and cover the order."""
    items = in_order(ladder_task(150), EvalSettings())

    shards = in_shards(items)

    assert [len(shard.items) for shard in shards] == [SHARD_ITEMS, SHARD_ITEMS, 150 - 128]
    assert [shard.number for shard in shards] == [0, 1, 2]
    assert tuple(item for shard in shards for item in shard.items) == items


def verdict(**outcomes: Outcome) -> Verdict:
    """Return a verdict with these findings; it fails where a gating one regressed."""
    findings = tuple(
        Finding(
            capability=name,
            suite="s",
            ring="adjacent",
            role="gating",
            outcome=outcome,
            margin=0.05,
            p_regressed=None,
            is_material=False,
            ladders=(),
            n_items_needed=None,
            reason="",
        )
        for name, outcome in outcomes.items()
    )
    lost = Outcome.REGRESSED in outcomes.values()
    return Verdict(
        outcome=Outcome.FAIL if lost else Outcome.INCONCLUSIVE,
        sentence="",
        findings=findings,
        pooled=None,
    )


def two_capabilities() -> list[Task]:
    """Return a ladder of 600 items and a plain task of 400."""
    items = tuple(support.item(n) for n in range(400))
    reading = replace(support.task(items), name="read", capability="reading")
    return [ladder_task(600), reading]


def n_asked(look: Look | None) -> dict[str, int]:
    """Return how many items of every task a look has."""
    assert look is not None
    return {series.task.name: sum(len(shard.items) for shard in series.shards) for series in look}


def test_one_look_at_everything_without_early_stop() -> None:
    """Nothing is left after it."""
    schedule = Schedule([ladder_task()], EvalSettings(), stops_early=False)

    look = schedule.next(None)

    assert n_asked(look) == {"ball": 90}
    assert schedule.next(verdict(reasoning=Outcome.INCONCLUSIVE)) is None


def test_looks_grow_until_everything_is_asked() -> None:
    """In whole shards, geometrically, each containing the one before."""
    schedule = Schedule([ladder_task(600)], EvalSettings())
    sizes, judged = [], None
    while (look := schedule.next(judged)) is not None:
        sizes.append(n_asked(look)["ball"])
        assert look[0].n_by_look == tuple(sizes)
        judged = verdict(reasoning=Outcome.INCONCLUSIVE)

    assert sizes == [128, 192, 256, 320, 384, 512, 600]


def test_what_is_decided_is_asked_no_more() -> None:
    """The other capability goes on alone."""
    schedule = Schedule(two_capabilities(), EvalSettings())
    first = n_asked(schedule.next(None))

    second = n_asked(schedule.next(verdict(reasoning=Outcome.HELD, reading=Outcome.INCONCLUSIVE)))

    assert second["ball"] == first["ball"]
    assert second["read"] > first["read"]


def test_a_failed_run_asks_on_what_is_undecided() -> None:
    """And at once the whole ladder of what was lost."""
    schedule = Schedule(two_capabilities(), EvalSettings())
    first = n_asked(schedule.next(None))
    lost = verdict(reasoning=Outcome.REGRESSED, reading=Outcome.INCONCLUSIVE)

    second = n_asked(schedule.next(lost))

    assert second["ball"] == 600
    assert first["read"] < second["read"] < 400
    assert schedule.next(verdict(reasoning=Outcome.REGRESSED, reading=Outcome.HELD)) is None


def test_what_was_lost_is_asked_no_further_without_a_ladder() -> None:
    """It is decided, as what HELD is."""
    schedule = Schedule(two_capabilities(), EvalSettings())
    first = n_asked(schedule.next(None))

    lost = verdict(reasoning=Outcome.INCONCLUSIVE, reading=Outcome.REGRESSED)
    second = n_asked(schedule.next(lost))

    assert second["read"] == first["read"]
    assert second["ball"] > first["ball"]


def test_a_proven_loss_may_end_the_run_but_for_its_ladder() -> None:
    """`after_failure: stop`: where it falls is worth the rest of its items; nothing else is."""
    schedule = Schedule(two_capabilities(), EvalSettings(), after_failure="stop")
    first = n_asked(schedule.next(None))
    lost = verdict(reasoning=Outcome.REGRESSED, reading=Outcome.INCONCLUSIVE)

    second = n_asked(schedule.next(lost))

    assert second == {"ball": 600, "read": first["read"]}
    assert schedule.next(lost) is None


def test_a_lost_capability_without_ladder_may_end_the_run() -> None:
    """`after_failure: stop`, and there is nothing to locate."""
    schedule = Schedule(two_capabilities(), EvalSettings(), after_failure="stop")
    schedule.next(None)

    lost = verdict(reasoning=Outcome.INCONCLUSIVE, reading=Outcome.REGRESSED)

    assert schedule.next(lost) is None


def test_a_capability_in_full_is_asked_at_once() -> None:
    """The target's gain is what people want to know, so nothing is saved on it."""
    schedule = Schedule(two_capabilities(), EvalSettings(), in_full={"reasoning"})

    assert n_asked(schedule.next(None))["ball"] == 600


def test_the_looks_do_not_depend_on_what_they_show() -> None:
    """Only whether the next one is taken does."""
    first, other = (Schedule(two_capabilities(), EvalSettings()) for _ in range(2))
    first.next(None)
    first.next(verdict(reasoning=Outcome.HELD, reading=Outcome.INCONCLUSIVE))
    other.next(None)
    open_ = verdict(reasoning=Outcome.INCONCLUSIVE, reading=Outcome.INCONCLUSIVE)

    later = first.next(verdict(reasoning=Outcome.HELD, reading=Outcome.INCONCLUSIVE))
    other.next(open_)

    assert n_asked(later)["read"] == n_asked(other.next(open_))["read"]


def in_step() -> tuple[Schedule, Look]:
    """Return a schedule of two capabilities that are asked side by side, after its first look."""
    schedule = Schedule(two_capabilities(), EvalSettings(), in_step={"reasoning", "reading"})
    look = schedule.next(None)
    assert look is not None
    return schedule, look


def test_in_step_the_same_fraction_of_each_is_had() -> None:
    """And as many items on average as a capability alone has."""
    schedule, look = in_step()
    open_ = verdict(reasoning=Outcome.INCONCLUSIVE, reading=Outcome.INCONCLUSIVE)
    while (later := schedule.next(open_)) is not None:
        look = later

    ball, read = look
    assert [n / 600 for n in ball.n_by_look] == pytest.approx(
        [n / 400 for n in read.n_by_look], abs=0.002
    )
    assert (ball.n_by_look[0], read.n_by_look[0], len(read.n_by_look)) == (128, 85, 7)


def test_what_held_is_asked_on_until_the_mean_is_decided() -> None:
    """A mean over what was stopped because it held would be too good."""
    schedule, first = in_step()
    held = verdict(reasoning=Outcome.HELD, reading=Outcome.INCONCLUSIVE)

    open_ = n_counted(schedule.next(replace(held, mean_held=False)))
    decided = n_counted(schedule.next(replace(held, mean_held=True)))

    assert open_["ball"] > n_counted(first)["ball"]
    assert decided["ball"] == open_["ball"]
    assert decided["read"] > open_["read"]


def test_after_a_failure_the_mean_asks_nothing() -> None:
    """It cannot pass any more."""
    schedule, first = in_step()
    lost = verdict(reasoning=Outcome.HELD, reading=Outcome.REGRESSED)

    assert schedule.next(replace(lost, mean_held=False)) is None
    assert n_counted(first)["ball"] == 128


def n_counted(look: Look | None) -> dict[str, int]:
    """Return how many items of every task count at a look."""
    assert look is not None
    return {series.task.name: series.n_counted for series in look}


def test_everything_is_everything() -> None:
    """For who measures one checkpoint alone."""
    assert n_asked(Schedule(two_capabilities(), EvalSettings()).everything()) == {
        "ball": 600,
        "read": 400,
    }


def test_levels_of_unequal_size_are_balanced_by_share() -> None:
    """A prefix holds a tenth of each level, not as many of each."""
    levels = [1] * 300 + [2] * 100
    items = tuple(support.item(n, level=level) for n, level in enumerate(levels))
    task = replace(support.task(items), level="hops")

    first = in_order(task, EvalSettings())[:40]

    assert Counter(item.level for item in first) == {1: 30, 2: 10}


def unequal_tasks(*sizes: int) -> list[Task]:
    """Return tasks of one capability with these numbers of items."""
    return [
        replace(support.task(tuple(support.item(n) for n in range(size))), name=f"task-{size}")
        for size in sizes
    ]


def test_an_early_look_weighs_tasks_as_the_last_one_does() -> None:
    """Of a small task more is asked than counts: whole shards, but no more than its share."""
    look = Schedule(unequal_tasks(60, 640), EvalSettings()).next(None)

    assert look is not None
    assert {series.task.name: series.n_counted for series in look} == {
        "task-60": 12,
        "task-640": 128,
    }
    assert n_asked(look) == {"task-60": 60, "task-640": 128}


def test_many_small_tasks_are_not_asked_in_vain() -> None:
    """Of fifty tasks of a hundred items, a look at two of each would ask for 64."""
    tasks = [replace(task, name=f"{n}") for n in range(50) for task in unequal_tasks(100)]

    look = Schedule(tasks, EvalSettings()).next(None)

    assert look is not None
    assert sum(series.n_counted for series in look) >= sum(n_asked(look).values()) / 2


def test_bets_on_clusters_take_one_look() -> None:
    """An early look would see parts of clusters, and bet on them again when they are whole."""
    items = tuple(replace(support.item(n), cluster=f"{n // 2}") for n in range(400))
    graded = replace(support.task(items), metric="f1")

    look = Schedule([graded], EvalSettings()).next(None)

    assert n_asked(look) == {"ball": 400}
    assert n_asked(Schedule([support.task(items)], EvalSettings()).next(None)) == {"ball": 128}


def test_bets_about_the_suite_itself_are_on_single_items() -> None:
    """Every item is known; none stands for others of its cluster."""
    items = tuple(replace(support.item(n), cluster=f"{n // 2}") for n in range(400))
    graded = replace(support.task(items), metric="f1")

    look = Schedule([graded], EvalSettings(), estimand="suite").next(None)

    assert n_asked(look) == {"ball": 128}


def test_the_manifest_tells_the_looks_that_are_taken() -> None:
    """What was fixed beforehand is what is done."""
    task = support.task(tuple(support.item(n) for n in range(600)))
    schedule = Schedule([task], EvalSettings())
    (planned,) = schedule.manifest()
    counted: list[int] = []
    while look := schedule.next(verdict(reasoning=Outcome.INCONCLUSIVE) if counted else None):
        counted.append(look[0].n_counted)

    assert planned.capability == "reasoning"
    assert planned.n_items == tuple(counted)
    assert planned.spending == f"held: {HELD_SPENDING}, drop: {DROP_SPENDING}"


def test_the_manifest_knows_one_order_from_another() -> None:
    """By a digest, which the order of the file does not change."""
    task = support.task(tuple(support.item(n) for n in range(600)))

    def order(task: Task, **protocol: int) -> str:
        return Schedule([task], EvalSettings(**protocol)).manifest()[0].order

    assert order(task) == order(replace(task, items=task.items[::-1]))
    assert len({order(task), order(task, seed=1), order(task, limit=599)}) == 3


@pytest.mark.parametrize(
    ("metric", "options", "spending"),
    [
        ("acc", {}, "held: cubic, drop: linear"),
        ("acc", {"stops_early": False}, "one look"),
        ("acc", {"estimand": "suite"}, "betting"),
        ("f1", {}, "betting"),
        ("f1", {"stops_early": False}, "one look"),
    ],
)
def test_the_manifest_tells_how_alpha_is_shared(
    metric: str, options: dict[str, Any], spending: str
) -> None:
    """A metric that is not known to say right or wrong is bet on where there are several looks."""
    task = replace(support.task(tuple(support.item(n) for n in range(600))), metric=metric)

    (planned,) = Schedule([task], EvalSettings(), **options).manifest()

    assert planned.spending == spending


def test_where_the_time_ends_every_task_keeps_the_same_share() -> None:
    """What one task had in advance does not weigh more for it."""
    look = Schedule(unequal_tasks(300, 600), EvalSettings(), stops_early=False).next(None)
    assert look is not None
    n_answered = {"task-300": 300, "task-600": 192}
    sides = [
        Measurement(
            answers={
                series.task.name: tuple(
                    support.answer(item) for item in series.items[: n_answered[series.task.name]]
                )
                for series in look
            },
            questions=(),
            measured_on=(),
        )
    ] * 2

    cut, measured = cut_to_both(look, sides)

    assert {series.task.name: series.n_counted for series in cut} == {
        "task-300": 96,
        "task-600": 192,
    }
    assert {name: len(rows) for name, rows in measured[0].answers.items()} == {
        "task-300": 96,
        "task-600": 192,
    }
