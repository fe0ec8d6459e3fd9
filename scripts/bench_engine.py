"""Measure the engine against lm-eval's ``hf`` on real benchmarks, and each part of it by itself.

    python scripts/bench_engine.py --data DIR --model DIR [--items N] [--repeats 3] [--out DIR]

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
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import torch
from engine_ablations import DECODING, GENERATING, SCORING
from engine_tasks import N_NEW_TOKENS, NAMES, Task, answers, build, n_items_of
from lm_eval.models.huggingface import HFLM

from cliffguard.engine.adapters import with_adapter
from cliffguard.engine.lm import CliffguardLM

HF_BATCHES = (1, 8, 16)
N_SAMPLED = 4  # items of the trial that picks hf's batch size
MEMORY_BATCH = 8
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
ADAPTER = Path(__file__).resolve().parent.parent / "suites" / "demo" / "healthy"
MIB = 1 << 20


class Bench:
    """The two sides over one model in memory, and the tasks that were asked for."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.hf = HFLM(pretrained=arguments.model, dtype="float32", device="cpu", batch_size=1)
        self.engine = CliffguardLM(self.hf.model, tokenizer=self.hf.tokenizer)
        if self.engine.plain_because is not None:
            raise SystemExit(f"the engine runs this as hf does: {self.engine.plain_because}")
        self._batches: dict[str, dict[int, float]] = {}

    def task(self, name: str, n_items: int | None = None) -> Task:
        """Return a task, of the usual number of items unless another is given."""
        n = n_items_of(name, self.arguments.items) if n_items is None else n_items
        return build(name, self.arguments.data, n)

    def seconds(self, lm: HFLM, task: Task) -> float:
        """Return how long a task takes on one side, which remembers nothing of earlier runs."""
        self.engine.engine.forget()
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
        found = plain(*args, **kwargs)
        within += time.perf_counter() - started
        return found

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
    found: dict[str, list[list[int]]] = {}
    failed: dict[str, str] = {}
    for _ in range(bench.arguments.repeats):
        for way, run in DECODING.items():
            started = time.perf_counter()
            try:
                found[way] = run(lm, prompts, N_NEW_TOKENS, lm.eot_token_id)
            except Exception as failure:  # which of them works at all is part of the answer
                failed[way] = f"{type(failure).__name__}: {failure}"[:200]
                continue
            times[way].append(time.perf_counter() - started)
            say(way)
    ours = found[next(iter(DECODING))]
    for way, seconds in times.items():
        yield {
            "task": name,
            "way": way,
            "items": task.n_items,
            "new_tokens": sum(len(one) for one in found.get(way, [])),
            "seconds": seconds,
            "median": statistics.median(seconds) if seconds else None,
            "same_answers": sum(a == b for a, b in zip(ours, found.get(way, []), strict=False)),
            "failed": failed.get(way),
        }


def memory(arguments: argparse.Namespace) -> Rows:
    """Return what each side needs at most, each measured in a process of its own."""
    for name in [name for name in IN_CHILDREN if name in arguments.tasks]:
        for side in ("hf", "engine"):
            command = [sys.executable, __file__, "--child", side, "--tasks", name]
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


# --- what is written -----------------------------------------------------------------------------


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], n_words: int) -> str:
    rule = ["---"] * n_words + ["---:"] * (len(head) - n_words)
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *rows])


def _times(value: dict[str, float]) -> list[str]:
    return [f"{value[key]:.2f}" for key in ("median", "min", "max")]


def _ratio_table(rows: Sequence[dict[str, Any]]) -> str:
    head = ["task", "items", "requests", "hf batch", "tokens hf", "tokens engine"]
    head += ["s hf", "s engine", "ratio", "min", "max", "required"]
    body = []
    for row in rows:
        tokens, seconds = row["tokens"], row["seconds"]
        body.append(
            [row["task"], str(row["items"]), str(row["requests"]), str(row["hf_batch_size"])]
            + [f"{tokens[side]:,}" for side in ("hf", "engine")]
            + [f"{statistics.median(seconds[side]):.1f}" for side in ("hf", "engine")]
            + [*_times(row["ratio"]), f"{row['required']:g}"]
        )
    return _table(head, body, 1)


