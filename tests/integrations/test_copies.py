"""A callback that is copied or pickled, as a search for hyperparameters does with its trainer."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from accelerate.state import GradientState

from cliffguard import Plan
from cliffguard.integrations import CliffguardCallback, attach
from tests.integrations.trainers import scripted, trainer_of

PLAN = Plan(candidate="in training", suites=("adjacent",), offline=True)
WAYS: dict[str, Callable[[Any], Any]] = {
    "copied": copy.deepcopy,
    "pickled": lambda trainer: pickle.loads(pickle.dumps(trainer)),
}


class Louder(CliffguardCallback):
    """One of a user's own."""


def callback_of(trainer: Any) -> CliffguardCallback:
    """Return the callback that a trainer holds."""
    (callback,) = (
        each for each in trainer.callback_handler.callbacks if isinstance(each, CliffguardCallback)
    )
    return callback


@pytest.mark.slow
@pytest.mark.parametrize(("way", "has_run"), [("copied", True), ("pickled", False)])
def test_a_copied_trainer_has_a_callback_of_its_own(
    way: str, has_run: bool, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It checks what the copy trains, and logs there; the first one is as it was."""
    checks = scripted(monkeypatch, lambda _: 0.25)
    GradientState._reset_state()  # no trainer can be pickled while it knows another's data
    trainer = trainer_of(tiny_base, tmp_path, max_steps=2)
    callback = attach(trainer, PLAN, every=1, on_fail="stop", on_error="raise")
    if has_run:
        trainer.train()
    review, log = callback.review, list(trainer.state.log_history)

    copied = WAYS[way](trainer)
    mine = callback_of(copied)
    fresh = (mine.review, mine.exit_code)
    copied.train()

    assert mine is not callback
    assert mine.arguments() == callback.arguments()
    assert mine.trainer is copied
    assert callback.trainer is trainer
    assert fresh == (None, 11)
    assert checks.taken == [1, 2] * (1 + has_run)
    assert [row for row in copied.state.log_history if "eval_cliffguard_seconds" in row]
    assert (callback.review, trainer.state.log_history) == (review, log)


@pytest.mark.slow
@pytest.mark.parametrize("way", [copy.copy, *WAYS.values()])
def test_a_copy_of_a_callback_alone_joins_another_trainer(
    way: Callable[[Any], Any], tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a class that somebody made of ours."""
    scripted(monkeypatch, lambda _: 0.0)
    callback = Louder(PLAN, every=2, where="live", wait_minutes=3)
    copied = way(callback)

    trainer = trainer_of(tiny_base, tmp_path, callbacks=[copied])
    trainer.train()

    assert isinstance(copied, Louder)
    assert copied.arguments() == callback.arguments()
    assert str(copied.review) == "of step 6"
    assert callback.review is None


def test_a_copy_of_one_that_has_joined_leaves_its_trainer_alone(
    tiny_base: Path, tmp_path: Path
) -> None:
    """Neither copied nor called by it."""
    trainer = trainer_of(tiny_base, tmp_path)
    callback = attach(trainer, PLAN)

    copies = [copy.copy(callback), copy.deepcopy(callback)]

    assert [each.trainer for each in copies] == [None, None]
    assert callback.trainer is trainer
