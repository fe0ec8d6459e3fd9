"""Units of work and who does them: each free worker gets one that it has the checkpoint for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cliffguard.core.errors import InfrastructureError
from cliffguard.sweep.executors import Executor, KnownSuites, Work, WorkOutcome

_MOST_LOSSES = 3
"""Workers that may be lost over one unit before it counts as what kills them."""


@dataclass(eq=False, slots=True, kw_only=True)
class Unit:
    """Work that one or several candidates wait for: the shards of a base are asked once for all.

    `holder` is what a worker has to have in memory for it, `rank` the number of the candidate that
    wanted it first.
    """

    key: Hashable
    work: Work
    suites: KnownSuites | None
    holder: str
    rank: int
    n_waiting: int = 1
    n_losses: int = 0
    outcome: WorkOutcome | None = None
    stop: BaseException | None = None

    @property
    def is_done(self) -> bool:
        """Return whether there is nothing to wait for any more."""
        return self.outcome is not None or self.stop is not None

    def result(self) -> Any:
        """Return what was answered, or raise what came instead of it."""
        if self.stop is not None:
            raise self.stop
        assert self.outcome is not None, "it is not done"
        if self.outcome.failure is not None:
            raise self.outcome.failure
        if self.outcome.crash is not None:
            raise RuntimeError(f"a worker failed:\n{self.outcome.crash}")
        return self.outcome.result


@dataclass(eq=False, slots=True)
class _Bench:
    """What is known of a worker: what it has in memory, which suites it knows, what is in hand."""

    holder: str = ""
    suites: set[str] = field(default_factory=set)
    unit: Unit | None = None


class Dealer:
    """Gives the units of several candidates to workers, and what comes back to who waits for it.

    Candidates are walked in threads, of which one moves at a time (`turn`), as if they were one
    program that waits at several places: nothing that `guard` calls has to bear two at once. `pump`
    is called by the first thread alone, over and over.
    """

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.n_lost = 0
        self._turn = threading.Lock()
        self._change = threading.Condition()
        self._pending: list[Unit] = []
        self._by_key: dict[Hashable, Unit] = {}
        self._benches = [_Bench() for _ in range(executor.n_workers)]
        self.ending: BaseException | None = None  # what ends the sweep

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be the one candidate that moves."""
        with self._turn:
            yield

    @property
    def is_idle(self) -> bool:
        """Return whether no worker has anything in hand."""
        return all(bench.unit is None for bench in self._benches)

    # --- for a candidate, in its turn ------------------------------------------------------------

    def submit(
        self,
        key: Hashable,
        work: Work,
        *,
        holder: str,
        rank: int,
        suites: KnownSuites | None = None,
    ) -> Unit:
        """Return the unit of a work, which waits for a worker unless somebody asked for the same.

        `release` it once what came of it is stored.
        """
        with self._change:
            if (known := self._by_key.get(key)) is not None:
                known.n_waiting += 1
                return known
            unit = Unit(key=key, work=work, suites=suites, holder=holder, rank=rank)
            self._by_key[key] = unit
            if self.ending is not None:
                unit.stop = self.ending
                return unit
            self._pending.append(unit)
            self._deal()
        return unit

    def as_done(self, units: Sequence[Unit]) -> Iterator[Unit]:
        """Yield units as they are done, while others have their turn in between.

        Of units of which one failed those that no worker has yet are dropped, unless another
        candidate waits for them; the failure comes last.
        """
        waiting = list(units)
        while waiting:
            self._wait(waiting, any)
            done = [unit for unit in waiting if unit.is_done]
            waiting = [unit for unit in waiting if unit not in done]
            yield from (unit for unit in done if _is_good(unit))
            if failed := [unit for unit in done if not _is_good(unit)]:
                waiting = [unit for unit in waiting if not self._may_be_dropped(unit)]
                self._wait(waiting, all)
                yield from (unit for unit in waiting if _is_good(unit))
                yield failed[0]
                return

    def release(self, unit: Unit) -> None:
        """Let go of a unit, which is forgotten when nobody waits for it."""
        with self._change:
            unit.n_waiting -= 1
            if unit.n_waiting == 0 and self._by_key.get(unit.key) is unit:
                del self._by_key[unit.key]
                if unit in self._pending:
                    self._pending.remove(unit)

    def _wait(self, units: Sequence[Unit], quantity: Callable[[Iterable[bool]], bool]) -> None:
        """Let others have their turn until any, or all, of some units are done."""

        def is_over() -> bool:
            return quantity(unit.is_done for unit in units)

        if is_over():
            return
        self._turn.release()
        try:
            with self._change:
                self._change.wait_for(is_over)
        finally:
            self._turn.acquire()

    def _may_be_dropped(self, unit: Unit) -> bool:
        """Return whether a unit need not be waited for: no worker has it, and nobody else will."""
        with self._change:
            return unit in self._pending and unit.n_waiting == 1

    # --- for the driver --------------------------------------------------------------------------

    def take(self, came: Sequence[tuple[int, WorkOutcome]]) -> None:
        """Note what came of works, give workers their next, and wake who waits for it."""
        with self._change:
            for worker, outcome in came:
                self._take(worker, outcome)
            self._deal()
            self._change.notify_all()

    def stop(self, why: BaseException) -> None:
        """Give out nothing more; who waits for what no worker has in hand hears why."""
        with self._change:
            self.ending = why
            for unit in self._pending:
                unit.stop = why
            self._pending = []
            self._change.notify_all()

    def abandon(self, why: BaseException) -> None:
        """Stop, and wait for nothing that is in hand."""
        self.stop(why)
        with self._change:
            for bench in self._benches:
                if bench.unit is not None and not bench.unit.is_done:
                    bench.unit.stop = why
                bench.unit = None
            self._change.notify_all()

    def _take(self, worker: int, outcome: WorkOutcome) -> None:
        bench = self._benches[worker]
        unit, bench.unit = bench.unit, None
        if unit is None:
            return
        if outcome.is_lost:
            self.n_lost += 1
            self._benches[worker] = _Bench()
            unit.n_losses += 1
            if self.ending is not None:  # and so may the worker: nothing is wrong with its items
                unit.stop = self.ending
                return
            if unit.n_losses < _MOST_LOSSES:
                self._pending.insert(0, unit)
                return
            outcome = WorkOutcome(failure=_lost(worker, unit))
        elif outcome.is_unfit and outcome.failure is not None:
            if self.ending is None:  # of several, the first is told, once
                error = outcome.failure
                self.ending = type(error)(f"worker {worker + 1}: {error}", id=error.id)
            unit.stop = self.ending
            return
        unit.outcome = outcome

    def _deal(self) -> None:
        for number, bench in enumerate(self._benches):
            if bench.unit is None and self._pending:
                unit = self._next_for(bench)
                self._pending.remove(unit)
                work = unit.work
                if unit.suites is not None:
                    is_known = unit.suites.key in bench.suites
                    suites = None if is_known else unit.suites
                    work = work._replace(suites_key=unit.suites.key, suites=suites)
                    bench.suites.add(unit.suites.key)
                bench.unit, bench.holder = unit, unit.holder
                self.executor.submit(number, work)

    def _next_for(self, bench: _Bench) -> Unit:
        """Return a unit of what the worker has in memory, else of what no other one has."""
        elsewhere = {other.holder for other in self._benches if other is not bench}
        return min(
            self._pending,
            key=lambda unit: (unit.holder != bench.holder, unit.holder in elsewhere, unit.rank),
        )


def _is_good(unit: Unit) -> bool:
    outcome = unit.outcome
    return unit.stop is None and outcome is not None and not (outcome.failure or outcome.crash)


def _lost(worker: int, unit: Unit) -> InfrastructureError:
    return InfrastructureError(
        f"worker {worker + 1} was lost {unit.n_losses} times over the same items: it was killed, "
        "as by a system that runs out of memory; give it more, or lower --batch-tokens; what is "
        "stored is kept",
        id="worker.lost",
    )
