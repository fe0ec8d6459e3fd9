"""Looks are noted when they are taken, whoever else takes some, and however the run ends."""

from __future__ import annotations

import inspect
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cliffguard import EvalSettings, Outcome, Plan, Policy, Review, Store, guard
from cliffguard.core.answers import Answer
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import InfrastructureError
from cliffguard.core.items import Item, Task
from cliffguard.core.reviews import TakenLooks
from cliffguard.evaluate.capability_runs import CapabilityRun, short
from cliffguard.evaluate.ledger import accounts_of, spent_of
from cliffguard.gate import find_sides
from cliffguard.report.json import render_json
from cliffguard.store.looks import (
    Looks,
    add_looks,
    all_looks,
    known_looks,
    looks_path,
    merged,
    read_looks,
    turn,
)
from tests import support
from tests.fake_runner import FakeRunner
from tests.support import all_right


def flips(name: str, item: Item) -> float:
    """Script: a fifth of the items changes, as often for better as for worse."""
    number = int(item.id.split("-")[1])
    if number % 10 not in (0, 1):
        return 1.0
    return float((number % 10 == 0) == ("tuned" in name))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two checkpoints."""
    support.write_checkpoint(tmp_path / "base", seed=0)
    support.write_checkpoint(tmp_path / "tuned", seed=1)
    return tmp_path


def plan_of(root: Path, n_items: int) -> Plan:
    """Return a plan over a suite with so many items in its first capability: 240 in three looks."""
    suite = support.write_suite(root / f"suite-{n_items}", n_items=n_items, n_said=64)
    return Plan(base=str(root / "base"), candidate=str(root / "tuned"), suites=(str(suite),))


def looks_of(root: Path, store: str = "s") -> tuple[TakenLooks, ...]:
    """Return the looks that a store knows of the two checkpoints."""
    return known_looks(Store(root / store), *find_sides(plan_of(root, 60)))


class Ends(FakeRunner):
    """Is ended when it is asked for its `n`-th shard."""

    def __init__(self, n: int, how: BaseException) -> None:
        super().__init__(flips)
        self.n_left, self.how = n, how

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Answer, or end."""
        self.n_left -= 1
        if self.n_left < 0:
            raise self.how
        return super().ask(checkpoint, task, items, protocol)


def judged(root: Path, n_items: int, runner: FakeRunner | None = None, store: str = "s") -> Review:
    """Judge a suite of so many items, item by item scripted."""
    return guard(
        plan_of(root, n_items), store=Store(root / store), runner=runner or FakeRunner(flips)
    )


def reasoning(looks: Sequence[TakenLooks]) -> list[TakenLooks]:
    """Return the looks at the ladder."""
    return [look for look in looks if look.capability == "reasoning"]


# --- a run that does not come to its end ----------------------------------------------------------

ENDS = [KeyboardInterrupt(), ValueError("a bug")]


@pytest.mark.parametrize("how", ENDS, ids=lambda how: type(how).__name__)
def test_a_look_is_noted_when_it_is_taken(workspace: Path, how: BaseException) -> None:
    """However the run ends after it: what was judged by then is known, and nothing else."""
    with pytest.raises(type(how)):
        judged(workspace, 240, Ends(9, how))

    (taken,) = reasoning(looks_of(workspace))
    assert taken.counted == (128, 192)
    assert taken.spent == pytest.approx(Policy().first_level * 192 / 240)


@pytest.mark.slow
def test_a_run_that_goes_on_ends_as_if_it_had_not_been_ended(workspace: Path) -> None:
    """Its looks are the same looks: the same bytes, wherever it was ended."""
    undisturbed = render_json(judged(workspace, 240, store="whole"))
    assert reasoning(looks_of(workspace, "whole"))[0].counted == (128, 192, 240)
    for n in (8, 9):
        store = f"ended-{n}"
        with pytest.raises(KeyboardInterrupt):
            judged(workspace, 240, Ends(n, KeyboardInterrupt()), store)

        on = render_json(judged(workspace, 240, store=store))
        assert on.replace(f'/{store}"', '/whole"') == undisturbed
        assert looks_of(workspace, store) == looks_of(workspace, "whole")


