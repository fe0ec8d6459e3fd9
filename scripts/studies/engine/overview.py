"""One table of the engine beside lm-eval's `hf`: a row for each machine, dtype and task."""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Sequence
from typing import Any

import torch

from scripts.studies.engine.measuring import Bench, Rows, in_turns, paired, say, spread
from scripts.studies.engine.peak import linear_flops, machine_kind, matmul_peak
from scripts.studies.engine.tasks import Task, answers

DTYPES = ("float32", "bfloat16", "float16")
PREFIX_CHARACTERS = 200  # in which prompts with the same examples before them agree


def overview(arguments: argparse.Namespace) -> Rows:
    """Return for each dtype and task how long both sides take, in CPU seconds of one thread."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # of several, those that wait for each other count as well
    try:
        for dtype in arguments.dtypes:
            bench = Bench(arguments, dtype)
            for name in arguments.tasks:
                yield {"machine": machine_kind(), "dtype": dtype, **_measured(bench, name, dtype)}
                say(f"{name} in {dtype}")
            del bench
            gc.collect()
    finally:
        torch.set_num_threads(n_threads)


def _measured(bench: Bench, name: str, dtype: str) -> dict[str, Any]:
    task, hf = bench.task(name), bench.fair_hf(name)
    answers(bench.engine, bench.task(name, 2))  # below float32 the engine tries packing on these
    sides = {"hf": hf, "engine": bench.engine}
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    results: dict[str, list[Any]] = {}
    gflop: dict[str, float] = {}
    peaks = [matmul_peak(getattr(torch, dtype))]
    for side in in_turns(tuple(sides), bench.arguments.repeats):
        with linear_flops(hf.model) as counted:
            took, results[side] = bench.timed(sides[side], task, time.process_time)
        seconds[side].append(took)
        gflop[side] = counted()
    peaks.append(matmul_peak(getattr(torch, dtype)))
    return {
        "task": name,
        "items": task.n_items,
        "items_a_prefix": items_a_prefix(task),
        "hf_batch_size": bench.batch_of(name),
        "seconds": seconds,
        "gflop": gflop,
        "ratio": paired(seconds["hf"], seconds["engine"]),
        "peak_gflop_a_second": max(peaks),
        "share_of_peak": {
            side: gflop[side] / spread(seconds[side])["median"] / max(peaks) for side in sides
        },
        "fallback_reason": bench.engine.fallback_reason,
        "parity": parity(task, results["hf"], results["engine"]),
    }


def items_a_prefix(task: Task) -> float:
    """Return how many items there are for each text that prompts begin with."""
    prompts = {request.args[0] for request in task.requests}
    return len(prompts) / len({prompt[:PREFIX_CHARACTERS] for prompt in prompts})


def parity(task: Task, expected: Sequence[Any], measured: Sequence[Any]) -> str:
    """Return in words how far the sides are apart: nats at most, or texts that are the same."""
    if task.kind == "generate_until":
        same = sum(a == b for a, b in zip(expected, measured, strict=True))
        return f"{same} of {len(expected)} texts"
    if task.kind == "loglikelihood":
        greedy = sum(a[1] != b[1] for a, b in zip(expected, measured, strict=True))
        expected, measured = ([answer[0] for answer in side] for side in (expected, measured))
    else:
        greedy = 0
    moved = max(abs(a - b) for a, b in zip(expected, measured, strict=True))
    return f"{moved:.1e} nats, {greedy} of {len(expected)} greedy flags differ"


HEAD = (
    *("machine", "dtype", "task", "items", "items a prefix"),
    *("s hf", "s engine", "ratio", "share of peak, hf", "engine", "parity"),
)


def cells(row: dict[str, Any]) -> list[str]:
    """Return a row of the table."""
    seconds = [spread(row["seconds"][side])["median"] for side in ("hf", "engine")]
    shares = [f"{100 * row['share_of_peak'][side]:.0f} %" for side in ("hf", "engine")]
    because = row["fallback_reason"]
    return [
        row["machine"],
        row["dtype"],
        row["task"],
        str(row["items"]),
        f"{row['items_a_prefix']:.0f}",
        *(f"{value:.1f}" for value in seconds),
        f"{row['ratio']['median']:.2f}",
        *shares,
        row["parity"] + (f"; plain: {because}" if because else ""),
    ]
