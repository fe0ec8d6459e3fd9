"""What becomes of a run that is disturbed: killed, without disk, beside another, over damage.

A scripted runner answers, so that a run takes a fraction of a second and its writes are most of
it. In every trial three things are checked: each shard that was reported as stored is there with
the same answers, the whole store verifies, and the run that is started again ends with the
review.json of an undisturbed one, byte for byte.

`python -m tests.fault_study` does it in large numbers.
"""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from unittest import mock

from cliffguard import Plan, Store, guard
from cliffguard.core.answers import Answer
from cliffguard.core.canonical_json import digest
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError, InfrastructureError
from cliffguard.core.files import write_whole
from cliffguard.core.items import Item, Task
from cliffguard.core.settings import EvalSettings
from cliffguard.report.json import render_json
from cliffguard.store.entry import Entry
from cliffguard.store.maintenance.damage import examine, move_aside
from cliffguard.store.maintenance.questions import entries_of
from tests import support
from tests.fake_runner import FakeRunner

SEED = 20
N_KILLS = 500
N_PAIRS = 50
PATIENCE_S = 120.0
TMPFS_KIB = range(8, 520, 8)


@dataclass(frozen=True)
class Workspace:
    """Where a study happens: a folder with a base, a candidate and a suite."""

    folder: Path
    n_items: int = 300

    @classmethod
    def made(cls, folder: Path, *, n_items: int = 300, n_said: int = 80) -> Workspace:
        """Write what a run needs."""
        support.write_checkpoint(folder / "base", seed=0)
        support.write_checkpoint(folder / "tuned", seed=1)
        support.write_suite(folder / "suite", n_items=n_items, n_said=n_said)
        return cls(folder, n_items)

    @property
    def plan(self) -> Plan:
        """The plan of every run here."""
        suite = self.folder / "suite" / "small.yaml"
        base, tuned = (str(self.folder / name) for name in ("base", "tuned"))
        return Plan(base=base, candidate=tuned, suites=(str(suite),), offline=True)


