"""A real model of 135 million weights, trained and looked at with a built-in suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cliffguard import EvalSettings, Plan
from cliffguard.demo import base_path
from cliffguard.integrations import attach
from tests.integrations.test_untouched import same, state_of
from tests.integrations.trainers import trainer_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("lora", [{}, None], ids=["adapter", "full weights"])
def test_a_real_run_that_is_looked_at_is_the_same_run(lora: Any, tmp_path: Path) -> None:
    """Weights, optimizer, logs and all randomness after twelve steps with three checks."""
    usual = {"max_steps": 12, "eval_steps": 4, "learning_rate": 1e-4}
    base = base_path(print)
    plan = Plan(
        candidate="in training",
        suites=("adjacent",),
        protocol=EvalSettings(limit=8),
        offline=True,
    )
    bare = trainer_of(base, tmp_path / "bare", lora=lora, **usual)
    bare.train()
    expected = state_of(bare)
    watched = trainer_of(base, tmp_path / "watched", lora=lora, **usual)
    callback = attach(watched, plan, store=tmp_path / "store")
    watched.train()
    after = state_of(watched)

    assert [name for name in expected if not same(expected[name], after[name])] == []
    assert callback.review is not None
    assert [
        row["step"] for row in watched.state.log_history if "eval_cliffguard_seconds" in row
    ] == [4, 8, 12]
