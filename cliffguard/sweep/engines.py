"""Which engine the workers are of, and how many there are."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from cliffguard.core.errors import InfrastructureError
from cliffguard.core.libraries import refuse_lacking_extra
from cliffguard.core.settings import Plan
from cliffguard.gate import runner_for
from cliffguard.sweep.executors import Executor, MakeRunner, WorkerSettings


def executor_of(
    name: str,
    plan: Plan,
    *,
    n_workers: int | None,
    n_threads: int | None,
    folder: Path,
    make: MakeRunner = runner_for,
    cluster: str | None = None,
) -> Executor:
    """Return the workers of an engine: "local", "ray" or "slurm".

    Without a number there is one for each GPU, or a single one; cores are shared out. Jobs of Slurm
    talk by files below `folder`; `cluster` is submitit's. Raises UsageError where the engine's
    package is not installed, InfrastructureError where the engine is not there, or too small.
    """
    settings = WorkerSettings(make=make, plan=plan)
    if name == "ray":
        refuse_lacking_extra("ray")
        from cliffguard.sweep.ray_actors import RayExecutor

        wants = {"auto": None, "cpu": False}.get(plan.runner.device, True)
        wants = False if plan.runner.is_served else wants
        return RayExecutor(settings, n_workers, n_threads=n_threads or 1, wants_gpus=wants)
    if name == "slurm":
        refuse_lacking_extra("slurm", "submitit")
        _refuse_no_slurm(cluster)
        from cliffguard.sweep.slurm import SlurmExecutor

        wants_gpus = plan.runner.device.startswith("cuda")
        return SlurmExecutor(
            settings,
            n_workers=n_workers or 1,
            n_threads=n_threads or 1,
            folder=folder / f"{time.time_ns()}",
            cluster=cluster,
            more={"gpus_per_node": 1} if wants_gpus else {},
        )
    from cliffguard.sweep.local import LocalExecutor

    n_workers = n_workers or _n_gpus(plan) or 1
    n_threads = n_threads or max(1, _n_cores() // n_workers)
    return LocalExecutor(settings, n_workers=n_workers, n_threads=n_threads)


def _refuse_no_slurm(cluster: str | None) -> None:
    """Raise InfrastructureError without Slurm: submitit would take this machine in its stead."""
    if cluster is None and shutil.which("sbatch") is None:
        raise InfrastructureError(
            "--executor slurm: there is no sbatch here; start the sweep where jobs are submitted",
            id="slurm.no-sbatch",
        )


def _n_gpus(plan: Plan) -> int:
    """Return how many workers the GPUs are for: one, where a model is spread over all of them."""
    from cliffguard.engine.devices import visible_gpus

    is_here = plan.runner.device in ("auto", "cuda") and not plan.runner.is_served
    n_gpus = len(visible_gpus()) if is_here else 0
    return min(n_gpus, 1) if plan.runner.device_map is not None else n_gpus


def _n_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