class Scripted(FakeRunner):
    """Answers that look like a model's, from a digest; `pause_s` is spent on each shard."""

    def __init__(self, pause_s: float = 0.0, before: Callable[[str], None] = lambda _: None):
        super().__init__(self._score)
        self._pause_s = pause_s
        self._before = before

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Return the scripted answers after a while."""
        self._before(f"{checkpoint.label} {task.name} {items[0].id}")
        time.sleep(self._pause_s)
        return super().ask(checkpoint, task, items, protocol)

    @staticmethod
    def _score(name: str, item: Item) -> float:
        drawn = int(digest([Path(name).name, item.id])[:4], 16) / 0xFFFF
        return float(drawn < (0.7 if name.endswith("base") else 0.6))


def run(
    workspace: Workspace, store: Path, review: Path, reports: Path, pause_s: float = 0.0
) -> None:
    """Compare in this process; append a line to `reports` for every shard that is stored."""
    stream = os.open(reports, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    write_shard = Entry.write_shard

    def write_and_tell(entry: Entry, number: int, answers: Sequence[Answer], notes: Any) -> None:
        write_shard(entry, number, answers, notes)
        stored = entry.read_sealed(number).answers
        line = f"{entry.folder.name} {number} {_digest(stored)}\n"
        os.write(stream, line.encode())

    with mock.patch.object(Entry, "write_shard", write_and_tell):
        result = guard(
            workspace.plan, store=Store(store), runner=Scripted(pause_s), stops_early=False
        )
    write_whole(review, render_json(result))


def undisturbed(workspace: Workspace) -> bytes:
    """Return the review.json of a run that nothing happens to."""
    review = workspace.folder / "undisturbed.json"
    if not review.is_file():
        run(
            workspace,
            workspace.folder / "undisturbed",
            review,
            workspace.folder / "undisturbed.log",
        )
    return review.read_bytes()


def _digest(answers: Sequence[Answer]) -> str:
    return hashlib.sha256(repr(answers).encode()).hexdigest()


def lost(store: Path, reports: Path) -> int:
    """Return how many answers are gone or changed that were reported as stored."""
    n_lost = 0
    lines = reports.read_text().splitlines() if reports.is_file() else []
    for key, number, known in (line.split() for line in lines):
        entry = Store(store).entry(key)
        try:
            answers = entry.read_sealed(int(number)).answers
        except CliffguardError:
            answers = ()
        n_lost += 0 if _digest(answers) == known else max(1, len(answers))
    return n_lost


def n_damaged(store: Path) -> int:
    """Return how many files of a store do not verify."""
    return sum(len(examine(entry)) for entry in entries_of(Store(store)))


def n_stored(store: Path) -> int:
    """Return how many shards are stored."""
    return sum(len(entry.shard_numbers()) for entry in entries_of(Store(store)))


@dataclass
class Tally:
    """What a kind of fault came to. `reviews` are the runs that ended after it, as they must.

    Of kills, `halfway` came when some shards were stored and others not, and `in_write` left a
    temporary file behind.
    """

    faults: int = 0
    halfway: int = 0
    in_write: int = 0
    answers_lost: int = 0
    files_damaged: int = 0
    reviews: int = 0
    reviews_other: int = 0

    def check(self, store: Path, reports: Path) -> None:
        """Count what is lost or damaged now."""
        self.answers_lost += lost(store, reports)
        self.files_damaged += n_damaged(store)

    def end(self, review: Path, expected: bytes) -> None:
        """Count a run that came to its end."""
        self.reviews += 1
        self.reviews_other += not review.is_file() or review.read_bytes() != expected

    @property
    def is_clean(self) -> bool:
        """Return whether nothing was lost, damaged or other."""
        return not (self.answers_lost or self.files_damaged or self.reviews_other)


# --- kill -9 -------------------------------------------------------------------------------------


def processes() -> ForkServerContext:
    """Return a maker of processes that start in milliseconds, from one that has no threads."""
    context = multiprocessing.get_context("forkserver")
    # pytest, where it is the program: every process looks at what the main program was.
    context.set_forkserver_preload(["tests.faults", *({"pytest"} & sys.modules.keys())])
    # Python 3.11 does not tell the server where to look for what it is to load.
    with mock.patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):
        forkserver.ensure_running()
    return context


def kill_often(
    workspace: Workspace, n_kills: int, *, seed: int = SEED, pause_s: float = 0.0
) -> Tally:
    """Kill runs, each until it has come through, `n_kills` times in all.

    Every other kill comes at a random moment; the rest within a millisecond after a new file has
    appeared in the store, which is when a write that is not whole would be seen.
    """
    source = random.Random(seed)
    context = processes()
    expected = undisturbed(workspace)
    usual_s = _duration(context, workspace)
    n_all = n_stored(workspace.folder / "undisturbed")
    tally = Tally()
    while tally.faults < n_kills and tally.is_clean:
        with tempfile.TemporaryDirectory(dir=workspace.folder) as folder:
            store, review, reports = (Path(folder) / name for name in ("store", "review", "log"))
            is_done = False
            while not is_done:
                parts = _parts(store)
                process = context.Process(
                    target=run, args=(workspace, store, review, reports, pause_s)
                )
                process.start()
                if tally.faults >= n_kills:
                    process.join(PATIENCE_S)
                elif tally.faults % 2:
                    _wait_for_files(process, store, source.randint(1, 12))
                    time.sleep(source.uniform(0.0, 0.001))
                else:
                    process.join(source.uniform(0.0, 0.9 * usual_s))
                is_done = not process.is_alive()
                process.kill()
                process.join()
                tally.check(store, reports)
                if not is_done:
                    tally.faults += 1
                    tally.halfway += 0 < n_stored(store) < n_all
                    tally.in_write += bool(_parts(store) - parts)
            tally.end(review, expected)
    return tally


def _parts(store: Path) -> set[str]:
    """Return the temporary files that are in a store."""
    return {name for name in _names(store) if Path(name).name.startswith(".")}


def _wait_for_files(process: BaseProcess, store: Path, n_files: int) -> None:
    """Return when so many new files have been seen in the store, or the process has ended."""
    before, seen = _names(store), set[str]()
    while len(seen) < n_files and process.is_alive():
        seen |= _names(store) - before


def _names(store: Path) -> set[str]:
    return {os.path.join(folder, name) for folder, _, names in os.walk(store) for name in names}


def _duration(context: ForkServerContext, workspace: Workspace) -> float:
    """Return the seconds of an undisturbed run, its start included."""
    with tempfile.TemporaryDirectory(dir=workspace.folder) as folder:
        paths = [Path(folder) / name for name in ("store", "review", "log")]
        seconds = []
        for _ in range(2):  # the first one starts the server
            shutil.rmtree(paths[0], ignore_errors=True)
            start = time.perf_counter()
            process = context.Process(target=run, args=(workspace, *paths))
            process.start()
            process.join()
            assert process.exitcode == 0, f"an undisturbed run ended in {process.exitcode}"
            seconds.append(time.perf_counter() - start)
    return min(seconds)


# --- a full disk ---------------------------------------------------------------------------------

STEPS = {
    "mkdir": "pathlib.Path.mkdir",
    "create": "tempfile.mkstemp",
    "write": "os.fdopen",
    "flush": "os.fsync",
    "link": "os.link",
    "rename": "os.replace",
}


@contextmanager
def full_at(number: int) -> Iterator[list[str]]:
    """Let the disk be full at the `number`-th step of writing and ever after; list the steps.

    A number below 0: never.
    """
    steps: list[str] = []

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            steps.append(name)
            if 0 <= number < len(steps):
                if name == "write":
                    os.close(arguments[0])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*arguments, **options)

        return step

    patched = []
    for name, target in STEPS.items():
        module, _, attribute = target.rpartition(".")
        owner = Path if module == "pathlib.Path" else sys.modules[module]
        real = getattr(owner, attribute)
        patched.append(mock.patch.object(owner, attribute, counted(name, real)))
    for patch in patched:
        patch.start()
    try:
        yield steps
    finally:
        for patch in patched:
            patch.stop()


def fill_disk(workspace: Workspace, *, every: int = 1) -> Tally:
    """Let the disk be full at each step of writing in turn; then run again with room."""
    expected = undisturbed(workspace)
    tally = Tally()
    with tempfile.TemporaryDirectory(dir=workspace.folder) as folder, full_at(-1) as steps:
        run(workspace, Path(folder) / "store", Path(folder) / "review", Path(folder) / "log")
    for number in range(0, len(steps), every):
        with tempfile.TemporaryDirectory(dir=workspace.folder) as folder:
            paths = [Path(folder) / name for name in ("store", "review", "log")]
            try:
                with full_at(number):
                    run(workspace, *paths)
            except InfrastructureError:
                tally.faults += 1
            tally.check(paths[0], paths[2])
            run(workspace, *paths)
            tally.check(paths[0], paths[2])
            tally.end(paths[1], expected)
    return tally


def fill_tmpfs(workspace: Workspace, sizes_kib: Sequence[int] = TMPFS_KIB) -> Tally:
    """Run on real file systems of too few KiB; then copy the store to where there is room."""
    expected = undisturbed(workspace)
    tally = Tally()
    for size in sizes_kib:
        with tempfile.TemporaryDirectory(dir=workspace.folder) as folder, small_disk(size) as disk:
            review, reports = (Path(folder) / name for name in ("review", "log"))
            try:
                run(workspace, disk / "store", review, reports)
            except InfrastructureError:
                tally.faults += 1
            tally.check(disk / "store", reports)
            if (disk / "store").is_dir():
                shutil.copytree(disk / "store", Path(folder) / "store")
            run(workspace, Path(folder) / "store", review, reports)
            tally.check(Path(folder) / "store", reports)
            tally.end(review, expected)
    return tally


@contextmanager
def small_disk(size_kib: int) -> Iterator[Path]:
    """Mount a file system of a few KiB; OSError where that is not permitted."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", folder]
        if subprocess.run(words, check=False, capture_output=True).returncode != 0:
            raise PermissionError("no file system may be mounted here")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


