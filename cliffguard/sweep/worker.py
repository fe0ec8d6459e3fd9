"""A worker: a process that holds a runner, with one base in memory and its adapters."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from typing import Any

from cliffguard.core.answers import Answer
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError, IntegrityError
from cliffguard.core.hub_names import no_connection
from cliffguard.core.items import Item, Task
from cliffguard.core.settings import EvalSettings
from cliffguard.runners import Notes, TaskPart
from cliffguard.sweep.executors import KnownSuites, Work, WorkerSettings, WorkOutcome

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Worker:
    """Does works by its runner, which is made with the first of them."""

    def __init__(self, settings: WorkerSettings) -> None:
        os.environ.update(settings.environment)  # before a library is imported that reads it
        warnings.simplefilter("ignore")  # the driver speaks
        self._held = ExitStack()
        if settings.plan.offline:
            self._held.enter_context(no_connection())
        self._settings = settings
        self._runner: Any = None
        self._has_loaded = False
        self._suites: set[str | None] = {None}  # by their keys
        self._tasks: dict[str, Task] = {}
        self._items: dict[str, dict[str, Item]] = {}

    def do(self, work: Work) -> WorkOutcome:
        """Return what came of a work; whatever it is, who waits for it must hear of it."""
        began, is_ready = time.process_time(), False
        if work.suites is None and work.suites_key not in self._suites:
            return WorkOutcome(is_lost=True)  # who learned them was, with nothing in hand
        try:
            self._prepare(work)
            is_ready = True
            self._load_first(work)
            ready = time.process_time()
            result = getattr(self, work.name)(*work.arguments)
        except CliffguardError as failure:
            return WorkOutcome(failure=failure, is_unfit=not is_ready)
        except Exception:
            return WorkOutcome(crash=traceback.format_exc())
        seconds = time.process_time() - ready
        return WorkOutcome(result=result, starting=ready - began, seconds=seconds)

    # --- what is done by name --------------------------------------------------------------------

    def ask(
        self, checkpoint: Checkpoint, name: str, ids: Sequence[str], protocol: EvalSettings
    ) -> tuple[Sequence[Answer], Notes]:
        """Return the answers to items of a task that is known, and how they came about."""
        if name not in self._items:
            self._items[name] = {item.id: item for item in self._tasks[name].items}
        items = [self._items[name][item_id] for item_id in ids]
        answers = self._runner.ask(checkpoint, self._tasks[name], items, protocol)
        return answers, self._runner.notes()

    def try_packing(
        self,
        checkpoint: Checkpoint,
        names: Sequence[str],
        protocol: EvalSettings,
        n_items: int,
    ) -> Any:
        """Return what a trial of packing on some tasks came to."""
        tasks = [self._tasks[name] for name in names]
        return self._runner.try_packing(checkpoint, tasks, protocol, n_items)

    def call(self, name: str, *arguments: Any) -> Any:
        """Return what a method of the runner returns."""
        return getattr(self._runner, name)(*arguments)

    def read(self, name: str) -> Any:
        """Return an attribute of the runner."""
        return getattr(self._runner, name)

    # --- what comes before -----------------------------------------------------------------------

    def _prepare(self, work: Work) -> None:
        if self._runner is None:
            self._runner = self._settings.make(self._settings.plan)
        if work.suites is not None:
            self._learn(work.suites)
        if work.part is not None:
            self._take(work.part)

    def _load_first(self, work: Work) -> None:
        """Load the libraries and a base with the first items: it is no part of their work."""
        if work.name == "ask" and not self._has_loaded and self._runner.loads_models:
            checkpoint, _, _, protocol = work.arguments
            self._runner.load(checkpoint, protocol)
            self._has_loaded = True

    def _learn(self, wanted: KnownSuites) -> None:
        """Resolve suites here. Raises IntegrityError where they, or we, are not what they were."""
        runner, protocol = self._runner, wanted.protocol
        here = runner.identity, runner.dtype(protocol)
        if here != (wanted.identity, wanted.dtype):
            raise IntegrityError(
                f"answers as {' in '.join(here)}, the first worker as {wanted.identity} in "
                f"{wanted.dtype}; give all workers the same libraries, and the plan a dtype",
                id="worker.other-versions",
            )
        tasks = runner.resolve(wanted.suites, protocol)
        if tuple(task.digest for task in tasks) != wanted.digests:
            raise IntegrityError(
                "reads other suites or tasks than the driver; let both read the same files",
                id="process.other-suites",
            )
        self._tasks |= {task.name: task for task in tasks}
        self._items = {}
        self._suites.add(wanted.key)

    def _take(self, part: TaskPart) -> None:
        if part.task.name not in self._tasks:
            self._runner.take_part(part)
            self._tasks[part.task.name] = part.task


def ignore_signals(*numbers: signal.Signals) -> None:
    """Leave it to the driver when a worker ends: a signal of a terminal goes to all processes.

    Those that are not among `numbers` (none: all are) wait no longer, and do what they do.
    """
    for number in numbers or ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING_SIGNALS)


def end_with_parent() -> None:
    """End at once when the driver is gone: nobody would hear of what is in hand. Never returns."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def signals_held() -> Iterator[None]:
    """Start processes for which signals wait until they ignore them, as long as imports take."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    resource_tracker.ensure_running()  # else started within, which would let signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
