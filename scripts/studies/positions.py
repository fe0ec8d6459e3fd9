"""What the built-in suites measure on real models: the skill, or the place of the right answer.

    python -m scripts.studies.positions MODEL… [--suite adjacent --suite ladders] [--per-level 48]
    python -m scripts.studies.positions MODEL… --keep before    # figures kept under a name
    python -m scripts.studies.positions                         # the page anew, asking nobody

A model is a folder, or LABEL=FOLDER. Of each level: what the model scores, by the place of the
right answer among the choices (the k-th by the last mention in the prompt), how far the best third
of the places lies from the worst with its p-value, what strategies of the surface score, and
whether the level gates on this model; and the same of all levels together. Figures go to
`--out/NAME-LABEL.json`, task by task; a task that is in it is not asked again, so that a run that
was stopped goes on. A small part: `--per-level 24 --task nested_places`.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from cliffguard.compare.diagnostics.surface import MUCH, surfaces_of
from cliffguard.compare.pairs import Pair
from cliffguard.core.answers import Answer
from cliffguard.core.errors import CliffguardError
from cliffguard.core.items import Item, Task
from cliffguard.core.settings import EvalSettings, Plan, RunnerSettings
from cliffguard.core.words import bare
from cliffguard.gate import find_alone
from cliffguard.runners.harness import HarnessRunner
from cliffguard.stats.exact import clopper_pearson_interval
from cliffguard.stats.thirds import effect_of_thirds, p_of_thirds
from cliffguard.suites.loading import load_suites
from scripts.make.surface_strategies import (  # fmt: skip
    STRATEGIES,
    by_last_mention,
    is_fit_to_gate,
    surface_scores,
)
from scripts.studies.page import publish, table

SEED = 20261130
LEVEL = 0.05
Row = dict[str, Any]


def measured(model: str, tasks: Sequence[Task], n_per_level: int) -> Iterator[list[Pair]]:
    """Yield a model's answers to the first items of each level, task by task.

    They are pairs of an answer with itself, as the checks of a base read them.
    """
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    names = tuple(dict.fromkeys(task.suite for task in tasks))
    checkpoint = find_alone(Plan(candidate=model, suites=names, offline=True))
    resolved = {task.name: task for task in runner.resolve(load_suites(names), EvalSettings())}
    for task in tasks:
        items = _first(resolved[task.name].items, n_per_level)
        answers = runner.ask(checkpoint, resolved[task.name], items, EvalSettings())
        yield [_pair(task, *both) for both in zip(items, answers, strict=True)]


def _first(items: Sequence[Item], n_per_level: int) -> list[Item]:
    """Return so many items of each level, in seeded order; of a task without levels four times."""
    kept: dict[int | None, list[Item]] = {}
    order = np.random.default_rng(SEED).permutation(len(items))
    for item in (items[number] for number in order):
        kept.setdefault(item.level, []).append(item)
    n_kept = {level: n_per_level * (4 if level is None else 1) for level in kept}
    return [item for level, rows in kept.items() for item in rows[: n_kept[level]]]


def _pair(task: Task, item: Item, answer: Answer) -> Pair:
    return Pair(task=task, item=item, base=answer, candidate=answer, look=1)


def rows_of(pairs: Sequence[Pair]) -> Iterator[Row]:
    """Yield the figures of each level of one task, and of all of them together."""
    levels: dict[int | None, list[Pair]] = {}
    for pair in pairs:
        levels.setdefault(pair.item.level, []).append(pair)
    for level, rows in sorted(levels.items(), key=lambda entry: entry[0] or 0):
        yield row_of(level, rows)
    if len(levels) > 1:
        together = [replace(pair, item=replace(pair.item, level=None)) for pair in pairs]
        yield {**row_of(None, together), "level": "all", "gates": False, "why not": "–"}


def row_of(level: int | None, pairs: Sequence[Pair]) -> Row:
    """Return the figures of one level."""
    task, scores = pairs[0].task, [pair.base.score or 0.0 for pair in pairs]
    chance, mean = task.chance or 0.0, fmean(scores)
    of_level = [item for item in task.items if level is None or item.level == level]
    strategies = surface_scores(of_level or [pair.item for pair in pairs])
    features = {s.feature: [s.effect, s.p_value] for s in surfaces_of(pairs)}
    highest = clopper_pearson_interval(
        n_hits=sum(scores), n_items=len(scores), confidence=1 - 2 * LEVEL
    ).high
    row = {
        "task": task.name,
        "level": None if level is None else f"{task.level} {level}",
        "items": len(pairs),
        "mean": mean,
        "chance": chance,
        **_by_place(pairs, scores),
        "strategies": strategies,
        "proven": features,
        "below chance": highest < chance,
    }
    return {**row, "gates": why_not(row) is None, "why not": why_not(row)}


def _by_place(pairs: Sequence[Pair], scores: Sequence[float]) -> Row:
    """Return the mean by the place of the right answer, and the effect with its p-value."""
    places = [last_place(pair.item) for pair in pairs]
    by_place: dict[int, list[float]] = {}
    for at, score in zip(places, scores, strict=True):
        if at is not None:
            by_place.setdefault(at, []).append(score)
    if None in places or len(by_place) < 2:
        return {"by place": None, "effect": None, "p": None}
    return {
        "by place": [[k, len(by_place[k]), fmean(by_place[k])] for k in sorted(by_place)],
        "effect": effect_of_thirds(scores, places),
        "p": p_of_thirds(scores, places, np.random.default_rng(SEED)),
    }


def last_place(item: Item) -> int | None:
    """Return the place of the right answer among the choices by their last mention, from 1."""
    order, right = by_last_mention(item), {bare(answer) for answer in item.right}
    return next((n for n, choice in enumerate(order, 1) if bare(choice) in right), None)


def why_not(row: Row) -> str | None:
    """Return why a level does not gate on this model; None where it does."""
    if row["below chance"]:
        return "a strategy, not difficulty"
    if not is_fit_to_gate(row["mean"], row["chance"], row["strategies"]):
        best = max(row["strategies"], key=row["strategies"].__getitem__, default="")
        if row["strategies"].get(best, 0.0) >= row["mean"]:
            return f"no better than {best}"
        return "too near to chance"
    much = [name for name, (effect, _) in row["proven"].items() if effect > MUCH]
    return f"measures {much[0]}" if much else None


def shown(row: Row) -> Row:
    """Return a row of the page's table."""
    strategies = row["strategies"]
    best = max(strategies, key=strategies.__getitem__, default=None)
    places = row["by place"]
    return {
        "task": row["task"],
        "level": row["level"] or "",
        "items": row["items"],
        "mean": row["mean"],
        "by place": "–" if places is None else " ".join(f"{100 * m:.0f}" for _, _, m in places),
        "effect": "–" if row["effect"] is None else f"{100 * row['effect']:.0f}",
        "p": "–" if row["p"] is None else f"{row['p']:.3f}",
        **{name: f"{100 * strategies[name]:.0f}" if best else "–" for name in STRATEGIES},
        "gates": row["why not"] or "yes",
    }


