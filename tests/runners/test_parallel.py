"""Several processes of a launcher share a run, and store what a single one stores."""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from cliffguard import EvalSettings
from cliffguard.core.answers import Answer
from cliffguard.core.errors import (
    CliffguardError,
    InfrastructureError,
    IntegrityError,
    StoreError,
    SuiteError,
    UsageError,
)
from cliffguard.core.items import Item, Task
from cliffguard.engine.distributed import ProcessGroup
from cliffguard.runners import parallel
from cliffguard.runners.live_parallel import ParallelLiveRunner
from cliffguard.runners.parallel import ParallelRunner
from cliffguard.suites.loading import load_suite
from tests import support

PATIENCE_S = 240  # a run that hangs fails here

ITEMS = tuple(support.item(number) for number in range(4))
ANSWERS = tuple(support.answer(item) for item in ITEMS)


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """A task of four items."""
    loaded = load_suite(str(support.write_suite(tmp_path / "suite", n_items=4)))
    return replace(loaded.capabilities[0].tasks[0], items=ITEMS)


# --- what comes back -----------------------------------------------------------------------------


def test_whole_answers_pass(task: Task) -> None:
    """The answers to what was asked, in order, are taken."""
    parallel.check_complete(task, ITEMS, ANSWERS)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (ANSWERS[:3], ("process.other-items", 12, "item-3", "ball")),
        ((), ("process.other-items", 12, "item-0", "ball")),
        ((*ANSWERS, ANSWERS[1]), ("process.other-items", 12, "item-1", "ball")),
        ((ANSWERS[0], ANSWERS[0], *ANSWERS[2:]), ("process.other-items", 12, "item-1", "ball")),
        (ANSWERS[::-1], ("process.other-items", 12, "item-3", "ball")),
        ((*ANSWERS, support.answer(support.item(9))), ("process.other-items", 12, "ball")),
    ],
)
def test_missing_and_doubled_answers_are_refused(
    task: Task, given: Sequence[Answer], error: Any
) -> None:
    """What a process left out, gave twice, or shuffled never reaches the store."""
    with support.refused(*error):
        parallel.check_complete(task, ITEMS, given)


@pytest.mark.parametrize(
    "kind", [UsageError, SuiteError, IntegrityError, StoreError, InfrastructureError]
)
def test_a_failure_travels_with_its_exit_code(kind: type[CliffguardError]) -> None:
    """An error of ours is the same error in another process."""
    came = pickle.loads(pickle.dumps(kind("one: two\nthree")))

    assert (type(came), str(came), came.exit_code) == (kind, "one: two\\nthree", kind.exit_code)


class Alone:
    """The peers of a run whose other processes say what a test wants them to."""

    rank, size = 0, 2

    def __init__(self, *others: Any) -> None:
        self.others = list(others)
        self.messages: list[Any] = []

    def hear(self, word: Any = None) -> Any:
        """Note what the leader says."""
        self.messages.append(word)
        return word

    def gather(self, word: Any) -> list[Any]:
        """Return the leader's word, and the other's."""
        return [word, self.others.pop(0)]

    def close(self) -> None:
        """Leave nobody."""


