"""Workers of foreign engines: actors of Ray here, and jobs of the local cluster of submitit."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.sweep import runs
from tests.sweep.runs import N_GROUPS, TWO

pytestmark = pytest.mark.extern

ENGINES = {"ray": {}, "slurm": {"CLIFFGUARD_TEST_CLUSTER": "local"}}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with checkpoints, and the store of a sweep by a worker of this machine."""
    return runs.swept(tmp_path_factory.mktemp("engines"))


def ended_as_by_one_worker(root: Path, store: str) -> None:
    """The store is that of a worker of this machine, byte for byte, and so are the verdicts."""
    runs.same_stores(root, store, "1-worker")
    here, there = (
        {name: json.loads(text) for name, text in runs.reviews(root, which).items()}
        for which in (store, "1-worker")
    )
    assert len(here) == runs.N_CANDIDATES
    for key in ("verdict", "comparison"):  # the versions of libraries are those of an environment
        assert {n: r[key] for n, r in here.items()} == {n: r[key] for n, r in there.items()}


@pytest.mark.parametrize("engine", ENGINES)
def test_its_workers_store_what_one_of_this_machine_stores(
    root: Path, environment: Callable[[str], Path], engine: str
) -> None:
    """Each group is asked once."""
    python = str(environment(engine))

    done = runs.run(root, engine, *TWO, "--executor", engine, python=python, **ENGINES[engine])

    assert done.returncode == 0, done.stderr
    assert len(runs.begun(root, engine)) == N_GROUPS
    assert len({line.split()[0] for line in runs.begun(root, engine)}) == 2
    ended_as_by_one_worker(root, engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_worker_that_is_killed_is_replaced(
    root: Path, environment: Callable[[str], Path], engine: str
) -> None:
    """What it had in hand is asked again, and nothing else."""
    python, store = str(environment(engine)), f"{engine}-killed"
    slowly = {**ENGINES[engine], "CLIFFGUARD_TEST_PAUSE": "0.5"}
    running = runs.started(root, store, *TWO, "--executor", engine, python=python, **slowly)
    runs.wait_until(lambda: len(runs.begun(root, store)) >= 5, running)

    os.kill(int(runs.begun(root, store)[-1].split()[0]), signal.SIGKILL)
    stderr = running.communicate(timeout=runs.PATIENCE_S)[1]

    assert running.returncode == 0, stderr
    assert N_GROUPS <= len(runs.begun(root, store)) <= N_GROUPS + 1
    ended_as_by_one_worker(root, store)


def test_a_ray_whose_raylet_is_killed_costs_what_was_in_hand(
    root: Path, environment: Callable[[str], Path]
) -> None:
    """The sweep ends as one that may be tried again, and the next goes on where it stopped."""
    python, store = str(environment("ray")), "ray-gone"
    words = (*TWO, "--executor", "ray")
    # Slowly: Ray takes some 15 seconds to see it, in which its actors go on.
    running = runs.started(root, store, *words, python=python, CLIFFGUARD_TEST_PAUSE="2")
    runs.wait_until(lambda: len(runs.begun(root, store)) >= 7, running)

    _kill("raylet", running.pid)
    stderr = running.communicate(timeout=runs.PATIENCE_S)[1]

    assert running.returncode == 20, stderr
    (line,) = stderr.splitlines()
    assert line.startswith("cliffguard: error[ray.lost]: ")
    n_lost = len(runs.begun(root, store)) - sum("/shards/" in n for n in runs.stored(root, store))
    assert n_lost <= 2

    done = runs.run(root, store, *words, python=python)

    assert done.returncode == 0, done.stderr
    assert len(runs.begun(root, store)) == N_GROUPS + n_lost
    ended_as_by_one_worker(root, store)


def _kill(name: str, driver: int) -> None:
    """Kill a process of Ray's that a driver started."""
    every = psutil.Process(driver).children(recursive=True)
    (process,) = [child for child in every if child.name() == name]
    process.kill()


def test_a_ray_without_gpus_is_told_at_once(root: Path, environment: Callable[[str], Path]) -> None:
    """Ray itself would wait for one for ever."""
    python = str(environment("ray"))

    done = runs.run(root, "no-gpu", *TWO, "--executor", "ray", "--device", "cuda", python=python)

    assert done.returncode == 20
    (line,) = done.stderr.splitlines()
    assert line.startswith("cliffguard: error[ray.no-gpu]: --executor ray: 2 workers")


def test_a_machine_without_slurm_is_told(root: Path, environment: Callable[[str], Path]) -> None:
    """Submitit itself would take the machine in its stead."""
    python = str(environment("slurm"))

    done = runs.run(root, "no-slurm", *TWO, "--executor", "slurm", python=python)

    assert done.returncode == 20
    assert "error[slurm.no-sbatch]" in done.stderr
