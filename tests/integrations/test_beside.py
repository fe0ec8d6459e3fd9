"""A trainer whose saved checkpoints are checked beside it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import TrainerCallback

from cliffguard import Plan
from cliffguard.integrations import CliffguardCallback, attach
from tests import support
from tests.integrations.beside import Command, eventually, write_result
from tests.integrations.test_attach import Reader, worst
from tests.integrations.trainers import plan_of, trainer_of
from tests.support import loses_hard_levels

pytestmark = pytest.mark.slow

PLAN = Plan(base="models/base", candidate="in training", suites=("adjacent",), offline=True)
SAVED = {"save_strategy": "steps", "save_steps": 2}
NUMBERS = ("worst_drop", "worst_drop_upper", "verdict")


class Slow(TrainerCallback):
    """Ends a step only once what a test waits for holds."""

    def __init__(self, waits: Callable[[int], Any]) -> None:
        self.waits = waits

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Wait, then let another process end."""
        eventually(lambda: self.waits(state.global_step))


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """A command that finds much lost."""
    command = Command(tmp_path / "command", monkeypatch)
    write_result(command.root / "lost", loses_hard_levels)
    command.does(result="lost", code=10)
    return command


def ours(row: dict[str, Any]) -> dict[str, Any]:
    """Return our numbers of a row of the trainer's log."""
    head = "eval_cliffguard_"
    return {name.removeprefix(head): n for name, n in row.items() if name.startswith(head)}


