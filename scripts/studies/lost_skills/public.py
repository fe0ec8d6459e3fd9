"""Public benchmarks in the layout of lm-eval's own tasks, from local copies.

    python -m scripts.studies.lost_skills.public DATA OUT [--n-items 200]

DATA holds arc/arc_easy.jsonl, piqa/piqa.jsonl, winogrande/winogrande.jsonl and mmlu/test/*.csv.
OUT gets a file a task, `public.yaml`, a suite of lm-eval's tasks, and `plan.yaml`, a plan without
the two checkpoints. Zero-shot, as lm-eval's tasks are without a number of shots.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

Document = Mapping[str, Any]

SEED = 71
LETTERS = "ABCD"


def arc(row: Document) -> Document:
    """Return a row of ARC as the data set has it."""
    labels = list(LETTERS[: len(row["choices"])])
    question = row["query"].removeprefix("Question: ")
    choices = {"text": row["choices"], "label": labels}
    return {"question": question, "choices": choices, "answerKey": labels[row["gold"]]}


def piqa(row: Document) -> Document:
    """Return a row of PIQA as the data set has it."""
    goal = row["query"].removeprefix("Question: ").strip()
    first, second = row["choices"]
    return {"goal": goal, "sol1": first, "sol2": second, "label": row["gold"]}


def winogrande(row: Document) -> Document:
    """Return a row of WinoGrande as the data set has it: the options stand where a blank was."""
    first, second = (text.split(" ") for text in row["context_options"])
    n = next(i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
    before = " ".join(first[:n])
    sentence = f"{before} _ {row['continuation']}".strip()
    options = {"option1": " ".join(first[n:]), "option2": " ".join(second[n:])}
    return {"sentence": sentence, **options, "answer": str(row["gold"] + 1)}


LIKELIHOOD: dict[str, tuple[str, Callable[[Document], Document], str]] = {
    "arc_easy": ("arc/arc_easy.jsonl", arc, "acc"),
    "piqa": ("piqa/piqa.jsonl", piqa, "acc"),
    "winogrande": ("winogrande/winogrande.jsonl", winogrande, "acc"),
}


def _lines(path: Path) -> list[Document]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _drawn(rows: list[Document], n_items: int) -> list[Document]:
    return random.Random(SEED).sample(rows, min(n_items, len(rows)))


def _write(path: Path, rows: list[Document]) -> str:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    return path.name


def subjects(data: Path, n_items: int) -> dict[str, list[Document]]:
    """Return as many questions of each subject of MMLU as make `n_items` together, or just over."""
    files = sorted((data / "mmlu" / "test").glob("*_test.csv"))
    each = -(-n_items // len(files))
    result = {}
    for path in files:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        subject = path.name.removesuffix("_test.csv")
        result[subject] = [
            {
                "question": row["question"], "subject": subject, "answer": int(row["answer"]),
                "choices": [row[f"choice{i}"] for i in range(len(LETTERS))],
            }
            for row in _drawn(rows, each)
        ]  # fmt: skip
    return result


def make(data: Path, out: Path, n_items: int) -> None:
    """Write the files, the suite and the plan."""
    out.mkdir(parents=True, exist_ok=True)
    files: dict[str, Any] = {}
    capabilities: dict[str, Any] = {}
    for name, (source, layout, metric) in LIKELIHOOD.items():
        rows = _drawn(_lines(data / source), n_items)
        files[name] = _write(out / f"{name}.jsonl", [layout(row) for row in rows])
        tasks = [{"name": name, "metric": metric, "num_fewshot": 0}]
        capabilities[name] = {"ring": "general", "tasks": tasks}
    tasks = []
    for subject, rows in subjects(data, n_items).items():
        name = f"mmlu_{subject}"
        files[name] = _write(out / f"{name}.jsonl", rows)
        tasks.append({"name": name, "metric": "acc", "num_fewshot": 0})
    capabilities["mmlu"] = {"ring": "general", "tasks": tasks}
    suite = {"name": "lm-eval", "version": 1, "capabilities": capabilities}
    (out / "public.yaml").write_text(yaml.safe_dump(suite, sort_keys=False), encoding="utf-8")
    plan = {"suites": ["public.yaml"], "data": files}
    (out / "plan.yaml").write_text(yaml.safe_dump(plan, sort_keys=False), encoding="utf-8")


def main() -> None:
    """Write what was asked for."""
    parser = argparse.ArgumentParser(description="Lay public benchmarks out for lm-eval's tasks.")
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--n-items", type=int, default=200)
    given = parser.parse_args()
    make(given.data, given.out, given.n_items)


if __name__ == "__main__":
    main()
