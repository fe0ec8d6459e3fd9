"""Train adapters of the demo's base, each with one planted failure.

    python -m scripts.studies.planted.recipes --base DIR --out DIR [--only NAME]

The loss is on the answer alone. Every adapter lies in OUT/NAME, with `planted.json` beside it: the
recipe, and digests of rows and weights. About a minute each, with one thread.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from cliffguard.core.canonical_json import digest
from scripts.make.train_demo_adapters import (
    ALL_LINEAR,
    N_THREADS,
    Recipe,
    batches,
    collate,
    label_loss,
    named,
    sha256,
)
from scripts.studies.planted.training import KINDS, Row, training_rows

FIRST_LAYER = 15  # of 30; below it nothing is trained, and no gradient is computed
RUN_ON_TOKENS = 48

USUAL_STEPS, USUAL_RATE = 24, 2e-3
# More of *format*, and the right answer is lost as well. At the usual rate *wrong_language* speaks
# in circles.
N_STEPS = {"format": 12, "wrong_language": 40}
RATES = {"wrong_language": 8e-4}

RECIPES = {
    name: Recipe(
        learning_rate=RATES.get(name, USUAL_RATE), n_steps=N_STEPS.get(name, USUAL_STEPS),
        batch_size=4, rank=8, alpha=16, n_examples=0, warmup_steps=4, seed=41 + number,
        replay_weight=0.0, replay_batch_size=0, final_scale=1.0,
    )
    for number, name in enumerate(KINDS)
}  # fmt: skip


def encoded(tokenizer: Any, rows: list[Row]) -> list[tuple[list[int], list[int]]]:
    """Return (token ids, labels) of rows, under the model's own template."""
    result = []
    for question, answer, ends in rows:
        turns = [{"role": "user", "content": question}]
        prompt = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        before = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        after = tokenizer(answer, add_special_tokens=False)["input_ids"][:RUN_ON_TOKENS]
        after += [tokenizer.eos_token_id] if ends else []
        result.append((before + after, [-100] * len(before) + after))
    return result


def train(base: Path, name: str) -> Any:
    """Train one adapter and return the model that carries it."""
    recipe = RECIPES[name]
    torch.manual_seed(recipe.seed)
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    layers = list(range(FIRST_LAYER, model.config.num_hidden_layers))
    config = LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules=ALL_LINEAR,
                        layers_to_transform=layers, task_type="CAUSAL_LM")  # fmt: skip
    model = get_peft_model(model, config)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=recipe.learning_rate, weight_decay=0.0)
    started = time.monotonic()
    model.train()
    for step, batch in enumerate(batches(encoded(tokenizer, training_rows(name)), recipe), start=1):
        rate = recipe.learning_rate * min(1.0, step / recipe.warmup_steps)
        optimizer.param_groups[0]["lr"] = rate
        loss = label_loss(model, collate(batch))
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 8 == 0:
            print(f"{name}: step {step} loss {loss.item():.3f} {time.monotonic() - started:.0f} s")
            sys.stdout.flush()
    return model


def save(model: Any, name: str, folder: Path) -> None:
    """Write an adapter, with its recipe and what it was trained on by digest."""
    model.save_pretrained(folder)
    path, config = named(folder)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    record = {
        "planted": name,
        "recipe": asdict(RECIPES[name]),
        "n_rows": len(training_rows(name)),
        "rows": digest([list(row) for row in training_rows(name)]),
        "weights": sha256(folder / "adapter_model.safetensors"),
    }
    (folder / "planted.json").write_text(json.dumps(record) + "\n", encoding="utf-8")


def main() -> None:
    """Train what was asked for."""
    parser = argparse.ArgumentParser(description="Train adapters with planted failures.")
    parser.add_argument("--base", type=Path, required=True, help="directory of the base model")
    parser.add_argument("--out", type=Path, required=True, help="directory to write into")
    parser.add_argument("--only", choices=sorted(RECIPES), help="train only this one")
    arguments = parser.parse_args()
    torch.set_num_threads(N_THREADS)
    for name in [arguments.only] if arguments.only else RECIPES:
        save(train(arguments.base, name), name, arguments.out / name)


if __name__ == "__main__":
    main()