# --- two runs at once ----------------------------------------------------------------------------


def run_pairs(workspace: Workspace, n_pairs: int) -> Tally:
    """Start two runs on one empty store at the same time, `n_pairs` times."""
    context = processes()
    expected = undisturbed(workspace)
    tally = Tally()
    for _ in range(n_pairs):
        with tempfile.TemporaryDirectory(dir=workspace.folder) as folder:
            store = Path(folder) / "store"
            pair = [
                context.Process(
                    target=run,
                    args=(workspace, store, Path(folder) / f"review-{who}", Path(folder) / who),
                )
                for who in ("one", "other")
            ]
            for process in pair:
                process.start()
            for process in pair:
                process.join(PATIENCE_S)
            tally.faults += 1
            for who in ("one", "other"):
                tally.check(store, Path(folder) / who)
                tally.end(Path(folder) / f"review-{who}", expected)
    return tally


# --- damage --------------------------------------------------------------------------------------


@dataclass
class Flips:
    """What became of damaged files: refused, or harmless since nothing that is read changed."""

    faults: int = 0
    refused: int = 0
    harmless: int = 0
    unnoticed: int = 0
    repaired: int = 0


def damage_files(workspace: Workspace, n_faults: int, *, seed: int = SEED) -> Flips:
    """Damage a random file of a store, verify, repair, run again; each fault alone.

    Faults: one bit flipped, the end torn off, the file emptied, the file gone.
    """
    source = random.Random(seed)
    expected = undisturbed(workspace)
    whole = workspace.folder / "undisturbed"
    meaning = _meaning(whole)
    files = sorted(  # an empty one is a mark, which has nothing to damage
        p.relative_to(whole)
        for p in whole.glob("questions/**/*")
        if p.is_file() and p.stat().st_size
    )
    flips = Flips()
    for number in range(n_faults):
        with tempfile.TemporaryDirectory(dir=workspace.folder) as folder:
            store, review, reports = (Path(folder) / name for name in ("store", "review", "log"))
            shutil.copytree(whole, store)
            fault = ("flipped", "flipped", "flipped", "torn", "emptied", "gone")[number % 6]
            damaged(store / source.choice(files), fault, source)
            flips.faults += 1
            problems = [problem for entry in entries_of(Store(store)) for problem in examine(entry)]
            if problems:
                flips.refused += 1
            elif _meaning(store) == meaning or fault == "gone":
                flips.harmless += 1  # white space; or a shard that is gone, which is asked again
            else:
                flips.unnoticed += 1
            move_aside(Store(store), problems)
            run(workspace, store, review, reports)
            flips.repaired += review.read_bytes() == expected and n_damaged(store) == 0
    return flips


def damaged(path: Path, fault: str, source: random.Random) -> None:
    """Plant one fault in a file."""
    content = bytearray(path.read_bytes())
    if fault == "gone":
        path.unlink()
        return
    if fault == "flipped":
        content[source.randrange(len(content))] ^= 1 << source.randrange(8)
    else:
        del content[0 if fault == "emptied" else source.randrange(1, len(content)) :]
    path.write_bytes(content)


def _meaning(store: Path) -> list[Any]:
    """Return what a store says, however it is spelt."""
    contents: list[Any] = []
    for entry in entries_of(Store(store)):
        try:
            contents += [entry.read_question(), entry.read_items()]
            contents += [entry.read_sealed(number) for number in entry.shard_numbers()]
        except CliffguardError as failure:
            contents.append(str(failure))
    return contents
