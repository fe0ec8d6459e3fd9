"""Scores on the levels of ladder suites: of strategies that understand nothing, or of a checkpoint.

    python -m scripts.make.ladder_table [--suite ladders]              # the strategies
    python -m scripts.make.ladder_table --base DIR [--limit N] [--longest LEVEL] [--max-tokens N]
                                         [--json FILE]

Prints Markdown. `--limit` is the number of items of each ladder that the checkpoint is asked, in
seeded order and from every level its share. Times are of the machine that it runs on.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cliffguard.checkpoints.files import stated_window
from cliffguard.core.items import Item, Task
from cliffguard.core.settings import EvalSettings, Plan
from cliffguard.core.words import words
from cliffguard.evaluate.schedule import within_window
from cliffguard.gate import find_alone
from cliffguard.runners.harness import HarnessRunner
from cliffguard.stats.interval import wilson_interval
from cliffguard.store.shards import in_order
from cliffguard.suites.loading import load_suites

Strategy = Callable[[Item], Sequence[str]]
"""Returns the choices that it leaves open, among which it guesses; none: it has nothing to say."""


def _places(item: Item) -> dict[str, int]:
    """Return where each choice stands last in the prompt, if it does."""
    text = f" {' '.join(words(item.prompt))} "
    positions = {choice: text.rfind(f" {' '.join(words(choice))} ") for choice in item.choices}
    return {choice: position for choice, position in positions.items() if position >= 0}


def _best(item: Item, value: Callable[[str], float]) -> list[str]:
    """Return the choices of the largest value."""
    values = {choice: value(choice) for choice in item.choices}
    return [choice for choice in item.choices if values[choice] == max(values.values())]


def first_named(item: Item) -> list[str]:
    """Pick the choice that is named first."""
    places = _places(item)
    return [min(places, key=places.__getitem__)] if places else []


def last_named(item: Item) -> list[str]:
    """Pick the choice that is named last."""
    places = _places(item)
    return [max(places, key=places.__getitem__)] if places else []


def most_named(item: Item) -> list[str]:
    """Pick the choice that the prompt names most often, or guess among several."""
    counted = Counter(words(item.prompt))
    return _best(item, lambda choice: counted[choice.casefold()])


def after_cue(item: Item) -> list[str]:
    """Pick the first choice after the place where the prompt's last words stand before."""
    text = words(item.prompt)
    for length in (3, 2, 1):
        cue = text[-length:]
        for start in range(len(text) - length):
            if text[start : start + length] == cue:
                lowered = {choice.casefold(): choice for choice in item.choices}
                return [lowered[w] for w in text[start + length :] if w in lowered][:1]
    return []


def most_alike(item: Item) -> list[str]:
    """Pick the choice that shares most words with the other choices."""
    sets = {choice: set(words(choice)) for choice in item.choices}
    return _best(
        item,
        lambda choice: sum(len(sets[choice] & sets[other]) for other in sets if other != choice),
    )


def least_alike(item: Item) -> list[str]:
    """Pick the choice that shares fewest words with the other choices."""
    sets = {choice: set(words(choice)) for choice in item.choices}
    return _best(
        item,
        lambda choice: -sum(len(sets[choice] & sets[other]) for other in sets if other != choice),
    )


def a_step_away(item: Item) -> list[str]:
    """Pick the number that most of the others miss by 1, 2, 3 or 10, the gaps between choices."""
    if not all(choice.lstrip("-").isdigit() for choice in item.choices):
        return []
    return _best(
        item,
        lambda choice: sum(
            abs(int(choice) - int(other)) in (1, 2, 3, 10) for other in item.choices
        ),
    )


STRATEGIES: dict[str, Strategy] = {
    "first named": first_named,
    "last named": last_named,
    "most named": most_named,
    "after cue": after_cue,
    "longest": lambda item: [max(item.choices, key=len)],
    "shortest": lambda item: [min(item.choices, key=len)],
    "most alike": most_alike,
    "least alike": least_alike,
    "a step away": a_step_away,
}


