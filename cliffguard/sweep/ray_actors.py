"""Workers as actors of Ray: one for each device, on whichever machine of the cluster it is."""

from __future__ import annotations

import logging
import os
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cliffguard.core.errors import InfrastructureError
from cliffguard.core.texts import first_line
from cliffguard.sweep.executors import Executor, Work, WorkerSettings, WorkOutcome
from cliffguard.sweep.worker import Worker


class RayExecutor(Executor):
    """An actor for each worker, on a GPU each where `gpus` are wanted (None: where there are any).

    Joins the cluster of RAY_ADDRESS, else one of this machine alone. Raises InfrastructureError at
    once where the cluster has fewer GPUs than are asked for: Ray would wait for them for ever.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        n_workers: int | None,
        *,
        n_threads: int,
        wants_gpus: bool | None,
    ) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        self._ray = ray
        threads = {name: str(n_threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        self._settings = replace(settings, environment={**settings.environment, **threads})
        if not ray.is_initialized():
            is_joined = bool(os.environ.get("RAY_ADDRESS"))
            here: Mapping[str, Any] = {} if is_joined else {"num_cpus": max(n_workers or 1, 1)}
            ray.init(
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=None if is_joined else False,
                **here,
            )
        n_gpus = int(ray.cluster_resources().get("GPU", 0))
        uses_gpus = n_gpus > 0 if wants_gpus is None else wants_gpus
        self.n_workers = n_workers or (n_gpus if uses_gpus else 0) or 1
        if uses_gpus and n_gpus < self.n_workers:
            self.cancel()
            raise InfrastructureError(
                f"--executor ray: {self.n_workers} workers want a GPU each, and the cluster has "
                f"{n_gpus}; add some, lower --workers, or write --device cpu",
                id="ray.no-gpu",
            )
        self._options = {"num_gpus": 1} if uses_gpus else {"num_cpus": 1}
        self._actor = ray.remote(_Actor).options(**self._options)
        self._actors: dict[int, Any] = {}
        self._works: dict[Any, int] = {}

    def resources(self) -> Sequence[str]:
        """Return a line for each worker: what it takes of the cluster."""
        what = "a GPU" if "num_gpus" in self._options else "a CPU"
        return [f"worker {number + 1}: {what} of Ray's" for number in range(self.n_workers)]

    def submit(self, worker: int, work: Work) -> None:
        """Give a worker its next work, by a new actor where it has none."""
        if worker not in self._actors:
            self._actors[worker] = self._actor.remote(self._settings)
        self._works[self._actors[worker].do.remote(work)] = worker

    def wait(self, seconds: float) -> Sequence[tuple[int, WorkOutcome]]:
        """Return what came of works; of an actor that died, that it is lost."""
        if not self._works:
            time.sleep(seconds)
            return ()
        try:
            done, _ = self._ray.wait(list(self._works), timeout=seconds)
            return [(self._works[ref], self._outcome(ref)) for ref in done]
        except (self._ray.exceptions.RaySystemError, ConnectionError) as failure:
            raise _gone(failure) from failure

    def cancel(self) -> None:
        """Leave the cluster, and end what was started here."""
        self._ray.shutdown()

    def _outcome(self, ref: Any) -> WorkOutcome:
        worker = self._works.pop(ref)
        errors = self._ray.exceptions
        try:
            outcome: WorkOutcome = self._ray.get(ref)
        except (errors.RayActorError, errors.WorkerCrashedError, errors.ObjectLostError):
            del self._actors[worker]
            self._refuse_gone()
            return WorkOutcome(is_lost=True)
        except errors.RayTaskError:
            return WorkOutcome(crash=traceback.format_exc())
        return outcome

    def _refuse_gone(self) -> None:
        """Raise InfrastructureError where not an actor is lost but the cluster."""
        alive = [node for node in self._ray.nodes() if node["Alive"]]
        if not alive:
            raise _gone("no node of it is alive")


class _Actor:
    """A worker, as an actor has it."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._worker = Worker(settings)

    def do(self, work: Work) -> WorkOutcome:
        """Return what came of a work."""
        return self._worker.do(work)


def _gone(why: object) -> InfrastructureError:
    return InfrastructureError(
        f"Ray's cluster was lost ({first_line(why)}); what is stored is kept, start it and run "
        "again",
        id="ray.lost",
    )