def test_what_an_ended_run_spent_is_not_spent_again(workspace: Path) -> None:
    """Repeated with more items it is a further run, which has what the looks have left."""
    with pytest.raises(KeyboardInterrupt):
        judged(workspace, 240, Ends(9, KeyboardInterrupt()))
    (ended,) = reasoning(looks_of(workspace))

    review = judged(workspace, 260)

    left = 0.05 - ended.spent - 0.05 * Policy().reserve
    assert review.comparison.capabilities[0].evidence.level == pytest.approx(left)
    (text,) = support.caveat_texts(review, "alpha.later-run")
    assert text.startswith("reasoning: run 2 at these two sides")


def test_marks_that_a_killed_run_did_not_leave_are_left_by_the_next(workspace: Path) -> None:
    """Killed between noting its looks and marking its answers: nothing is forgotten for that."""
    judged(workspace, 60)
    marks = list((workspace / "s").glob("questions/*/*/judged/*"))
    for path in marks:
        path.unlink()

    judged(workspace, 60)

    assert marks
    assert all(path.is_file() for path in marks)


def test_looks_before_the_end_are_the_same_after_a_larger_run(workspace: Path) -> None:
    """A run that was decided early left alpha to a further one; judged again it is what it was."""
    first = render_json(judged(workspace, 240, FakeRunner(all_right)))
    (taken,) = reasoning(looks_of(workspace))
    assert taken.counted[-1] < 240

    larger = judged(workspace, 260, FakeRunner(all_right))

    assert larger.verdict.outcome is Outcome.PASS
    assert render_json(judged(workspace, 240, FakeRunner(all_right))) == first
    assert spent_of(reasoning(looks_of(workspace))) <= 0.05


# --- several runs at the same time ----------------------------------------------------------------


class Meets(FakeRunner):
    """Waits before its last look until another run has come as far."""

    def __init__(self, barrier: threading.Barrier, n_items: int) -> None:
        super().__init__(flips)
        self.barrier, self.n_items = barrier, n_items
        self.has_met = False

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Answer when the other one does, whichever of them had to ask the base."""
        if checkpoint.name.endswith("tuned") and items[-1] in task.items and not self.has_met:
            self.has_met = True
            self.barrier.wait(timeout=60)
        return super().ask(checkpoint, task, items, protocol)


def test_two_checks_at_the_same_time_know_of_each_other(workspace: Path) -> None:
    """Both looks are noted, and the one that is judged later has what the other one left."""
    barrier = threading.Barrier(2)
    reviews: list[Review] = []

    def check(n_items: int) -> None:
        reviews.append(
            guard(
                plan_of(workspace, n_items),
                store=Store(workspace / "s"),
                runner=Meets(barrier, n_items),
                stops_early=False,
            )
        )

    for n in (100, 200):
        plan_of(workspace, n)
    threads = [threading.Thread(target=check, args=(n,)) for n in (100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    taken = reasoning(looks_of(workspace))
    levels = sorted(review.comparison.capabilities[0].evidence.level or 0.0 for review in reviews)
    assert sorted(look.counted[-1] for look in taken) == [100, 200]
    assert levels == pytest.approx([0.05 * Policy().reserve / 2, Policy().first_level])
    assert sum(look.spent for look in taken) == pytest.approx(sum(levels))


def write(store: Store, name: str) -> None:
    """Note ten looks, each in a turn of its own."""
    for n in range(1, 11):
        look = TakenLooks(
            capability=name, how="p", run=f"{name}{n}", sketch=(), answers=(), n_items=n,
            counted=(n,), spent=0.0,
        )  # fmt: skip
        with turn(store, "b", "c"):
            add_looks(store, Looks(base="b", candidate="c", runs=(look,)))


WRITER = f"""
import sys
from cliffguard.store.looks import Looks, add_looks, turn
from cliffguard.core.reviews import TakenLooks
from cliffguard.store.answers import Store

