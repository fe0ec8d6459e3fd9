"""Checks in a process beside the training: what runs, what waits, what is dropped and why."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from cliffguard import Plan
from cliffguard.core.errors import CliffguardError, IntegrityError
from cliffguard.core.policy import CapabilityPolicy, Policy
from cliffguard.integrations.checks import Check, Record, Result
from cliffguard.integrations.subprocess_checks import SubprocessChecks, refuse_no_base, saved_at
from cliffguard.integrations.training import TrainingChecks
from tests import support
from tests.integrations.beside import Command, eventually, write_result
from tests.support import all_right, loses_hard_levels


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """A command that finds nothing lost."""
    command = Command(tmp_path / "command", monkeypatch)
    write_result(command.root / "held", all_right)
    command.does(result="held", code=0)
    return command


class Run:
    """A run that has saved checkpoints, and the lines that were said."""

    def __init__(
        self, folder: Path, *steps: int, wait_minutes: float = 1.0, policy: Policy | None = None
    ) -> None:
        self.folder = folder
        for step in steps:
            (folder / f"checkpoint-{step}").mkdir(parents=True)
        self.lines: list[str] = []
        self.checks = SubprocessChecks(
            Plan(base="models/base", candidate="in training", suites=("adjacent",), policy=policy),
            lambda step: saved_at(str(folder), step, is_search=False),
            store=None,
            wait_minutes=wait_minutes,
            tell=self.lines.append,
            n_processes=1,
        )

    def until_ready(self) -> Sequence[Result]:
        """Wait for what comes to its end next."""
        results: Sequence[Result] = eventually(self.checks.ready)
        return results


def steps(results: Sequence[Result]) -> list[int]:
    """Return the steps of checks."""
    assert all(isinstance(result, Check) for result in results), results
    return [result.step for result in results if isinstance(result, Check)]


def test_one_runs_and_one_waits(command: Command, tmp_path: Path) -> None:
    """The newest; what waited before it is dropped, and named."""
    command.does(result="held", code=0, waits=True)
    run = Run(tmp_path / "run", 2, 4, 6)

    assert [steps(run.checks.take(step)) for step in (2, 4, 6)] == [[], [], []]
    eventually(lambda: command.names)
    assert run.lines == [
        "checkpoint-4 is not checked: the check of checkpoint-2 still runs, and checkpoint-6 is "
        "newer; check it by hand, or save less often"
    ]
    command.go("checkpoint-2")
    assert steps(run.until_ready()) == [2]
    command.go("checkpoint-6")
    assert steps(run.checks.close()) == [6]
    assert command.names == ["checkpoint-2", "checkpoint-6"]


def test_the_command_is_that_of_a_check(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the saved folder, which is not copied, under the plan as it was at the start."""
    monkeypatch.setenv("RANK", "0")
    run = Run(tmp_path / "run", 2)
    run.checks.take(2)
    run.checks.close()

    reports = tmp_path / "run" / "_cliffguard"
    [call] = command.calls
    assert call["words"][:5] == [
        "check", str(reports / "plan.yaml"), "--candidate", str(tmp_path / "run" / "checkpoint-2"),
        "--out",
    ]  # fmt: skip
    assert call["rank"] is None
    assert "base: models/base" in (reports / "plan.yaml").read_text()
    assert (reports / "step-2" / "review.json").is_file()
    assert "my last words" in (reports / "step-2.log").read_text()
    assert os.listdir(tmp_path / "run" / "checkpoint-2") == []


def test_losses_are_those_of_the_items(command: Command, tmp_path: Path) -> None:
    """Of what gates, item by item in the order of the file, by the clusters that it names."""
    write_result(command.root / "other" / "lost", loses_hard_levels)
    command.does(result="other/lost", code=10)
    run = Run(tmp_path / "run", 2)
    run.checks.take(2)
    [check] = run.checks.close()

    assert isinstance(check, Check)
    assert check.review.verdict.exit_code == 10
    for row in check.review.comparison.capabilities:
        losses = check.losses[row.capability]
        assert row.evidence.drop == pytest.approx(sum(x or 0 for x in losses) / len(losses))
        assert check.counted.margins[row.capability] == row.evidence.margin
        assert len(check.counted.groups[row.capability]) == len(losses)
    # Nothing ties these items, in one capability or in two.
    groups = [group for each in check.counted.groups.values() for group in each]
    assert len(groups) == len(set(groups))


