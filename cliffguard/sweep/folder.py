"""Works and outcomes as files in a folder: for workers that nothing but a file system joins.

    <folder>/alive              touched by the driver, every few seconds
    <folder>/over               the driver has ended: so do the workers
    <folder>/3/work-000012      what worker 3 is to do next; it is there whole or not at all
    <folder>/3/outcome-000012   what came of it

They hold pickles, as the engine's files beside them do: the folder is the user's alone.
"""

from __future__ import annotations

import os
import pickle
import time
from pathlib import Path
from typing import Any

from cliffguard.sweep.executors import WorkerSettings
from cliffguard.sweep.worker import Worker, ignore_signals

_LOOK_SECONDS = 0.2  # between two looks at the folder
_ALIVE_SECONDS = 15.0  # between two signs of life of the driver
_DEAD_SECONDS = 300.0  # without one; clocks of two machines, and their file systems, may differ


def serve(folder: str, worker: int, settings: WorkerSettings) -> None:
    """Do one work after the other, until the driver has ended or shows no life any more.

    Works that an earlier worker of this number has ended are not done again.
    """
    ignore_signals()
    channel = Path(folder) / str(worker)
    answering = Worker(settings)
    while not is_over(Path(folder)):
        waiting = [path for path in channel.glob("work-*") if not outcome_of(path).exists()]
        if not waiting:
            time.sleep(_LOOK_SECONDS)
            continue
        work = max(waiting)
        write(outcome_of(work), answering.do(pickle.loads(work.read_bytes())))


def outcome_of(work: Path) -> Path:
    """Return where the outcome of a work will lie."""
    return work.with_name(work.name.replace("work", "outcome"))


def write(path: Path, value: Any) -> None:
    """Write a pickle so that a reader finds all of it or nothing."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as stream:
        pickle.dump(value, stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)


def show_life(folder: Path) -> None:
    """Touch the driver's sign of life, unless that was just done."""
    alive = folder / "alive"
    if not alive.exists() or time.time() - alive.stat().st_mtime >= _ALIVE_SECONDS:
        alive.touch()


def is_over(folder: Path) -> bool:
    """Return whether the driver has ended, or shows no life; its folder may be gone."""
    if (folder / "over").exists():
        return True
    try:
        return time.time() - (folder / "alive").stat().st_mtime > _DEAD_SECONDS
    except OSError:
        return True
