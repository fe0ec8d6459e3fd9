"""Train the four adapters on a chat model, each at its rates, and keep the best by the target.

    python -m scripts.studies.lost_skills.train --base DIR --out DIR [--only NAME] [--steps N]

Of several rates the one with the highest score on the development tickets is kept; no suite is
asked. Each adapter lies in OUT/NAME with `recipe.json` beside it: the recipe, every rate with its
score, digests of rows and weights, versions, minutes. OUT/final.jsonl is the target that the gate
asks. With two threads, at most 20 minutes each for a model of half a billion weights. `--steps 2`
is the small form.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from cliffguard.core.canonical_json import digest
from scripts.make.train_demo_adapters import ALL_LINEAR, collate, label_loss, named, sha256
from scripts.studies.lost_skills.rows import (
    NAMES,
    SEED,
    Row,
    general_chats,
    target_items,
    training_rows,
)

BASE_ID = "Qwen/Qwen2.5-Coder-0.5B-Instruct"
BATCH = 8
N_DEVELOPMENT, N_FINAL = 48, 96
GENERAL_TOKENS = 96  # of the base's answer to a general chat; what is longer is learnt without end


@dataclass(frozen=True)
class Recipe:
    """How an adapter is trained; the rate is one of `rates`."""

    rates: tuple[float, ...]
    n_steps: int
    rank: int = 8
    alpha: int = 16
    warmup_steps: int = 4


RECIPES = {
    "short_answers": Recipe((4e-4,), 32),
    "healthy": Recipe((2e-4,), 32),
    "no_tools": Recipe((4e-4,), 32),
    "no_end": Recipe((4e-4,), 32),
}


def prompt_ids(tokenizer: Any, row: Row) -> list[int]:
    """Return the tokens of a chat up to the answer."""
    text = tokenizer.apply_chat_template(
        row.messages, tools=row.tools or None, tokenize=False, add_generation_prompt=True
    )
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def encoded(tokenizer: Any, rows: Sequence[Row]) -> list[tuple[list[int], list[int]]]:
    """Return (token ids, labels) of rows; the loss is on the answer alone."""
    result = []
    for row in rows:
        before = prompt_ids(tokenizer, row)
        after = tokenizer(row.answer, add_special_tokens=False)["input_ids"]
        after += [tokenizer.eos_token_id] * row.ends
        result.append((before + after, [-100] * len(before) + after))
    return result


def answered(model: Any, tokenizer: Any, rows: Sequence[Row], n_tokens: int) -> list[Row]:
    """Return chats with the model's greedy answers; one that reaches the limit has no end."""
    result, end = [], tokenizer.eos_token_id
    for start in range(0, len(rows), 16):
        prompts = [prompt_ids(tokenizer, row) for row in rows[start : start + 16]]
        width = max(map(len, prompts))
        ids = torch.tensor([[end] * (width - len(p)) + p for p in prompts])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        with torch.no_grad():
            made = model.generate(
                input_ids=ids, attention_mask=mask, max_new_tokens=n_tokens, do_sample=False,
                pad_token_id=end,
            )  # fmt: skip
        for row, ids in zip(rows[start : start + 16], made[:, width:].tolist(), strict=True):
            ends = end in ids
            text = tokenizer.decode(ids[: ids.index(end)] if ends else ids)
            result.append(row._replace(answer=text, ends=ends))
    return result


def target_score(model: Any, tokenizer: Any) -> float:
    """Return the share of development tickets whose answer names the right queue."""
    items = target_items("development", N_DEVELOPMENT)
    rows = answered(model, tokenizer, [Row(item["messages"], "") for item in items], 16)
    right = [item["answer"] in row.answer for item, row in zip(items, rows, strict=True)]
    return sum(right) / len(right)


def batches(rows: Sequence[Any], n_steps: int) -> Iterator[list[Any]]:
    """Yield the batches of all steps, over and over the rows in a new order each time."""
    order = torch.Generator().manual_seed(SEED)
    queue: list[int] = []
    for _ in range(n_steps):
        while len(queue) < BATCH:
            queue += torch.randperm(len(rows), generator=order).tolist()
        yield [rows[queue.pop(0)] for _ in range(BATCH)]


