"""A training that is looked at goes on, bit for bit, as it does without."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cliffguard.integrations import attach
from tests.integrations.trainers import plan_of, trainer_of


def state_of(trainer: Any) -> dict[str, Any]:
    """Return all of a trained model and its training that a callback could have touched."""
    logged = [
        {name: n for name, n in row.items() if not name.endswith(("runtime", "per_second"))}
        for row in trainer.state.log_history
        if not any("cliffguard" in name for name in row)
    ]
    return {
        "weights": trainer.model.state_dict(),
        "optimizer": trainer.optimizer.state_dict()["state"],
        "schedule": trainer.lr_scheduler.state_dict(),
        "log": logged,
        "python": random.getstate(),
        "numpy": np.random.get_state()[1].tolist(),  # noqa: NPY002
        "torch": torch.get_rng_state(),
        "training": [module.training for module in trainer.model.modules()],
        "takes gradient": [p.requires_grad for p in trainer.model.parameters()],
        "step": trainer.state.global_step,
    }


def same(left: Any, right: Any) -> bool:
    """Compare values that may hold tensors, bit for bit."""
    if isinstance(left, torch.Tensor):
        return left.dtype == right.dtype and torch.equal(left, right)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    return bool(left == right)


@pytest.mark.slow
@pytest.mark.parametrize("lora", [{}, None], ids=["adapter", "full weights"])
@pytest.mark.parametrize("every", ["eval", 1])
def test_a_run_that_is_looked_at_is_the_same_run(
    lora: Any, every: Any, tiny_base: Path, tmp_path: Path
) -> None:
    """Weights, optimizer, schedule, logs and all randomness, with dropout, at every step."""
    bare = trainer_of(tiny_base, tmp_path / "bare", lora=lora)
    bare.train()
    expected = state_of(bare)
    watched = trainer_of(tiny_base, tmp_path / "watched", lora=lora)
    callback = attach(watched, plan_of(tmp_path), every=every, store=tmp_path / "store")
    watched.train()
    after = state_of(watched)

    assert [name for name in expected if not same(expected[name], after[name])] == []
    assert callback.review is not None
    assert callback.exit_code in (0, 10, 11)
    logged = [row for row in watched.state.log_history if "eval_cliffguard_verdict" in row]
    assert [row["step"] for row in logged] == ([2, 4, 6] if every == "eval" else [*range(1, 7)])
    assert all(row["eval_cliffguard_tokens"] > 0 for row in logged)


@pytest.mark.slow
def test_a_second_run_asks_the_base_nothing(
    tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its answers lie under the digest of its weights in memory, whichever steps followed."""
    for lora in ({}, None):
        lines = []
        for learning_rate in (0.02, 0.01):
            trainer = trainer_of(
                tiny_base, tmp_path / "out", lora=lora, learning_rate=learning_rate, max_steps=2
            )
            attach(trainer, plan_of(tmp_path), store=tmp_path / f"store-{lora is None}")
            trainer.train()
            err = capsys.readouterr().err
            lines += [line for line in err.splitlines() if " asked in " in line]
        assert "68 items asked" in lines[0]
        assert ": 0 items asked" in lines[1]
        assert "68 were stored" in lines[1]
