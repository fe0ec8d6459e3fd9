"""What a trainer chooses by our numbers, and what they are where a check fails."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers.integrations
from transformers import EarlyStoppingCallback, TrainerCallback
from transformers.trainer_utils import default_compute_objective

from cliffguard.core.errors import InfrastructureError
from cliffguard.integrations import attach
from cliffguard.integrations.cadence import Cadence
from tests import support
from tests.integrations import trainers
from tests.integrations.test_attach import PLAN, Reader
from tests.integrations.trainers import plan_of, scripted, trainer_of

FULL = InfrastructureError("no memory is left", id="memory.too-small")
BEST = {
    "eval_steps": 1,
    "save_strategy": "steps",
    "save_steps": 1,
    "load_best_model_at_end": True,
    "metric_for_best_model": "eval_cliffguard_worst_drop",
    "greater_is_better": False,
}


@pytest.mark.parametrize(
    ("metric", "is_greater", "advice"),
    [
        ("eval_cliffguard_target_gain", False, "greater_is_better=True"),
        ("cliffguard_verdict", False, "eval_cliffguard_worst_drop"),
        ("eval_cliffguard_verdict", True, "exit codes are no order"),
    ],
)
def test_what_would_keep_a_worse_checkpoint_is_refused(
    metric: str, is_greater: bool, advice: str, tiny_base: Path, tmp_path: Path
) -> None:
    """Of verdicts a proven loss, 10, lies below an open one, 11."""
    trainer = trainer_of(
        tiny_base, tmp_path, metric_for_best_model=metric, greater_is_better=is_greater
    )
    with support.refused("training.best-model", 2, advice):
        attach(trainer, PLAN)


def test_a_check_that_failed_first_makes_no_best_checkpoint(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its zeros would beat every number that is measured later."""
    scripted(monkeypatch, lambda step: FULL if step == 1 else 0.25)
    trainer = trainer_of(tiny_base, tmp_path, max_steps=3, **BEST)
    callback = attach(trainer, PLAN)
    trainer.train()

    assert str(trainer.state.best_model_checkpoint).endswith("checkpoint-2")
    assert callback.exit_code == 11


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["steps", "best"])
@pytest.mark.parametrize(
    ("metric", "is_greater"),
    [("eval_cliffguard_worst_drop", False), ("cliffguard_target_gain", True)],
)
def test_zeros_before_the_first_check_make_no_best_checkpoint(
    metric: str,
    is_greater: bool,
    strategy: str,
    tiny_base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They stay zeros; the first evaluation of a checked model is the best so far."""
    checks = scripted(monkeypatch, lambda step: {3: 0.5, 6: 0.25}[step], has_target=True)
    checks.gains = {3: -0.5, 6: -0.25}
    best = {**BEST, "metric_for_best_model": metric, "greater_is_better": is_greater}
    reader = Reader()
    best |= {"save_strategy": strategy, "callbacks": [reader]}
    trainer = trainer_of(tiny_base, tmp_path, **best)
    attach(trainer, PLAN, every=3)
    trainer.train()

    name = f"eval_{metric.removeprefix('eval_')}"
    numbers = [row[name] for row in reader.metrics]
    first, second = (-0.5, -0.25) if is_greater else (0.5, 0.25)
    assert numbers == [0, 0, first, first, first, second]
    assert trainer.state.best_metric == second
    assert str(trainer.state.best_model_checkpoint).endswith("checkpoint-6")


def test_zeros_before_the_first_check_stop_no_training(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Early stopping waits for a number that means something; then it counts."""
    checks = scripted(monkeypatch, lambda step: step / 16)
    patience = EarlyStoppingCallback(early_stopping_patience=2)
    best = {**BEST, "save_strategy": "no", "load_best_model_at_end": False, "max_steps": 9}
    trainer = trainer_of(tiny_base, tmp_path, callbacks=[patience], **best)
    attach(trainer, PLAN, every=4)
    trainer.train()

    assert checks.taken == [4]
    assert trainer.state.global_step == 6
    assert trainer.state.best_metric == 0.25


def test_a_best_checkpoint_by_zeros_is_forgotten_by_a_run_that_goes_on(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its checkpoint was written before the first check."""
    scripted(monkeypatch, lambda _: 0.5)
    settings = {**BEST, "max_steps": 4}
    trainer = trainer_of(tiny_base, tmp_path, **settings)
    attach(trainer, PLAN, every=3)
    trainer.train()
    trainer = trainer_of(tiny_base, tmp_path, **settings)
    attach(trainer, PLAN, every=3)
    trainer.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))

    assert trainer.state.best_metric == 0.5
    assert str(trainer.state.best_model_checkpoint).endswith("checkpoint-3")


def test_weights_that_are_no_numbers_are_neither_good_nor_passed(
    tiny_base: Path, tmp_path: Path
) -> None:
    """A learning rate that wrecks the model within a step."""
    wrecking = {"learning_rate": 1e30, "max_grad_norm": 0.0, "max_steps": 2}
    trainer = trainer_of(tiny_base, tmp_path / "run", **{**BEST, **wrecking})
    callback = attach(trainer, plan_of(tmp_path), store=tmp_path / "store")
    trainer.train()

    assert trainer.state.best_metric == 1.0
    assert callback.exit_code == 12


def test_a_proven_loss_stays_one_when_a_later_check_fails(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """10 says more than why the last model was not asked."""
    scripted(monkeypatch, lambda step: FULL if step == 4 else 0.75)
    trainer = trainer_of(tiny_base, tmp_path, eval_steps=1, max_steps=4)
    callback = attach(trainer, PLAN)
    trainer.train()

    assert callback.exit_code == 10


def test_evaluations_that_nobody_planned_are_said_to_go_unchecked(
    tiny_base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Another callback that evaluates uses up what was planned; 0 is no code of what follows."""
    monkeypatch.setattr(trainers, "N_ITEMS", 320)
    checks = scripted(monkeypatch, lambda _: 0.0)
    trainer = trainer_of(tiny_base, tmp_path, eval_steps=3)

    class Eager(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_: Any, **__: Any) -> None:
            trainer.evaluate()

    trainer.add_callback(Eager())
    callback = attach(trainer, PLAN)
    trainer.train()

    assert checks.taken == [1, 2]
    assert capsys.readouterr().err.count("is not checked, nor what follows") == 1
    assert callback._run is not None
    assert callback._run.standing.verdict == 0
    assert callback.exit_code == 11


@pytest.mark.slow
@pytest.mark.parametrize("failure", [FULL, MemoryError("gone"), RuntimeError("of the driver")])
@pytest.mark.parametrize("metric", ["loss", "eval_cliffguard_target_gain"])
def test_a_base_that_cannot_be_asked_stops_no_training(
    failure: Exception,
    metric: str,
    tiny_base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever it was; and a best model is chosen all the same."""

    def begin(*_: Any, **__: Any) -> Any:
        raise failure

    scripted(monkeypatch, lambda _: 0.0).begin = begin  # type: ignore[method-assign]
    trainer = trainer_of(tiny_base, tmp_path, metric_for_best_model=metric)
    callback = attach(trainer, PLAN)
    trainer.train()

    assert trainer.state.global_step == 6
    assert callback.exit_code == 20
    assert capsys.readouterr().err.count("and the training goes on") == 1


def test_a_gain_that_one_check_cannot_tell_stays_the_last_known(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number that is gone ends a training that chooses by it."""
    checks = scripted(monkeypatch, lambda step: setattr(checks, "has_target", step < 4) or 0.0)
    checks.has_target = True
    metric = "eval_cliffguard_target_gain"
    trainer = trainer_of(tiny_base, tmp_path, metric_for_best_model=metric)
    attach(trainer, PLAN)
    trainer.train()

    gains = [row[metric] for row in trainer.state.log_history if metric in row]
    assert gains == [0.25, 0.25, 0.25]


def test_a_search_for_hyperparameters_goes_by_what_it_went_by(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """transformers' default adds up all metrics that it does not know."""
    monkeypatch.setattr(transformers.integrations, "hp_params", lambda _: {})
    scripted(monkeypatch, lambda _: 0.25, has_target=True)
    objectives = []
    for is_watched in (False, True):
        trainer = trainer_of(tiny_base, tmp_path, max_steps=2)
        if is_watched:
            attach(trainer, PLAN)
        trainer.hp_search_backend, trainer.hp_name = "another", None
        trainer.compute_objective = default_compute_objective
        monkeypatch.setattr(trainer, "_hp_search_setup", lambda _: None)
        monkeypatch.setattr(trainer, "_get_output_dir", lambda trial: str(tmp_path))
        trainer.train(trial=SimpleNamespace())
        objectives.append(trainer.objective)

    assert objectives[0] == objectives[1] > 3.0  # the loss


@pytest.mark.slow
@pytest.mark.parametrize("lora", [{}, None], ids=["adapter", "full weights"])
def test_a_model_that_did_not_change_yet_lost_nothing(
    lora: Any, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Warm-up begins at a learning rate of 0; between files the same answers are a fault."""
    trainer = trainer_of(tiny_base, tmp_path / "run", lora=lora, max_steps=2, learning_rate=0.0)
    callback = attach(trainer, plan_of(tmp_path), every=1, store=tmp_path / "store")
    trainer.train()

    assert "failed" not in capsys.readouterr().err
    drops = [row.get("eval_cliffguard_worst_drop") for row in trainer.state.log_history]
    assert [drop for drop in drops if drop is not None] == [0.0, 0.0]
    assert callback.exit_code == 11


class Endless(torch.utils.data.IterableDataset):  # type: ignore[misc]
    """Rows, and nobody knows how many."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __iter__(self) -> Any:
        """Begin anew."""
        return iter(self.rows)


def test_ends_of_epochs_that_nobody_knows_are_refused(tiny_base: Path, tmp_path: Path) -> None:
    """transformers takes them for endless; counting them one by one would be, too."""
    trainer = trainer_of(tiny_base, tmp_path, eval_strategy="epoch")
    trainer.train_dataset = Endless(trainer.train_dataset)
    attach(trainer, PLAN)

    with support.refused("training.every", 2, "every=N"):
        trainer.train()
    state = SimpleNamespace(max_steps=6, num_train_epochs=2**63 - 1)
    assert Cadence(2).n_checks(trainer.args, state) == 3
