"""Train the two demo adapters of the suites: one with a gentle recipe, one overtrained.

Both learn the labels of tickets from ``items/tickets.py`` (loss on the label tokens only). The
healthy one is also held close to the base: on general text of our own (``items/texts/replay.yaml``)
it pays for every difference between its next-token distribution and that of the base (a
Kullback-Leibler term), and after the training it is scaled to half. Nothing trains either of them
on, or against, the items of a suite:

    python -m scripts.make.train_demo_adapters --base DIR --out suites/demo

With --every 10 the adapter of each tenth step is kept, too, in OUT/NAME/checkpoint-10 and so on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import random
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from scripts.make.items.common import texts
from scripts.make.items.tickets import training_examples

BASE_NAME = "SmolLM2-135M-Instruct"
BASE_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
N_THREADS = 1
MAX_BYTES = 5_000_000
ALL_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what an adapter becomes."""

    learning_rate: float
    n_steps: int
    batch_size: int
    rank: int
    alpha: int
    n_examples: int
    warmup_steps: int
    seed: int
    replay_weight: float  # of the divergence from the base on general text; 0 = no replay
    replay_batch_size: int
    final_scale: float  # factor on the adapter after training: 0 is the base, 1 all that was learnt


RECIPES = {
    "healthy": Recipe(3e-4, 100, 8, 4, 8, 960, 10, 11, 4.0, 4, 0.5),
    "overtrained": Recipe(1.5e-3, 200, 8, 4, 16, 960, 10, 11, 0.0, 0, 1.0),
}


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def encode(tokenizer: Any, examples: list[tuple[str, str]]) -> list[tuple[list[int], list[int]]]:
    """Return (token ids, labels) per example; the prompt is masked out of the loss."""
    rows = []
    for prompt, answer in examples:
        prompt_ids = tokenizer(prompt)["input_ids"]
        answer_ids = tokenizer(f" {answer}\n")["input_ids"]
        rows.append((prompt_ids + answer_ids, [-100] * len(prompt_ids) + answer_ids))
    return rows


def collate(rows: list[tuple[list[int], list[int]]]) -> dict[str, torch.Tensor]:
    """Pad a batch on the right."""
    width = max(len(ids) for ids, _ in rows)
    return {
        "input_ids": torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in rows]),
        "attention_mask": torch.tensor([[1] * len(i) + [0] * (width - len(i)) for i, _ in rows]),
        "labels": torch.tensor([labels + [-100] * (width - len(labels)) for _, labels in rows]),
    }


