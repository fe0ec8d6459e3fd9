"""Patterns and the child process that runs them: limits that hold, and a child that ends."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cliffguard.cli.app import app
from cliffguard.core import sandbox as apart
from cliffguard.core.sandbox import Apart, Failed, Stopped, process
from cliffguard.core.sandbox.patterns import check_pattern, is_found, match_names
from cliffguard.core.signals import Interrupted, finishing
from tests import support

NESTED = "(?:(a{1,500}){1,500}){1,500}b"  # in which `regex` looks at the clock late


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second for everything."""
    for name in ("READ_SECONDS", "SEARCH_SECONDS", "MATCH_SECONDS"):
        monkeypatch.setattr(f"cliffguard.core.sandbox.patterns.{name}", 0.5)


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        "[a",
        "(?:" * 3000 + ")" * 3000,
        pytest.param("|".join("a" * n for n in range(2000)), marks=pytest.mark.slow),
        "(?P<a>",
    ],
    ids=["open", "class", "deep", "wide", "name"],
)
def test_a_pattern_that_cannot_be_read_is_said_to_be_wrong(pattern: str, short: None) -> None:
    """Whether it is malformed, nested too deeply, or takes too long; in a short line."""
    with pytest.raises(ValueError, match=r"cannot be read|no regular expression") as failure:
        check_pattern(pattern)
    assert len(str(failure.value)) < 400


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        pytest.param(NESTED, "a" * 200, marks=pytest.mark.slow),
        ("^(a|a|aa)+$b", "a" * 60),
        pytest.param("(?R)", "a", marks=pytest.mark.slow),
    ],
)
def test_a_search_without_end_is_ended(pattern: str, text: str, short: None) -> None:
    """In time or memory, and at the limit, not when the library next looks at the clock."""
    start = time.monotonic()

    with pytest.raises(Stopped, match=r"took more than (0\.5 s|512 MiB)"):
        is_found(pattern, text)
    assert time.monotonic() - start < 5.0
    assert is_found("b", "abc")


@pytest.mark.parametrize(
    "pattern",
    [
        "(([a-z0-9_.]+)+)+!",
        pytest.param("(a*)*(.*)*(.*)*(.*)*(.*)*q_proj!", marks=pytest.mark.slow),
        "((",
        "(?:" * 3000,
    ],
)
def test_a_pattern_of_an_adapter_is_tried_as_peft_would(pattern: str, short: None) -> None:
    """On the names of the modules; one that fails or never ends is told."""
    with pytest.raises((Stopped, Failed)):
        match_names([pattern], ["model.layers.0.self_attn.q_proj"])


def test_usual_patterns_of_adapters_are_matched() -> None:
    """A flag at the start can be read as the whole only, and a comma list is no pattern."""
    match_names(
        [r".*\.(q_proj|v_proj)$", "(?i).*Q_PROJ", "self_attn.*", r"model\.layers\.\d+\.mlp.*"],
        [f"model.layers.{n}.self_attn.q_proj" for n in range(200)],
    )


# --- the child -----------------------------------------------------------------------------------


def test_a_child_that_was_ended_starts_anew() -> None:
    """And a copy of what holds it has one of its own."""
    child = Apart("cliffguard.core.sandbox.patterns")
    with pytest.raises(Stopped, match="took more than"):
        child.call({"find": "(a|a|aa)+$b", "in": "a" * 60}, seconds=0.2)

    assert child.call({"find": "a", "in": "a"}, seconds=5.0)
    assert copy.deepcopy(child)._child is None


def test_a_child_that_dies_is_told() -> None:
    """Killed by the system for its memory, say."""
    child = Apart("cliffguard.core.sandbox.patterns")
    child.call({"read": "a"}, seconds=5.0)
    assert child._child is not None
    child._child.kill()

    with pytest.raises(Stopped, match=r"ended its process \(signal 9\)"):
        child.call({"read": "a"}, seconds=5.0)


def test_a_program_that_cannot_start_is_told() -> None:
    """With the reason, instead of waiting for it."""
    with pytest.raises(RuntimeError, match="ModuleNotFoundError"):
        Apart("cliffguard.core.sandbox.nothing").call({}, seconds=1.0)


def test_a_child_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment holds what libraries need to be found, and nothing else."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    child = Apart("cliffguard.core.sandbox.patterns")
    child.call({"read": "a"}, seconds=5.0)
    assert child._child is not None

    if sys.platform == "linux":
        seen = Path(f"/proc/{child._child.pid}/environ").read_bytes()
        assert b"hf_secret" not in seen
    assert "HF_TOKEN" not in process._ENVIRONMENT


@pytest.mark.skipif(not apart.CAN_LIMIT_MEMORY, reason="the system limits no memory")
def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    """However that ends: nobody is left to wait for the answer."""
    code = (
        "import os, signal\n"
        "from cliffguard.core.sandbox import Apart\n"
        "child = Apart('cliffguard.core.sandbox.patterns')\n"
        "child.call({'read': 'a'}, seconds=5.0)\n"
        "print(child._child.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    paths = os.pathsep.join(sys.path)
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )
    pid = int(ran.stdout)

    end = time.monotonic() + 10.0
    while time.monotonic() < end and _is_running(pid):
        time.sleep(0.02)
    assert not _is_running(pid)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


# --- signals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ended", [finishing, nullcontext])
def test_the_first_signal_ends_a_search(listening: None, ended: Callable[[], Any]) -> None:
    """Answers in hand are not waited for where a pattern may never end."""
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM))
    start = time.monotonic()
    timer.start()

    with pytest.raises(Interrupted), ended():
        is_found("^(a|a|aa)+$b", "a" * 60)
    assert time.monotonic() - start < 1.5


# --- where patterns are written ------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["(?:" * 3000 + ")" * 3000, "("])
def test_a_suite_with_a_hostile_pattern_is_refused(tmp_path: Path, pattern: str) -> None:
    """By `suites validate`, in one line, with exit 2."""
    item = {"id": "a", "prompt": "P", "answer": pattern}
    (tmp_path / "say.jsonl").write_text(json.dumps(item) + "\n")
    (tmp_path / "s.yaml").write_text(
        "name: s\nversion: 1\ncapabilities:\n  c:\n    ring: general\n    tasks:\n"
        "      - {name: t, items: say.jsonl, metric: regex}\n"
    )

    result = CliRunner().invoke(app, ["suites", "validate", str(tmp_path / "s.yaml")])

    assert result.exit_code == 2
    assert "say.jsonl" in result.stderr
    assert len(result.stderr.splitlines()) == 1


LACKS = ("another system", "no RLIMIT_AS", "no /proc")


@pytest.mark.parametrize("lack", support.mostly_slow(LACKS, "another system"))
def test_a_system_that_limits_no_memory_runs_programs_all_the_same(
    lack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits of time hold there, and no limit is tried that is not there."""
    if lack == "another system":
        monkeypatch.setattr(sys, "platform", "darwin")
    elif lack == "no RLIMIT_AS":
        monkeypatch.delattr("resource.RLIMIT_AS")
    else:
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert not process.can_limit_memory()
    monkeypatch.undo()

    monkeypatch.setattr(process, "CAN_LIMIT_MEMORY", False)
    child = Apart("cliffguard.core.sandbox.patterns")

    assert child.call({"find": "a+b", "in": "aab"}, seconds=5.0) is True
    with pytest.raises(Stopped, match=r"took more than 0\.5 s"):
        child.call({"find": "^(a|a|aa)+$b", "in": "a" * 60}, seconds=0.5)