def strategy_score(items: Sequence[Item], pick: Strategy) -> float:
    """Return the share of items that a strategy has right; where it is silent, it guesses."""
    total = 0.0
    for item in items:
        left = pick(item) or item.choices
        total += (item.answer in left) / len(left)
    return total / len(items)


def model_scores(
    base: str, suite: str, protocol: EvalSettings, longest: int | None
) -> Iterator[tuple[Task, dict[int, list[float]], float]]:
    """Give every ladder with the model's scores by level, and the seconds that they took."""
    plan = Plan(candidate=base, suites=(suite,), protocol=protocol, offline=True)
    checkpoint, runner = find_alone(plan), HarnessRunner()
    files = checkpoint.files
    window = None if files is None else stated_window(files.weights, files.tokenizer)
    tasks, _ = within_window(runner.resolve(load_suites(plan.suites), plan.protocol), window)
    for task in tasks:
        kept = [item for item in task.items if longest is None or (item.level or 0) <= longest]
        ordered = in_order(replace(task, items=tuple(kept)), plan.protocol)
        start = time.perf_counter()
        answers = runner.ask(checkpoint, task, ordered, plan.protocol)
        by_level: dict[int, list[float]] = {}
        for item, answer in zip(ordered, answers, strict=True):
            by_level.setdefault(item.level or 0, []).append(answer.score or 0.0)
        yield task, by_level, time.perf_counter() - start


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


def print_model(
    base: str, suite: str, protocol: EvalSettings, longest: int | None, kept: Path | None
) -> None:
    """Print what a checkpoint scores on each level, and keep it where that is asked for."""
    print("| task | level | items | score | 90 % | time |\n| --- | --- |" + " ---: |" * 4)
    for task, by_level, seconds in model_scores(base, suite, protocol, longest):
        rows = measured_rows(task, by_level)
        for row in rows:
            reach = f"{100 * row['low']:.0f}–{100 * row['high']:.0f}"
            took = f"{seconds:.0f} s" if row is rows[0] else ""
            cells = (task.name, f"{task.level} {row['level']}", str(row["n_items"]))
            columns = (*cells, f"{100 * row['score']:.0f}", reach, took)
            print(f"| {' | '.join(columns)} |", flush=True)
        if kept is not None:
            keep(kept, Path(base).name, rows)


def keep(path: Path, model: str, rows: Sequence[dict[str, Any]]) -> None:
    """Put rows into a JSON file, in place of those of the same levels."""
    record = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"rows": []}
    new = {(row["task"], row["level"]) for row in rows}
    others = [row for row in record["rows"] if (row["task"], row["level"]) not in new]
    merged = sorted([*others, *rows], key=lambda row: (row["task"], row["level"]))
    text = json.dumps({"model": model, "rows": merged}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def print_strategies(suite: str) -> None:
    """Print what strategies that understand nothing score, on all items of each level."""
    print(f"| task | level | items | {' | '.join(STRATEGIES)} |")
    print("| --- | --- | ---: |" + " ---: |" * len(STRATEGIES))
    for loaded in load_suites([suite]):
        for task in (task for capability in loaded.capabilities for task in capability.tasks):
            for level in sorted({item.level or 0 for item in task.items}):
                items = [item for item in task.items if item.level == level]
                scores = [
                    f"{100 * strategy_score(items, pick):.0f}" for pick in STRATEGIES.values()
                ]
                print(
                    f"| {task.name} | {task.level} {level} | {len(items)} | {' | '.join(scores)} |"
                )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", help="a checkpoint; without it, the strategies")
    parser.add_argument("--suite", default="ladders")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--longest", type=int, help="the highest level that is asked")
    parser.add_argument("--max-tokens", type=int, help="of an answer; without it the task's")
    parser.add_argument("--json", type=Path, help="also keep the scores in this file")
    arguments = parser.parse_args()
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    if arguments.base is None:
        print_strategies(arguments.suite)
    else:
        protocol = EvalSettings(limit=arguments.limit, max_tokens=arguments.max_tokens)
        print_model(arguments.base, arguments.suite, protocol, arguments.longest, arguments.json)


if __name__ == "__main__":
    main()
