"""What a checkpoint scores on each level of suites, and what asking it costs, kept in JSON."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cliffguard.checkpoints.files import stated_window
from cliffguard.core.answers import Answer
from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.settings import EvalSettings, Plan
from cliffguard.engine.devices import cpu_model
from cliffguard.evaluate.schedule import within_window
from cliffguard.gate import find_alone
from cliffguard.runners.harness import HarnessRunner
from cliffguard.stats.interval import wilson_interval
from cliffguard.store.shards import in_order
from cliffguard.suites.loading import load_suites


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a checkpoint is asked: suites, and how much of them. None: no limit but the tasks' own.

    `longest` is the highest level, `n_per_capability` is shared out among a capability's tasks.
    """

    suites: Sequence[str]
    limit: int | None = None
    n_per_capability: int | None = None
    longest: int | None = None
    max_tokens: int | None = None

    def protocol_of(self, task: Task) -> EvalSettings:
        """Return the protocol of one task, whose answers may become shorter and never longer."""
        shorter = self.max_tokens is not None and (task.max_tokens or 0) > self.max_tokens
        return EvalSettings(limit=self.limit, max_tokens=self.max_tokens if shorter else None)

    def items_of(self, task: Task, shares: Mapping[str, int]) -> tuple[Item, ...]:
        """Return the items of a task that are asked, in seeded order."""
        kept = [i for i in task.items if self.longest is None or (i.level or 0) <= self.longest]
        smaller = replace(task, items=tuple(kept), limit=shares.get(task.name, task.limit))
        return in_order(smaller, self.protocol_of(task))


def shares_of(suites: Sequence[Suite], n_per_capability: int) -> dict[str, int]:
    """Share out so many items of each capability among its tasks, by name: the first get the rest.

    >>> from cliffguard.suites.loading import load_suites
    >>> shares_of(load_suites(["structure"]), 64)["table_rows"]
    22
    """
    return {
        task.name: n_per_capability // len(tasks) + (number < n_per_capability % len(tasks))
        for suite in suites
        for tasks in (capability.tasks for capability in suite.capabilities)
        for number, task in enumerate(tasks)
    }


Cost = dict[str, Any]
"""What a task took: the fields of `_cost`."""


def model_scores(
    base: str, ask: Ask, kept: Sequence[Cost]
) -> Iterator[tuple[Task, dict[int, list[float]], Cost]]:
    """Yield every task with the model's scores by level, and what it cost; not those in `kept`.

    A task in `kept` is asked again where it has other numbers of items or of tokens.
    """
    plan = Plan(candidate=base, suites=tuple(ask.suites), offline=True)
    checkpoint, runner = find_alone(plan), HarnessRunner()
    files, suites = checkpoint.files, load_suites(plan.suites)
    window = None if files is None else stated_window(files.weights, files.tokenizer)
    tasks, _ = within_window(runner.resolve(suites, plan.protocol), window)
    shares = {} if ask.n_per_capability is None else shares_of(suites, ask.n_per_capability)
    known, is_loaded = {_extent_of(cost) for cost in kept}, False
    for task in tasks:
        protocol, items = ask.protocol_of(task), ask.items_of(task, shares)
        if not items or (task.name, len(items), _most(task, protocol)) in known:
            continue
        if not is_loaded:  # loading is of no task
            runner.ask(checkpoint, task, items[:1], protocol)
            is_loaded = True
        start, spent = time.perf_counter(), _processor_seconds()
        answers = runner.ask(checkpoint, task, items, protocol)
        took = (time.perf_counter() - start, _processor_seconds() - spent)
        by_level: dict[int, list[float]] = {}
        for item, answer in zip(items, answers, strict=True):
            by_level.setdefault(item.level or 0, []).append(answer.score or 0.0)
        yield task, by_level, _cost(task, protocol, answers, *took)


def _extent_of(cost: Cost) -> tuple[str, int, int | None]:
    return cost["task"], cost["n_items"], cost["max_tokens"]


def _most(task: Task, protocol: EvalSettings) -> int | None:
    """Return how many tokens an answer may have."""
    return protocol.max_tokens or task.max_tokens


def _processor_seconds() -> float:
    """Return what this process and its children have taken of the processor, in all threads."""
    return sum(os.times()[:4])


def _cost(
    task: Task, protocol: EvalSettings, answers: Sequence[Answer], wall: float, processor: float
) -> Cost:
    return {
        "task": task.name,
        "suite": task.suite,
        "n_items": len(answers),
        "max_tokens": _most(task, protocol),
        "n_cut": sum(answer.is_cut for answer in answers),
        "n_prompt_tokens": sum(answer.n_prompt_tokens for answer in answers),
        "n_answer_tokens": sum(answer.n_answer_tokens for answer in answers),
        "threads": int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1),
        "seconds": round(wall, 1),
        "processor_seconds": round(processor, 1),
        "machine": cpu_model(),
    }


def measured_rows(task: Task, by_level: dict[int, list[float]]) -> list[dict[str, Any]]:
    """Return a row of plain values for each level: score and 90 % interval, from 0 to 1."""
    rows = []
    for level, scores in sorted(by_level.items()):
        interval = wilson_interval(n_right=sum(scores), n_items=len(scores), confidence=0.9)
        row = {"task": task.name, "level_name": task.level, "level": level, "n_items": len(scores)}
        score = round(sum(scores) / len(scores), 4)
        rows.append(
            {**row, "score": score, "low": round(interval.low, 4), "high": round(interval.high, 4)}
        )
    return rows


def read(path: Path) -> dict[str, Any]:
    """Return what a JSON file of scores holds; nothing where there is none."""
    held: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {"rows": []}
    return held


def keep(path: Path, model: str, rows: Sequence[dict[str, Any]], cost: Cost) -> None:
    """Put rows into a JSON file, in place of those of the same levels, and the cost of their task.

    What else the file says of the model stays.
    """
    record, new = read(path), {(row["task"], row["level"]) for row in rows}
    others = [row for row in record["rows"] if (row["task"], row["level"]) not in new]
    merged = sorted([*others, *rows], key=lambda row: (row["task"], row["level"]))
    costs = [row for row in record.get("costs", []) if row["task"] != cost["task"]]
    costs = sorted([*costs, cost], key=lambda row: (row["suite"], row["task"]))
    text = json.dumps({**record, "model": model, "rows": merged, "costs": costs}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
