"""A sweep of which processes die goes on, and ends with the store of one worker."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.sweep import runs
from tests.sweep.runs import N_GROUPS, TWO


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with checkpoints, and the store of a sweep by one worker, whom nothing happened."""
    return runs.swept(tmp_path_factory.mktemp("sweep"))


def ended_as_alone(root: Path, store: str) -> None:
    """The store and the reviews are those of one worker, byte for byte."""
    runs.same_stores(root, store, "1-worker")
    reviews = runs.reviews(root, store)
    assert len(reviews) == runs.N_CANDIDATES
    assert reviews == runs.reviews(root, "1-worker")


@pytest.mark.slow
def test_two_workers_store_what_one_stores(root: Path) -> None:
    """Each group is asked once, by whichever; the base's are asked once for all candidates."""
    done = runs.run(root, "two", *TWO)

    assert done.returncode == 0, done.stderr
    begun = [line.split(maxsplit=1) for line in runs.begun(root, "two")]
    assert len({worker for worker, _ in begun}) == 2
    assert sorted(what for _, what in begun) == sorted(
        line.split(maxsplit=1)[1] for line in runs.begun(root, "1-worker")
    )
    ended_as_alone(root, "two")


@pytest.mark.slow
def test_a_worker_that_is_killed_in_a_shard_is_replaced(root: Path) -> None:
    """What it had in hand is asked again, and nothing else."""
    running = runs.started(root, "killed", *TWO, CLIFFGUARD_TEST_PAUSE="0.3")
    runs.wait_until(lambda: len(runs.begun(root, "killed")) >= 5, running)

    victim = int(runs.begun(root, "killed")[-1].split()[0])
    os.kill(victim, signal.SIGKILL)
    stderr = running.communicate(timeout=runs.PATIENCE_S)[1]

    assert running.returncode == 0, stderr
    begun = runs.begun(root, "killed")
    assert len({line.split()[0] for line in begun}) == 3
    assert N_GROUPS <= len(begun) <= N_GROUPS + 1
    ended_as_alone(root, "killed")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_a_driver_that_is_ended_goes_on_where_it_stopped(
    root: Path, sent: signal.Signals, code: int
) -> None:
    """At most what two workers had in hand is asked again; no worker outlives its driver."""
    store = f"driver-{sent.name}"
    running = runs.started(root, store, *TWO, CLIFFGUARD_TEST_PAUSE="0.3")
    runs.wait_until(lambda: len(runs.begun(root, store)) >= 7, running)
    workers = runs.workers_of(running)

    running.send_signal(sent)
    stderr = running.communicate(timeout=runs.PATIENCE_S)[1]
    gone = psutil.wait_procs(workers, timeout=30)[0]

    assert running.returncode == code, stderr
    assert len(gone) == len(workers) == 2
    n_before = len(runs.begun(root, store))
    assert n_before < N_GROUPS, "it came to its end before the signal"
    n_stored = sum("/shards/" in name for name in runs.stored(root, store))
    n_lost = n_before - n_stored
    assert n_lost <= (2 if sent is signal.SIGKILL else 0)

    done = runs.run(root, store, *TWO)

    assert done.returncode == 0, done.stderr
    assert len(runs.begun(root, store)) == N_GROUPS + n_lost
    ended_as_alone(root, store)


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_all_while_workers_start_is_heard_by_the_driver_alone(
    root: Path, sent: signal.Signals
) -> None:
    """As ^C on a terminal: a worker that still imports neither dies nor shows where it was."""
    store = f"starting-{sent.name}"
    running = runs.started(root, store, *TWO[:-1], is_a_group=True)
    runs.wait_until(lambda: len(runs.workers_of(running)) == 2, running)

    os.killpg(running.pid, sent)
    stderr = running.communicate(timeout=runs.PATIENCE_S)[1]

    assert running.returncode == 128 + sent
    assert "Traceback" not in stderr
    assert "error[" not in stderr
    assert not list((root / f"out-{store}").rglob("failure.json"))


@pytest.mark.slow
def test_a_worker_that_is_killed_while_it_waits_is_replaced(tmp_path: Path) -> None:
    """A watch may wait for hours; the next checkpoint is asked by another worker."""
    runs.workspace(tmp_path)
    later = tmp_path / "later"
    (tmp_path / "runs/ft/checkpoint-400").rename(later)
    running = runs.started(tmp_path, "s", *TWO[2:-1], "--workers", "1", "--watch", "--until", "4")
    runs.wait_until(lambda: len(runs.reviews(tmp_path, "s")) == 3, running)

    for worker in runs.workers_of(running):
        worker.kill()
        worker.wait()
    later.rename(tmp_path / "runs/ft/checkpoint-400")
    stderr = running.communicate(timeout=runs.PATIENCE_S)[1]

    assert running.returncode == 0, stderr
    assert len(runs.reviews(tmp_path, "s")) == 4


@pytest.mark.slow
def test_a_signal_is_told_in_one_line(root: Path) -> None:
    """What is stored is kept, and the overview says what there is no verdict on."""
    slowly = ("--workers", "1", *TWO[2:-1])
    running = runs.started(root, "told", *slowly, CLIFFGUARD_TEST_PAUSE="0.5")
    runs.wait_until(lambda: len(runs.reviews(root, "told")) >= 1, running)

    running.send_signal(signal.SIGTERM)
    stderr = running.communicate(timeout=runs.PATIENCE_S)[1]

    assert running.returncode == 143
    kept = rf"[1-3] of 4 checkpoints judged, answers in {root}/told"
    line = rf"cliffguard: terminated; what is stored is kept \({kept}\), run again to go on"
    assert re.fullmatch(line, stderr.splitlines()[-1])
    overview = (root / "out-told" / "overview.md").read_text()
    assert "the sweep ended before its verdict" in overview
    assert "Traceback" not in stderr


@pytest.mark.slow
def test_a_unit_that_kills_its_workers_ends_its_candidate(root: Path) -> None:
    """It is tried three times, and told; the sweep does not go on for ever."""
    began = time.monotonic()
    done = runs.run(root, "dies", "--workers", "1", *TWO[2:], CLIFFGUARD_TEST_BREAK="dies")

    assert done.returncode == 20, done.stderr
    assert "error[worker.lost]" in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < runs.PATIENCE_S


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "code", "id"),
    [
        ("suite", 2, "suite.unknown"),
        ("other suite", 12, "process.other-suites"),
        ("dtype", 12, "worker.other-versions"),
    ],
)
def test_a_worker_that_is_not_fit_ends_the_sweep(
    root: Path, broken: str, code: int, id: str
) -> None:
    """It lacks the suite, reads another one, or computes otherwise: one line, at once."""
    done = runs.run(root, f"unfit-{id}", *TWO, CLIFFGUARD_TEST_BREAK=broken)

    assert done.returncode == code, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"cliffguard: error[{id}]: worker "), line
    assert not runs.begun(root, f"unfit-{id}") or broken == "dtype"


@pytest.mark.slow
def test_a_crash_of_a_worker_is_a_crash(root: Path) -> None:
    """A defect is not told as an error of the user's: it ends the sweep with its traceback."""
    done = runs.run(root, "crash", *TWO, CLIFFGUARD_TEST_BREAK="crash")

    assert done.returncode == 1
    assert "ZeroDivisionError: of the script" in done.stderr
