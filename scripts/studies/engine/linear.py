"""Measure what laying linear layers out for the processor gains, end to end in float32.

    python -m scripts.studies.engine.linear --data DIR --model DIR [--repeats 3] [--out FILE.md]

Seconds are of the processor with one thread, both ways in turns over the same weights; prints
Markdown: seconds, ratio, the share of the fastest matrix product that the same run measured, and
how far log-likelihoods move, or how many texts are others. In a file that is there, the section
of this kind of machine is replaced, and others stay.
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

from cliffguard.engine.lm import CliffguardLM
from scripts.studies.engine.peak import (
    lay_out,
    linear_flops,
    machine_kind,
    matmul_peak,
    with_section,
)
from scripts.studies.engine.tasks import Task, answers, build

ITEMS = {"arc_challenge_5shot": 24, "mmlu_5shot": 9, "piqa_0shot": 20, "gsm8k_8shot_cot": 2}


Ways = dict[bool, list[float]]


def timed(lm: CliffguardLM, task: Task, *, is_packed: bool) -> tuple[float, float, list[Any]]:
    """Return the processor's seconds of a task, the GFLOP of its linear layers, and its answers."""
    lay_out(lm.model, is_packed=is_packed)
    lm.engine.clear_prefix_cache()
    lm._encoded.cache_clear()
    gc.collect()
    with linear_flops(lm.model) as counted:
        started = time.process_time()
        results = answers(lm, task)
        seconds = time.process_time() - started
    return seconds, counted(), results


def row(lm: CliffguardLM, task: Task, n_times: int) -> str:
    """Return a task's line of the table."""
    seconds: Ways = {False: [], True: []}
    shares: Ways = {False: [], True: []}
    results: dict[bool, list[Any]] = {}
    for number in range(n_times):
        for is_packed in (False, True) if number % 2 else (True, False):
            took, gflop, results[is_packed] = timed(lm, task, is_packed=is_packed)
            seconds[is_packed].append(took)
            shares[is_packed].append(100 * gflop / took / matmul_peak(torch.float32))
    ratio = statistics.median(a / b for a, b in zip(seconds[False], seconds[True], strict=True))
    cells = [f"{statistics.median(seconds[way]):.1f}" for way in (False, True)] + [f"{ratio:.2f}"]
    cells += [f"{statistics.median(shares[way]):.0f} %" for way in (False, True)]
    return f"| {task.name} | {task.n_items} | {' | '.join(cells)} | {moved(task, results)} |"


def moved(task: Task, results: dict[bool, list[Any]]) -> str:
    """Return how far the answers of the two ways are apart."""
    both = list(zip(results[False], results[True], strict=True))
    if task.kind == "loglikelihood":
        return f"{max(abs(plain[0] - packed[0]) for plain, packed in both):.1e} nats"
    return f"{sum(plain != packed for plain, packed in both)} of {len(both)} texts"


HEAD = """\
# Linear layers laid out for the processor

    python -m scripts.studies.engine.linear --data DIR --model DIR --out reports/engine/linear.md

float32, CPU seconds of one thread, medians. Share of the peak: operations of the linear layers
alone, a second, by the fastest matrix product of the same run, plain or laid out.
"""


def main() -> None:
    """Measure each task, and print the table."""
    parser = argparse.ArgumentParser(description="What laid-out linear layers gain.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the benchmark files")
    parser.add_argument("--model", required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tasks", nargs="+", choices=ITEMS, default=list(ITEMS))
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    hf = HFLM(pretrained=arguments.model, dtype="float32", device="cpu", batch_size=8)
    lm = CliffguardLM(hf.model, tokenizer=hf.tokenizer)
    if lm.fallback_reason is not None:
        raise SystemExit(f"the engine runs this as hf does: {lm.fallback_reason}")
    lines = [
        f"{Path(arguments.model).name}; at most {matmul_peak(torch.float32):.0f} GFLOP a second.",
        "",
        "| task | items | s plain | s packed | ratio | share of peak, plain | packed | moved |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name in arguments.tasks:
        task = build(name, arguments.data, ITEMS[name])
        lines.append(row(lm, task, arguments.repeats))
        print(lines[-1], flush=True)
    if arguments.out is not None:
        with_section(arguments.out, HEAD, machine_kind(), "\n".join(lines))


if __name__ == "__main__":
    main()