class Echo:
    """A runner that gives the same answer to every item."""

    identity = "echo"

    def resolve(self, suites: Any, protocol: EvalSettings) -> tuple[Task, ...]:
        """Return the suites, which are tasks here."""
        return tuple(suites)

    def ask(
        self, checkpoint: Any, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> list[Answer]:
        """Return one answer for each item."""
        return [support.answer(item) for item in items]

    def notes(self) -> dict[str, str | int]:
        """Name the device."""
        return {"device": "here"}


@pytest.fixture
def led(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make the leader of a run of two."""

    def make(*others: Any) -> ParallelRunner:
        monkeypatch.setattr(parallel, "ProcessGroup", lambda: Alone(*others))
        return ParallelRunner(Echo())  # type: ignore[arg-type]

    return make


def test_each_process_answers_one_shard(led: Any, task: Task) -> None:
    """Shards are dealt out by rank, and come back in their order with their notes."""
    theirs = (ANSWERS[2:], {"device": "there"})
    runner = led(((task,), None), (theirs, None))
    runner.resolve((task,), EvalSettings())

    results = runner.ask_each(
        support.checkpoint(), [(task, ITEMS[:2]), (task, ITEMS[2:])], EvalSettings()
    )

    assert [(number, tuple(answers)) for number, answers, _ in results] == [
        (0, ANSWERS[:2]),
        (1, ANSWERS[2:]),
    ]
    assert [notes["device"] for *_, notes in results] == ["here", "there"]


def test_a_leader_that_is_interrupted_leaves_at_once(
    led: Any, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of an order a farewell would wait for peers that wait for the leader."""
    runner = led(((task,), None), ((ANSWERS, {}), None))
    runner.resolve((task,), EvalSettings())
    monkeypatch.setattr(runner.inner, "ask", _interrupted)

    with pytest.raises(KeyboardInterrupt):
        runner.ask(support.checkpoint(), task, ITEMS, EvalSettings())
    runner.close()

    assert None not in runner._peers.messages


def test_a_leader_that_is_done_lets_the_others_go(led: Any, task: Task) -> None:
    """Between orders the workers are told that there will be no more."""
    runner = led(((task,), None))
    runner.resolve((task,), EvalSettings())

    runner.close()

    assert runner._peers.messages[-1] is None


def _interrupted(*_: Any) -> list[Answer]:
    raise KeyboardInterrupt


def test_a_workers_short_answer_is_refused(led: Any, task: Task) -> None:
    """A worker that leaves an item out ends the run."""
    runner = led(((task,), None), ((ANSWERS[2:3], {}), None))
    runner.resolve((task,), EvalSettings())

    with support.refused("process.other-items", 12, "item-3"):
        runner.ask_each(
            support.checkpoint(), [(task, ITEMS[:2]), (task, ITEMS[2:])], EvalSettings()
        )


def test_a_workers_failure_is_raised_by_the_leader(led: Any, task: Task) -> None:
    """An error of ours arrives as itself, a crash with its traceback and rank."""
    runner = led(
        ((task,), None), (None, IntegrityError("torn", id="a.torn")), (None, "Traceback: oh")
    )
    runner.resolve((task,), EvalSettings())
    shards = [(task, ITEMS[:2]), (task, ITEMS[2:])]

    with support.refused("a.torn", 12):
        runner.ask_each(support.checkpoint(), shards, EvalSettings())
    with pytest.raises(RuntimeError, match=r"process 1 failed:\nTraceback: oh"):
        runner.ask_each(support.checkpoint(), shards, EvalSettings())


def test_processes_that_read_other_suites_are_refused(led: Any, task: Task) -> None:
    """A suite that differs between machines is not half of one run."""
    runner = led(((replace(task, digest="other"),), None))

    with support.refused("process.other-suites", 12):
        runner.resolve((task,), EvalSettings())


def test_processes_that_train_apart_are_refused(led: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict on the model of one would be none on that of another."""
    monkeypatch.setattr(parallel, "ProcessGroup", lambda: Alone((support.checkpoint("b"), None)))
    runner = ParallelLiveRunner(SimpleNamespace(now=lambda name, base: support.checkpoint("a")))

    with support.refused("process.other-weights", 12):
        runner.now("step 2", support.checkpoint("base"))


def test_a_group_that_others_began_outlives_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trainer goes on talking over the group that it began."""
    left: list[Any] = []
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "new_group", lambda **_: "ours")
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "destroy_process_group", left.append)
    ProcessGroup().close()

    assert left == ["ours"]


# --- whole runs ----------------------------------------------------------------------------------

LAUNCHERS = {
    "torchrun": "-m torch.distributed.run --nproc_per_node 2 --master_port {port}",
    "accelerate": "-m accelerate.commands.launch --multi_gpu --num_processes 2 --num_machines 1 "
    "--mixed_precision no --dynamo_backend no --main_process_port {port}",
}
FAILING = """\
import os

from cliffguard.core.errors import IntegrityError
from cliffguard.runners.harness import HarnessRunner

ask = HarnessRunner.ask


def tried(*arguments):
    if os.environ["RANK"] == os.environ["FAILING_RANK"]:
        {what}
    return ask(*arguments)


HarnessRunner.ask = tried

from cliffguard.cli import main

main()
"""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of several shards, the last of them for one process alone."""
    return support.write_suite(tmp_path_factory.mktemp("suite"), n_items=300, n_said=8)


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def quietly(**more: str) -> dict[str, str]:
    """Return this environment for processes that share two cores, without a launcher's traces."""
    launched = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK")
    kept = {name: value for name, value in os.environ.items() if name not in launched}
    return {**kept, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **more}


def arguments(folder: Path, suite: Path, adapter: Path) -> list[str]:
    """Return the arguments of a check of the tiny adapter."""
    return [
        "check", "--candidate", str(adapter), "--suite", str(suite), "--device", "cpu",
        "--exit-zero", "--no-early-stop", "--store", str(folder / "store"),
        "--out", str(folder / "out"),
    ]  # fmt: skip


def run(*command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; fail if it hangs."""
    return subprocess.run(
        [sys.executable, *command],
        env=quietly(**more),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.fixture(scope="module")
def alone(
    suite: Path, tiny_adapter: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """The folder and the words of a run of a single process."""
    folder = tmp_path_factory.mktemp("alone")
    done = run("-m", "cliffguard", *arguments(folder, suite, tiny_adapter))
    assert done.returncode == 0, done.stderr
    return folder, done.stderr


def stored(folder: Path) -> dict[str, bytes]:
    """Return the files of a store, by their place in it."""
    root = folder / "store"
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def words(stderr: str, folder: Path) -> list[str]:
    """Return what is said to people, without times, progress and folders, which differ.

    Words, not lines: where a line ends goes by how long the name of the folder is.
    """
    lines = [
        line for line in stderr.splitlines() if not line.startswith(("[", "reports: ", "time: "))
    ]
    return " ".join(lines).replace(str(folder), "FOLDER").split()


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_processes_store_what_one_stores(
    launcher: str, suite: Path, tiny_adapter: Path, alone: tuple[Path, str], tmp_path: Path
) -> None:
    """Every shard, and the review, is the same to the byte; the first process alone speaks."""
    start = LAUNCHERS[launcher].format(port=free_port()).split()

    done = run(*start, "-m", "cliffguard", *arguments(tmp_path, suite, tiny_adapter))

    assert done.returncode == 0, done.stderr
    expected = stored(alone[0])
    assert sum("shards" in name for name in expected) >= 10, "too few shards to share"
    assert stored(tmp_path) == expected
    here, there = (
        support.placeless(folder / "out" / "review.json", folder) for folder in (tmp_path, alone[0])
    )
    assert here == there
    assert words(done.stderr, tmp_path) == words(alone[1], alone[0])
    assert done.stdout == ""


@pytest.mark.slow
def test_measure_shares_shards_as_check_does(
    suite: Path, tiny_base: Path, alone: tuple[Path, str], tmp_path: Path
) -> None:
    """A single checkpoint that two processes measure is stored as in a check."""
    start = LAUNCHERS["torchrun"].format(port=free_port()).split()

    done = run(
        *start, "-m", "cliffguard", "measure", str(tiny_base), "--suite", str(suite),
        "--device", "cpu", "--store", str(tmp_path / "store"),
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "308 answers to 2 tasks" in done.stderr
    files, expected = stored(tmp_path), stored(alone[0])
    shards = {name for name in files if "shards" in name}
    assert len(shards) >= 5
    assert {name: files[name] for name in shards} == {name: expected.get(name) for name in shards}


def two_processes(
    folder: Path, suite: Path, adapter: Path, *, what: str, where: int
) -> list[subprocess.Popen[str]]:
    """Start a check on two processes as a launcher would, one of which does something."""
    program = folder / "program.py"
    program.write_text(FAILING.format(what=what))
    port = str(free_port())
    return [
        subprocess.Popen(
            [sys.executable, str(program), *arguments(folder, suite, adapter)],
            env=quietly(
                MASTER_ADDR="127.0.0.1",
                MASTER_PORT=port,
                WORLD_SIZE="2",
                RANK=str(rank),
                LOCAL_RANK=str(rank),
                FAILING_RANK=str(where),
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]


def ended(running: Sequence[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    """Return (exit code, stderr) of each; end what hangs, and fail."""
    endings = []
    try:
        for process in running:
            stderr = process.communicate(timeout=PATIENCE_S)[1]
            endings.append((process.returncode, stderr))
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.wait()
    return endings


@pytest.mark.slow
@pytest.mark.parametrize("where", [0, 1])
def test_an_error_in_any_process_ends_the_run_with_its_exit_code(
    where: int, suite: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    """It reaches the first process, which alone tells of it, and nobody waits for ever."""
    failing = two_processes(
        tmp_path,
        suite,
        tiny_adapter,
        what='raise IntegrityError("the weights of this machine are torn")',
        where=where,
    )

    (leader, stderr), (worker, worker_stderr) = ended(failing)

    assert (leader, worker) == (12, 0), stderr + worker_stderr
    assert "cliffguard: error: the weights of this machine are torn\n" in stderr
    assert "torn" not in worker_stderr
    failure = json.loads((tmp_path / "out" / "failure.json").read_text())
    assert (failure["exit_code"], failure["kind"]) == (12, "integrity")


@pytest.mark.slow
def test_a_worker_that_is_killed_ends_the_run(
    suite: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    """A process that is lost is worth a retry, and what was stored before stays."""
    running = two_processes(
        tmp_path, suite, tiny_adapter, what="import time; time.sleep(600)", where=1
    )
    time.sleep(0.1)
    while not list((tmp_path / "store").glob("items/*.jsonl")):
        if running[0].poll() is not None:
            break
        time.sleep(0.05)
    running[1].send_signal(signal.SIGKILL)

    (leader, stderr), (worker, _) = ended(running)

    assert (leader, worker) == (20, -signal.SIGKILL), stderr
    assert re.search(r"cliffguard: error\[[a-z.-]+\]: a process of this run was lost", stderr)
    assert "Traceback" not in stderr
