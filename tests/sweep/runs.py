"""Sweeps in processes, and what they leave."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests import support

PATIENCE_S = 240.0
N_CANDIDATES = 4
TWO = ("--workers", "2", "--no-early-stop", "--no-diagnose", "--exit-zero", "-q")
N_GROUPS = (N_CANDIDATES + 1) * (4 + 2)  # shards of 64 of 200 and of 70 items, of each side


def workspace(root: Path, *, n_items: int = 200, n_said: int = 70) -> Path:
    """Write a base, some checkpoints of one training, a suite and a plan; return the plan."""
    support.write_checkpoint(root / "base", seed=0)
    for number in range(1, N_CANDIDATES + 1):
        checkpoint(root, number)
    suite = support.write_suite(root / "suite", n_items=n_items, n_said=n_said)
    plan = root / "plan.yaml"
    plan.write_text(
        f"base: {root}/base\nsuites: [{suite}]\noffline: true\nrunner: {{device: cpu}}\n"
    )
    return plan


def checkpoint(root: Path, number: int) -> Path:
    """Write a checkpoint of the training as its trainer does."""
    folder = support.write_checkpoint(root / "runs" / "ft" / f"checkpoint-{number}00", seed=number)
    (folder / "trainer_state.json").write_text("{}")
    return folder


def command(root: Path, store: str, *more: str, python: str = sys.executable) -> list[str]:
    """Return the words of a sweep over them."""
    words = ["sweep", f"{root}/plan.yaml", "--candidates", f"{root}/runs/*/checkpoint-*"]
    words += ["--store", f"{root}/{store}", "--out", f"{root}/out-{store}", *more]
    return [python, "-m", "tests.sweep.program", *words]


def environment(root: Path, store: str, **more: str) -> dict[str, str]:
    """Return the environment of a sweep; its file of what was begun is beside the store."""
    checkout = str(Path(__file__).parents[2])
    begun = {"CLIFFGUARD_TEST_ASKED": f"{root}/asked-{store}"}
    return {**os.environ, "PYTHONPATH": checkout, **begun, **more}


def run(
    root: Path, store: str, *more: str, python: str = sys.executable, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a sweep to its end."""
    return subprocess.run(
        command(root, store, *more, python=python),
        env=environment(root, store, **env),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def swept(root: Path) -> Path:
    """Write a workspace and sweep it by one worker, whom nothing happens; return its folder."""
    workspace(root)
    done = run(root, "1-worker", "--workers", "1", *TWO[2:])
    assert done.returncode == 0, done.stderr
    assert len(begun(root, "1-worker")) == N_GROUPS
    return root


def started(
    root: Path,
    store: str,
    *more: str,
    python: str = sys.executable,
    is_a_group: bool = False,
    **env: str,
) -> subprocess.Popen[str]:
    """Start a sweep; as a group of processes, to which a terminal's signals go."""
    return subprocess.Popen(
        command(root, store, *more, python=python),
        env=environment(root, store, **env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=is_a_group,
    )


def begun(root: Path, store: str) -> list[str]:
    """Return a line for each group that a worker began."""
    path = root / f"asked-{store}"
    return path.read_text().splitlines() if path.is_file() else []


def wait_until(is_so: Callable[[], bool], running: subprocess.Popen[str]) -> None:
    """Wait for something while a sweep runs."""
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def workers_of(running: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the processes of a sweep that answer, or will."""
    children = psutil.Process(running.pid).children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def stored(root: Path, store: str) -> dict[str, bytes]:
    """Return the files of a store by their place in it, without what a kill left half-written."""
    folder = root / store
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not re.fullmatch(r"\..*\..{8}", path.name)
    }


def same_stores(root: Path, store: str, other: str) -> None:
    """Assert that two stores hold the same files, naming those that differ.

    Of dicts of all bytes a difference of one is shown as thousands of lines, of which a log keeps
    the last.
    """
    first, second = stored(root, store), stored(root, other)
    assert sorted(first) == sorted(second)
    assert [name for name, content in first.items() if content != second[name]] == []


def reviews(root: Path, store: str) -> dict[str, str]:
    """Return the reviews by the folder of their candidate, without where they lie."""
    out = root / f"out-{store}"
    return {
        str(path.parent.relative_to(out)): path.read_text().replace(store, "STORE")
        for path in sorted(out.rglob("review.json"))
    }
