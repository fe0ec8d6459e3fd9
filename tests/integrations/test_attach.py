"""What a callback tells its trainer, and when."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback

from cliffguard import Plan
from cliffguard.core.errors import InfrastructureError, IntegrityError
from cliffguard.integrations import CliffguardCallback, attach
from tests import support
from tests.integrations.trainers import plan_of, scripted, trainer_of
from tests.test_start_up import loaded_after

PLAN = Plan(candidate="in training", suites=("adjacent",), offline=True)


class Reader(TrainerCallback):
    """Reads the metrics of every evaluation, as early stopping does."""

    def __init__(self) -> None:
        self.metrics: list[dict[str, float]] = []

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any, **_: Any) -> None:
        """Keep what is there by now."""
        ours = {n: v for n, v in metrics.items() if n.startswith("eval_cliffguard_")}
        self.metrics.append({"step": state.global_step, **ours})


def worst(reader: Reader) -> list[tuple[int, float]]:
    """Return the worst drop at every evaluation."""
    return [(int(m["step"]), m["eval_cliffguard_worst_drop"]) for m in reader.metrics]


def test_importing_it_loads_nothing_heavy() -> None:
    """Torch and transformers come with the first name that is used."""
    loaded = loaded_after("import cliffguard.integrations as i; dir(i)")

    assert loaded & {"torch", "transformers", "peft", "numpy", "pydantic"} == set()


def test_every_evaluation_has_the_numbers(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0 before the first check, between two the last known, also in an evaluation of its own."""
    reader = Reader()
    checks = scripted(monkeypatch, lambda step: step / 16, has_target=True)
    trainer = trainer_of(
        tiny_base, tmp_path, eval_steps=1, eval_on_start=True, max_steps=5, callbacks=[reader]
    )
    attach(trainer, PLAN, every=2)
    trainer.train()
    trainer.evaluate()

    assert checks.taken == [2, 4]
    assert worst(reader) == [
        (0, 0),
        (1, 0),
        (2, 1 / 8),
        (3, 1 / 8),
        (4, 0.25),
        (5, 0.25),
        (5, 0.25),
    ]
    assert reader.metrics[0] == {
        "step": 0,
        "eval_cliffguard_worst_drop": 0.0,
        "eval_cliffguard_worst_drop_upper": 0.0,
        "eval_cliffguard_target_gain": 0.0,
        "eval_cliffguard_verdict": 0,
    }
    last = reader.metrics[-1]
    assert last["eval_cliffguard_target_gain"] == 0.25
    assert 0.25 < last["eval_cliffguard_worst_drop_upper"] < 1.0
    assert last["eval_cliffguard_verdict"] == 11


