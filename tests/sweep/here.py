"""Workers in this process, which do what they have in hand when they are waited for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from cliffguard.core.settings import Plan
from cliffguard.runners import Runner
from cliffguard.sweep.executors import Executor, Work, WorkerSettings, WorkOutcome
from cliffguard.sweep.worker import Worker


class HereExecutor(Executor):
    """Two workers; `lose` says of a work whether the worker is lost over it.

    `forget`, whether it was replaced before, when it had nothing in hand and nobody saw it.
    """

    def __init__(
        self,
        plan: Plan,
        make: Callable[[Plan], Runner],
        *,
        n_workers: int = 2,
        lose: Callable[[int, Work], bool] = lambda *_: False,
        forget: Callable[[int, Work], bool] = lambda *_: False,
    ) -> None:
        self.n_workers = n_workers
        self.given: list[tuple[int, Work]] = []
        self.is_cancelled = False
        self._lose = lose
        self._forget = forget
        # A worker takes away its process's connections for good; this process is that of all tests.
        self._settings = WorkerSettings(make=make, plan=replace(plan, offline=False))
        self._workers: dict[int, Worker] = {}
        self._in_hand: list[tuple[int, Work]] = []

    def resources(self) -> Sequence[str]:
        """Say nothing."""
        return ()

    def submit(self, worker: int, work: Work) -> None:
        """Put a work into a worker's hand."""
        assert worker not in [busy for busy, _ in self._in_hand], "it has something in hand"
        self.given.append((worker, work))
        self._in_hand.append((worker, work))

    def wait(self, seconds: float) -> Sequence[tuple[int, WorkOutcome]]:
        """Do the work that was given last, so that they end in another order than they began."""
        if not self._in_hand:
            return ()
        number, work = self._in_hand.pop()
        if self._lose(number, work):
            self._workers.pop(number, None)
            return [(number, WorkOutcome(is_lost=True))]
        if self._forget(number, work):
            self._workers.pop(number, None)
        if number not in self._workers:
            self._workers[number] = Worker(self._settings)
        return [(number, self._workers[number].do(work))]

    def cancel(self) -> None:
        """Let all go."""
        self.is_cancelled = True
        self._in_hand = []
