"""Measure what packing does below float32 on real models: distances, flips, and time.

    python -m scripts.studies.engine.precision --data DIR --model NAME=DIR … [--items N] [--out DIR]

For each model and dtype: the engine's own trial; how far log-likelihoods lie from those in float32,
packed and plain; how many items have another pick; and how many times as long plain takes. Time is
of the processor, with one thread, both ways in turns. Prints Markdown; ``--out`` also gets
``precision.json`` and ``precision.md``. A model that is not there has a row that says so.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lm_eval.models.huggingface import HFLM

from cliffguard.engine import packing_trial
from cliffguard.engine.lm import CliffguardLM
from scripts.studies.engine.report import about_machine
from scripts.studies.engine.tasks import SUBJECTS, Task, answers, build

DTYPES = ("bfloat16", "float16")
TASKS = {
    "arc_challenge_5shot": lambda n: n,
    "mmlu_5shot, 3 a subject": lambda _: 3 * len(SUBJECTS),
    "mmlu_5shot, 20 a subject": lambda _: 20 * len(SUBJECTS),
}


def picks(task: Task, logs: Sequence[float]) -> list[int]:
    """Return for each item the number of its likeliest choice."""
    pairs = zip((request.idx for request in task.requests), logs, strict=True)
    return [
        int(np.argmax([log for _, log in group]))
        for _, group in groupby(pairs, key=lambda pair: pair[0])
    ]


def timed(lm: CliffguardLM, task: Task) -> tuple[float, list[float]]:
    """Return the processor's seconds of a task, and its log-likelihoods."""
    lm.engine.clear_prefix_cache()
    lm._encoded.cache_clear()
    gc.collect()
    started = time.process_time()
    scores = answers(lm, task)
    return time.process_time() - started, [log for log, _ in scores]


def compared(
    task: Task, packed: CliffguardLM, plain: CliffguardLM, exact: list[float], n_times: int
) -> dict[str, Any]:
    """Return how a task goes packed and plain: distances to float32, other picks, seconds."""
    seconds: dict[str, list[float]] = {"packed": [], "plain": []}
    logs: dict[str, list[float]] = {}
    for number in range(n_times):
        sides = [("packed", packed), ("plain", plain)]
        for name, lm in sides[:: 1 if number % 2 else -1]:
            took, logs[name] = timed(lm, task)
            seconds[name].append(took)
    each = [a / b for a, b in zip(seconds["plain"], seconds["packed"], strict=True)]
    chosen = {name: picks(task, values) for name, values in {**logs, "float32": exact}.items()}
    moved = {name: np.abs(np.array(values) - np.array(exact)) for name, values in logs.items()}
    return {
        "items": task.n_items,
        "distance": {
            name: {"mean": float(far.mean()), "largest": float(far.max())}
            for name, far in moved.items()
        },
        "flips": {
            f"{left} against {right}": sum(
                a != b for a, b in zip(chosen[left], chosen[right], strict=True)
            )
            for left, right in (("packed", "plain"), ("packed", "float32"), ("plain", "float32"))
        },
        "seconds": seconds,
        "ratio": statistics.median(each),
    }


def exact_logs(model: str, tasks: dict[str, Task]) -> dict[str, list[float]]:
    """Return the log-likelihoods in float32 of all tasks."""
    hf = HFLM(pretrained=model, dtype="float32", device="cpu", batch_size=8)
    lm = CliffguardLM(hf.model, tokenizer=hf.tokenizer)
    assert lm.fallback_reason is None, lm.fallback_reason
    return {name: timed(lm, task)[1] for name, task in tasks.items()}


def measured(model: str, dtype: str, tasks: dict[str, Task], exact: Any, n_times: int) -> Any:
    """Return the trial of a model in a dtype, and what each task comes to."""
    hf = HFLM(pretrained=model, dtype=dtype, device="cpu", batch_size=8)
    packed = CliffguardLM(hf.model, tokenizer=hf.tokenizer)
    plain = CliffguardLM(hf.model, tokenizer=hf.tokenizer, packing="plain")
    prompts = [
        packed.tok_encode("".join(request.args)) for request in next(iter(tasks.values())).requests
    ]
    sequences = packing_trial.sampled([np.array(tokens) for tokens in prompts], hf.model)
    started = time.process_time()
    trial = packing_trial.try_prompts(hf.model, sequences)
    took = time.process_time() - started
    reason = packed.try_packing(prompts)
    rows = (
        {}
        if reason
        else {
            name: compared(task, packed, plain, exact[name], n_times)
            for name, task in tasks.items()
        }
    )
    return {
        "trial": {
            "tokens": trial.n_tokens,
            "plain": [trial.plain.mean, trial.plain.p99],
            "packed": [trial.packed.mean, trial.packed.p99],
            "seconds": took,
        },
        "fallback_reason": reason,
        "tasks": rows,
    }