def _ablation_table(rows: Sequence[dict[str, Any]]) -> str:
    head = ["task", "switched off", "items", "times as long", "min", "max"]
    body = [[row["task"], row["off"], str(row["items"]), *_times(row["slower"])] for row in rows]
    return _table(head, body, 2)


def _second_table(rows: Sequence[dict[str, Any]]) -> str:
    head = ["task", "items", "s hf, base and candidate", "s engine, candidate", "ratio"]
    head += ["min", "max", "required", "ratio if the base is measured too"]
    body = []
    for row in rows:
        medians = [statistics.median(row["seconds"][side]) for side in ("hf", "engine")]
        with_base = row["ratio_with_base"]["median"]
        seconds = [f"{one:.1f}" for one in medians]
        ends = [f"{row['required']:g}", f"{with_base:.2f}"]
        body.append([row["task"], str(row["items"]), *seconds, *_times(row["ratio"]), *ends])
    return _table(head, body, 1)


def _memory_table(rows: Sequence[dict[str, Any]]) -> str:
    head = ["task", "side", "items", "batch", "MiB loaded", "MiB at most", "MiB for the run"]
    body = []
    for row in rows:
        values = [row["mib"]["loaded"], row["mib"]["peak"], row["run_mib"]]
        body.append(
            [row["task"], row["side"], str(row["items"]), str(row["batch_size"])]
            + [f"{value:.0f}" for value in values]
        )
    return _table(head, body, 2)


def _overhead_table(rows: Sequence[dict[str, Any]]) -> str:
    head = ["task", "items", "s", "s after tokenising", "s in the model", "share outside it"]
    body = []
    for row in rows:
        keys = ("seconds", "seconds_without_tokenising", "seconds_in_forward")
        share = f"{100 * row['share_outside_forward']:.1f} %"
        body.append([row["task"], str(row["items"]), *(f"{row[key]:.2f}" for key in keys), share])
    return _table(head, body, 1)


