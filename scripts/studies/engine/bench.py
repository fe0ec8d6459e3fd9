"""Measure the engine against lm-eval's ``hf`` on real benchmarks, and each part of it by itself.

    python -m scripts.studies.engine.bench --data DIR --model DIR [--items N] [--repeats 3]

Both sides run the same weights in float32 on the CPU, in one process and in turns, and what is
reported are ratios of neighbouring runs. Prints Markdown, and after every task writes
``figures.json``, ``README.md`` and ``ratios.png`` into the folder ``--out``. What ``--only`` and
``--tasks`` leave out stays there as it was.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import logging
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from lm_eval.models.huggingface import HFLM

from cliffguard.engine.adapters import with_adapter
from cliffguard.engine.lm import CliffguardLM
from scripts.studies.engine.ablations import DECODING, GENERATING, SCORING
from scripts.studies.engine.report import (
    HF_BATCHES,
    MEMORY_BATCH,
    N_SAMPLED,
    about_machine,
    as_markdown,
    write,
)
from scripts.studies.engine.tasks import N_NEW_TOKENS, NAMES, Task, answers, build, n_items_of

REQUIRED = {
    "arc_5shot": 15.0,
    "arc_challenge_5shot": 15.0,
    "arc_5shot_drawn": 0.95,
    "piqa_0shot": 1.5,
    "mmlu_5shot": 5.0,
    "bbh_3shot_cot": 0.95,
    "gsm8k_8shot_cot": 2.0,
    "rolling": 0.95,
    "rolling_windows": 0.95,
}
REQUIRED_OF_SECOND = 2.0
SECOND = ("arc_5shot", "piqa_0shot", "gsm8k_8shot_cot")
IN_CHILDREN = ("arc_5shot", "gsm8k_8shot_cot")
ADAPTER = Path(__file__).resolve().parent.parent.parent.parent / "suites" / "demo" / "healthy"
MIB = 1 << 20


class Bench:
    """The two sides over one model in memory, and the tasks that were asked for."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.hf = HFLM(pretrained=arguments.model, dtype="float32", device="cpu", batch_size=1)
        self.engine = CliffguardLM(self.hf.model, tokenizer=self.hf.tokenizer)
        if self.engine.fallback_reason is not None:
            raise SystemExit(f"the engine runs this as hf does: {self.engine.fallback_reason}")
        self._batches: dict[str, dict[int, float]] = {}

    def task(self, name: str, n_items: int | None = None) -> Task:
        """Return a task, of the usual number of items unless another is given."""
        n = n_items_of(name, self.arguments.items) if n_items is None else n_items
        return build(name, self.arguments.data, n)

    def seconds(self, lm: HFLM, task: Task) -> float:
        """Return how long a task takes on one side, which remembers nothing of earlier runs."""
        self.engine.engine.clear_prefix_cache()
        self.engine._encoded.cache_clear()
        return seconds_of(answers, lm, task)

    def fair_hf(self, name: str) -> HFLM:
        """Return hf with the batch size that was fastest on a few items of the task."""
        if name not in self._batches:
            sample = self.task(name, min(N_SAMPLED, n_items_of(name, self.arguments.items)))
            answers(self.engine, sample)  # warms up what both sides use
            self._batches[name] = {}
            for size in HF_BATCHES:
                self.hf.batch_size_per_gpu = size
                self._batches[name][size] = self.seconds(self.hf, sample)
        self.hf.batch_size_per_gpu = self.batch_of(name)
        return self.hf

    def batch_of(self, name: str) -> int:
        """Return hf's fastest batch size for a task that was tried."""
        tried = self._batches[name]
        return min(tried, key=tried.__getitem__)

    def batches_of(self, name: str) -> dict[int, float]:
        """Return the seconds of hf on a few items by batch size."""
        return self._batches[name]


def seconds_of(run: Callable[..., Any], *arguments: Any) -> float:
    """Return how long a call takes."""
    gc.collect()
    started = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - started


