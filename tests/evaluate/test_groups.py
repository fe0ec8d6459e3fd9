"""Groups of shards: one plan for both sides, and a run that was killed ends in the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliffguard.checkpoints.identity import FindOptions, find_base
from cliffguard.core.answers import Answer
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.reviews import Outcome
from cliffguard.core.settings import EvalSettings, RunnerSettings
from cliffguard.engine.passes import Model
from cliffguard.evaluate.looks import TaskProgress, in_part
from cliffguard.evaluate.measure import measure
from cliffguard.evaluate.schedule import Schedule
from cliffguard.runners.harness import HarnessRunner
from cliffguard.store.answers import Store
from cliffguard.store.entry import Entry
from cliffguard.suites.loading import load_suite
from tests import support
from tests.evaluate.test_schedule import verdict
from tests.fake_runner import FakeRunner

Numbers = list[tuple[int, ...]]


def task_of(n_items: int) -> Task:
    """Return a task of so many items."""
    return support.task(tuple(support.item(number) for number in range(n_items)))


def numbers(series: TaskProgress, n_together: int) -> Numbers:
    """Return the numbers of the shards of each group."""
    return [tuple(shard.number for shard in group) for group in series.groups(n_together)]


@settings(max_examples=40, deadline=None)
@given(n_items=st.integers(1, 2500), n_together=st.integers(1, 6))
def test_the_groups_of_early_looks_are_those_of_the_whole(n_items: int, n_together: int) -> None:
    """A side that is asked look by look has the groups of one that is asked all at once."""
    protocol = EvalSettings()
    schedule = Schedule([task_of(n_items)], protocol)
    (whole,) = schedule.everything()
    expected = numbers(whole, n_together)

    taken: list[TaskProgress] = []
    look = schedule.next(None)
    while look is not None:
        taken += look
        look = schedule.next(verdict(**{look[0].task.capability: Outcome.INCONCLUSIVE}))

    for series in taken:
        reached = numbers(series, n_together)
        assert reached == expected[: len(reached)]
        assert sum(map(len, reached)) == len(series.shards), "nothing of a later look"
        assert all(1 <= len(group) <= n_together for group in reached)
    assert numbers(taken[-1], n_together) == expected


def test_groups_are_as_large_as_they_may_be() -> None:
    """Between two looks every group but the last is full."""
    task = task_of(11 * 64)
    series = in_part(task, task.items, (11 * 64,), 11 * 64, (2, 4, 11))

    assert numbers(series, 3) == [(0, 1), (2, 3), (4, 5, 6), (7, 8, 9), (10,)]
    assert numbers(series, 1) == [(n,) for n in range(11)]


class Together(FakeRunner):
    """A fake runner of three shards at once, which remembers what it was asked."""

    n_together = 3  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__(lambda *_: 1.0)
        self.calls: list[list[str]] = []

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Answer, and remember."""
        self.calls.append([item.id for item in items])
        return super().ask(checkpoint, task, items, protocol)


def test_a_group_of_which_a_shard_is_absent_is_asked_as_a_whole(store: Store) -> None:
    """What is stored of it stays; groups that are whole are not asked."""
    task = task_of(5 * 64 + 7)
    look = (in_part(task, task.items, (len(task.items),), len(task.items)),)
    runner = Together()

    def measured() -> Any:
        return measure(
            support.checkpoint(), look, protocol=EvalSettings(), store=store, runner=runner
        )

    whole = measured()
    ids = [item.id for item in task.items]
    assert runner.calls == [ids[:192], ids[192:]]

    kept = store.entries()[0].shard_file(3)
    before = kept.stat().st_mtime_ns
    store.entries()[0].shard_file(4).unlink()
    runner.calls.clear()

    assert measured() == whole
    assert runner.calls == [ids[192:]]
    assert kept.stat().st_mtime_ns == before


# --- our engine, killed --------------------------------------------------------------------------


class Killed(BaseException):
    """What stands for a kill: nothing in the code catches it."""


def after(n_calls: int, real: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that works so often, and is killed then."""
    left = [n_calls]

    def counted(*arguments: Any) -> Any:
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        return real(*arguments)

    return counted


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """150 choices, and 140 items that are answered by generation."""
    folder = tmp_path_factory.mktemp("suite")
    return load_suite(str(support.write_suite(folder, n_items=150, n_said=140)))


def measured_by_engine(base: Path, suite: Suite, store: Store) -> dict[str, bytes]:
    """Measure a tiny model on the CPU, two shards at once; return the bytes of every shard."""
    protocol = EvalSettings(max_tokens=12)
    runner = HarnessRunner(RunnerSettings(device="cpu", batch_size=128))
    assert runner.n_together == 2
    tasks = runner.resolve([suite], protocol)
    look = tuple(in_part(t, t.items, (len(t.items),), len(t.items)) for t in tasks)
    checkpoint = find_base(str(base), FindOptions())
    measure(checkpoint, look, protocol=protocol, store=store, runner=runner)
    return {
        f"{entry.folder.name}/{number}": entry.shard_file(number).read_bytes()
        for entry in store.entries()
        for number in entry.shard_numbers()
    }


@pytest.mark.slow
def test_a_run_that_was_killed_ends_in_the_bytes_of_an_undisturbed_one(
    tiny_base: Path, suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in passes, in the middle of generation, or between the files of a group."""
    expected = measured_by_engine(tiny_base, suite, Store(tmp_path / "undisturbed"))
    assert len(expected) == 3 + 3
    kills = [
        (Model, "read", 2, Model.read),
        (Model, "step", 5, Model.step),
        (Model, "step", 17, Model.step),
        (Entry, "write_shard", 1, Entry.write_shard),
        (Entry, "write_shard", 4, Entry.write_shard),
    ]

    for number, (owner, name, n_calls, real) in enumerate(kills):
        store = Store(tmp_path / str(number))
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, after(n_calls, real))
            with pytest.raises(Killed):
                measured_by_engine(tiny_base, suite, store)

        assert measured_by_engine(tiny_base, suite, store) == expected, (name, n_calls)
