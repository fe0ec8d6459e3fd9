"""A signal while broken items are asked again: the verdict stands, and its reports are written."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cliffguard.cli.app import app
from cliffguard.core.answers import Answer
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.items import Item, Task
from cliffguard.core.settings import EvalSettings
from tests import support
from tests.fake_runner import Form, ProbedRunner


def loses_a_third(name: str, item: Item, form: Form) -> float:
    """Script: the candidate breaks a third of the items and fixes a tenth."""
    number = int(item.id[-3:])
    return float(number % 3 > 0 if "tuned" in name else number % 10 != 1)


class Stopped(ProbedRunner):
    """A runner that gets a signal when it is first asked a probe."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(loses_a_third)
        self.number = number

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Answer; of a probe, once the signal has come."""
        if task.name in self.parts and self.n_probed == 0:
            signal.raise_signal(self.number)
        return super().ask(checkpoint, task, items, protocol)


@pytest.mark.slow
@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_probes_and_not_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    """The reports have the verdict of a run that asks nothing again; the exit is the signal's."""
    suite = support.write_suite(tmp_path / "suite", n_items=300, n_said=60)
    sides = [support.write_checkpoint(tmp_path / name, seed=k) for k, name in enumerate(_SIDES)]
    words = ["check", "--base", str(sides[0]), "--candidate", str(sides[1]), "--suite", str(suite)]
    words += ["--store", str(tmp_path / "store"), "--offline"]
    runner = Stopped(number)
    monkeypatch.setattr("cliffguard.gate.runner_for", lambda plan: runner)

    stopped = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "stopped")])
    unasked = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "not"), "--no-diagnose"])

    assert (stopped.exit_code, unasked.exit_code) == (code, 10)
    first, second = (
        json.loads((tmp_path / name / "review.json").read_text()) for name in ("stopped", "not")
    )
    assert first["verdict"] == second["verdict"]
    assert {each["unprobed"] for each in first["diagnosis"]["capabilities"]} == {"interrupted"}
    assert (tmp_path / "stopped" / "report.html").exists()
    assert (tmp_path / "stopped" / "items.jsonl").exists()


_SIDES = ("base", "tuned")
