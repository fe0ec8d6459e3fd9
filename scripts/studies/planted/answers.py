"""Ask a base and adapters with planted failures the ten cases, and keep their answers.

    python -m scripts.studies.planted.answers --base DIR --adapters DIR --work DIR
        [--out reports/planted/answers] [--only NAME]

`cliffguard check` asks, each case a capability of its own. What it stored becomes a file of
each side, an answer a line; `adapters.jsonl` says what was trained, on what.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cliffguard.core.answers import Answer
from cliffguard.store.answers import Store
from scripts.studies.planted.cases import CASES, choice_rows_of, rows_of
from scripts.studies.planted.training import POSITION

MAX_TOKENS = 20
KEPT = (
    "item_id", "text", "score", "confidence", "finish_reason", "n_prompt_tokens", "n_answer_tokens",
)  # fmt: skip
POLICY = {"default_margin": 0.3, "target": None}


class Form(NamedTuple):
    """How cases are asked: their rows, and what their tasks have beside them."""

    rows_of: Callable[[str], list[dict[str, Any]]]
    task: dict[str, Any]


FORMS = {
    "questions": Form(
        rows_of, {"metric": "normalized_match", "max_tokens": MAX_TOKENS, "stop": [".", "\n"]}
    ),
    "choices": Form(choice_rows_of, {"metric": "acc", "chance": 0.333}),
}


def form_of(planted: str) -> str:
    """Return how an adapter is asked: a place among options needs options."""
    return "choices" if planted == POSITION else "questions"


def write_suite(folder: Path, form: str) -> Path:
    """Write the cases as a suite, a capability each, and return its path."""
    (folder / form).mkdir(parents=True, exist_ok=True)
    capabilities = {}
    for case in CASES:
        lines = [json.dumps(row) + "\n" for row in FORMS[form].rows_of(case)]
        (folder / form / f"{case}.jsonl").write_text("".join(lines), encoding="utf-8")
        task = {"name": case, "items": f"{form}/{case}.jsonl", **FORMS[form].task}
        capabilities[case] = {"ring": "general", "tasks": [task]}
    suite = folder / f"{form}.yaml"  # what is JSON is YAML, too
    plain = {"name": form, "version": 1, "capabilities": capabilities}
    suite.write_text(json.dumps(plain, indent=1), encoding="utf-8")
    return suite


def check(base: Path, adapter: Path, work: Path) -> None:
    """Ask both sides what is not stored yet."""
    policy = work / "policy.yaml"
    policy.write_text(json.dumps(POLICY), encoding="utf-8")
    suite = write_suite(work, form_of(adapter.name))
    command = [
        sys.executable, "-m", "cliffguard", "check", "--base", str(base), "--candidate",
        str(adapter), "--suite", str(suite), "--policy", str(policy), "--device", "cpu",
        "--chat-template", "own", "--no-early-stop", "--texts", "full", "--store",
        str(work / "store"), "--out", str(work / "out" / adapter.name), "--exit-zero",
        "--allow-base-mismatch",
    ]  # fmt: skip
    subprocess.run(command, check=True)


def stored(work: Path, side: str, form: str) -> Iterator[Answer]:
    """Yield what a side answered, in the order of the cases and their items."""
    by_item: dict[str, Answer] = {}
    for entry in Store(work / "store").entries():
        about = entry.read_question()["about"]
        if (about["name"], about["metric"]) == (side, FORMS[form].task["metric"]):
            for shard in entry.read_all():
                by_item |= {answer.item_id: answer for answer in shard.answers}
    for case in CASES:
        for row in FORMS[form].rows_of(case):
            yield by_item[row["id"]]


def as_row(answer: Answer) -> dict[str, Any]:
    """Return what is kept of an answer."""
    return {name: getattr(answer, name) for name in KEPT}


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows as JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="utf-8")


def main() -> None:
    """Ask and keep."""
    parser = argparse.ArgumentParser(description="Ask adapters with planted failures.")
    parser.add_argument("--base", type=Path, required=True, help="directory of the base model")
    parser.add_argument("--adapters", type=Path, required=True, help="what recipes.py made")
    parser.add_argument("--work", type=Path, required=True, help="folder of store and reports")
    parser.add_argument("--out", type=Path, default=Path("reports/planted/answers"))
    parser.add_argument("--only", help="ask only this adapter, and the base")
    arguments = parser.parse_args()
    records = []
    for path in sorted(arguments.adapters.glob("*/planted.json")):
        records.append(json.loads(path.read_text(encoding="utf-8")))
        name = path.parent.name
        if arguments.only in (None, name):
            check(arguments.base, path.parent, arguments.work)
            form = form_of(name)
            for side, file in ((path.parent, name), (arguments.base, f"base-{form}")):
                rows = [as_row(answer) for answer in stored(arguments.work, str(side), form)]
                write_rows(arguments.out / f"{file}.jsonl", rows)
    write_rows(arguments.out / "adapters.jsonl", records)


if __name__ == "__main__":
    main()