@dataclass(slots=True)
class Forward:
    """What passes through a model: tokens, paddings included, and the seconds inside it."""

    tokens: int = 0
    seconds: float = 0.0


@contextmanager
def watched(model: Any) -> Iterator[Forward]:
    """Count the tokens that a model is fed, and the time it takes for them."""
    seen = Forward()
    plain = model.forward

    @functools.wraps(plain)
    def forward(input_ids: Any = None, **kwargs: Any) -> Any:
        seen.tokens += input_ids.numel()
        started = time.perf_counter()
        try:
            return plain(input_ids=input_ids, **kwargs)
        finally:
            seen.seconds += time.perf_counter() - started

    model.forward = forward
    try:
        yield seen
    finally:
        del model.forward


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median, least and largest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


Rows = Iterator[dict[str, Any]]
"""The figures of a section, each with its task; yielded one by one, to be written at once."""


# --- the sections --------------------------------------------------------------------------------


def ratios(bench: Bench) -> Rows:
    """Return for each task how many times as long hf takes, measured in pairs."""
    for name in bench.arguments.tasks:
        task, hf, engine = bench.task(name), bench.fair_hf(name), bench.engine
        sides = {"hf": hf, "engine": engine}
        times: dict[str, list[float]] = {"hf": [], "engine": []}
        tokens: dict[str, int] = {}
        for number in range(bench.arguments.repeats):
            for side in sorted(sides, reverse=number % 2 == 0):  # hf first, then engine first
                with watched(hf.model) as seen:
                    times[side].append(bench.seconds(sides[side], task))
                tokens[side] = seen.tokens
        each = [a / b for a, b in zip(times["hf"], times["engine"], strict=True)]
        yield {
            "task": name,
            "items": task.n_items,
            "requests": len(task.requests),
            "hf_batch_size": bench.batch_of(name),
            "hf_seconds_by_batch_size": bench.batches_of(name),
            "tokens": tokens,
            "seconds": times,
            "ratios": each,
            "ratio": spread(each),
            "required": REQUIRED[name],
        }
        say(name)


