"""Who gets which unit, what becomes of units that fail, and that one candidate moves at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from cliffguard.core.errors import InfrastructureError, IntegrityError
from cliffguard.core.signals import Interrupted
from cliffguard.sweep import driver as driving
from cliffguard.sweep.dealing import Dealer, Unit
from cliffguard.sweep.driver import Driver
from cliffguard.sweep.executors import Executor, Work, WorkOutcome
from tests import support


class Hands(Executor):
    """Workers whose work ends as a test wants it to."""

    def __init__(self, n_workers: int = 2) -> None:
        self.n_workers = n_workers
        self.given: list[tuple[int, str]] = []
        self.coming: list[tuple[int, WorkOutcome]] = []
        self.is_cancelled = False

    def resources(self) -> Sequence[str]:
        """Say nothing."""
        return ()

    def submit(self, worker: int, work: Work) -> None:
        """Note who got what."""
        self.given.append((worker, work.name))

    def wait(self, seconds: float) -> Sequence[tuple[int, WorkOutcome]]:
        """Return what a test said would come."""
        coming, self.coming = self.coming, []
        if not coming:
            time.sleep(0.001)
        return coming

    def cancel(self) -> None:
        """Note it."""
        self.is_cancelled = True


def submitted(dealer: Dealer, name: str, holder: str, rank: int = 0, key: Any = None) -> Unit:
    """Submit a unit by its name."""
    return dealer.submit(key or name, Work(name, []), holder=holder, rank=rank)


def came(dealer: Dealer, worker: int, **outcome: Any) -> None:
    """Let a worker's work come to its end."""
    dealer.take([(worker, WorkOutcome(**outcome))])


# --- who gets what -------------------------------------------------------------------------------


def test_a_worker_goes_on_with_the_checkpoint_that_it_has() -> None:
    """Else with one that nobody has; else it helps with the oldest."""
    hands = Hands()
    dealer = Dealer(hands)
    for name, holder, rank in (
        ("a1", "a", 0), ("a2", "a", 0), ("a3", "a", 0), ("b1", "b", 1), ("b2", "b", 1),
    ):  # fmt: skip
        submitted(dealer, name, holder, rank)
    assert hands.given == [(0, "a1"), (1, "a2")]  # nothing else was there when it was free

    came(dealer, 0, result=1)
    came(dealer, 1, result=1)
    came(dealer, 0, result=1)
    came(dealer, 0, result=1)

    assert hands.given[2:] == [(0, "a3"), (1, "b1"), (0, "b2")]


def test_what_two_candidates_want_is_asked_once() -> None:
    """And asked again once both have it: who asks then has found it gone from the store."""
    hands = Hands(1)
    dealer = Dealer(hands)
    first, second = (submitted(dealer, "base", "base", rank) for rank in (0, 1))
    came(dealer, 0, result=5)
    assert first is second
    assert first.result() == 5

    dealer.release(first)
    assert submitted(dealer, "base", "base") is first
    dealer.release(first)
    dealer.release(first)

    assert submitted(dealer, "base", "base") is not first
    assert hands.given == [(0, "base"), (0, "base")]


def test_a_unit_whose_worker_was_lost_is_given_out_again_and_not_for_ever() -> None:
    """Three workers are enough to know what kills them."""
    hands = Hands(1)
    dealer = Dealer(hands)
    unit = submitted(dealer, "heavy", "a")
    for _ in range(3):
        assert not unit.is_done
        came(dealer, 0, is_lost=True)

    assert len(hands.given) == 3
    assert dealer.n_lost == 3
    with support.refused("worker.lost", 20, "worker 1"):
        unit.result()


def test_a_worker_that_is_lost_while_all_ends_is_nobodys_fault() -> None:
    """A signal may end both: the candidate was interrupted, and has no failure of its own."""
    dealer = Dealer(Hands(1))
    unit = submitted(dealer, "in hand", "a")

    dealer.stop(Interrupted(15))
    came(dealer, 0, is_lost=True)

    with pytest.raises(Interrupted):
        unit.result()


def test_a_worker_that_is_not_fit_is_named() -> None:
    """Its error keeps its kind and id."""
    dealer = Dealer(Hands())
    submitted(dealer, "a", "a")
    unit = submitted(dealer, "b", "b")
    came(dealer, 1, failure=IntegrityError("reads another suite", id="x.y"), is_unfit=True)

    with support.refused("x.y", 12, "worker 2: reads another suite"):
        unit.result()
    assert str(dealer.ending) == "worker 2: reads another suite"


def test_of_workers_that_are_not_fit_at_once_the_first_ends_the_sweep() -> None:
    """Every candidate raises that one error, by which a sweep knows its own end."""
    dealer = Dealer(Hands())
    units = [submitted(dealer, name, name) for name in "ab"]
    unfit = [IntegrityError(f"reads suite {n}", id="x.y") for n in (1, 2)]
    dealer.take([(n, WorkOutcome(failure=unfit[n], is_unfit=True)) for n in (0, 1)])

    assert str(dealer.ending) == "worker 1: reads suite 1"
    for unit in units:
        with pytest.raises(IntegrityError) as raised:
            unit.result()
        assert raised.value is dealer.ending


# --- what fails ----------------------------------------------------------------------------------