def as_markdown(figures: dict[str, Any]) -> str:
    """Return two tables: the trials, and the tasks."""
    trials = [
        "| model | dtype | tokens | plain: mean, 99 % | packed: mean, 99 % | s | packs |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    tasks = [
        "| model | dtype | task | items | plain to float32 | packed to float32 "
        "| picks: packed/plain | packed/float32 | plain/float32 | s plain | s packed | ratio |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for model, by_dtype in figures["models"].items():
        if isinstance(by_dtype, str):
            trials.append(f"| {model} | | | | | | {by_dtype} |")
            continue
        for dtype, row in by_dtype.items():
            trial = row["trial"]
            both = [f"{trial[way][0]:.4f}, {trial[way][1]:.3f}" for way in ("plain", "packed")]
            trials.append(
                f"| {model} | {dtype} | {trial['tokens']} | {both[0]} | {both[1]} "
                f"| {trial['seconds']:.1f} | {row['fallback_reason'] or 'yes'} |"
            )
            for name, cell in row["tasks"].items():
                far = [
                    f"{cell['distance'][way]['mean']:.3f}, {cell['distance'][way]['largest']:.2f}"
                    for way in ("plain", "packed")
                ]
                flips = " | ".join(str(n) for n in cell["flips"].values())
                took = [statistics.median(cell["seconds"][way]) for way in ("plain", "packed")]
                tasks.append(
                    f"| {model} | {dtype} | {name} | {cell['items']} | {far[0]} | {far[1]} "
                    f"| {flips} | {took[0]:.1f} | {took[1]:.1f} | {cell['ratio']:.1f} |"
                )
    head = ["# Packing below float32", "", f"    {figures['command']}", ""]
    return "\n".join([*head, *trials, "", *tasks, ""])


def command_of(arguments: argparse.Namespace) -> str:
    """Return the command that measures this, with DIR for every folder."""
    names = [named.partition("=")[0] for named in arguments.model]
    words = ["python -m scripts.studies.engine.precision --data DIR"]
    words += [f"--model {name}=DIR" for name in names]
    words += [f"--items {arguments.items} --repeats {arguments.repeats}"]
    return " ".join([*words, "--dtypes", *arguments.dtypes, "--out DIR"])


def main() -> None:
    """Measure each model in each dtype, and write after each."""
    parser = argparse.ArgumentParser(description="What packing does below float32.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the benchmark files")
    parser.add_argument("--model", action="append", required=True, metavar="NAME=DIR")
    parser.add_argument("--items", type=int, default=24, help="of ARC-Challenge")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dtypes", nargs="+", default=list(DTYPES), choices=DTYPES)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    figures: dict[str, Any] = {
        "command": command_of(arguments),
        "machine": about_machine(),
        "models": {},
    }
    for named in arguments.model:
        name, _, folder = named.partition("=")
        if not Path(folder, "config.json").is_file():
            figures["models"][name] = "not there"
            continue
        tasks = {
            task: build(task.partition(",")[0], arguments.data, TASKS[task](arguments.items))
            for task in arguments.tasks
        }
        exact = exact_logs(folder, tasks)
        figures["models"][name] = {}
        for dtype in arguments.dtypes:
            few = tasks if dtype == "bfloat16" else dict(list(tasks.items())[:1])
            n_times = arguments.repeats if dtype == "bfloat16" else 1
            figures["models"][name][dtype] = measured(folder, dtype, few, exact, n_times)
            if arguments.out is not None:
                arguments.out.mkdir(parents=True, exist_ok=True)
                text = json.dumps(figures, indent=1) + "\n"
                (arguments.out / "precision.json").write_text(text, encoding="utf-8")
                (arguments.out / "precision.md").write_text(as_markdown(figures), encoding="utf-8")
    print(as_markdown(figures))


if __name__ == "__main__":
    main()