def _decoding_table(rows: Sequence[dict[str, Any]]) -> str:
    head = ["way", "items", "new tokens", "s", "same answers as the engine"]
    body = []
    for row in rows:
        seconds = row["failed"] or f"{row['median']:.1f}"
        same = "–" if row["failed"] else f"{row['same_answers']} of {row['items']}"
        body.append([row["way"], str(row["items"]), str(row["new_tokens"]), seconds, same])
    return _table(head, body, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the report: its figures, and how they are told."""

    title: str
    about: str
    measure: Callable[[Any], Rows]
    table: Callable[[Sequence[dict[str, Any]]], str]
    needs_model: bool = True


SECTIONS = {
    "memory": Section(
        title="Peak memory",
        about=(
            f"Each side in a process of its own, both with batch size {MEMORY_BATCH}: resident "
            "memory after loading and one item of another task, the process's maximum, and how "
            "much that is more."
        ),
        measure=memory,
        table=_memory_table,
        needs_model=False,
    ),
    "ratios": Section(
        title="Time of hf / time of the engine",
        about=(
            f"`hf` runs with the batch size of {', '.join(map(str, HF_BATCHES))} that was fastest "
            f"on up to {N_SAMPLED} items of the task. The two take turns, and a ratio is of "
            "neighbouring runs: median, least and largest. Tokens are those fed to the model, "
            "padding included; seconds are medians."
        ),
        measure=ratios,
        table=_ratio_table,
    ),
    "second_candidate": Section(
        title="A second candidate",
        about=(
            "`hf` loads and scores base and candidate; the engine has the base in memory and its "
            "answers in the store, puts the adapter on and scores the candidate. The last column "
            "is without the store: the engine scores both."
        ),
        measure=second_candidate,
        table=_second_table,
    ),
    "ablations": Section(
        title="One part switched off",
        about=(
            "How many times as long the engine takes without one part, next to a run of the whole."
        ),
        measure=ablations,
        table=_ablation_table,
    ),
    "overhead": Section(
        title="Time outside the model",
        about="Planning, masks, padding and reading out, as a share of what follows tokenising.",
        measure=overhead,
        table=_overhead_table,
    ),
    "decoding": Section(
        title="Other ways to generate",
        about=(
            "The prompts of gsm8k_8shot_cot, continued greedily to the end token or "
            f"{N_NEW_TOKENS} tokens; without stop strings, which continuous batching does not have."
        ),
        measure=decoding,
        table=_decoding_table,
    ),
}

ABOUT = """\
# The engine's speed

The engine (`cliffguard.engine.lm.CliffguardLM`) next to lm-eval's own `hf` on the same requests
and the same weights ({model}, float32, no chat template).

    {commands}

{machine}

![median ratios and required minima](ratios.png)
"""


def about_machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    names = [platform.processor() or platform.machine()]
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if "model name" in line] or names
    packages = ("torch", "transformers", "lm-eval", "peft", "numpy")
    return {
        "cpu": names[0],
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in packages},
    }


def as_markdown(figures: dict[str, Any]) -> str:
    """Return the report of the sections that were measured."""
    machine = figures["machine"]
    libraries = ", ".join(f"{name} {one}" for name, one in machine["libraries"].items())
    parts = [
        ABOUT.format(
            model=figures["model"],
            commands="\n    ".join(dict.fromkeys(figures["commands"])),
            machine=f"{machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads; "
            f"Python {machine['python']}, {libraries}.",
        )
    ]
    for key, section in SECTIONS.items():
        if figures["sections"].get(key):
            table = section.table(figures["sections"][key])
            parts.append(f"## {section.title}\n\n{section.about}\n\n{table}\n")
    low = too_slow(figures)
    parts.append(f"Below the required minimum: {', '.join(low) or 'nothing'}.\n")
    return "\n".join(parts)


def too_slow(figures: dict[str, Any]) -> list[str]:
    """Return what is below its required minimum."""
    sections = figures["sections"]
    rows = [("", row) for row in sections.get("ratios", [])]
    rows += [(" (second candidate)", row) for row in sections.get("second_candidate", [])]
    return [
        f"{row['task']}{suffix}" for suffix, row in rows if row["ratio"]["median"] < row["required"]
    ]


def draw(figures: dict[str, Any], path: Path) -> None:
    """Draw the median ratios as bars, each with its range and its required minimum."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    sections = figures["sections"]
    rows = [(row["task"], row) for row in sections.get("ratios", [])]
    rows += [
        (f"{row['task']}\nsecond candidate", row) for row in sections.get("second_candidate", [])
    ]
    labels = [label for label, _ in rows]
    medians = [row["ratio"]["median"] for _, row in rows]
    below = [row["ratio"]["median"] - row["ratio"]["min"] for _, row in rows]
    above = [row["ratio"]["max"] - row["ratio"]["median"] for _, row in rows]
    required = [row["required"] for _, row in rows]
    places = range(len(rows))
    figure = Figure(figsize=(8, 1.2 + 0.45 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log", base=2)
    gains = [median - 1.0 for median in medians]
    axes.barh(places, gains, left=1.0, height=0.6, color="#0072b2", label="median")
    axes.errorbar(
        medians, places, xerr=[below, above], fmt="none", ecolor="#1f2328", label="least to largest"
    )
    axes.plot(
        required, places, "|", color="#b34700", markersize=18, markeredgewidth=3, label="required"
    )
    axes.axvline(1.0, color="#59636e", linewidth=0.8)
    for place, median in zip(places, medians, strict=True):
        text = {"textcoords": "offset points", "xytext": (8, 4), "fontsize": 9}
        axes.annotate(f"{median:.1f}", (max(median, 1.0), place), **text)
    axes.set_yticks(list(places), labels)
    axes.invert_yaxis()
    axes.set_xlim(left=0.5)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axes.set_xlabel("time of hf / time of the engine")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.legend(loc="outside upper right", ncols=3, frameon=False)
    figure.savefig(path, dpi=150, metadata={"Software": None})


def write(figures: dict[str, Any], folder: Path) -> None:
    """Write figures, report and chart."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(as_markdown(figures), encoding="utf-8")
    if figures["sections"].get("ratios"):
        draw(figures, folder / "ratios.png")


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


def told(arguments: argparse.Namespace) -> str:
    """Return the command that measures what this run measures."""
    words = ["python scripts/bench_engine.py --data DIR --model DIR"]
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
        "commands": [*before.get("commands", []), told(arguments)],
        "machine": about_machine(),
        "sections": before.get("sections", {}),
    }
    bench: Bench | None = None
    for key, section in SECTIONS.items():  # memory first: a child counts its parent's pages too
        if key not in arguments.only:
            continue
        if section.needs_model and bench is None:
            bench = Bench(arguments)
        print(f"{section.title} …", file=sys.stderr)
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
