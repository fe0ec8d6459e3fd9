"""Whether the callback stops an over-trained run soon enough: the demo's recipe, checked all along.

    python -m scripts.studies.training_onset --base DIR --work DIR [--every 20] [--out DIR]

Trains the demo's over-trained recipe (`scripts.make.train_demo_adapters`) by transformers' Trainer
with `cliffguard.integrations.attach`, which checks every saved checkpoint and only looks on. Then
each of them is judged by a full `check`. *Onset* is the first from which on the full check fails at
every later one; the callback is to stop no later than halfway between it and the last step. Exits
with 1 where it does not. What the working folder has of an earlier try is taken from there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch.utils.data import SequentialSampler
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    Trainer,
    TrainingArguments,
)

from cliffguard import Plan, Policy, Store, guard
from cliffguard.core.settings import RunnerSettings
from cliffguard.integrations import attach
from scripts.make import train_demo_adapters as demo
from scripts.make.items.tickets import training_examples
from scripts.studies.page import publish, table

RECIPE = demo.RECIPES["overtrained"]
SUITES = ("adjacent",)
Row = dict[str, Any]


class RecipeTrainer(Trainer):  # type: ignore[misc]
    """Trains as the recipe does: its batches in its order, loss on the label tokens."""

    def _get_train_sampler(self, *_: Any) -> Any:
        return SequentialSampler(self.train_dataset)

    def compute_loss(self, model: Any, inputs: Any, *_: Any, **__: Any) -> Any:
        """Return the recipe's loss."""
        return demo.label_loss(model, dict(inputs))


def plan_of(base: Path, candidate: str) -> Plan:
    """Return the plan of a check; the target is left out, for it rises all along."""
    return Plan(
        base=str(base),
        candidate=candidate,
        suites=SUITES,
        runner=RunnerSettings(device="cpu"),
        policy=Policy(),
        offline=True,
    )


def trained(base: Path, work: Path, every: int) -> list[Row]:
    """Train, and return what the trainer logged of every check."""
    torch.manual_seed(RECIPE.seed)
    tokenizer = AutoTokenizer.from_pretrained(base)
    config = LoraConfig(
        r=RECIPE.rank,
        lora_alpha=RECIPE.alpha,
        target_modules=demo.ALL_LINEAR,
        lora_dropout=0.0,
        task_type="CAUSAL_LM",
    )
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    rows = demo.encode(tokenizer, training_examples(RECIPE.n_examples, RECIPE.seed))
    arguments = TrainingArguments(
        output_dir=str(work / "run"),
        max_steps=RECIPE.n_steps,
        per_device_train_batch_size=RECIPE.batch_size,
        learning_rate=RECIPE.learning_rate,
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=RECIPE.warmup_steps,
        max_grad_norm=1.0,
        save_steps=every,
        save_only_model=True,
        logging_steps=every,
        report_to=[],
        remove_unused_columns=False,
        use_cpu=True,
        disable_tqdm=True,
        seed=RECIPE.seed,
    )
    trainer = RecipeTrainer(
        model=get_peft_model(model, config),
        args=arguments,
        train_dataset=[row for batch in demo.batches(rows, RECIPE) for row in batch],
        data_collator=demo.collate,
        processing_class=tokenizer,
    )
    callback = attach(trainer, plan_of(base, "in training"), every="save", store=work / "live")
    trainer.train()
    if callback.review is None:
        raise SystemExit("no check was made; the lines above say why")
    prefix = "eval_cliffguard_"
    return [
        {"step": row["step"]} | {k.removeprefix(prefix): v for k, v in row.items() if prefix in k}
        for row in trainer.state.log_history
        if f"{prefix}verdict" in row and f"{prefix}seconds" in row
    ]


def judged(base: Path, folder: Path, store: Store) -> Row:
    """Return what a full check says of a saved checkpoint."""
    review = guard(plan_of(base, str(folder)), store=store, probes=False)
    return {
        "outcome": str(review.verdict.outcome),
        "drops": {c.capability: c.evidence.drop or 0.0 for c in review.comparison.capabilities},
    }


def onset_of(outcomes: Sequence[str]) -> int | None:
    """Return the place of the first outcome from which on all are FAIL; None: the last is not."""
    last_other = max((k for k, outcome in enumerate(outcomes) if outcome != "FAIL"), default=-1)
    return last_other + 1 if last_other + 1 < len(outcomes) else None


def remembered(path: Path, make: Any) -> Any:
    """Return what a file holds, made the first time."""
    if not path.is_file():
        path.write_text(json.dumps(make(), indent=1) + "\n", encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def page(figures: dict[str, Any]) -> str:
    """Return the report."""
    rows = [
        {
            "step": f"{live['step']}",
            "full check": full["outcome"],
            "its worst drop": f"{100 * max(full['drops'].values()):.1f}",
            "callback's worst drop": f"{100 * live['worst_drop']:.1f}",
            "at most": f"{100 * live['worst_drop_upper']:.1f}",
            "callback": "loss proven" if live["verdict"] == 10 else "–",
            "seconds": f"{live['seconds']:.0f}",
        }
        for live, full in zip(figures["live"], figures["full"], strict=True)
    ]
    return (
        "\n\n".join(
            [
                "# Where the callback stops an over-trained run",
                f"The demo's over-trained recipe, {RECIPE.n_steps} steps, checked at every "
                f"{figures['every']}th on at most 64 items of each gating capability, and at every "
                "saved checkpoint by a full check. Drops in points.",
                "    python -m scripts.studies.training_onset --base DIR --work DIR "
                f"--every {figures['every']}",
                f"Onset: step {figures['onset']}. To be stopped by step {figures['limit']}. "
                f"Stopped at step {figures['stop']}.",
                table(rows),
            ]
        )
        + "\n"
    )


def main() -> int:
    """Train, judge, compare; 1 where the callback stops too late."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, required=True, help="directory of the base model")
    parser.add_argument("--work", type=Path, required=True, help="checkpoints, answers, results")
    parser.add_argument("--every", type=int, default=20, help="steps between two checkpoints")
    parser.add_argument("--out", type=Path, default=Path("reports/training-onset"))
    arguments = parser.parse_args()
    torch.set_num_threads(demo.N_THREADS)
    base, work = arguments.base, arguments.work
    work.mkdir(parents=True, exist_ok=True)
    live = remembered(work / "live.json", lambda: trained(base, work, arguments.every))
    store, full = Store(work / "full"), []
    for check in live:
        folder = work / "run" / f"checkpoint-{check['step']}"
        name = work / f"full-{check['step']}.json"
        full.append(remembered(name, lambda folder=folder: judged(base, folder, store)))
        print(check["step"], full[-1], flush=True)
    first = onset_of([row["outcome"] for row in full])
    stops = [check["step"] for check in live if check["verdict"] == 10]
    figures: dict[str, Any] = {"every": arguments.every, "live": live, "full": full}
    onset = None if first is None else live[first]["step"]
    limit = None if onset is None else onset + (live[-1]["step"] - onset) / 2
    figures |= {"onset": onset, "limit": limit, "stop": min(stops, default=None)}
    publish(page(figures), arguments.out / "README.md", figures)
    is_late = limit is not None and (not stops or min(stops) > limit)
    return 1 if is_late else 0


if __name__ == "__main__":
    sys.exit(main())
