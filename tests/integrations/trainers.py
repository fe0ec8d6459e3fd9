"""A trainer of a tiny model, and checks whose outcome a test says beforehand."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments

from cliffguard import Plan
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError
from cliffguard.integrations import transformers_callback
from cliffguard.integrations.checks import Check, Counted, Start
from tests import support

N_ITEMS = 32


def tokenizer_of(base: Path) -> Any:
    """Return the tokenizer of the tiny model, with a token to pad with."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return tokenizer


def collate(rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    """Return rows as one batch, padded at their end."""
    longest = max(len(row["input_ids"]) for row in rows)
    ids = [[*row["input_ids"], *[0] * (longest - len(row["input_ids"]))] for row in rows]
    return {"input_ids": torch.tensor(ids), "labels": torch.tensor(ids)}


def trainer_of(
    base: Path, output: Path, *, lora: Mapping[str, Any] | None = None, **arguments: Any
) -> Trainer:
    """Return a trainer of full weights, or of an adapter with dropout; the same one every time."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    tokenizer = tokenizer_of(base)
    model = AutoModelForCausalLM.from_pretrained(base)
    if lora is not None:
        settings = {"r": 2, "target_modules": ["q_proj", "v_proj"], "lora_dropout": 0.3, **lora}
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings))
        support.without_card(model)
    rows = [
        {"input_ids": tokenizer(f"The ball number {n} is with Bob")["input_ids"]} for n in range(40)
    ]
    quiet = {"report_to": [], "disable_tqdm": True, "use_cpu": True, "logging_steps": 2}
    usual = {"max_steps": 6, "eval_strategy": "steps", "eval_steps": 2, "save_strategy": "no"}
    settings = {**quiet, **usual, "learning_rate": 0.02, "seed": 1, **arguments}
    callbacks = settings.pop("callbacks", None)
    return Trainer(
        model=model,
        args=TrainingArguments(output_dir=str(output), **settings),
        train_dataset=rows,
        eval_dataset=rows[:8] if settings["eval_strategy"] != "no" else None,
        data_collator=collate,
        processing_class=tokenizer,
        callbacks=callbacks,
    )


def plan_of(folder: Path) -> Plan:
    """Return a plan over choices and generated answers; the candidate is only a name."""
    suite = support.write_suite(folder / "suite", n_items=70, n_said=4)
    return Plan(candidate="in training", suites=(str(suite),), offline=True)


Script = Callable[[int], float | CliffguardError]
"""Says by the step which share of the items is lost there, or how the check fails."""


class ScriptedChecks:
    """Checks that come to what a script says; `taken` are the steps at which there was one."""

    is_beside = False

    def __init__(self, script: Script, *, has_target: bool = False, seconds: float = 0.0) -> None:
        self.script = script
        self.has_target = has_target
        self.seconds = seconds
        self.gains: dict[int, float] = {}
        self.taken: list[int] = []
        self.begun: list[tuple[int, Checkpoint | None, bool]] = []

    def begin(self, n_checks: int, base: Checkpoint | None, *, is_trained: bool) -> Start:
        """Note what was known."""
        self.begun.append((n_checks, base, is_trained))
        return Start(
            base=support.checkpoint("base"),
            alpha=0.05,
            has_target=self.has_target,
            n_asked=0,
            n_items=N_ITEMS,
            seconds=0.0,
        )

    def take(self, step: int) -> Sequence[Check]:
        """Lose as many items as the script says, or fail."""
        self.taken.append(step)
        lost = self.script(step)
        if isinstance(lost, CliffguardError):
            raise lost
        n_lost = round(lost * N_ITEMS)
        losses = {"reasoning": (*[1.0] * n_lost, *[0.0] * (N_ITEMS - n_lost))}
        counted = Counted(
            margins={"reasoning": 0.1}, groups={"reasoning": tuple(range(-N_ITEMS, 0))}
        )
        gain = self.gains.get(step, 0.25) if self.has_target else None
        return (
            Check(
                step=step,
                losses=losses,
                counted=counted,
                gain=gain,
                review=f"of step {step}",  # type: ignore[arg-type]
                seconds=self.seconds,
                n_tokens=100,
            ),
        )

    def ready(self) -> Sequence[Check]:
        """Nothing is checked beside the training."""
        return ()

    def close(self) -> Sequence[Check]:
        """Nothing is still to come."""
        return ()


def scripted(monkeypatch: Any, script: Script, **settings: Any) -> ScriptedChecks:
    """Let every callback take its checks by a script."""
    checks = ScriptedChecks(script, **settings)
    monkeypatch.setattr(transformers_callback, "LiveChecks", lambda *_, **__: checks)
    return checks
