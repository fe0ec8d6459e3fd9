"""Measure how busy the rows of generation are, and what replacing those that ended gains.

    python -m scripts.studies.engine.rows --data DIR --model NAME=DIR … [--items N] [--out DIR]

The same prompts are continued with so many rows, with each batch left to its end ("whole batches")
and with rows that are replaced, and with tokens read back in blocks. Seconds are of the processor
with one thread, the ways in turns over the same weights. ``--out`` gets ``rows.json`` and
``rows.md``. A model that is not there has a row that says so.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from cliffguard.engine.decoding import RowCache
from cliffguard.engine.lm import CliffguardLM
from cliffguard.engine.passes import Model
from scripts.studies.engine.ablations import GENERATING
from scripts.studies.engine.report import about_machine
from scripts.studies.engine.tasks import Task, answers, build

_SHORT = 32  # tokens of an answer to a question by itself
WAYS = {"whole batches": ("rows not replaced", 1), "replaced": (None, 1), "in blocks": (None, 8)}
"""What is switched off, and the tokens of a block."""


@contextmanager
def counted() -> Iterator[list[int]]:
    """Note how many rows each step of decoding has."""
    n_rows: list[int] = []
    step = Model.step

    def noted(model: Model, ids: torch.Tensor, cache: RowCache) -> torch.Tensor:
        n_rows.append(len(ids))
        return step(model, ids, cache)

    with mock.patch.object(Model, "step", noted):
        yield n_rows


def run(lm: CliffguardLM, task: Task, n_rows: int, way: str) -> tuple[float, list[int], list[str]]:
    """Return the processor's seconds, the rows of each step, and the texts."""
    switch, block_tokens = WAYS[way]
    lm.engine.clear_prefix_cache()
    lm._encoded.cache_clear()
    gc.collect()
    lm.budget = replace(lm.budget, generation_rows=n_rows, block_tokens=block_tokens)
    with ExitStack() as stack:
        steps = stack.enter_context(counted())
        if switch is not None:
            stack.enter_context(GENERATING[switch](lm))
        started = time.process_time()
        texts = answers(lm, task)
        return time.process_time() - started, steps, texts


def tasks_of(names: Sequence[str], data: Path, n_items: int) -> list[Task]:
    """Return the tasks by name; "questions" are those of GSM8K by themselves, for short answers."""
    return [
        _questions(data, n_items) if name == "questions" else build(name, data, n_items)
        for name in names
    ]


def _questions(data: Path, n_items: int) -> Task:
    lines = (data / "gsm8k" / "test.jsonl").read_text(encoding="utf-8").splitlines()[:n_items]
    how = {"until": ["\n"], "max_gen_toks": _SHORT, "do_sample": False}
    requests = [
        Instance("generate_until", {}, (f"Q: {json.loads(line)['question']}\nA:", how), number)
        for number, line in enumerate(lines)
    ]
    return Task(name="questions", kind="generate_until", n_items=len(lines), requests=requests)


def cases_of(rows: Sequence[int]) -> list[tuple[int, str]]:
    """Return the ways for each number of rows; of a single one there is no other."""
    return [(n, way) for n, way in product(rows, WAYS) if n > 1 or way == "whole batches"]


def measured(
    lm: CliffguardLM, task: Task, rows: Sequence[int], n_times: int
) -> list[dict[str, Any]]:
    """Return what each way comes to with each number of rows."""
    seconds: dict[tuple[int, str], list[float]] = {}
    steps: dict[tuple[int, str], list[int]] = {}
    texts: dict[tuple[int, str], list[str]] = {}
    for number in range(n_times):
        for case in cases_of(rows)[:: 1 if number % 2 else -1]:
            took, steps[case], texts[case] = run(lm, task, *case)
            seconds.setdefault(case, []).append(took)
            print(f"{task.name}, {case}: {took:.1f} s", flush=True)
    reference = texts[rows[0], "whole batches"]
    return [
        {
            "task": task.name,
            "items": task.n_items,
            "rows": n_rows,
            "way": way,
            "steps": len(steps[n_rows, way]),
            "mean_rows": statistics.mean(steps[n_rows, way]),
            "seconds": seconds[n_rows, way],
            "ratio": statistics.median(
                a / b
                for a, b in zip(seconds[n_rows, "whole batches"], seconds[n_rows, way], strict=True)
            ),
            "other_texts": sum(a != b for a, b in zip(texts[n_rows, way], reference, strict=True)),
        }
        for n_rows, way in cases_of(rows)
    ]


def as_markdown(figures: dict[str, Any]) -> str:
    """Return the table."""
    lines = [
        "# Rows of generation", "", f"    {figures['command']}", "",
        f"{figures['dtype']}, one thread. Other texts: unlike those of the first line.",
        "",
        "| model | task | items | rows | way | steps | rows busy, mean | s | ratio | other texts |",
        "|---|---|---:|---:|---|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    for model, cells in figures["models"].items():
        if isinstance(cells, str):
            lines.append(f"| {model} | {cells} | | | | | | | | |")
            continue
        lines += [
            f"| {model} | {row['task']} | {row['items']} | {row['rows']} | {row['way']} "
            f"| {row['steps']} | {row['mean_rows']:.1f} | {statistics.median(row['seconds']):.1f} "
            f"| {row['ratio']:.2f} | {row['other_texts']} |"
            for row in cells
        ]
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure each model, and write after each."""
    parser = argparse.ArgumentParser(description="How busy the rows of generation are.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the benchmark files")
    parser.add_argument("--model", action="append", required=True, metavar="NAME=DIR")
    parser.add_argument("--items", type=int, default=64)
    parser.add_argument("--tasks", nargs="+", default=["bbh_3shot_cot"])
    parser.add_argument("--rows", nargs="+", type=int, default=[8, 16, 32])
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    names = " ".join(f"--model {named.partition('=')[0]}=DIR" for named in arguments.model)
    figures: dict[str, Any] = {
        "command": f"python -m scripts.studies.engine.rows --data DIR {names} --items "
        f"{arguments.items} --tasks {' '.join(arguments.tasks)} "
        f"--rows {' '.join(map(str, arguments.rows))} --dtype {arguments.dtype} "
        f"--repeats {arguments.repeats} --out DIR",
        "dtype": arguments.dtype,
        "machine": about_machine(),
        "models": {},
    }
    for named in arguments.model:
        name, _, folder = named.partition("=")
        if not Path(folder, "config.json").is_file():
            figures["models"][name] = "not there"
            continue
        hf = HFLM(pretrained=folder, dtype=arguments.dtype, device="cpu", batch_size=8)
        lm = CliffguardLM(hf.model, tokenizer=hf.tokenizer, packing="packed")
        assert lm.fallback_reason is None, lm.fallback_reason
        figures["models"][name] = [
            row
            for task in tasks_of(arguments.tasks, arguments.data, arguments.items)
            for row in measured(lm, task, arguments.rows, arguments.repeats)
        ]
        if arguments.out is not None:
            arguments.out.mkdir(parents=True, exist_ok=True)
            name = "rows" if arguments.dtype == "float32" else f"rows-{arguments.dtype}"
            text = json.dumps(figures, indent=1) + "\n"
            (arguments.out / f"{name}.json").write_text(text, encoding="utf-8")
            (arguments.out / f"{name}.md").write_text(as_markdown(figures), encoding="utf-8")
    print(as_markdown(figures))


if __name__ == "__main__":
    main()
