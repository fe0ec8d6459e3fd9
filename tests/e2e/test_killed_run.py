"""A run that is killed continues where it stopped, and ends as if it had not been."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import support

pytestmark = pytest.mark.slow


def command(folder: Path, suite: Path, adapter: Path, store: str) -> list[str]:
    """Return the command of a check on the tiny model."""
    return [
        sys.executable, "-m", "cliffguard", "check", "--candidate", str(adapter),
        "--suite", str(suite), "--device", "cpu", "--batch-size", "4", "--exit-zero", "--quiet",
        "--no-early-stop",  # which keeps it running until the signal comes
        "--store", str(folder / store), "--out", str(folder / f"out-{store}"),
    ]  # fmt: skip


def test_kill_minus_9_loses_nothing_that_was_stored(tmp_path: Path, tiny_adapter: Path) -> None:
    """After SIGKILL every stored shard is used, and the review is that of an undisturbed run."""
    suite = support.write_suite(tmp_path / "suite", n_items=640, n_said=8)
    killed = command(tmp_path, suite, tiny_adapter, "killed")
    running = subprocess.Popen(killed)
    while len(stored := shards(tmp_path / "killed")) < 2 and running.poll() is None:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    stored = shards(tmp_path / "killed")
    before = {path: path.stat().st_mtime_ns for path in stored}

    subprocess.run(killed, check=True)
    subprocess.run(command(tmp_path, suite, tiny_adapter, "whole"), check=True)

    assert 2 <= len(before) < len(shards(tmp_path / "killed"))
    assert {path: path.stat().st_mtime_ns for path in stored} == before
    reviews = [
        (tmp_path / f"out-{store}" / "review.json").read_text().replace(store, "")
        for store in ("killed", "whole")
    ]
    assert reviews[0] == reviews[1]


def shards(store: Path) -> list[Path]:
    """Return the shards that are stored."""
    return sorted(store.glob("questions/*/*/shards/[0-9]*.jsonl"))


@pytest.mark.parametrize(
    ("sent", "code", "says"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_ends_in_its_own_exit_code_and_one_line(
    tmp_path: Path, tiny_adapter: Path, sent: signal.Signals, code: int, says: str
) -> None:
    """^C and a scheduler's SIGTERM say in one line what is kept."""
    suite = support.write_suite(tmp_path / "suite", n_items=960, n_said=8)
    # Tests that run in the background ignore ^C, and a child would inherit that.
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    running = subprocess.Popen(
        command(tmp_path, suite, tiny_adapter, "stopped"), stderr=subprocess.PIPE, text=True
    )
    signal.signal(signal.SIGINT, usual)
    while not shards(tmp_path / "stopped") and running.poll() is None:
        time.sleep(0.02)
    running.send_signal(sent)
    stderr = running.communicate()[1]

    assert running.returncode == code
    kept = r"\(.*: \d+ of 968 answers in .*\)"
    assert re.fullmatch(
        rf"cliffguard: {says}; what is stored is kept {kept}, run again to go on\n", stderr
    ), stderr