def test_what_rotation_deleted_is_said(command: Command, tmp_path: Path) -> None:
    """No check failed, whether it waited or ran."""
    command.does("checkpoint-2", code=20, waits=True)
    run = Run(tmp_path / "run", 2, 4)
    run.checks.take(2)
    run.checks.take(4)
    eventually(lambda: command.names)
    for step in (2, 4):
        shutil.rmtree(tmp_path / "run" / f"checkpoint-{step}")
    command.go("checkpoint-2")

    assert run.checks.close() == []
    assert run.lines[1:] == [
        "checkpoint-2 was deleted while it was checked: no verdict on it",
        "checkpoint-4 is not checked: it was deleted before that began; keep more of them "
        "(save_total_limit)",
    ]


def failure(run: Run, step: int) -> CliffguardError:
    """Return how the check of a step fails."""
    run.checks.take(step)
    [result] = run.checks.close()
    assert isinstance(result, CliffguardError)
    return result


def test_a_failure_is_the_one_that_was_written(command: Command, tmp_path: Path) -> None:
    """With its code, its id and its line."""
    written = {"exit_code": 12, "id": "pair.same", "message": "the weights are those of the base"}
    command.does(code=12, failure=written)
    failed = failure(Run(tmp_path / "run", 2), 2)

    assert isinstance(failed, IntegrityError)
    assert failed.line == "the weights are those of the base [pair.same]"


def test_a_command_that_just_ends_is_a_failure(command: Command, tmp_path: Path) -> None:
    """Its words lie in a file, whose name is said."""
    command.does(code=1)
    failed = failure(Run(tmp_path / "run", 2), 2)

    assert failed.exit_code == 20
    assert failed.id == "training.ended"
    assert str(tmp_path / "run" / "_cliffguard" / "step-2.log") in str(failed)


def test_a_verdict_without_a_review_is_a_failure(command: Command, tmp_path: Path) -> None:
    """A command that ignores --out proves nothing, whatever an earlier run left there."""
    run = Run(tmp_path / "run", 2)
    run.checks.take(2)
    assert steps(run.checks.close()) == [2]
    command.does(code=0)

    assert failure(run, 2).id == "training.no-review"


def test_a_program_that_is_not_there_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not an end of the training."""
    monkeypatch.setenv("CLIFFGUARD_CMD", "no-such-program")
    failed = failure(Run(tmp_path / "run", 2), 2)

    assert "exit code 127" in str(failed)


def test_the_end_is_waited_for_but_not_for_ever(command: Command, tmp_path: Path) -> None:
    """What still runs is ended, and what waits is not begun; both are named."""
    command.does(result="held", code=0, waits=True)
    run = Run(tmp_path / "run", 2, 4, wait_minutes=0.01)
    run.checks.take(2)
    run.checks.take(4)
    [call] = eventually(lambda: command.calls)
    [failed] = run.checks.close()

    assert isinstance(failed, CliffguardError)
    assert failed.id == "training.wait"
    assert "checkpoint-2 and" in str(failed)
    assert "checkpoint-4" in str(failed)
    eventually(lambda: not is_alive(call["pid"]))
    assert command.names == ["checkpoint-2"]


def is_alive(pid: int) -> bool:
    """Return whether there is such a process, and it has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


