"""Workers as jobs of Slurm: an array by submitit, which talks with the driver by files."""

from __future__ import annotations

import contextlib
import pickle
import shutil
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cliffguard.sweep.executors import Executor, Work, WorkerSettings, WorkOutcome
from cliffguard.sweep.folder import outcome_of, serve, show_life, write

_LOOK_SECONDS = 0.2  # between two looks at the folder
_STATE_SECONDS = 15.0  # between two questions whether a job still runs; Slurm bears few of them
_FAREWELL_SECONDS = 2.0  # for workers to see that it is over; then their jobs are cancelled
_MINUTES = 24 * 60  # of a job, where nothing else is said


class SlurmExecutor(Executor):
    """A job of an array for each worker; `folder` is one that all machines see.

    `cluster` is submitit's: None is Slurm, "local" processes of this machine in its stead.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        n_workers: int,
        n_threads: int,
        folder: Path,
        cluster: str | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        import submitit

        self.n_workers = n_workers
        self._folder = folder
        self._settings = settings
        self._works: dict[int, Path] = {}
        self._counts = [0] * n_workers
        self._asked_state = 0.0
        for worker in range(n_workers):
            (folder / str(worker)).mkdir(parents=True, exist_ok=True)
        show_life(folder)
        self._executor = submitit.AutoExecutor(folder / "jobs", cluster=cluster)
        usual = {"timeout_min": _MINUTES, "cpus_per_task": n_threads, "name": "cliffguard"}
        self._executor.update_parameters(**usual, **(more or {}))
        start = partial(serve, str(folder), settings=settings)
        self._jobs = self._executor.map_array(partial(_started, start), range(n_workers))

    def resources(self) -> Sequence[str]:
        """Return a line for each worker: its job."""
        return [f"worker {n + 1}: job {job.job_id}" for n, job in enumerate(self._jobs)]

    def submit(self, worker: int, work: Work) -> None:
        """Write down what a worker is to do next."""
        path = self._folder / str(worker) / f"work-{self._counts[worker]:06d}"
        self._counts[worker] += 1
        write(path, work)
        self._works[worker] = path

    def wait(self, seconds: float) -> Sequence[tuple[int, WorkOutcome]]:
        """Return what came of works, by their files; of a job that ended, that it is lost."""
        until = time.monotonic() + seconds
        while True:
            show_life(self._folder)
            came = self._came() or self._lost()
            if came or time.monotonic() >= until:
                return came
            time.sleep(min(_LOOK_SECONDS, seconds))

    def cancel(self) -> None:
        """Let the workers end, and the jobs that have not begun with them."""
        (self._folder / "over").touch()
        until = time.monotonic() + _FAREWELL_SECONDS
        while time.monotonic() < until and not all(job.done() for job in self._jobs):
            time.sleep(_LOOK_SECONDS)
        for job in self._jobs:
            with contextlib.suppress(Exception):  # one that has ended, or a Slurm that is away
                job.cancel(check=False)
        for worker in range(self.n_workers):
            shutil.rmtree(self._folder / str(worker), ignore_errors=True)

    def _came(self) -> list[tuple[int, WorkOutcome]]:
        outcomes = []
        for worker, work in list(self._works.items()):
            path = outcome_of(work)
            if path.exists():
                outcomes.append((worker, pickle.loads(path.read_bytes())))
                del self._works[worker]
                work.unlink()
                path.unlink()
        return outcomes

    def _lost(self) -> list[tuple[int, WorkOutcome]]:
        """Start a new job for each that has ended though there was work for it."""
        now = time.monotonic()
        if now - self._asked_state < _STATE_SECONDS:
            return []
        self._asked_state = now
        outcomes = []
        for worker, job in enumerate(self._jobs):
            if not job.done():
                continue
            if (work := self._works.pop(worker, None)) is not None:
                work.unlink(missing_ok=True)
                outcomes.append((worker, WorkOutcome(is_lost=True)))
            self._jobs[worker] = self._executor.submit(
                serve, str(self._folder), worker, self._settings
            )
        return outcomes


def _started(start: Any, worker: int) -> None:
    """Call what serves with the number of a worker, as an array gives it."""
    start(worker=worker)
