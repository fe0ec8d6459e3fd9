"""What goes wrong around a check: models, disks, damage, interruption, and the program itself."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cliffguard.cli.console import explained
from tests.bad_input.models import Models, copied, pickled_tiny, set_first
from tests.bad_input.place import Workspace, answering, assert_refused, run
from tests.fake_runner import FakeRunner, Interrupted


@pytest.fixture
def runner(always_right: FakeRunner) -> FakeRunner:
    """Whoever asks for a model gets one that is always right."""
    return always_right


@pytest.fixture
def models(tiny_models: Models) -> Models:
    """The tiny models of the session."""
    return tiny_models


def test_pickled_weights_load_when_allowed(workspace: Workspace, models: Models) -> None:
    """With --allow-pickle the same checkpoint is measured."""
    result = run(workspace.measure(pickled_tiny(models), "--allow-pickle"))

    assert (result.exit_code, result.stderr) == (0, "")


def test_what_cannot_be_trusted_leaves_a_failure(workspace: Workspace, models: Models) -> None:
    """check leaves failure.json and a JUnit error where the reports would be, and no review."""
    broken = copied(models.base, models.broken, set_first(float("nan")))

    result = run(workspace.check("--device", "cpu", base=models.base, candidate=broken))

    assert_refused(result, 12, "weights.not-finite")
    failure = json.loads((workspace.out / "failure.json").read_text())
    assert (failure["exit_code"], failure["kind"]) == (12, "integrity")
    assert "<error" in (workspace.out / "junit.xml").read_text()
    assert not (workspace.out / "review.json").exists()


@pytest.mark.parametrize("side", ["base", "candidate"])
def test_a_checkpoint_that_is_not_there_leaves_a_failure(
    workspace: Workspace, runner: FakeRunner, side: str
) -> None:
    """With its id, as every failure once the folder of the reports is there."""
    result = run(workspace.check(**{side: "runs/ft/nowhere"}))

    failure = json.loads((workspace.out / "failure.json").read_text())
    assert result.exit_code == 2
    assert result.stderr.startswith("cliffguard: error[checkpoint.no-folder]: ")
    assert (failure["exit_code"], failure["id"]) == (2, "checkpoint.no-folder")


@pytest.mark.slow
def test_an_unknown_task_of_lm_eval_offers_the_nearest(
    workspace: Workspace, models: Models
) -> None:
    """A bare task name that lm-eval does not know is answered with one that it does."""
    text = "name: a\nversion: 1\ncapabilities: {maths: {ring: general, tasks: [gsm8kk]}}\n"

    suite = workspace.write("suite/stock.yaml", text)
    result = run(workspace.check(suite=suite, base=models.base, candidate=models.adapter))

    assert_refused(result, 2, "task.unknown")


@pytest.mark.parametrize("kind", ["NotImplementedError", "RecursionError", "AcceleratorError"])
def test_a_bug_below_us_is_not_called_a_lack_of_memory(kind: str) -> None:
    """What a retry cannot mend is not sent into one, whichever RuntimeError it is."""
    import builtins

    import torch

    from cliffguard.engine.loading import out_of_memory_explained

    failure = getattr(builtins, kind, None) or getattr(torch, kind, None)
    if failure is None:
        pytest.skip(f"this torch has no {kind}")
    with pytest.raises(failure), out_of_memory_explained("model"):
        raise failure("device-side assert triggered")


# --- disks ---------------------------------------------------------------------------------------


def full(*_: object, **__: object) -> None:
    """Raise what a full disk raises."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_worth_a_retry(
    workspace: Workspace, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full from the start ends with exit code 20."""
    monkeypatch.setattr(os, "fsync", full)

    assert_refused(run(workspace.check()), 20, "file.no-room")


def test_a_disk_that_fills_up_keeps_what_is_stored(
    workspace: Workspace, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk fills up after two shards, a second run asks only for the rest."""
    link, written = os.link, []

    def filling(source: str, target: Path) -> None:
        if target.parent.name == "shards":
            if len(written) == 2:
                full()
            written.append(target)
        link(source, target)

    monkeypatch.setattr(os, "link", filling)
    assert_refused(run(workspace.check()), 20, "file.no-room")
    monkeypatch.setattr(os, "link", link)
    runner.n_asked = 0

    assert run(workspace.check("--no-early-stop")).exit_code == 0
    assert runner.n_asked == 2 * 230 - 2 * 64
    assert not list(workspace.store.rglob(".*"))


@pytest.fixture
def read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A read-only file system where one can be mounted, else a folder that acts like one."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    mount = shutil.which("mount")
    words = [mount or "", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(folder)]
    if (
        sys.platform == "linux"
        and os.geteuid() == 0
        and mount
        and subprocess.run(words, check=False, capture_output=True).returncode == 0
    ):
        yield folder
        subprocess.run(["umount", str(folder)], check=True)
        return
    make = Path.mkdir

    def refuse(path: Path, *positional: Any, **named: Any) -> None:
        if folder in path.parents:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        make(path, *positional, **named)

    monkeypatch.setattr(Path, "mkdir", refuse)
    yield folder


@pytest.mark.parametrize("flag", ["--out", "--store"])
def test_a_read_only_place_is_the_users_error(
    flag: str, workspace: Workspace, runner: FakeRunner, read_only: Path
) -> None:
    """Reports and answers need a place that can be written; that shows before any work."""
    result = run(workspace.check(flag, read_only / "deep"))

    assert_refused(result, 2, "file.not-written")
    assert runner.n_asked == 0


def test_a_report_where_none_can_lie_is_the_users_error(
    workspace: Workspace, runner: FakeRunner, read_only: Path
) -> None:
    """report --output takes a file, at a place that can be written."""
    assert run(workspace.check()).exit_code == 0

    for target in (read_only / "a" / "r.txt", workspace.root):
        result = run(["report", str(workspace.out / "review.json"), "-o", str(target)])
        assert_refused(result, 2, "file.not-written")


