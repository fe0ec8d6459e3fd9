"""Record which answers several real fine-tunes of one base got right: scores only, no texts.

    python -m scripts.studies.record_flips --base DIR [--suite FILE …] [--out DIR]

Five adapters on SmolLM2-135M-Instruct, from gentle to over-trained: the two of the demo, and three
recipes between them, trained here on the same tickets. Every one of them and the base answer the
built-in suites and those that are named, in full; the committed run had a suite of 500 random
questions each of ARC-easy and PIQA beside them, asked as "Question: …", "Answer:".

`answers.json` has a string of 0 and 1 for each task and checkpoint, in the order of the run, with
the clusters and levels of the items.
`scripts/studies/recorded.py` decides on them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import torch

from cliffguard import EvalSettings, Plan, Store
from cliffguard.core.progress import Step
from cliffguard.core.settings import RunnerSettings
from cliffguard.gate import find_alone, measure_alone, runner_for
from cliffguard.suites.loading import load_suites, suites_folder
from scripts.make import train_demo_adapters as demo

SUITES = ("support-tickets", "adjacent")

_OVERTRAINED = demo.RECIPES["overtrained"]
RECIPES = {
    "gentle": dataclasses.replace(_OVERTRAINED, learning_rate=3e-4, n_steps=100, alpha=8),
    "warm": dataclasses.replace(_OVERTRAINED, learning_rate=6e-4, n_steps=120, alpha=8),
    "hot": dataclasses.replace(_OVERTRAINED, learning_rate=1e-3, n_steps=150),
}
"""Without replay, each hotter and longer than the one before."""


def adapters(base: Path, folder: Path) -> dict[str, Path]:
    """Return the folder of every adapter, training those that are not there yet."""
    shipped = suites_folder() / "demo"
    folders = {"healthy": shipped / "healthy"}
    for name, recipe in RECIPES.items():
        folders[name] = folder / name
        if not (folder / name / "provenance.json").is_file():
            torch.use_deterministic_algorithms(True)
            model = demo.train(base, recipe, name)
            torch.use_deterministic_algorithms(False)
            demo.save(model, folder / name, demo.provenance(base, recipe, name))
    return {**folders, "overtrained": shipped / "overtrained"}


def record(base: Path, folder: Path, suites: tuple[str, ...], limit: int | None) -> dict[str, Any]:
    """Return the scores of all checkpoints on all tasks."""
    store = Store(folder / "store")
    places = {"base": base, **adapters(base, folder)}
    capabilities = {
        task.name: capability
        for suite in load_suites(suites)
        for capability in suite.capabilities
        for task in capability.tasks
    }
    tasks: dict[str, Any] = {}
    runner = None
    for name, path in places.items():
        plan = Plan(
            base=None if name == "base" else str(base),
            candidate=str(path),
            suites=suites,
            protocol=EvalSettings(dtype="float32", limit=limit),
            runner=RunnerSettings(device="cpu"),
            offline=True,
        )
        runner = runner or runner_for(plan)
        measured = measure_alone(find_alone(plan), plan, store=store, runner=runner, progress=_say)
        items = {
            task.name: {item.id: item for item in task.items}
            for task in runner.resolve(load_suites(suites), plan.protocol)
        }
        for task, answers in measured.answers.items():
            answered = [items[task][answer.item_id] for answer in answers]
            row = tasks.setdefault(
                task,
                {
                    "capability": capabilities[task].name,
                    "ring": capabilities[task].ring,
                    "clusters": [item.cluster for item in answered],
                    "levels": [item.level for item in answered]
                    if answered[0].level is not None
                    else None,
                    "right": {},
                },
            )
            if any(answer.score not in (0.0, 1.0) for answer in answers):
                raise SystemExit(f"{task}: an answer of {name} is neither right nor wrong")
            row["right"][name] = "".join("1" if answer.score else "0" for answer in answers)
    _number_clusters(tasks)
    return {"base": demo.BASE_NAME, "recipes": _recipes(), "tasks": tasks}


def _number_clusters(tasks: dict[str, Any]) -> None:
    """Write clusters as numbers, the same in every task of a capability; alone is None."""
    numbers: dict[tuple[str, str], int] = {}
    for row in tasks.values():
        row["clusters"] = [
            None if name is None else numbers.setdefault((row["capability"], name), len(numbers))
            for name in row["clusters"]
        ]


def _recipes() -> dict[str, Any]:
    all_of_them = {**demo.RECIPES, **RECIPES}
    return {name: dataclasses.asdict(recipe) for name, recipe in all_of_them.items()}


def _say(step: Step) -> None:
    print(f"{step.side}: {step.n_done} of {step.n_items}", file=sys.stderr, flush=True)


def main() -> None:
    """Train, ask, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, required=True, help="directory of the base model")
    parser.add_argument("--suite", action="append", default=[], help="a suite file more")
    parser.add_argument("--limit", type=int, help="items of a task")
    parser.add_argument("--work", type=Path, default=Path("runs/recorded-flips"))
    parser.add_argument("--out", type=Path, default=Path("reports/recorded-flips"))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    recorded = record(arguments.base, arguments.work, (*SUITES, *arguments.suite), arguments.limit)
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(recorded, separators=(",", ":"), sort_keys=True) + "\n"
    (arguments.out / "answers.json").write_text(text, encoding="utf-8")
    print(f"{arguments.out / 'answers.json'}: {len(text):,} bytes")


if __name__ == "__main__":
    main()
