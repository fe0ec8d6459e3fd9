"""Trains a tiny model with each trainer of TRL's, looked at and not: run in their environment.

Arguments: MODEL SUITE OUTPUT KIND…

Prints JSON in its last line: by kind, digests of all that either training leaves behind.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer, GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

from cliffguard import Plan
from cliffguard.integrations import attach
from tests.extern.digests import sha

N_STEPS = 12
USUAL = {
    "max_steps": N_STEPS,
    "per_device_train_batch_size": 4,
    "learning_rate": 0.01,
    "logging_steps": 3,
    "report_to": [],
    "disable_tqdm": True,
    "use_cpu": True,
    "bf16": False,
    "seed": 1,
    "save_strategy": "no",
}
EVALUATED = {"eval_strategy": "steps", "eval_steps": 4}
PROMPTS = [f"The ball number {n} is with" for n in range(32)]


def sft(model: Any, tokenizer: Any, output: str, peft: Any) -> Any:
    """Imitate texts, with evaluations."""
    rows = Dataset.from_list([{"text": f"{prompt} Bob"} for prompt in PROMPTS])
    args = SFTConfig(output_dir=output, max_length=64, **USUAL, **EVALUATED)
    return SFTTrainer(model, args, None, rows, rows, tokenizer, peft_config=peft)


def dpo(model: Any, tokenizer: Any, output: str, peft: Any) -> Any:
    """Prefer one answer to another, with evaluations."""
    rows = Dataset.from_list(
        [{"prompt": prompt, "chosen": " Bob", "rejected": " Ann"} for prompt in PROMPTS]
    )
    args = DPOConfig(output_dir=output, max_length=64, **USUAL, **EVALUATED)
    return DPOTrainer(
        model,
        args=args,
        train_dataset=rows,
        eval_dataset=rows,
        processing_class=tokenizer,
        peft_config=peft,
    )


def grpo(model: Any, tokenizer: Any, output: str, peft: Any) -> Any:
    """Write what is rewarded: the training itself draws at random."""
    rows = Dataset.from_list([{"prompt": prompt} for prompt in PROMPTS])
    args = GRPOConfig(output_dir=output, num_generations=4, max_completion_length=8, **USUAL)

    def lengths(completions: list[str], **_: Any) -> list[float]:
        return [float(len(set(text))) for text in completions]

    return GRPOTrainer(
        model, lengths, args=args, train_dataset=rows, processing_class=tokenizer, peft_config=peft
    )


def trained(
    kind: str, folder: str, suite: str, output: Path, *, is_watched: bool
) -> dict[str, Any]:
    """Train from the same beginning, looked at or not; say what came of it."""
    kind, _, adapted = kind.partition("-")
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(folder)
    peft = (
        LoraConfig(r=2, lora_dropout=0.2, target_modules=["q_proj", "v_proj"]) if adapted else None
    )
    trainer = {"sft": sft, "dpo": dpo, "grpo": grpo}[kind](model, tokenizer, str(output), peft)
    callback = None
    if is_watched:
        plan = Plan(candidate="in training", suites=(suite,), offline=True)
        every: Any = "eval" if kind != "grpo" else 4
        store = output / f"store-{kind}-{adapted}"
        callback = attach(trainer, plan, every=every, store=store, on_error="raise")
    trainer.train()
    logs = [
        {name: n for name, n in row.items() if not name.endswith(("runtime", "per_second"))}
        for row in trainer.state.log_history
    ]
    timed = ("step_time", "eval_step_time", "profiling")  # what a clock says
    plain = [
        {name: n for name, n in row.items() if not name.startswith(timed) and "/time" not in name}
        for row in logs
        if "eval_cliffguard_seconds" not in row
    ]
    return {
        "weights": sha(trainer.model.state_dict()),
        "optimizer": sha(trainer.optimizer.state_dict()["state"]),
        "torch": sha(torch.get_rng_state()),
        "python": sha(random.getstate()),
        "numpy": sha(np.random.get_state()[1].tolist()),  # noqa: NPY002
        "log": plain,
        "checks": [row["step"] for row in logs if "eval_cliffguard_seconds" in row],
        "exit_code": None if callback is None else callback.exit_code,
    }


def main() -> None:
    """Train each kind twice."""
    folder, suite, output, *kinds = sys.argv[1:]
    results = {
        kind: [
            trained(kind, folder, suite, Path(output), is_watched=is_watched)
            for is_watched in (False, True)
        ]
        for kind in kinds
    }
    print(json.dumps(results))


if __name__ == "__main__":
    main()
