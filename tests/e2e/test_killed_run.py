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


def command(folder: Path, suite: Path, adapter: Path, store: str, batch_size: int = 4) -> list[str]:
    """Return the command of a check on the tiny model."""
    return [
        sys.executable, "-m", "cliffguard", "check", "--candidate", str(adapter),
        "--suite", str(suite), "--device", "cpu", "--batch-size", str(batch_size),
        "--exit-zero", "--quiet",
        "--no-early-stop",  # which keeps it running until the signal comes
        "--store", str(folder / store), "--out", str(folder / f"out-{store}"),
    ]  # fmt: skip


@pytest.mark.parametrize("batch_size", [4, 128], ids=["a shard a group", "two shards a group"])
def test_kill_minus_9_loses_nothing_that_was_stored(
    tmp_path: Path, tiny_adapter: Path, batch_size: int
) -> None:
    """After SIGKILL every stored shard is used; shards and review are those of an undisturbed run.

    The second kill comes while answers are generated.
    """
    suite = support.write_suite(tmp_path / "suite", n_items=640, n_said=150)
    killed = command(tmp_path, suite, tiny_adapter, "killed", batch_size)
    running = subprocess.Popen(killed)
    while len(stored := shards(tmp_path / "killed")) < 2 and running.poll() is None:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    stored = shards(tmp_path / "killed")
    before = {path: path.stat().st_mtime_ns for path in stored}

    running = subprocess.Popen(killed)
    while len(shards(tmp_path / "killed")) < 11 and running.poll() is None:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    subprocess.run(killed, check=True)
    subprocess.run(command(tmp_path, suite, tiny_adapter, "whole", batch_size), check=True)

    assert 2 <= len(before) < len(shards(tmp_path / "killed"))
    assert {path: path.stat().st_mtime_ns for path in stored} == before
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "whole")
    reviews = [
        (tmp_path / f"out-{store}" / "review.json").read_text().replace(store, "")
        for store in ("killed", "whole")
    ]
    assert reviews[0] == reviews[1]


def bytes_of(store: Path) -> dict[str, bytes]:
    """Return what each stored shard holds."""
    return {str(path.relative_to(store)): path.read_bytes() for path in shards(store)}


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
