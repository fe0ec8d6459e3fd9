"""Measure what packing does on real models, below float32 and in it: distances, flips, and time.

    python -m scripts.studies.engine.precision --data DIR --model NAME=DIR … [--quick] [--out DIR]

For each model and dtype: the engine's own trial (``--only trials``); how far log-likelihoods lie
from those in float32, packed and plain, how many items have another pick, and how many times as
long plain takes (``--only tasks``). Time is of the processor, with one thread, both ways in turns.

``--products float32`` is for a processor without instructions of the dtype (`widened`). ``--out``
gets ``precision.json`` and ``precision.md``: what is measured there again is replaced, and the rest
stays, each row with the command that measured it. A model that is not there has a row that says so.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lm_eval.models.huggingface import HFLM

from cliffguard.engine import packing_trial
from cliffguard.engine.lm import CliffguardLM
from scripts.studies.engine.precision_page import as_markdown
from scripts.studies.engine.report import about_machine
from scripts.studies.engine.tasks import SUBJECTS, Task, answers, build
from scripts.studies.engine.widened import widened_products

DTYPES = ("float32", "bfloat16", "float16")
TASKS = {
    "arc_challenge_5shot": lambda n: n,
    "piqa_0shot": lambda n: n,
    "mmlu_5shot, 3 a subject": lambda _: 3 * len(SUBJECTS),
    "mmlu_5shot, 20 a subject": lambda _: 20 * len(SUBJECTS),
}
QUICK_ITEMS = 4
PLAIN_BATCH = 8

Figures = dict[str, list[dict[str, Any]]]


def picks(task: Task, logs: Sequence[float]) -> list[int]:
    """Return for each item the number of its likeliest choice."""
    items: list[list[float]] = []
    for request, log in zip(task.requests, logs, strict=True):
        if request.idx == 0:  # its first choice
            items.append([])
        items[-1].append(log)
    return [int(np.argmax(item)) for item in items]


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
        "items": len(chosen["float32"]),
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


def part_of(name: str, task: Task, part: str) -> tuple[str, Task]:
    """Return a task's part ("2/3": the second of three) under a name that says its items."""
    number, _, of = part.partition("/")
    firsts = [at for at, request in enumerate(task.requests) if request.idx == 0]
    size = len(firsts) // int(of)
    start, end = (int(number) - 1) * size, int(number) * size
    if number == of:
        end = len(firsts)
    requests = task.requests[firsts[start] : firsts[end] if end < len(firsts) else None]
    about = f"{name}, items {start + 1}–{end}"
    return about, replace(task, n_items=end - start, requests=requests)


def exact_logs(folder: str, tasks: dict[str, Task]) -> dict[str, list[float]]:
    """Return the log-likelihoods in float32 of all tasks."""
    hf = HFLM(pretrained=folder, dtype="float32", device="cpu", batch_size=8)
    lm = CliffguardLM(hf.model, tokenizer=hf.tokenizer)
    assert lm.fallback_reason is None, lm.fallback_reason
    return {name: timed(lm, task)[1] for name, task in tasks.items()}


def trial_of(lm: CliffguardLM, task: Task) -> dict[str, Any]:
    """Return what came of the engine's trial on a task's prompts, and its seconds."""
    prompts = [np.array(lm.tok_encode("".join(request.args))) for request in task.requests]
    heard: list[packing_trial.Trial] = []
    started = time.process_time()
    reason = packing_trial.plain_reason(lm.model, prompts, n_run=len(prompts), hear=heard.append)
    seconds = time.process_time() - started
    row = {"tokens": None, "seconds": seconds, "plain_because": reason}
    for trial in heard:
        row["tokens"] = trial.n_tokens
        row["plain"] = [trial.plain.mean, trial.plain.p99]
        row["packed"] = [trial.packed.mean, trial.packed.p99]
    return row