def test_it_stands_before_early_stopping_and_chooses_the_best(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Early stopping and the best-model choice read what the check of this evaluation came to."""
    drops = {1: 0.25, 2: 0.125, 3: 0.25, 4: 0.25, 5: 0.0}
    scripted(monkeypatch, drops.__getitem__)
    trainer = trainer_of(
        tiny_base,
        tmp_path,
        max_steps=5,
        eval_steps=1,
        save_strategy="steps",
        save_steps=1,
        load_best_model_at_end=True,
        metric_for_best_model="cliffguard_worst_drop",
        greater_is_better=False,
        callbacks=[EarlyStoppingCallback(early_stopping_patience=2)],
    )
    attach(trainer, PLAN)
    trainer.train()

    assert trainer.state.best_metric == 0.125
    assert str(trainer.state.best_model_checkpoint).endswith("checkpoint-2")
    assert trainer.state.global_step == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "every", "steps"),
    [
        ({"eval_steps": 2}, "eval", [2, 4, 5]),
        ({"eval_strategy": "epoch", "max_steps": -1, "num_train_epochs": 2}, "eval", [5, 10]),
        ({"eval_steps": 2, "eval_delay": 3}, "eval", [4, 5]),
        ({"save_strategy": "steps", "save_steps": 3}, "save", [3, 5]),
        ({"eval_strategy": "no", "save_strategy": "steps", "save_steps": 2}, "eval", [2, 4, 5]),
        ({"eval_strategy": "no", "save_strategy": "steps", "save_steps": 0.5}, "save", [3, 5]),
        ({"eval_strategy": "no"}, 2, [2, 4]),
    ],
)
def test_checks_follow_the_trainer(
    settings: dict[str, Any],
    every: Any,
    steps: list[int],
    tiny_base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As many as were planned at the start, and no evaluation or checkpoint more for it."""
    usual = {"max_steps": 5, "per_device_train_batch_size": 8, **settings}
    bare = trainer_of(tiny_base, tmp_path / "bare", **usual)
    bare.train()
    checks = scripted(monkeypatch, lambda _: 0.0)
    trainer = trainer_of(tiny_base, tmp_path / "watched", **usual)
    attach(trainer, PLAN, every=every)
    trainer.train()

    assert checks.taken == steps
    assert checks.begun == [(len(steps), None, False)]
    err = capsys.readouterr().err
    assert f"{len(steps)} of {len(steps)} checks made" in err
    assert ("no evaluation to follow" in err) == (every == "eval" and "no" in settings.values())
    evaluations = [
        [row["step"] for row in each.state.log_history if "eval_loss" in row]
        for each in (bare, trainer)
    ]
    assert evaluations[0] == evaluations[1]
    saved = [
        sorted(p.name for p in (tmp_path / n).glob("checkpoint-*")) for n in ("bare", "watched")
    ]
    assert saved[0] == saved[1]


@pytest.mark.parametrize(("on_fail", "last"), [("stop", 3), ("log", 6)])
def test_a_proven_loss_stops_where_it_is_to(
    on_fail: Any, last: int, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the second check that proves it: one alone may be a dip."""
    scripted(monkeypatch, lambda step: 0.0 if step == 1 else 0.75)
    trainer = trainer_of(tiny_base, tmp_path, eval_strategy="no")
    callback = attach(trainer, PLAN, every=1, on_fail=on_fail)
    trainer.train()

    assert trainer.state.global_step == last
    assert callback.exit_code == 10
    assert callback.review == f"of step {last}"


def test_a_check_that_fails_is_said_once_and_training_goes_on(
    tiny_base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The numbers stay those of the last check that did not."""
    full = InfrastructureError("no memory is left", id="memory.too-small")
    checks = scripted(monkeypatch, lambda step: 0.25 if step == 1 else full)
    reader = Reader()
    trainer = trainer_of(tiny_base, tmp_path, eval_steps=1, max_steps=4, callbacks=[reader])
    callback = attach(trainer, PLAN, on_fail="stop")
    trainer.train()

    assert checks.taken == [1, 2, 3, 4]
    assert worst(reader) == [(1, 0.25), (2, 0.25), (3, 0.25), (4, 0.25)]
    err = capsys.readouterr().err
    assert err.count("memory.too-small") == 1
    assert "1 of 4 checks made" in err
    assert callback.exit_code == 20  # and not that of the check before: nobody knows the last model


@pytest.mark.parametrize("failure", [IntegrityError("x", id="live.changed"), MemoryError("gone")])
def test_what_fails_without_any_check_is_the_exit_code(
    failure: Exception, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """12 or 20; a failure that is none of ours stops no training either."""

    def fails(_: int) -> float:
        raise failure

    scripted(monkeypatch, fails)
    trainer = trainer_of(tiny_base, tmp_path)
    callback = attach(trainer, PLAN)
    trainer.train()

    assert trainer.state.global_step == 6
    assert callback.exit_code == getattr(failure, "exit_code", 20)
    assert callback.review is None


def test_a_base_that_cannot_be_asked_stops_no_training(
    tiny_base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever it fails by, in a line without colours; no check follows."""

    def fails(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("a bug \x1b[31mof ours")

    checks = scripted(monkeypatch, lambda _: 0.0)
    monkeypatch.setattr(checks, "begin", fails)
    trainer = trainer_of(tiny_base, tmp_path)
    callback = attach(trainer, PLAN)
    trainer.train()

    assert trainer.state.global_step == 6
    assert checks.taken == []
    assert callback.exit_code == 20
    err = capsys.readouterr().err
    assert "training.failed" in err
    assert "\x1b" not in err
    assert "0 of 3 checks made" in err


def test_a_failure_is_raised_where_that_is_wanted(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With on_error="raise"."""
    scripted(monkeypatch, lambda _: InfrastructureError("no memory", id="memory.too-small"))
    trainer = trainer_of(tiny_base, tmp_path)
    attach(trainer, PLAN, on_error="raise")

    with support.refused("memory.too-small", 20):
        trainer.train()


def test_checks_that_cost_much_are_remarked_once(
    tiny_base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With the `every` that would cost a tenth."""
    scripted(monkeypatch, lambda _: 0.0, seconds=30.0)
    trainer = trainer_of(tiny_base, tmp_path)
    attach(trainer, PLAN)
    trainer.train()

    assert capsys.readouterr().err.count("of the time so far (30.0 s each); every=") == 1


def test_a_trainer_of_its_own_making_is_logged_past(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRL's empties its averages whenever something is logged: its log is not called for ours."""
    scripted(monkeypatch, lambda _: 0.0)
    trainer = trainer_of(tiny_base, tmp_path)
    rows: list[Any] = []

    class Averaging(Trainer):  # type: ignore[misc]
        def log(self, logs: Any, start_time: Any = None) -> None:
            rows.append(logs)
            super().log(logs, start_time)

    trainer.__class__ = Averaging
    attach(trainer, PLAN)
    trainer.train()

    assert not [row for row in rows if set(row) & {"eval_cliffguard_seconds"}]
    assert [row for row in trainer.state.log_history if "eval_cliffguard_seconds" in row]


def test_the_class_serves_a_trainer_that_nobody_can_reach(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a recipe that takes callbacks alone."""
    scripted(monkeypatch, lambda _: 0.125)
    callback = CliffguardCallback(PLAN)
    trainer = trainer_of(tiny_base, tmp_path, callbacks=[callback])
    trainer.train()

    assert callback.exit_code == 11
    assert any("eval_cliffguard_worst_drop" in row for row in trainer.state.log_history)


def test_of_two_in_one_trainer_neither_begins(tiny_base: Path, tmp_path: Path) -> None:
    """Also where callbacks alone were given."""
    both = [CliffguardCallback(PLAN), CliffguardCallback(PLAN)]
    trainer = trainer_of(tiny_base, tmp_path, callbacks=both)

    with support.refused("training.twice", 2):
        trainer.train()


def test_a_callback_that_is_handed_on_logs_where_it_is(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no longer into the trainer that it was attached to."""
    scripted(monkeypatch, lambda _: 0.0)
    first = trainer_of(tiny_base, tmp_path)
    callback = attach(first, PLAN)
    second = trainer_of(tiny_base, tmp_path, callbacks=[callback])
    for trainer in (first, second):
        trainer.train()

    for trainer in (first, second):
        rows = [row for row in trainer.state.log_history if "eval_cliffguard_seconds" in row]
        assert [row["step"] for row in rows] == [2, 4, 6]


def test_two_callbacks_of_one_process_are_two(tmp_path: Path) -> None:
    """Each has a class of its own, by which a trainer makes it anew."""
    first, second = CliffguardCallback(PLAN), CliffguardCallback(PLAN)

    assert first is not second
    assert type(first)() is first
    assert type(first).__name__ == "CliffguardCallback"


@pytest.mark.parametrize(
    ("settings", "error_id"),
    [
        ({"every": 0}, "training.every"),
        ({"every": "epoch"}, "training.every"),
        ({"every": True}, "training.every"),
        ({"on_fail": "raise"}, "training.on-fail"),
        ({"on_error": "stop"}, "training.on-error"),
        ({"where": "elsewhere"}, "training.where"),
    ],
)
def test_what_it_does_not_know_is_refused(settings: dict[str, Any], error_id: str) -> None:
    """Before anything is trained."""
    with support.refused(error_id, 2):
        CliffguardCallback(PLAN, **settings)


def test_it_needs_a_plan_and_is_attached_once(tiny_base: Path, tmp_path: Path) -> None:
    """A second one would ask everything twice."""
    with support.refused("training.no-plan", 2):
        CliffguardCallback()
    trainer = trainer_of(tiny_base, tmp_path)
    attach(trainer, PLAN)
    with support.refused("training.twice", 2):
        attach(trainer, PLAN)


@pytest.mark.parametrize("name", ["eval_cliffguard_worst_drop", "cliffguard_worst_drop_upper"])
def test_the_worst_checkpoint_is_not_kept_as_the_best(
    name: str, tiny_base: Path, tmp_path: Path
) -> None:
    """transformers takes every metric but a loss to be better when it is greater."""
    trainer = trainer_of(tiny_base, tmp_path, metric_for_best_model=name, greater_is_better=True)

    with support.refused("training.best-model", 2, "greater_is_better=False"):
        attach(trainer, PLAN)


@pytest.mark.parametrize(
    ("metric", "every", "line"),
    [
        ("cliffguard_worst_drop", 3, "and 0 before the first, which makes no best checkpoint"),
        ("eval_cliffguard_target_gain", 3, "and 0 before the first"),
        ("cliffguard_worst_drop", "save", "before the save: it is of an earlier checkpoint"),
        ("cliffguard_worst_drop", "eval", None),
        ("loss", 3, None),
    ],
)
def test_numbers_of_another_checkpoint_are_told(
    metric: str,
    every: Any,
    line: str | None,
    tiny_base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Once, at the start, where the best checkpoint is chosen by them."""
    scripted(monkeypatch, lambda _: 0.0, has_target=True)
    best = {"metric_for_best_model": metric, "greater_is_better": metric.endswith("gain")}
    trainer = trainer_of(tiny_base, tmp_path, save_strategy="steps", save_steps=2, **best)
    attach(trainer, PLAN, every=every)
    trainer.train()

    lines = capsys.readouterr().err.splitlines()
    remarks = [text for text in lines if "metric_for_best_model" in text]
    assert [line in text for text in remarks if line] == [True] * (line is not None)
    assert bool(remarks) == (line is not None)


def test_a_gain_that_nobody_measures_is_no_metric(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said before the first step, and not by a KeyError at the first evaluation."""
    scripted(monkeypatch, lambda _: 0.0)
    name = "eval_cliffguard_target_gain"
    trainer = trainer_of(tiny_base, tmp_path, metric_for_best_model=name)
    attach(trainer, PLAN)

    with support.refused("training.best-model", 2, "no target"):
        trainer.train()


@pytest.mark.parametrize(
    "settings", [{"every": "save"}, {"every": 7}, {"every": "eval", "eval_strategy": "no"}]
)
def test_a_run_without_any_check_is_refused(
    settings: dict[str, Any], tiny_base: Path, tmp_path: Path
) -> None:
    """Nothing is saved, nothing evaluated, or the run is shorter than N steps."""
    every = settings.pop("every")
    trainer = trainer_of(tiny_base, tmp_path, **settings)
    attach(trainer, PLAN, every=every)

    with support.refused("training.no-checks", 2):
        trainer.train()


def test_a_plan_is_read_from_its_file(tmp_path: Path) -> None:
    """As `check` reads it."""
    plan = plan_of(tmp_path)
    path = tmp_path / "gate.yaml"
    path.write_text(f"candidate: in training\nsuites: [{plan.suites[0]}]\n")

    assert CliffguardCallback(path).plan.suites == plan.suites
    assert "torch" in sys.modules
