"""lm-eval's ``hf`` and the engine over one model in memory, and how their runs are measured."""

from __future__ import annotations

import argparse
import functools
import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lm_eval.models.huggingface import HFLM

from cliffguard.engine.lm import CliffguardLM
from cliffguard.engine.prepacked import is_faster_here
from scripts.studies.engine.peak import lay_out
from scripts.studies.engine.report import HF_BATCHES, N_SAMPLED
from scripts.studies.engine.tasks import Task, answers, build, n_items_of

Rows = Iterator[dict[str, Any]]
"""The figures of a section, each with its task; yielded one by one, to be written at once."""

Clock = Callable[[], float]


class Bench:
    """The two sides over one model in memory, and the tasks that were asked for.

    The engine's linear layers are laid out where a run would have them so; `hf`'s are plain.
    """

    def __init__(self, arguments: argparse.Namespace, dtype: str = "float32") -> None:
        self.arguments = arguments
        self.hf = HFLM(pretrained=arguments.model, dtype=dtype, device="cpu", batch_size=1)
        self.engine = CliffguardLM(self.hf.model, tokenizer=self.hf.tokenizer)
        if self.engine.fallback_reason is not None:
            raise SystemExit(f"the engine runs this as hf does: {self.engine.fallback_reason}")
        self._lays_out = dtype == "float32" and is_faster_here()
        self._batches: dict[str, dict[int, float]] = {}

    def task(self, name: str, n_items: int | None = None) -> Task:
        """Return a task, of the usual number of items unless another is given."""
        n = n_items_of(name, self.arguments.items) if n_items is None else n_items
        return build(name, self.arguments.data, n)

    def seconds(self, lm: HFLM, task: Task) -> float:
        """Return how long a task takes on one side, which remembers nothing of earlier runs."""
        return self.timed(lm, task)[0]

    def timed(
        self, lm: HFLM, task: Task, clock: Clock = time.perf_counter
    ) -> tuple[float, list[Any]]:
        """Return how long a task takes on one side by `clock`, and its answers."""
        self.engine.engine.clear_prefix_cache()
        self.engine._encoded.cache_clear()
        lay_out(self.hf.model, is_packed=self._lays_out and lm is self.engine)
        results: list[Any] = []
        return seconds_of(lambda: results.extend(answers(lm, task)), clock=clock), results

    def fair_hf(self, name: str) -> HFLM:
        """Return hf with the batch size that was given, or was fastest on a few items of a task."""
        if self.arguments.hf_batch is not None:
            self.hf.batch_size_per_gpu = self.arguments.hf_batch
            self._batches[name] = {}
            return self.hf
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
        """Return hf's batch size for a task: the one that was given, or the fastest."""
        if self.arguments.hf_batch is not None:
            return int(self.arguments.hf_batch)
        tried = self._batches[name]
        return min(tried, key=tried.__getitem__)

    def batches_of(self, name: str) -> dict[int, float]:
        """Return the seconds of hf on a few items by batch size."""
        return self._batches[name]


def seconds_of(run: Callable[..., Any], *arguments: Any, clock: Clock = time.perf_counter) -> float:
    """Return how long a call takes."""
    gc.collect()
    started = clock()
    run(*arguments)
    return clock() - started


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


def in_turns(sides: Sequence[str], n_times: int) -> Iterator[str]:
    """Yield the sides as often as wanted, each first every other time."""
    for number in range(n_times):
        yield from sorted(sides, reverse=number % 2 == 0)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median, least and largest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def paired(above: Sequence[float], below: Sequence[float]) -> dict[str, float]:
    """Return the spread of ratios of neighbouring runs."""
    return spread([a / b for a, b in zip(above, below, strict=True)])


def say(what: str) -> None:
    """Tell how far it is, beside the report."""
    print(f"{what}: done", file=sys.stderr, flush=True)