def gathered(dealer: Dealer, units: Sequence[Unit]) -> tuple[list[Any], list[BaseException]]:
    """Return what a candidate gets of its units, and what is raised."""
    results: list[Any] = []
    failures: list[BaseException] = []

    def walk() -> None:
        with dealer.turn():
            for unit in dealer.as_done(units):
                try:
                    results.append(unit.result())
                except BaseException as failure:
                    failures.append(failure)

    thread = threading.Thread(target=walk)
    thread.start()
    thread.join(timeout=10)
    assert not thread.is_alive(), "it waits for ever"
    return results, failures


def test_of_units_that_fail_what_was_answered_comes_first() -> None:
    """It is stored; and what nobody has in hand is not waited for."""
    dealer = Dealer(Hands(2))
    units = [submitted(dealer, name, "a") for name in ("good", "bad", "later")]
    dealer.executor.submit = lambda *_: None  # type: ignore[method-assign]
    came(dealer, 1, failure=InfrastructureError("no memory", id="m.m"))
    came(dealer, 0, result="answers")

    results, failures = gathered(dealer, units[:2])

    assert results == ["answers"]
    assert [str(failure) for failure in failures] == ["no memory"]


def test_a_stop_reaches_what_no_worker_has() -> None:
    """What is in hand may come to its end."""
    dealer = Dealer(Hands(1))
    units = [submitted(dealer, name, "a") for name in ("in hand", "pending")]

    dealer.stop(Interrupted(15))
    came(dealer, 0, result="answers")
    after = submitted(dealer, "after", "a")
    results, failures = gathered(dealer, units)

    assert results == ["answers"]
    assert [type(failure) for failure in failures] == [Interrupted]
    assert isinstance(after.stop, Interrupted)


def test_a_crash_of_a_worker_is_no_error_of_ours() -> None:
    """It is raised with its traceback."""
    dealer = Dealer(Hands(1))
    unit = submitted(dealer, "a", "a")
    came(dealer, 0, crash="Traceback: oh")

    with pytest.raises(RuntimeError, match="Traceback: oh"):
        unit.result()


# --- the driver ----------------------------------------------------------------------------------


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look around often."""
    monkeypatch.setattr(driving, "_PAUSE_SECONDS", 0.001)


def numbers(*batches: Sequence[int]) -> Callable[[], Sequence[int] | None]:
    """Return what says whose turn it is."""
    left: Iterator[Sequence[int]] = iter(batches)
    return lambda: next(left, None)


@pytest.mark.usefixtures("small_steps")
def test_so_many_are_under_way_and_one_of_them_moves() -> None:
    """The others wait for units; the next begins where one has ended."""
    hands = Hands(2)
    dealer = Dealer(hands)
    moving, under_way, most, seen = [0], [0], [0], []

    def walk(number: int) -> None:
        moving[0] += 1
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        assert moving[0] == 1
        unit = submitted(dealer, f"unit {number}", f"{number}", number)
        moving[0] -= 1
        for done in dealer.as_done([unit]):
            seen.append(done.result())
        dealer.release(unit)
        under_way[0] -= 1

    given = 0

    def tick() -> None:
        nonlocal given
        for worker, name in hands.given[given:]:
            hands.coming.append((worker, WorkOutcome(result=name)))
        given = len(hands.given)

    Driver(dealer, walk, n_at_once=3).run(numbers(range(5), range(5, 8)), tick)

    assert sorted(seen) == [f"unit {number}" for number in range(8)]
    assert most[0] == 3


@pytest.mark.usefixtures("small_steps")
def test_what_a_candidate_raises_ends_the_sweep() -> None:
    """The others hear of it where they wait."""
    dealer = Dealer(Hands(1))
    ends: list[str] = []

    def walk(number: int) -> None:
        if number == 1:
            raise ZeroDivisionError("a defect")
        unit = submitted(dealer, "never", "a")
        try:
            for done in dealer.as_done([unit]):
                done.result()
        except ZeroDivisionError:
            ends.append("heard")

    with pytest.raises(ZeroDivisionError, match="a defect"):
        Driver(dealer, walk, n_at_once=2).run(numbers(range(2)), lambda: None)
    assert ends == ["heard"]


@pytest.mark.usefixtures("small_steps")
def test_an_engine_that_is_gone_hides_no_signal() -> None:
    """Whoever waits hears of the signal, which may have ended the engine as well."""
    hands = Hands(1)
    dealer = Dealer(hands)
    heard: list[BaseException] = []

    def walk(number: int) -> None:
        unit = submitted(dealer, "never", "a")
        try:
            for done in dealer.as_done([unit]):
                done.result()
        except BaseException as failure:
            heard.append(failure)

    def gone(seconds: float) -> Sequence[tuple[int, WorkOutcome]]:
        raise InfrastructureError("the cluster was lost", id="ray.lost")

    def tick() -> None:
        if hands.given:
            hands.wait = gone  # type: ignore[method-assign]
            raise Interrupted(2)

    with pytest.raises(Interrupted):
        Driver(dealer, walk, n_at_once=1).run(numbers(range(1)), tick)
    assert [type(failure) for failure in heard] == [Interrupted]


def test_a_signal_is_the_first_threads_alone() -> None:
    """What is in hand in a candidate's thread is neither ended nor kept by one."""
    from cliffguard.core.signals import _hand, drop_if_stopped, finishing

    heard: list[Any] = []

    def walk() -> None:
        with finishing():
            drop_if_stopped()
            heard.append((_hand.is_full, _hand.waiting))

    thread = threading.Thread(target=walk)
    _hand.waiting = 15
    try:
        thread.start()
        thread.join()
    finally:
        _hand.waiting = None

    assert heard == [(True, None)]
    assert not _hand.is_full