def ablations(bench: Bench) -> Rows:
    """Return for each task how many times as long the engine takes with one part off."""
    for name in bench.arguments.tasks:
        n_items = max(1, n_items_of(name, bench.arguments.items) // bench.arguments.ablation_part)
        task, engine = bench.task(name, n_items), bench.engine
        answers(engine, bench.task(name, 1))
        switches = GENERATING if task.kind == "generate_until" else SCORING
        for off, switch in switches.items():
            each = []
            for _ in range(bench.arguments.ablation_repeats):
                whole = bench.seconds(engine, task)
                with switch(engine):
                    each.append(bench.seconds(engine, task) / whole)
            yield {"task": name, "items": n_items, "off": off, "slower": spread(each)}
        say(name)


def second_candidate(bench: Bench) -> Rows:
    """Return what a candidate costs whose base was measured before: hf measures both again."""
    for name in [name for name in SECOND if name in bench.arguments.tasks]:
        task = bench.task(name)
        bench.fair_hf(name)
        each: dict[str, list[float]] = {"hf": [], "engine": [], "engine_with_base": []}
        for number in range(bench.arguments.repeats):
            runs = {"hf": _hf_base_and_candidate, "engine": _engine_candidate}
            for side in sorted(runs, reverse=number % 2 == 0):
                each[side].append(seconds_of(runs[side], bench, task))
            base = bench.seconds(bench.engine, task)
            each["engine_with_base"].append(base + each["engine"][-1])
        yield {
            "task": name,
            "items": task.n_items,
            "seconds": each,
            "ratio": _paired(each["hf"], each["engine"]),
            "ratio_with_base": _paired(each["hf"], each["engine_with_base"]),
            "required": REQUIRED_OF_SECOND,
        }
        say(name)


def _paired(above: Sequence[float], below: Sequence[float]) -> dict[str, float]:
    return spread([a / b for a, b in zip(above, below, strict=True)])


def _hf_base_and_candidate(bench: Bench, task: Task) -> None:
    for adapter in (None, str(bench.arguments.adapter)):
        lm = HFLM(
            pretrained=bench.arguments.model,
            peft=adapter,
            dtype="float32",
            device="cpu",
            batch_size=bench.batch_of(task.name),
        )
        answers(lm, task)


def _engine_candidate(bench: Bench, task: Task) -> None:
    tuned = with_adapter(bench.hf.model, "candidate", bench.arguments.adapter)
    try:
        answers(CliffguardLM(tuned.eval(), tokenizer=bench.hf.tokenizer), task)
    finally:
        tuned.unload()


def overhead(bench: Bench) -> Rows:
    """Return which share of the engine's time is spent outside the model's forward."""
    if "arc_5shot" not in bench.arguments.tasks:
        return
    task = bench.task("arc_5shot", bench.arguments.overhead_items)
    engine = bench.engine
    within = 0.0
    plain = engine._loglikelihood_tokens

    def timed(*args: Any, **kwargs: Any) -> Any:
        nonlocal within
        started = time.perf_counter()
        result = plain(*args, **kwargs)
        within += time.perf_counter() - started
        return result

    engine._loglikelihood_tokens = timed
    try:
        with watched(engine.model) as seen:
            whole = bench.seconds(engine, task)
    finally:
        del engine._loglikelihood_tokens
    yield {
        "task": task.name,
        "items": task.n_items,
        "seconds": whole,
        "seconds_without_tokenising": within,
        "seconds_in_forward": seen.seconds,
        "share_outside_forward": 1 - seen.seconds / within,
    }


def decoding(bench: Bench) -> Rows:
    """Return how long several ways to generate take for the same prompts and the same tokens."""
    name = "gsm8k_8shot_cot"
    if name not in bench.arguments.tasks:
        return
    task, lm = bench.task(name), bench.engine
    prompts = [lm.tok_encode(request.args[0]) for request in task.requests]
    times: dict[str, list[float]] = {way: [] for way in DECODING}
    answers: dict[str, list[list[int]]] = {}
    failed: dict[str, str] = {}
    for _ in range(bench.arguments.repeats):
        for way, run in DECODING.items():
            started = time.perf_counter()
            try:
                answers[way] = run(lm, prompts, N_NEW_TOKENS, lm.eot_token_id)
            except Exception as failure:  # which of them works at all is part of the answer
                failed[way] = f"{type(failure).__name__}: {failure}"[:200]
                continue
            times[way].append(time.perf_counter() - started)
            say(way)
    ours = answers[next(iter(DECODING))]
    for way, seconds in times.items():
        yield {
            "task": name,
            "way": way,
            "items": task.n_items,
            "new_tokens": sum(len(answer) for answer in answers.get(way, [])),
            "seconds": seconds,
            "median": statistics.median(seconds) if seconds else None,
            "same_answers": sum(a == b for a, b in zip(ours, answers.get(way, []), strict=False)),
            "failed": failed.get(way),
        }


def memory(arguments: argparse.Namespace) -> Rows:
    """Return what each side needs at most, each measured in a process of its own."""
    for name in [name for name in IN_CHILDREN if name in arguments.tasks]:
        for side in ("hf", "engine"):
            command = [sys.executable, "-m", __spec__.name, "--child", side, "--tasks", name]
            command += ["--data", str(arguments.data), "--model", arguments.model]
            command += ["--items", str(arguments.items), "--threads", str(arguments.threads)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            yield json.loads(done.stdout.splitlines()[-1])
            say(f"{name} in a process of its own, {side}")


def child(arguments: argparse.Namespace) -> None:
    """Run one task on one side, and print how much memory it took."""
    make = {"hf": HFLM, "engine": CliffguardLM}[arguments.child]
    name = arguments.tasks[0]
    lm = make(arguments.model, dtype="float32", device="cpu", batch_size=MEMORY_BATCH)
    # Weights are mapped, and come into memory when they are first used.
    answers(lm, build("piqa_0shot", arguments.data, 1))
    # As large as a few of its passes are; more items take longer, not more memory.
    n_items = min(4 * MEMORY_BATCH, n_items_of(name, arguments.items))
    gc.collect()
    loaded = psutil.Process().memory_info().rss
    at_load = _peak()
    answers(lm, build(name, arguments.data, n_items))
    row = {"task": name, "side": arguments.child, "items": n_items, "batch_size": MEMORY_BATCH}
    mib = {"loaded": loaded / MIB, "peak_at_load": at_load / MIB, "peak": _peak() / MIB}
    print(json.dumps({**row, "mib": mib, "run_mib": (_peak() - loaded) / MIB}))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What measures a section of the report, over both sides or in processes of its own."""

    measure: Callable[[Any], Rows]
    needs_model: bool = True


# Memory first: a child counts its parent's pages, too.
SECTIONS = {
    "memory": Measured(measure=memory, needs_model=False),
    "ratios": Measured(measure=ratios),
    "second_candidate": Measured(measure=second_candidate),
    "ablations": Measured(measure=ablations),
    "overhead": Measured(measure=overhead),
    "decoding": Measured(measure=decoding),
}


def say(what: str) -> None:
    """Tell how far it is, beside the report."""
    print(f"{what}: done", file=sys.stderr, flush=True)


def parsed() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description="Measure the engine against lm-eval's hf.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the benchmark files")
    parser.add_argument("--model", required=True, help="directory of the model")
    parser.add_argument("--items", type=int, default=100, help="items of a multiple-choice task")
    parser.add_argument("--repeats", type=int, default=3, help="pairs of runs of a task")
    parser.add_argument("--ablation-repeats", type=int, default=1)
    parser.add_argument("--ablation-part", type=int, default=1, help="take 1 of so many items")
    parser.add_argument("--overhead-items", type=int, default=1000)
    parser.add_argument("--adapter", type=Path, default=ADAPTER, help="of the second candidate")
    parser.add_argument("--tasks", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--threads", type=int, default=2, help="threads of arithmetic")
    parser.add_argument("--out", type=Path, default=Path("reports/engine"))
    parser.add_argument("--child", choices=("hf", "engine"), help=argparse.SUPPRESS)
    return parser.parse_args()


def command_of(arguments: argparse.Namespace) -> str:
    """Return the command that measures what this run measures."""
    words = ["python -m scripts.studies.engine.bench --data DIR --model DIR"]
    words += [f"--items {arguments.items} --repeats {arguments.repeats}"]
    if arguments.only != list(SECTIONS):
        words += ["--only", *arguments.only]
    if arguments.tasks != list(NAMES):
        words += ["--tasks", *arguments.tasks]
    return " ".join(words)


def main() -> None:
    """Measure section by section; what is measured is written at once."""
    arguments = parsed()
    torch.set_num_threads(arguments.threads)
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    if arguments.child:
        child(arguments)
        return
    stored = arguments.out / "figures.json"
    before = json.loads(stored.read_text(encoding="utf-8")) if stored.is_file() else {}
    figures = {
        "model": Path(arguments.model).name,
        "commands": [*before.get("commands", []), command_of(arguments)],
        "machine": about_machine(),
        "sections": before.get("sections", {}),
    }
    bench: Bench | None = None
    for key, section in SECTIONS.items():
        if key not in arguments.only:
            continue
        if section.needs_model and bench is None:
            bench = Bench(arguments)
        print(f"{key} …", file=sys.stderr)
        kept = [
            row for row in figures["sections"].get(key, []) if row["task"] not in arguments.tasks
        ]
        figures["sections"][key] = kept
        for row in section.measure(bench if section.needs_model else arguments):
            kept.append(row)
            kept.sort(key=lambda row: NAMES.index(row["task"]))
            write(figures, arguments.out)
    print(as_markdown(figures))


if __name__ == "__main__":
    main()
