"""The public suites' tasks over local data, by cliffguard and by lm-eval itself, item by item.

Usage: python -m scripts.studies.public_parity BASE DATA SUITE [--tasks NAME …] [--n-items N]
                                       [--max-tokens N]

BASE is a checkpoint's folder. DATA is a folder with data.json, {task: {split: file}}, and those
files as JSON Lines in the layout of each task's own data set. Of each task of SUITE that has data,
the first N documents are asked of BASE twice: under the suite's shots, metric and filter by
cliffguard's engine, and by lm-eval's `hf` over the same file, from a configuration that includes
the task's own. Prints a Markdown table; exits 1 where a score differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml

from cliffguard.core.items import Task
from cliffguard.core.settings import EvalSettings, Plan, RunnerSettings
from cliffguard.runners.lmeval_tasks import _stock_tasks
from cliffguard.runners.local_data import leaves
from cliffguard.suites.loading import load_suite

Files = dict[str, str]


def main() -> int:
    """Ask both, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("suite")
    parser.add_argument("--tasks", nargs="*", help="lm-eval's names (default: all with data)")
    parser.add_argument("--n-items", type=int, default=30)
    parser.add_argument("--max-tokens", type=int, help="of a generated answer, on both sides")
    given = parser.parse_args()
    known = json.loads((given.data / "data.json").read_text(encoding="utf-8"))
    wanted = set(known) & set(given.tasks or known)
    entries = _entries(given.suite, wanted)
    n_differing = 0
    print("| task | shots | metric | items | cliffguard | lm-eval | items that differ |")
    print("|---|---:|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for name, entry in entries.items():
            files = _cut(given.data, known[name], given.n_items, Path(folder) / name)
            ours = _ours(given.base, name, entry, files, given.max_tokens)
            theirs = _theirs(given.base, name, entry, files, given.max_tokens)
            differing = sum(a != b for a, b in zip(ours, theirs, strict=True))
            print(
                f"| {name} | {entry.num_fewshot} | {entry.metric} | {len(ours)} "
                f"| {fmean(ours):.4f} | {fmean(theirs):.4f} | {differing} |",
                flush=True,
            )
            n_differing += differing
    return 1 if n_differing else 0


def _entries(suite: str, wanted: set[str]) -> dict[str, Task]:
    """Return which entry of the suite asks for each of lm-eval's tasks that has data."""
    index = _stock_tasks().task_index
    tasks = [task for capability in load_suite(suite).capabilities for task in capability.tasks]
    return {name: task for task in tasks for name in sorted(leaves(index, task.name) & wanted)}


def _cut(data: Path, splits: Files, n_items: int, folder: Path) -> Files:
    """Write the first documents of the split that is evaluated; other splits stay whole."""
    config = _stock_tasks().task_index[folder.name].cfg
    evaluated = config.get("test_split") or config.get("validation_split")
    folder.mkdir()
    files = {split: str((data / name).resolve()) for split, name in splits.items()}
    lines = Path(files[evaluated]).read_text(encoding="utf-8").split("\n")
    (folder / "asked.jsonl").write_text("\n".join(lines[:n_items]) + "\n", encoding="utf-8")
    return {**files, evaluated: str(folder / "asked.jsonl")}


def _ours(base: Path, name: str, entry: Task, files: Files, max_tokens: int | None) -> list[float]:
    """Return cliffguard's scores, in the order of the documents."""
    from cliffguard.gate import find_alone, measure_alone, runner_for
    from cliffguard.store.answers import Store

    with tempfile.TemporaryDirectory() as scratch:
        settings = {key: getattr(entry, key) for key in ("metric", "filter", "num_fewshot")}
        written = {
            "name": name,
            **{key: value for key, value in settings.items() if value is not None},
        }
        path = Path(scratch) / "suite.yaml"
        capability = {"ring": "general", "tasks": [written]}
        suite = {"name": "parity", "version": 1, "capabilities": {"parity": capability}}
        path.write_text(yaml.safe_dump(suite), encoding="utf-8")
        plan = Plan(
            candidate=str(base),
            suites=(str(path),),
            data={name: files},
            protocol=EvalSettings(max_tokens=max_tokens, dtype="float32"),
            runner=RunnerSettings(model="cliffguard", device="cpu"),
        )
        runner = runner_for(plan)
        measured = measure_alone(
            find_alone(plan), plan, store=Store(Path(scratch) / "store"), runner=runner
        )
        (task,) = runner.resolve([load_suite(str(path))], plan.protocol)
    scores = {answer.item_id: answer.score for answer in measured.answers[name]}
    return [float(scores[item.id] or 0.0) for item in task.items]


def _theirs(
    base: Path, name: str, entry: Task, files: Files, max_tokens: int | None
) -> list[float]:
    """Return lm-eval's scores, in the order of the documents."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    stock = _stock_tasks().task_index[name]
    absent = [k for k, v in stock.cfg.items() if k.endswith("_split") and v not in files]
    config: dict[str, Any] = {
        **dict.fromkeys(absent),  # lm-eval reads every split that is named, needed or not
        "include": str(stock.yaml_path),
        "task": name,
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": files, "download_mode": "force_redownload"},
    }
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "local.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        results = lm_eval.simple_evaluate(
            model="hf",
            model_args=f"pretrained={base},dtype=float32",
            tasks=[name],
            task_manager=TaskManager(include_path=folder, include_defaults=False),
            num_fewshot=entry.num_fewshot,
            gen_kwargs=None if max_tokens is None else {"max_gen_toks": max_tokens},
            device="cpu",
            batch_size=4,
            bootstrap_iters=0,
        )
    rows = [row for row in results["samples"][name] if entry.filter in (None, row["filter"])]
    return [float(row[entry.metric]) for row in sorted(rows, key=lambda row: row["doc_id"])]


if __name__ == "__main__":
    sys.exit(main())