def test_what_is_saved_is_checked(
    command: Command, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The numbers are in every evaluation and in the log, the review in the callback."""
    reader = Reader()
    seen = Slow(lambda step: step < 4 or (command.names and time.sleep(0.5) is None))
    trainer = trainer_of(
        tiny_base, tmp_path / "run", max_steps=6, eval_steps=1, callbacks=[reader, seen], **SAVED
    )
    callback = attach(trainer, PLAN, where="subprocess")
    trainer.train()

    assert set(command.names) >= {"checkpoint-2", "checkpoint-6"}
    assert all({f"eval_cliffguard_{name}" for name in NUMBERS} <= set(m) for m in reader.metrics)
    assert [drop for step, drop in worst(reader) if step <= 2] == [0, 0]
    assert worst(reader)[-1][1] > 0.2
    logged = [ours(row) for row in trainer.state.log_history if "eval_cliffguard_seconds" in row]
    assert logged[0]["step"] == 2
    assert callback._run is not None
    assert [row["verdict"] for row in logged] == [
        standing.verdict for standing in callback._run.standings.values()
    ]
    assert logged[-1]["worst_drop"] > 0.2
    assert callback.review is not None
    assert callback.review.verdict.exit_code == 10
    assert callback.exit_code == 10
    err = capsys.readouterr().err
    assert "cliffguard: what is saved is checked beside the training; 3 checks to come" in err
    assert " of 3 checks made, in " in err


def test_a_best_model_that_is_chosen_by_an_earlier_one_is_remarked(
    command: Command, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is known at an evaluation is not of the model that is evaluated."""
    name = "eval_cliffguard_worst_drop"
    best = {"metric_for_best_model": name, "greater_is_better": False}
    trainer = trainer_of(tiny_base, tmp_path / "run", **SAVED, **best)
    attach(trainer, PLAN, where="subprocess")
    trainer.train()

    assert f"metric_for_best_model={name}: beside the training" in capsys.readouterr().err


def test_a_proven_loss_stops_the_training(
    command: Command, tiny_base: Path, tmp_path: Path
) -> None:
    """By the last that is known: two checks that both found much lost."""
    step = Slow(lambda step: step < 8 or len(command.names) < 2 or time.sleep(0.2) is None)
    trainer = trainer_of(tiny_base, tmp_path / "run", max_steps=300, callbacks=[step], **SAVED)
    callback = attach(trainer, PLAN, where="subprocess", on_fail="stop")
    trainer.train()

    assert trainer.state.global_step < 300
    assert callback.exit_code == 10


def test_a_failure_lets_the_training_go_on(
    command: Command, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said once, and is the exit code where no check came to its end."""
    written = {"exit_code": 20, "id": "memory.short", "message": "too little memory"}
    command.does(code=20, failure=written)
    trainer = trainer_of(tiny_base, tmp_path / "run", **SAVED)
    callback = attach(trainer, PLAN, where="subprocess")
    trainer.train()

    assert trainer.state.global_step == 6
    assert callback.exit_code == 20
    line = "a check failed, and the training goes on: too little memory [memory.short]"
    assert capsys.readouterr().err.count(line) == 1


def test_a_failure_is_raised_where_that_is_wanted(
    command: Command, tiny_base: Path, tmp_path: Path
) -> None:
    """As in the process of the training."""
    command.does(code=20, failure={"id": "memory.short", "message": "too little memory"})
    trainer = trainer_of(tiny_base, tmp_path / "run", **SAVED)
    attach(trainer, PLAN, where="subprocess", on_error="raise")

    with support.refused("memory.short", 20):
        trainer.train()


def test_a_checkpoint_that_rotation_deletes_is_no_failure(
    command: Command, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last one is there at the end, and checked."""
    command.does("checkpoint-1", code=12, waits=True)
    go = Slow(lambda step: step < 5 or command.go("checkpoint-1") is None)
    settings = {**SAVED, "save_steps": 1, "save_total_limit": 1, "eval_strategy": "no"}
    trainer = trainer_of(tiny_base, tmp_path / "run", callbacks=[go], **settings)
    callback = attach(trainer, PLAN, where="subprocess")
    trainer.train()

    err = capsys.readouterr().err
    assert "checkpoint-1 was deleted while it was checked" in err
    assert "a check failed" not in err
    assert command.names[-1] == "checkpoint-6"
    assert callback.exit_code in (10, 11)


@pytest.mark.slow
def test_its_state_survives(command: Command, tiny_base: Path, tmp_path: Path) -> None:
    """A run that goes on knows its checks, and checks what it goes on from."""
    first = trainer_of(tiny_base, tmp_path / "run", max_steps=6, **SAVED)
    attach(first, PLAN, where="subprocess")
    first.train()
    n_calls = len(command.calls)
    again = trainer_of(tiny_base, tmp_path / "run", max_steps=6, **SAVED)
    callback = attach(again, PLAN, where="subprocess")
    again.train(resume_from_checkpoint=str(tmp_path / "run" / "checkpoint-4"))

    assert command.names[n_calls:][-1] == "checkpoint-6"
    assert callback._run is not None
    assert callback._run.record.n_checks == 3


def test_a_plan_names_no_candidate(tmp_path: Path) -> None:
    """What is trained is the candidate; several in the file are none."""
    file = tmp_path / "gate.yaml"
    for written in ("suites: [adjacent]", "{suites: [adjacent], candidate: [a, b]}"):
        file.write_text(written)

        assert CliffguardCallback(file).plan.candidate == "in training"


@pytest.mark.parametrize(
    ("settings", "id"),
    [({"every": 3}, "training.every"), ({"where": "elsewhere"}, "training.where")],
)
def test_what_it_cannot_do_is_refused(settings: Any, id: str) -> None:
    """With what to use instead."""
    with support.refused(id, 2):
        CliffguardCallback(PLAN, **{"where": "subprocess", **settings})


def test_shards_are_refused(tiny_base: Path, tmp_path: Path) -> None:
    """FSDP's own files are no checkpoint."""
    trainer = trainer_of(tiny_base, tmp_path / "run", **SAVED)
    trainer.is_fsdp_enabled = True
    plugin = SimpleNamespace(state_dict_type=SimpleNamespace(name="SHARDED_STATE_DICT"))
    trainer.accelerator = SimpleNamespace(state=SimpleNamespace(fsdp_plugin=plugin))

    with support.refused("training.shards", 2, "FULL_STATE_DICT"):
        attach(trainer, PLAN, where="subprocess")


def test_nothing_saved_is_nothing_checked(
    command: Command, tiny_base: Path, tmp_path: Path
) -> None:
    """It never forces a save."""
    trainer = trainer_of(tiny_base, tmp_path / "run", save_strategy="no")
    attach(trainer, PLAN, where="subprocess")

    with support.refused("training.no-checks", 2, "use save_steps"):
        trainer.train()


def test_full_weights_without_a_base_are_refused_at_once(tiny_base: Path, tmp_path: Path) -> None:
    """Also by a callback that was given to the trainer without `attach`."""
    plan = plan_of(tmp_path)
    trainer = trainer_of(
        tiny_base,
        tmp_path / "run",
        callbacks=[CliffguardCallback(plan, where="subprocess")],
        **SAVED,
    )

    with support.refused("training.no-base", 2):
        trainer.train()


@pytest.mark.slow
@pytest.mark.parametrize("lora", [None, {}], ids=["full weights", "an adapter"])
def test_the_real_check(lora: Any, tiny_base: Path, tmp_path: Path) -> None:
    """Of the files of a tiny model, by the command that is started without CLIFFGUARD_CMD."""
    plan = plan_of(tmp_path)
    if lora is None:
        plan = Plan(base=str(tiny_base), candidate="-", suites=plan.suites, offline=True)
    trainer = trainer_of(tiny_base, tmp_path / "run", lora=lora, max_steps=4, **SAVED)
    callback = attach(trainer, plan, where="subprocess", store=tmp_path / "store")
    trainer.train()

    log = (tmp_path / "run" / "_cliffguard" / "step-2.log").read_text()
    assert callback.review is not None, log
    assert callback.review.comparison.candidate.name.endswith("checkpoint-4")
    assert callback.exit_code in (0, 10, 11)
