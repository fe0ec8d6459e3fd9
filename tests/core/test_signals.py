"""SIGINT and SIGTERM: the shard in hand is stored, one line says what is kept, two end at once."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cliffguard.core import signals
from cliffguard.core.signals import Interrupted, finishing, listen
from tests import support
from tests.faults import Workspace, n_damaged, n_stored

PATIENCE_S = 120.0
SENT = [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]


# --- in this process -----------------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "code", "says"), SENT)
def test_a_signal_with_nothing_in_hand_stops_at_once(
    listening: None, sent: signal.Signals, code: int, says: str
) -> None:
    """Outside of a block nothing is waited for."""
    with pytest.raises(Interrupted, match=says) as caught:
        signal.raise_signal(sent)

    assert caught.value.exit_code == code


def in_hand(then: Callable[[], object]) -> None:
    """Do something in a block during which a signal comes."""
    with finishing():
        signal.raise_signal(signal.SIGTERM)
        then()


def fail() -> None:
    """Fail as a block may."""
    raise ValueError("of the block")


def test_a_signal_waits_for_what_is_in_hand(listening: None) -> None:
    """The block runs to its end, and then the run stops."""
    done: list[str] = []

    with pytest.raises(Interrupted):
        in_hand(lambda: done.append("the rest of the block"))

    assert done == ["the rest of the block"]


def test_what_takes_too_long_after_a_signal_is_dropped(
    listening: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sent the signal waits no longer than the grace."""
    monkeypatch.setattr(signals, "GRACE_SECONDS", 0.2)
    start = time.monotonic()

    with pytest.raises(Interrupted, match="terminated"):
        in_hand(lambda: time.sleep(PATIENCE_S))

    assert time.monotonic() - start < 10.0


