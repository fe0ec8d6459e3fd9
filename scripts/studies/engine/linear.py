"""Measure what laying linear layers out for the processor gains, end to end in float32.

    python -m scripts.studies.engine.linear --data DIR --model DIR [--repeats 3] [--out FILE.md]

Seconds are of the processor with one thread, both ways in turns over the same weights; prints
Markdown: seconds, ratio, and how far log-likelihoods move, or how many texts are others.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from lm_eval.models.huggingface import HFLM
from torch import nn

from cliffguard.engine.lm import CliffguardLM
from cliffguard.engine.prepacked import PrepackedLinear, prepack
from scripts.studies.engine.tasks import Task, answers, build

ITEMS = {"arc_challenge_5shot": 24, "mmlu_5shot": 9, "piqa_0shot": 20, "gsm8k_8shot_cot": 2}


def lay_out(model: Any, *, is_packed: bool) -> None:
    """Make every linear layer a plain one, or lay it out."""
    for module in model.modules():
        if isinstance(module, PrepackedLinear):
            module.__class__ = nn.Linear
    if is_packed and not prepack(model):
        raise SystemExit("nothing is laid out here: another torch, or too little memory")


def timed(lm: CliffguardLM, task: Task, *, is_packed: bool) -> tuple[float, list[Any]]:
    """Return the processor's seconds of a task, and its answers."""
    lay_out(lm.model, is_packed=is_packed)
    lm.engine.clear_prefix_cache()
    lm._encoded.cache_clear()
    gc.collect()
    started = time.process_time()
    results = answers(lm, task)
    return time.process_time() - started, results


def row(lm: CliffguardLM, task: Task, n_times: int) -> str:
    """Return a task's line of the table."""
    seconds: dict[bool, list[float]] = {False: [], True: []}
    results: dict[bool, list[Any]] = {}
    for number in range(n_times):
        for is_packed in (False, True) if number % 2 else (True, False):
            took, results[is_packed] = timed(lm, task, is_packed=is_packed)
            seconds[is_packed].append(took)
    ratio = statistics.median(a / b for a, b in zip(seconds[False], seconds[True], strict=True))
    both = list(zip(results[False], results[True], strict=True))
    if task.kind == "loglikelihood":
        moved = f"{max(abs(plain[0] - packed[0]) for plain, packed in both):.1e} nats"
    else:
        moved = f"{sum(plain != packed for plain, packed in both)} of {len(both)} texts"
    plain, packed = (statistics.median(seconds[way]) for way in (False, True))
    return f"| {task.name} | {task.n_items} | {plain:.1f} | {packed:.1f} | {ratio:.2f} | {moved} |"


def main() -> None:
    """Measure each task, and print the table."""
    parser = argparse.ArgumentParser(description="What laid-out linear layers gain.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the benchmark files")
    parser.add_argument("--model", required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    hf = HFLM(pretrained=arguments.model, dtype="float32", device="cpu", batch_size=8)
    lm = CliffguardLM(hf.model, tokenizer=hf.tokenizer)
    if lm.fallback_reason is not None:
        raise SystemExit(f"the engine runs this as hf does: {lm.fallback_reason}")
    lines = [
        "# Linear layers laid out for the processor",
        "",
        "    python -m scripts.studies.engine.linear --data DIR --model DIR"
        f" --repeats {arguments.repeats} --out FILE",
        "",
        f"{Path(arguments.model).name}, float32, one thread.",
        "",
        "| task | items | s plain | s packed | ratio | moved |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        row(lm, build(name, arguments.data, n), arguments.repeats) for name, n in ITEMS.items()
    ]
    text = "\n".join([*lines, ""])
    print(text)
    if arguments.out is not None:
        arguments.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
