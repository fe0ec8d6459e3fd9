"""Which engine the workers are of, and how many there are."""

from __future__ import annotations

import os

from cliffguard.core.settings import Plan
from cliffguard.engine.devices import visible_gpus
from cliffguard.gate import runner_for
from cliffguard.sweep.executors import Executor, MakeRunner, WorkerSettings


def executor_of(
    name: str,
    plan: Plan,
    *,
    n_workers: int | None,
    n_threads: int | None,
    make: MakeRunner = runner_for,
) -> Executor:
    """Return the workers of an engine: "local".

    Without a number there is one for each GPU, or a single one; cores are shared out.
    """
    from cliffguard.sweep.local import LocalExecutor

    n_workers = n_workers or _n_gpus(plan) or 1
    n_threads = n_threads or max(1, _n_cores() // n_workers)
    settings = WorkerSettings(make=make, plan=plan)
    return LocalExecutor(settings, n_workers=n_workers, n_threads=n_threads)


def _n_gpus(plan: Plan) -> int:
    """Return how many workers the GPUs are for: one, where a model is spread over all of them."""
    is_here = plan.runner.device in ("auto", "cuda") and not plan.runner.is_served
    n_gpus = len(visible_gpus()) if is_here else 0
    return min(n_gpus, 1) if plan.runner.device_map is not None else n_gpus


def _n_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