def test_a_block_that_ends_in_time_leaves_no_alarm(
    listening: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes after it, such as the line that says what is kept, is not interrupted."""
    with pytest.raises(Interrupted):
        in_hand(lambda: None)

    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_no_block_begins_after_a_signal(listening: None) -> None:
    """A run that goes on after a failure, as with several candidates, begins nothing more."""
    with pytest.raises(ValueError, match="of the block"):
        in_hand(fail)

    with pytest.raises(Interrupted), finishing():
        pytest.fail("a block began after a signal")


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """What nohup or a shell in the background has switched off is not switched on."""
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    terminate = signal.getsignal(signal.SIGTERM)
    try:
        listen()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, usual)
        signal.signal(signal.SIGTERM, terminate)


# --- real processes ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A base, a candidate and a suite of five shards for each task and side."""
    return Workspace.made(tmp_path_factory.mktemp("place"))


def command(workspace: Workspace, folder: Path) -> list[str]:
    """Return the command of a check that asks a script."""
    plan = workspace.plan
    return [
        sys.executable, "-m", "tests.scripted", "check", "--base", str(plan.base),
        "--candidate", plan.candidate, "--suite", plan.suites[0], "--quiet", "--exit-zero",
        "--no-early-stop", "--store", str(folder / "store"), "--out", str(folder / "out"),
    ]  # fmt: skip


def environment(folder: Path, pause_s: float = 0.0, **more: str) -> dict[str, str]:
    """Return the environment of a scripted run, with a mark for every shard that is asked."""
    variables = {"SCRIPTED_MARKS": str(folder / "marks"), "SCRIPTED_PAUSE_S": str(pause_s)}
    return {**os.environ, **variables, **more}


def started(workspace: Workspace, folder: Path, pause_s: float) -> subprocess.Popen[str]:
    """Start a check; return when its second shard is in hand."""
    # Tests that run in the background ignore ^C, and a child would inherit that.
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    running = subprocess.Popen(
        command(workspace, folder),
        env=environment(folder, pause_s),
        stderr=subprocess.PIPE,
        text=True,
    )
    signal.signal(signal.SIGINT, usual)
    patience = time.monotonic() + PATIENCE_S
    while n_marks(folder) < 2 and running.poll() is None and time.monotonic() < patience:
        time.sleep(0.01)
    assert running.poll() is None, running.communicate()[1]
    return running


def n_marks(folder: Path) -> int:
    """Return how many shards have been asked."""
    marks = folder / "marks"
    return len(marks.read_text().splitlines()) if marks.is_file() else 0


@pytest.mark.parametrize(
    ("sent", "code", "says"), [pytest.param(*SENT[0], marks=pytest.mark.slow), SENT[1]]
)
def test_the_shard_in_hand_is_stored_and_the_run_can_go_on(
    workspace: Workspace, tmp_path: Path, sent: signal.Signals, code: int, says: str
) -> None:
    """One signal: the second shard is stored, no third is asked, one line says what is kept."""
    running = started(workspace, tmp_path, pause_s=0.6)

    running.send_signal(sent)
    stderr = running.communicate(timeout=PATIENCE_S)[1]

    assert running.returncode == code
    assert n_marks(tmp_path) == n_stored(tmp_path / "store") == 2
    assert n_damaged(tmp_path / "store") == 0
    kept = re.escape(f"(base: 128 of 380 answers in {tmp_path / 'store'})")
    line = rf"cliffguard: {says}; what is stored is kept {kept}, run again to go on\n"
    assert re.fullmatch(line, stderr), stderr
    assert not (tmp_path / "out" / "review.json").exists()


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_as_one_that_was_not(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Stopped and started again: no shard is asked twice, the review is the same but for OUT."""
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    stopped.mkdir()
    whole.mkdir()
    running = started(workspace, stopped, pause_s=0.3)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=PATIENCE_S)

    for folder, seed in ((stopped, "1"), (whole, "2")):
        subprocess.run(
            command(workspace, folder), env=environment(folder, PYTHONHASHSEED=seed), check=True
        )

    marks = (stopped / "marks").read_text().splitlines()
    assert len(marks) == len(set(marks)) == n_stored(stopped / "store")
    reviews = [
        support.placeless(folder / "out" / "review.json", folder) for folder in (stopped, whole)
    ]
    assert reviews[0] == reviews[1]


@pytest.mark.slow
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_at_once(
    workspace: Workspace, tmp_path: Path, second: signal.Signals
) -> None:
    """Whoever will not wait for the shard in hand loses it, and nothing that was stored."""
    running = started(workspace, tmp_path, pause_s=2.0)
    running.send_signal(signal.SIGINT)
    time.sleep(0.3)  # two signals at one moment may arrive in any order
    assert running.poll() is None

    running.send_signal(second)
    start = time.monotonic()
    running.communicate(timeout=PATIENCE_S)

    assert time.monotonic() - start < 1.0
    assert running.returncode == -second
    assert n_stored(tmp_path / "store") == 1
    assert n_damaged(tmp_path / "store") == 0


@pytest.mark.slow
def test_a_shard_that_takes_minutes_is_dropped_within_half_a_minute(
    workspace: Workspace, tmp_path: Path
) -> None:
    """SIGTERM: what is stored is kept and said, well before a scheduler would kill."""
    running = started(workspace, tmp_path, pause_s=40.0)
    start = time.monotonic()

    running.send_signal(signal.SIGTERM)
    stderr = running.communicate(timeout=PATIENCE_S)[1]

    assert running.returncode == 143
    assert time.monotonic() - start < 30.0
    assert n_stored(tmp_path / "store") == 1
    assert "base: 64 of 380 answers" in stderr


@pytest.mark.slow
def test_two_processes_write_the_same_review(workspace: Workspace, tmp_path: Path) -> None:
    """Other hash seeds, stores and folders: the same but for OUT and clocks."""
    for name, seed in (("one", "1"), ("other", "2")):
        (tmp_path / name).mkdir()
        variables = environment(tmp_path / name, PYTHONHASHSEED=seed)
        subprocess.run(command(workspace, tmp_path / name), env=variables, check=True)

    folders = [tmp_path / name for name in ("one", "other")]
    for report in ("review.json", "junit.xml"):
        first, other = (
            re.sub(r' time(stamp)?="[^"]*"', "", support.placeless(folder / "out" / report, folder))
            for folder in folders
        )
        assert first == other, report
    assert "wall_seconds" in (tmp_path / "one" / "out" / "timings.json").read_text()


@pytest.mark.slow
def test_a_signal_to_all_processes_of_a_launcher_stops_them_together(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Both shards in hand are stored; the first process speaks, and all have the code."""
    launched = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29571", "WORLD_SIZE": "2"}
    running = [
        subprocess.Popen(
            command(workspace, tmp_path),
            env=environment(tmp_path, 0.6, **launched, RANK=str(rank), LOCAL_RANK=str(rank)),
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    while n_marks(tmp_path) < 4 and all(process.poll() is None for process in running):
        time.sleep(0.01)

    for process in running:
        process.send_signal(signal.SIGTERM)
    outputs = [process.communicate(timeout=PATIENCE_S)[1] for process in running]

    assert [process.returncode for process in running] == [143, 143], outputs
    assert "cliffguard: terminated; what is stored is kept (base: 256 of 380 answers" in outputs[0]
    assert n_marks(tmp_path) == n_stored(tmp_path / "store") == 4