class Rows:
    """The rows of a study, written after each; one that is there already is replaced."""

    def __init__(self, folder: Path | None, about: dict[str, Any]) -> None:
        self.folder = folder
        self.about = about
        self.figures: Figures = {"trials": [], "tasks": []}
        if folder is not None and (folder / "precision.json").is_file():
            text = (folder / "precision.json").read_text(encoding="utf-8")
            self.figures = json.loads(text)

    def put(self, table: str, key: dict[str, str], row: dict[str, Any]) -> None:
        """Replace the row of a key, or add it, and write both files."""
        rows = self.figures[table]
        new = {**key, **row, **self.about}
        at = [n for n, old in enumerate(rows) if all(old[part] == key[part] for part in key)]
        if at:
            rows[at[0]] = new
        else:
            rows.append(new)
        print(f"{', '.join(key.values())}: {json.dumps(row)}", flush=True)
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            text = json.dumps(self.figures, indent=1) + "\n"
            (self.folder / "precision.json").write_text(text, encoding="utf-8")
            page = as_markdown(self.figures)
            (self.folder / "precision.md").write_text(page, encoding="utf-8")


def measure(name: str, folder: str, arguments: argparse.Namespace, rows: Rows) -> None:
    """Measure one model in each dtype."""
    tasks = {
        task: build(task.partition(",")[0], arguments.data, TASKS[task](arguments.items))
        for task in arguments.tasks
    }
    if arguments.part is not None:
        tasks = dict(part_of(name, task, arguments.part) for name, task in tasks.items())
    exact = exact_logs(folder, tasks) if "tasks" in arguments.only else {}
    for dtype in arguments.dtypes:
        hf = HFLM(pretrained=folder, dtype=dtype, device="cpu", batch_size=arguments.batch)
        packed = CliffguardLM(hf.model, tokenizer=hf.tokenizer, packing="packed")
        plain = CliffguardLM(
            hf.model, tokenizer=hf.tokenizer, packing="plain", batch_size=arguments.batch
        )
        key = {"model": name, "dtype": dtype, "products": arguments.products}
        is_wide = arguments.products == "float32"
        with widened_products() if is_wide else nullcontext():
            if "trials" in arguments.only:
                trial = trial_of(packed, next(iter(tasks.values())))
                rows.put("trials", {**key, "task": next(iter(tasks))}, trial)
            for task, exact_values in exact.items():
                row = compared(tasks[task], packed, plain, exact_values, arguments.repeats)
                rows.put("tasks", {**key, "task": task}, row)


def command_of(arguments: argparse.Namespace) -> str:
    """Return the command that measures this, with DIR for every folder."""
    names = [named.partition("=")[0] for named in arguments.model]
    words = ["python -m scripts.studies.engine.precision --data DIR"]
    words += [f"--model {name}=DIR" for name in names]
    words += [f"--items {arguments.items} --repeats {arguments.repeats}"]
    words += ["--dtypes", *arguments.dtypes, "--products", arguments.products]
    words += ["--only", *arguments.only]
    words += ["--tasks", *(f"'{task}'" if " " in task else task for task in arguments.tasks)]
    words += [] if arguments.part is None else [f"--part {arguments.part}"]
    words += [] if arguments.batch == PLAIN_BATCH else [f"--batch {arguments.batch}"]
    return " ".join([*words, "--out DIR"])


def main() -> None:
    """Measure each model in each dtype, and write after each."""
    parser = argparse.ArgumentParser(description="What packing does below float32.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the benchmark files")
    parser.add_argument("--model", action="append", required=True, metavar="NAME=DIR")
    parser.add_argument("--quick", action="store_true", help="four items of one task, once")
    parser.add_argument("--items", type=int, default=24, help="of ARC-Challenge")
    parser.add_argument("--part", default=None, metavar="K/N", help="part K of N of each task")
    parser.add_argument("--batch", type=int, default=PLAIN_BATCH, help="sequences a pass of plain")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dtypes", nargs="+", default=list(DTYPES), choices=DTYPES)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--only", nargs="+", default=["trials", "tasks"], metavar="trials|tasks")
    parser.add_argument("--products", default="native", choices=("native", "float32"))
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.items, arguments.repeats = QUICK_ITEMS, 1
        arguments.tasks = ["arc_challenge_5shot"]
    torch.set_num_threads(1)
    about = {"command": command_of(arguments), "machine": about_machine()}
    rows = Rows(arguments.out, about)
    for named in arguments.model:
        name, _, folder = named.partition("=")
        if Path(folder, "config.json").is_file():
            measure(name, folder, arguments, rows)
        else:
            key = {"model": name, "dtype": "–", "products": "–", "task": "–"}
            rows.put("trials", key, {"plain_because": "not there"})
    print(as_markdown(rows.figures))


if __name__ == "__main__":
    main()
