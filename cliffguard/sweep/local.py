"""Workers of this machine: processes of `concurrent.futures`, a pool of one process each.

A pool whose process was killed is broken as a whole, and a pool deals by itself; with one process
in each, the others go on, and who holds which checkpoint is known.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import threading
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import partial
from importlib import import_module

from cliffguard.core.settings import RunnerSettings
from cliffguard.sweep.executors import Executor, Work, WorkerSettings, WorkOutcome
from cliffguard.sweep.worker import Worker, end_with_parent, ignore_signals, signals_held

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_VISIBLE = "CUDA_VISIBLE_DEVICES"


class LocalExecutor(Executor):
    """Processes that are spawned, each with its threads and, where there are GPUs, with its own."""

    def __init__(self, settings: WorkerSettings, *, n_workers: int, n_threads: int) -> None:
        self.n_workers = n_workers
        self._n_threads = n_threads
        self._settings = settings
        self._devices = devices_of(settings.plan.runner, n_workers)
        self._pools: dict[int, ProcessPoolExecutor] = {}
        self._outcomes: queue.Queue[tuple[int, WorkOutcome]] = queue.Queue()
        self._is_cancelled = False

    def resources(self) -> Sequence[str]:
        """Return a line for each worker: its devices, and its threads."""
        threads = f"{self._n_threads} thread{'s' * (self._n_threads > 1)}"
        return [
            f"worker {number + 1}: "
            + (f"GPU {shown[_VISIBLE]}, {threads}" if (shown := self._devices[number]) else threads)
            for number in range(self.n_workers)
        ]

    def submit(self, worker: int, work: Work) -> None:
        """Give a worker its next work, in a new process where it has none."""
        if worker not in self._pools:
            more = {**dict.fromkeys(_THREADS, str(self._n_threads)), **self._devices[worker]}
            environment = {**self._settings.environment, **more}
            self._pools[worker] = ProcessPoolExecutor(
                max_workers=1,
                mp_context=multiprocessing.get_context("spawn"),  # CUDA bears no fork
                initializer=_begin,
                initargs=(replace(self._settings, environment=environment),),
            )
        try:
            with signals_held():
                future = self._pools[worker].submit(_do, work)
        except BrokenProcessPool:  # it was killed while it had nothing in hand
            self._outcomes.put((worker, WorkOutcome(is_lost=True)))
        else:
            future.add_done_callback(partial(self._came, worker))

    def wait(self, seconds: float) -> Sequence[tuple[int, WorkOutcome]]:
        """Return what came of works since the last call."""
        try:
            outcomes = [self._outcomes.get(timeout=seconds)]
        except queue.Empty:
            return ()
        while not self._outcomes.empty():
            outcomes.append(self._outcomes.get())
        for worker, outcome in outcomes:
            if outcome.is_lost:
                self._pools.pop(worker).shutdown(wait=False)
        return outcomes

    def cancel(self) -> None:
        """Kill all workers: they hold nothing that has to be written."""
        self._is_cancelled = True
        for pool in self._pools.values():
            # A pool waits for what is in hand, and before Python 3.14 has no other way to end.
            for process in list((getattr(pool, "_processes", None) or {}).values()):
                process.kill()
            pool.shutdown(wait=True, cancel_futures=True)
        self._pools.clear()

    def _came(self, worker: int, future: Future[WorkOutcome]) -> None:
        if self._is_cancelled:
            return
        try:
            outcome = future.result()
        except (BrokenProcessPool, CancelledError):
            outcome = WorkOutcome(is_lost=True)
        except Exception:  # of what cannot be sent
            outcome = WorkOutcome(crash=traceback.format_exc())
        self._outcomes.put((worker, outcome))


def devices_of(runner: RunnerSettings, n_workers: int) -> list[Mapping[str, str]]:
    """Return the variables that give each worker its part of the GPUs; empty where it needs none.

    Where there are more workers than GPUs, they share them.
    """
    if runner.device not in ("auto", "cuda") or runner.is_served:
        return [{}] * n_workers
    from cliffguard.engine.devices import visible_gpus

    visible = visible_gpus()
    if not visible:
        return [{}] * n_workers
    parts = [visible[n::n_workers] or [visible[n % len(visible)]] for n in range(n_workers)]
    return [{_VISIBLE: ",".join(part)} for part in parts]


_worker: Worker | None = None  # of this process, where it is one


def _begin(settings: WorkerSettings) -> None:
    """Make this process a worker, which ends with the one that started it."""
    global _worker  # noqa: PLW0603 (a pool's initializer has no other place for it)
    ignore_signals()
    with contextlib.suppress(ImportError):
        # Its bars share a lock among processes, which a killed one would leave behind.
        import_module("tqdm").tqdm.set_lock(threading.RLock())
    threading.Thread(target=end_with_parent, daemon=True).start()
    _worker = Worker(settings)


def _do(work: Work) -> WorkOutcome:
    assert _worker is not None, "a pool begins with its initializer"
    return _worker.do(work)