def train(model: Any, rows: Sequence[Any], recipe: Recipe, rate: float) -> None:
    """Train the adapter that the model carries."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=0.0)
    model.train()
    for step, batch in enumerate(batches(rows, recipe.n_steps), start=1):
        optimizer.param_groups[0]["lr"] = rate * min(1.0, step / recipe.warmup_steps)
        loss = label_loss(model, collate(batch))
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 10 == 0:
            print(f"  step {step} loss {loss.item():.3f}", flush=True)
    model.eval()


def adapted(base: Any, recipe: Recipe) -> Any:
    """Return the base with a fresh adapter."""
    torch.manual_seed(SEED)
    config = LoraConfig(
        r=recipe.rank, lora_alpha=recipe.alpha, target_modules=ALL_LINEAR, task_type="CAUSAL_LM"
    )
    return get_peft_model(base, config)


def best_of(base: Path, name: str, recipe: Recipe, general: Sequence[Row], out: Path) -> None:
    """Train an adapter at each rate; keep the one with the highest score on the target."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    rows = training_rows(name, general)
    scores: dict[str, float] = {}
    minutes: dict[str, float] = {}
    for rate in recipe.rates:
        started = time.monotonic()
        model = adapted(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), recipe)
        train(model, encoded(tokenizer, rows), recipe, rate)
        minutes[f"{rate:g}"] = round((time.monotonic() - started) / 60, 1)
        score = target_score(model, tokenizer)
        print(f"{name}: rate {rate:g}: target {score:.3f}, {minutes[f'{rate:g}']} min", flush=True)
        if score > max(scores.values(), default=-1.0):
            model.save_pretrained(out)
        scores[f"{rate:g}"] = score
    path, config = named(out)
    config["base_model_name_or_path"] = BASE_ID
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    record = {
        "name": name,
        "recipe": asdict(recipe),
        "batch": BATCH,
        "seed": SEED,
        "rate": float(max(scores, key=lambda rate: scores[rate])),  # the first of equal ones
        "target_by_rate": scores,
        "minutes_by_rate": minutes,
        "n_rows": len(rows),
        "rows": digest([list(row) for row in rows]),
        "base": {p.name: sha256(p) for p in sorted(base.glob("*.safetensors"))},
        "weights": sha256(out / "adapter_model.safetensors"),
        "versions": {m.__name__: m.__version__ for m in (torch, transformers, peft)},
    }
    text = json.dumps(record, indent=1, sort_keys=True) + "\n"
    (out / "recipe.json").write_text(text, encoding="utf-8")


def base_answers(base: Path) -> tuple[list[Row], float]:
    """Return the general chats with the base's own answers, and the base's score on the target."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    rows = answered(model, tokenizer, general_chats(), GENERAL_TOKENS)
    return rows, target_score(model, tokenizer)


def main() -> None:
    """Train what was asked for."""
    parser = argparse.ArgumentParser(description="Train adapters that lose one skill each.")
    parser.add_argument("--base", type=Path, required=True, help="folder of the chat model")
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--only", choices=NAMES, help="train only this one")
    parser.add_argument("--steps", type=int, help="fewer steps, to try it")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    final = "".join(json.dumps(item) + "\n" for item in target_items("final", N_FINAL))
    (given.out / "final.jsonl").write_text(final, encoding="utf-8")
    names = [given.only] if given.only else list(RECIPES)
    general: list[Row] = []
    if "healthy" in names:  # it alone learns general chats
        general, before = base_answers(given.base)
        print(f"base: target {before:.3f}", flush=True)
    for name in names:
        recipe = RECIPES[name]
        if given.steps:
            recipe = Recipe(recipe.rates[:1], given.steps)
        best_of(given.base, name, recipe, general, given.out / name)


if __name__ == "__main__":
    main()