def label_loss(model: PeftModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the mean loss of the label tokens; the vocabulary is scored at these places only."""
    labels = batch.pop("labels")[:, 1:]
    inner = model.get_base_model()
    hidden = inner.model(**batch, use_cache=False).last_hidden_state[:, :-1]
    kept = labels != -100
    return torch.nn.functional.cross_entropy(inner.lm_head(hidden[kept]), labels[kept])


def divergence(model: PeftModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the mean divergence of the candidate from the base over the tokens of the batch."""
    batch.pop("labels")
    kept = batch["attention_mask"].bool()
    inner = model.get_base_model()
    with torch.no_grad(), model.disable_adapter():
        hidden = inner.model(**batch, use_cache=False).last_hidden_state[kept]
        target = inner.lm_head(hidden).log_softmax(-1)
    hidden = inner.model(**batch, use_cache=False).last_hidden_state[kept]
    logprobs = inner.lm_head(hidden).log_softmax(-1)
    return torch.nn.functional.kl_div(logprobs, target, log_target=True, reduction="batchmean")


def replay_batches(tokenizer: Any, recipe: Recipe) -> list[list[tuple[list[int], list[int]]]]:
    """Return the batches of general text, in seeded order; empty without replay."""
    if not recipe.replay_weight:
        return []
    general = list(texts("replay"))
    random.Random(recipe.seed).shuffle(general)
    rows = encode(tokenizer, [(text, "") for text in general])
    size = recipe.replay_batch_size
    return [rows[i : i + size] for i in range(0, len(rows), size)]


def batches(rows: list[Any], recipe: Recipe) -> list[list[Any]]:
    """Return the batches of all steps: whole passes over the data, reshuffled each time."""
    source = random.Random(recipe.seed)
    stream: list[Any] = []
    while len(stream) < recipe.n_steps * recipe.batch_size:
        stream += source.sample(rows, len(rows))
    size = recipe.batch_size
    return [stream[i * size : (i + 1) * size] for i in range(recipe.n_steps)]


def train(
    base: Path, recipe: Recipe, name: str, kept: Callable[[PeftModel, int], None]
) -> PeftModel:
    """Train one adapter and return the model that carries it; `kept` sees it after each step."""
    torch.manual_seed(recipe.seed)
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        target_modules=ALL_LINEAR,
        lora_dropout=0.0,
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(model, config)
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=recipe.learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / recipe.warmup_steps)
    )
    rows = encode(tokenizer, training_examples(recipe.n_examples, recipe.seed))
    replays = replay_batches(tokenizer, recipe)
    model.train()
    started = time.monotonic()
    for step, batch in enumerate(batches(rows, recipe), start=1):
        loss = label_loss(model, collate(batch))
        loss.backward()
        if recipe.replay_weight:
            general = replays[step % len(replays)]
            (recipe.replay_weight * divergence(model, collate(general))).backward()
        torch.nn.utils.clip_grad_norm_(trainable, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        kept(model, step)
        if step % 20 == 0 or step == recipe.n_steps:
            seconds = time.monotonic() - started
            print(f"{name}: step {step}/{recipe.n_steps} loss {loss.item():.3f} {seconds:.0f} s")
            sys.stdout.flush()
    return model


def provenance(base: Path, recipe: Recipe, name: str) -> dict[str, Any]:
    """Return what is needed to make this adapter again."""
    examples = training_examples(recipe.n_examples, recipe.seed)
    data = "".join(json.dumps(pair, ensure_ascii=False) + "\n" for pair in examples).encode()
    replay = None
    if recipe.replay_weight:
        general = texts("replay")
        replay_data = json.dumps(general, ensure_ascii=False).encode()
        replay = {
            "texts": "scripts/make/items/texts/replay.yaml",
            "sha256": hashlib.sha256(replay_data).hexdigest(),
            "n_texts": len(general),
            "loss": "divergence of the next-token distribution from that of the base",
        }
    return {
        "script": "scripts/make/train_demo_adapters.py",
        "arguments": ["--only", name],
        "recipe": asdict(recipe),
        "seed": recipe.seed,
        "n_threads": N_THREADS,
        "data": {
            "generator": "scripts/make/items/tickets.py:training_examples",
            "sha256": hashlib.sha256(data).hexdigest(),
            "n_examples": len(examples),
            "replay": replay,
        },
        "loss": "label tokens only",
        "base": {
            "name": BASE_NAME,
            "weights_sha256": {p.name: sha256(p) for p in sorted(base.glob("*.safetensors"))},
        },
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "peft": peft.__version__,
        },
    }


def named(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Return an adapter's config, and its file, with the base by its name and no card beside it."""
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = BASE_ID
    return path, config


def save(model: PeftModel, folder: Path, record: dict[str, Any]) -> None:
    """Write the adapter in bfloat16 with its provenance; keep nothing of this machine."""
    model.to(torch.bfloat16).save_pretrained(folder)
    path, config = named(folder)
    scaled = config["lora_alpha"] * record["recipe"]["final_scale"]
    config["lora_alpha"] = int(scaled) if scaled == int(scaled) else scaled
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    record["adapter_sha256"] = sha256(folder / "adapter_model.safetensors")
    text = json.dumps(record, indent=2, sort_keys=True) + "\n"
    (folder / "provenance.json").write_text(text, encoding="utf-8")
    size = (folder / "adapter_model.safetensors").stat().st_size
    if size > MAX_BYTES:
        raise SystemExit(f"{folder}: the adapter has {size} bytes, more than {MAX_BYTES}")
    print(f"{folder}: {size} bytes")


def main() -> None:
    """Train the adapters that were asked for."""
    parser = argparse.ArgumentParser(description="Train the demo adapters of the suites.")
    parser.add_argument("--base", type=Path, required=True, help="directory of the base model")
    parser.add_argument("--out", type=Path, required=True, help="directory to write into")
    parser.add_argument("--only", choices=sorted(RECIPES), help="train only this one")
    parser.add_argument("--every", type=int, default=0, help="keep the adapter of each such step")
    arguments = parser.parse_args()
    torch.set_num_threads(N_THREADS)
    torch.use_deterministic_algorithms(True)
    for name in [arguments.only] if arguments.only else sorted(RECIPES):
        recipe = RECIPES[name]

        def kept(model: PeftModel, step: int, folder: Path = arguments.out / name) -> None:
            if arguments.every and step % arguments.every == 0:
                model.save_pretrained(folder / f"checkpoint-{step}")
                path, config = named(folder / f"checkpoint-{step}")
                path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")

        model = train(arguments.base, recipe, name, kept)
        save(model, arguments.out / name, provenance(arguments.base, recipe, name))


if __name__ == "__main__":
    main()