{inspect.getsource(write)}
print("ready", flush=True)
input()
write(Store(sys.argv[1]), "a")
"""


def test_no_look_of_several_processes_is_lost(tmp_path: Path) -> None:
    """They write the same file at the same time, and every look of each is in it."""
    other = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdin is not None
    assert other.stdout is not None
    assert other.stdout.readline() == b"ready\n"
    other.stdin.write(b"\n")
    other.stdin.flush()
    write(Store(tmp_path), "b")
    assert other.wait(timeout=120) == 0

    (path,) = all_looks(Store(tmp_path))
    assert sorted(look.run for look in read_looks(path).runs) == sorted(
        f"{name}{n}" for name in "ab" for n in range(1, 11)
    )


HOLDER = """
import sys, time
from filelock import FileLock

with FileLock(sys.argv[1]):  # as `turn` does, which takes longer to import
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_killed_process_keeps_nobody_waiting(tmp_path: Path) -> None:
    """The system releases the lock of a process that is killed; a living one keeps it."""
    lock = looks_path(Store(tmp_path), "b", "c").with_name("lock")
    lock.parent.mkdir(parents=True)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with (
        pytest.raises(InfrastructureError) as caught,
        turn(Store(tmp_path), "b", "c", most_seconds=0.2),
    ):
        pytest.fail("two hold it")
    assert (caught.value.id, caught.value.exit_code) == ("looks.in-use", 20)

    holder.send_signal(signal.SIGKILL)
    holder.wait()

    with turn(Store(tmp_path), "b", "c", most_seconds=5):
        pass


def test_runs_side_by_side_never_spend_more_than_alpha() -> None:
    """Whatever the order of their looks; and each, judged again at the end, is what it was."""
    policy = Policy()
    for seed in range(50):
        draw = random.Random(seed)
        runs = [some_run(draw, number) for number in range(draw.randint(2, 4))]
        known: tuple[TakenLooks, ...] = ()
        left = {run.digest: draw.randint(1, len(run.planned)) for run in runs}
        levels, steps = {}, dict.fromkeys(left, 0)
        while going := [run for run in runs if steps[run.digest] < left[run.digest]]:
            run = draw.choice(going)
            steps[run.digest] += 1
            counted = run.planned[: steps[run.digest]]
            account = accounts_of([run], known, policy, {"reading": counted})["reading"]
            levels[run.digest] = account.level.now
            known = merged(known, [account.closed(counted)])
            assert spent_of(known) <= policy.alpha + 1e-9

        for run in runs:
            counted = run.planned[: left[run.digest]]
            again = accounts_of([run], known, policy, {"reading": counted})["reading"]
            assert again.level.now == levels[run.digest]
            assert merged(known, [again.closed(counted)]) == known


def some_run(draw: random.Random, number: int) -> CapabilityRun:
    """Return a run over some of the same items, with some looks."""
    n_items = 100 * (number + 2)
    planned = sorted({*draw.sample(range(50, n_items, 10), draw.randint(0, 4)), n_items})
    return CapabilityRun(
        capability="reading",
        how="p",
        digest=str(number),
        items=frozenset(short(str(item)) for item in range(n_items)),
        planned=tuple(planned),
        spends_evenly=draw.random() < 0.8,
    )


def test_looks_of_before_levels_were_noted_are_read(workspace: Path) -> None:
    """They have the level that what they spent tells of, as before."""
    run = some_run(random.Random(1), 1)
    account = accounts_of([run], (), Policy())["reading"]
    older = replace(account.closed(run.planned), level=None, alpha=None)

    assert accounts_of([run], (older,), Policy())["reading"].level.now == account.level.now


def test_a_run_that_looks_under_two_names_waits_for_neither_itself_nor_another(
    tmp_path: Path,
) -> None:
    """Two files of looks may share a lock; and who holds both keeps others from either."""
    store = Store(tmp_path)
    names = [str(n) for n in range(4000)]
    locks = {name: looks_path(store, "b", name).parent for name in names}
    twin = next(name for name in names[1:] if locks[name] == locks["0"])
    other = next(name for name in names if locks[name] != locks["0"])

    for together in (("0", twin), ("0", other), (other, "0")):
        with turn(store, "b", *together, most_seconds=5):
            for name in together:
                with (
                    support.refused("looks.in-use", 20),
                    turn(store, "b", name, most_seconds=0.1),
                ):
                    pass