ABOUT = """\
# What the suites measure: the skill, or the place of the right answer

    python -m scripts.studies.positions MODEL… --keep NAME

By likelihood, without a template. Of each level: the mean score; *by place*, the mean where the
right answer is the first, second, … of the choices by their last mention in the prompt;
*effect*, the points between the best and the worst third of the items by that place, with the
p-value of a permutation test that chooses the thirds anew; what strategies of the surface score
on all items of the level, in per cent. A level *gates* on a model that lies 15 points above
chance and above every strategy, unless more than 20 points are proven to lie between thirds of
its items by a feature of the surface (place, nearness to the end, length, label, how often it
is named; Holm over these at 5 %), or it is proven to lie below chance, which is a strategy, not
difficulty. Procedures that solve a task by reading it (*after cue*) are shown in
[base-scores](../base-scores/README.md) and not counted.
"""


def page(folder: Path) -> str:
    """Return the page of all figures that are kept: the levels that gate, then each table."""
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    notes = folder / "notes.md"
    parts = [ABOUT.rstrip()]
    if notes.is_file():
        parts.append(notes.read_text(encoding="utf-8").rstrip())
    parts += ["## Which levels gate", table(list(_summary(kept)))]
    for record in kept:
        parts += [
            f"## {record['model']}, {record['name']}",
            table(list(map(shown, record["rows"]))),
        ]
    return "\n\n".join(parts) + "\n"


def _summary(kept: Sequence[Row]) -> Iterator[Row]:
    tasks = dict.fromkeys(row["task"] for record in kept for row in record["rows"])
    for task in tasks:
        yield {
            "task": task,
            **{f"{k['model']}, {k['name']}": _gating(k["rows"], task) for k in kept},
        }


def _gating(rows: Sequence[Row], task: str) -> str:
    """Return the levels of a task that gate, in words."""
    rows = [row for row in rows if row["task"] == task]
    levels = [str(row["level"] or "all").split()[-1] for row in rows if row["gates"]]
    return ("not asked" if not rows else "none") if not levels else ", ".join(levels)


def add(model: str, given: argparse.Namespace, tasks: Sequence[Task]) -> None:
    """Measure the tasks of which a model has no figures yet, and keep them task by task."""
    label, _, folder = model.rpartition("=")
    label = label or Path(folder).name
    path = given.out / f"{given.keep}-{label}.json"
    record: Row = {"model": label, "name": given.keep, "per level": given.per_level, "rows": []}
    if path.is_file():
        record = json.loads(path.read_text(encoding="utf-8"))
    there = {row["task"] for row in record["rows"]}
    absent = [task for task in tasks if task.name not in there]
    given.out.mkdir(parents=True, exist_ok=True)
    for pairs in measured(folder, absent, given.per_level) if absent else ():
        record["rows"] += rows_of(pairs)
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        print(f"{label}: {pairs[0].task.name}", file=sys.stderr)


def main() -> int:
    """Measure every model, keep the figures, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", help="a folder, or LABEL=FOLDER")
    parser.add_argument("--suite", action="append", help="repeatable (adjacent, ladders)")
    parser.add_argument("--task", action="append", help="repeatable; all of the suites")
    parser.add_argument(
        "--per-level", type=int, default=48, help="items; four times without levels"
    )
    parser.add_argument("--keep", default="now", help="name of these figures")
    parser.add_argument("--out", type=Path, default=Path("reports/positions"))
    given = parser.parse_args()
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    suites = load_suites(given.suite or ["adjacent", "ladders"])
    tasks = [t for s in suites for c in s.capabilities for t in c.tasks]
    tasks = [task for task in tasks if given.task is None or task.name in given.task]
    try:
        for model in given.models:
            add(model, given, tasks)
    except CliffguardError as failure:
        print(failure, file=sys.stderr)
        return failure.exit_code
    publish(page(given.out), given.out / "README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