def test_a_tilde_after_the_equals_sign_is_the_home(
    workspace: Workspace, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--out=~/reports`, which the shell leaves alone, makes no folder called ~."""
    monkeypatch.setenv("HOME", str(workspace.root / "home"))
    monkeypatch.chdir(workspace.root)

    run(workspace.check("--out=~/reports"))

    assert not (workspace.root / "~").exists()


def test_a_folder_that_may_not_be_entered_is_the_users_error(
    workspace: Workspace, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A colleague's closed folder is one line, not a crash."""
    look = Path.stat

    def closed(path: Path, **options: bool) -> os.stat_result:
        if workspace.tuned in path.parents:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return look(path, **options)

    monkeypatch.setattr(Path, "stat", closed)

    assert_refused(run(workspace.check()), 2, "checkpoint.unreadable")


def test_weights_that_may_not_be_read_are_one_line(
    workspace: Workspace, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that belongs to somebody else is no crash."""
    reading = Path.open

    def closed(path: Path, *positional: Any, **named: Any) -> Any:
        if path == workspace.tuned / "model.safetensors":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return reading(path, *positional, **named)

    monkeypatch.setattr(Path, "open", closed)

    assert_refused(run(workspace.check()), 20, "checkpoint.unreadable")


# --- damage and interruption ---------------------------------------------------------------------


def test_an_interruption_is_exit_130_in_one_line(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """^C ends with the code that shells know, and says that nothing is lost."""
    answering(monkeypatch, Interrupted(lambda *_: 1.0, at=2))

    result = run(workspace.check())

    assert result.exit_code == 130
    assert result.stderr.startswith("cliffguard: interrupted; what is stored is kept")
    assert len(result.stderr.splitlines()) == 1


def test_an_interrupted_check_goes_on_where_it_stopped(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shard that was answered before ^C stays, and only the rest is asked."""
    answering(monkeypatch, Interrupted(lambda *_: 1.0, at=2))
    assert run(workspace.check()).exit_code == 130
    (stored,) = workspace.store.rglob("shards/0*.jsonl")
    before = stored.stat().st_mtime_ns
    again = FakeRunner(lambda *_: 1.0)
    answering(monkeypatch, again)

    result = run(workspace.check("--no-early-stop"))

    assert result.exit_code == 0
    assert again.n_asked == 2 * 230 - 64
    assert stored.stat().st_mtime_ns == before


def test_an_interruption_leaves_no_failure(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who stops a run knows it; no failure.json says so to others."""
    answering(monkeypatch, Interrupted(lambda *_: 1.0, at=2))

    run(workspace.check())

    assert list(workspace.out.iterdir()) == []


# --- the program itself --------------------------------------------------------------------------


# Python may be told not to buffer; users do not tell it.
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def program(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "cliffguard", *words]
    return subprocess.run(command, text=True, check=False, env=BUFFERED, **options)


def test_the_program_refuses_like_its_parts(tmp_path: Path) -> None:
    """The exit code and the line reach the shell."""
    done = program("check", str(tmp_path / "plan.yaml"), capture_output=True)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"cliffguard: error[plan.file]: {tmp_path / 'plan.yaml'}: no such file; "
        "`cliffguard init` writes one to begin with\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "words",
    ["items adjacent", "ls", pytest.param("--help", marks=pytest.mark.slow)],
    ids=["much", "little", "help"],
)
def test_a_full_disk_behind_stdout_is_worth_a_retry(words: str) -> None:
    """`cliffguard … > file` on a full disk is exit code 20 in one line, not a traceback."""
    with Path("/dev/full").open("w") as stdout:
        done = program("suites", *words.split(), stdout=stdout, stderr=subprocess.PIPE)

    assert re.fullmatch(r"cliffguard: error\[stdout\.not-written\]: [^\n]+\n", done.stderr)
    assert done.returncode == 20


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize("words", ["suites ls", "--version"])
def test_a_closed_stdout_is_no_crash(words: str) -> None:
    """A job without stdout, as some schedulers start it, ends like any other."""
    line = f'exec "{sys.executable}" -m cliffguard {words} >&-'

    done = subprocess.run(
        ["sh", "-c", line], stderr=subprocess.PIPE, text=True, check=False, env=BUFFERED
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("end", ["2>&1 | true", "2>&1 >&- | true", ">&- 2>&-", "2>/dev/full"])
@pytest.mark.parametrize("words", ["check gone.yaml", "bogus", "suites ls"])
def test_where_nobody_reads_the_exit_code_is_the_verbs(words: str, end: str) -> None:
    """A FAIL, or a refusal, whose lines nobody wants is no PASS, and no crash either."""
    line = f'("{sys.executable}" -m cliffguard {words}; echo $? >&3) {end}'

    done = subprocess.run(
        ["bash", "-c", f"exec 3>&1; {line}"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env=BUFFERED,
    )

    assert done.stdout.split()[-1] == ("0" if words == "suites ls" else "2")


def test_a_pipe_of_ours_that_breaks_is_no_pass() -> None:
    """Whoever answers may die: only where it is our reader is that none of our business."""

    @explained
    def verb() -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        verb()


@pytest.mark.parametrize("words", ["items adjacent", "ls"], ids=["much", "little"])
def test_a_reader_that_leaves_is_no_failure(words: str) -> None:
    """`cliffguard suites … | head -0` ends in silence, however much there was to say."""
    command = [sys.executable, "-m", "cliffguard", "suites", *words.split()]
    with subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=BUFFERED
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        stderr = running.stderr.read()

    assert stderr == ""
    assert running.returncode == 0
