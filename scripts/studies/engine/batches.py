"""Count the picks that other batches flip, beside those that flip by packing alone.

    python -m scripts.studies.engine.batches --data DIR --model NAME=DIR … [--quick] [--out DIR]

The same items are asked packed, with budgets of so many tokens a pass, and once more one sequence
at a time and plain, which is what ``cliffguard noise`` counts flips by. A pick is an item's
likeliest choice; it flips where it differs from the one of the largest budget. ``--out`` gets
``batches.json`` and ``batches.md``. A model that is not there has a row that says so.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lm_eval.models.huggingface import HFLM

from cliffguard.engine.lm import CliffguardLM
from scripts.studies.engine.precision import picks, timed
from scripts.studies.engine.report import about_machine
from scripts.studies.engine.tasks import Task, build

BUDGETS = (1024, 512, 256, 128, 64)  # tokens a pass; the first is the default of a processor
TASKS = ("piqa_0shot", "mmlu_5shot", "arc_5shot")
_ALONE = "alone"


def flips(task: Task, logs: list[float], reference: list[float]) -> int:
    """Return how many items have another pick than in the reference."""
    pairs = zip(picks(task, logs), picks(task, reference), strict=True)
    return sum(left != right for left, right in pairs)


def measured(packed: CliffguardLM, plain: CliffguardLM, task: Task) -> dict[str, Any]:
    """Return the flips of each budget, those of asking alone, and how far they lie (nats)."""
    logs = {}
    for n_tokens in BUDGETS:
        packed.budget = replace(packed.budget, batch_tokens=n_tokens)
        logs[str(n_tokens)] = timed(packed, task)[1]
    logs[_ALONE] = timed(plain, task)[1]
    reference = logs.pop(str(BUDGETS[0]))
    return {
        "items": len(picks(task, reference)),
        "flips": {way: flips(task, values, reference) for way, values in logs.items()},
        "largest": {
            way: float(np.abs(np.array(values) - np.array(reference)).max())
            for way, values in logs.items()
        },
    }


def as_markdown(figures: dict[str, Any]) -> str:
    """Return the table."""
    budgets = [str(n) for n in BUDGETS[1:]]
    names = " | ".join(f"{name} tokens" for name in budgets)
    lines = [
        "# Picks that other batches flip", "", f"    {figures['command']}", "",
        f"{figures['dtype']}, {figures['machine']['cpu']}. Items whose likeliest choice is not",
        f"that of passes of {BUDGETS[0]:,} tokens, and in brackets the largest distance of a",
        "choice in nats: packed in smaller passes, and plain, one sequence at a time, which is",
        "what `cliffguard noise` counts.", "",
        f"| model | task | items | {names} | one sequence at a time |",
        "|---|---|---:|" + "---:|" * (len(budgets) + 1),
    ]  # fmt: skip
    for model, rows in figures["models"].items():
        if isinstance(rows, str):
            lines.append(f"| {model} | {rows} |" + " |" * (len(budgets) + 2))
            continue
        for row in rows:
            cells = [f"{row['flips'][way]} ({row['largest'][way]:.2f})" for way in row["flips"]]
            lines.append(f"| {model} | {row['task']} | {row['items']} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _rows(folder: str, dtype: str, tasks: list[Task]) -> list[dict[str, Any]]:
    hf = HFLM(pretrained=folder, dtype=dtype, device="cpu", batch_size=1)
    packed = CliffguardLM(hf.model, tokenizer=hf.tokenizer, packing="packed")
    plain = CliffguardLM(hf.model, tokenizer=hf.tokenizer, packing="plain", batch_size=1)
    rows = []
    for task in tasks:
        rows.append({"task": task.name, **measured(packed, plain, task)})
        print(f"{folder}: {json.dumps(rows[-1])}", flush=True)
    return rows


def main() -> None:
    """Measure each model, and write after each."""
    parser = argparse.ArgumentParser(description="Picks that other batches flip.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the benchmark files")
    parser.add_argument("--model", action="append", required=True, metavar="NAME=DIR")
    parser.add_argument("--items", type=int, default=60, help="of each task")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument("--dtype", default="bfloat16", choices=("float32", "bfloat16"))
    parser.add_argument("--quick", action="store_true", help="four items of one task")
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.items, arguments.tasks = 4, list(TASKS[:1])
    torch.set_num_threads(1)
    names = " ".join(f"--model {named.partition('=')[0]}=DIR" for named in arguments.model)
    figures: dict[str, Any] = {
        "command": f"python -m scripts.studies.engine.batches --data DIR {names} --items "
        f"{arguments.items} --tasks {' '.join(arguments.tasks)} --dtype {arguments.dtype} "
        "--out DIR",
        "dtype": arguments.dtype,
        "machine": about_machine(),
        "models": {},
    }
    tasks = [build(name, arguments.data, arguments.items) for name in arguments.tasks]
    for named in arguments.model:
        name, _, folder = named.partition("=")
        is_there = Path(folder, "config.json").is_file()
        figures["models"][name] = _rows(folder, arguments.dtype, tasks) if is_there else "not there"
        if arguments.out is not None:
            arguments.out.mkdir(parents=True, exist_ok=True)
            text = json.dumps(figures, indent=1) + "\n"
            (arguments.out / "batches.json").write_text(text, encoding="utf-8")
            (arguments.out / "batches.md").write_text(as_markdown(figures), encoding="utf-8")
    print(as_markdown(figures))


if __name__ == "__main__":
    main()