TRAINING = """
import signal, sys, time
from pathlib import Path
from tests.integrations.test_subprocess_checks import Run

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it in the background
run = Run(Path(sys.argv[1]), 2)
run.checks.take(2)
time.sleep(120)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_the_end_of_a_training_ends_its_check(
    command: Command, tmp_path: Path, number: int
) -> None:
    """However it comes: nobody would read what it comes to, and it holds a device."""
    command.does(code=0, waits=True)
    training = subprocess.Popen(
        [sys.executable, "-c", TRAINING, str(tmp_path / "run")], stderr=subprocess.DEVNULL
    )
    try:
        [call] = eventually(lambda: command.calls)
        assert is_alive(call["pid"])
    finally:
        training.send_signal(number)
        training.wait()

    eventually(lambda: not is_alive(call["pid"]))


def test_a_run_of_a_search_has_a_folder(tmp_path: Path) -> None:
    """The newest that has such a checkpoint is the one that was just saved."""
    for number, run in enumerate(("run-0", "run-1", "run-2")):
        folder = tmp_path / run / "checkpoint-2"
        folder.mkdir(parents=True)
        os.utime(folder, (number % 2, number % 2))

    assert saved_at(str(tmp_path), 2, is_search=True) == tmp_path / "run-1" / "checkpoint-2"
    assert saved_at(str(tmp_path), 2, is_search=False) == tmp_path / "checkpoint-2"


def test_full_weights_need_a_base_in_the_plan() -> None:
    """What is saved of an adapter names its base."""
    plan = Plan(candidate="in training", suites=("adjacent",))

    with support.refused("training.no-base", 2, "add base: to the plan"):
        refuse_no_base(plan, object())


def test_a_command_that_no_shell_would_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first step."""
    monkeypatch.setenv("CLIFFGUARD_CMD", "uvx 'cliffguard")

    with support.refused("command.words", 2, "No closing quotation"):
        Run(tmp_path).checks.begin(3, None, is_trained=False)


def test_other_margins_are_another_plan(command: Command, tmp_path: Path) -> None:
    """Losses that were judged by others are not counted with what comes."""
    start = Run(tmp_path).checks.begin(3, None, is_trained=False)
    kept = Record(n_checks=3, questions=start.questions, steps=(2,))

    def go_on(policy: Policy | None) -> None:
        run = Run(tmp_path, policy=policy)
        TrainingChecks(run.checks, raises=True, tell=run.lines.append).begin(kept, 4)

    go_on(None)
    with support.refused("training.other-plan", 2):
        go_on(Policy(default_margin=0.4))


def test_a_relative_margin_is_none_in_points(command: Command, tmp_path: Path) -> None:
    """Though both allow the same drop of a base that is right in half of the cases."""
    name = "multi_step_reasoning"
    relative = {name: CapabilityPolicy(relative_margin=0.2)}
    points = {name: CapabilityPolicy(margin=Policy(capabilities=relative).margin(name))}
    starts = [
        Run(tmp_path / str(n), policy=Policy(capabilities=rules)).checks.begin(
            3, None, is_trained=False
        )
        for n, rules in enumerate((relative, points))
    ]

    assert starts[0].questions != starts[1].questions
    assert starts[0].questions_before == starts[1].questions_before
    assert starts[0].questions_before not in (starts[0].questions, starts[1].questions)


def test_a_record_of_an_earlier_release_goes_on(command: Command, tmp_path: Path) -> None:
    """It has the digest of that time, and from now on the one of today."""
    run = Run(tmp_path)
    start = run.checks.begin(3, None, is_trained=False)
    kept = Record(n_checks=3, questions=start.questions_before, steps=(2,))

    training = TrainingChecks(run.checks, raises=True, tell=run.lines.append)
    training.begin(kept, 4)

    assert training.record.questions == start.questions


def test_what_was_begun_beyond_the_plan_does_not_count(command: Command, tmp_path: Path) -> None:
    """A save that nobody planned, while the last planned check still runs."""
    run = Run(tmp_path / "run", 2, 4)
    training = TrainingChecks(run.checks, raises=True, tell=run.lines.append)
    training.begin(Record(n_checks=1), 0)
    checks = [*training.take(2), *training.take(4), *training.end(4)]

    assert [check.step for check in checks] == [2]
    assert training.record.steps == (2,)
    (line,) = (line for line in run.lines if "step 4" in line)
    assert line.startswith("the check of step 4 does not count, nor what follows: all 1 planned")
    assert line.endswith("cliffguard check BASE CHECKPOINT")
    assert training.exit_code == 11
