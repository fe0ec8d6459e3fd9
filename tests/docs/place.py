"""A folder with the names that the documentation uses, small enough that its commands are quick."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from cliffguard.core.answers import Answer
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.settings import EvalSettings, Plan
from cliffguard.runners.harness import HarnessRunner
from tests import support
from tests.fake_runner import FakeRunner

_PER_LEVEL = 6  # items of a level that the small copies of the built-in suites keep


class DocsRunner(FakeRunner):
    """Answers own items at once; what needs a model (lm-eval's tasks, vectors) is computed."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(lambda name, item: 1.0)
        self._real = HarnessRunner(plan.runner, data=plan.data, offline=True)
        self._is_real = False

    def resolve(self, suites: Sequence[Suite], protocol: EvalSettings) -> tuple[Task, ...]:
        """Return the tasks; where one is lm-eval's, all of them are asked for real."""
        self._is_real = any(t.stock for s in suites for c in s.capabilities for t in c.tasks)
        return (self._real if self._is_real else super()).resolve(suites, protocol)

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Return the answers, right ones or the model's own."""
        runner = self._real if self._is_real else super()
        return runner.ask(checkpoint, task, items, protocol)

    def embed(self, checkpoint: Checkpoint, texts: Sequence[str], protocol: EvalSettings) -> Any:
        """Return the tiny model's hidden states."""
        return self._real.embed(checkpoint, texts, protocol)


class ReasoningGym(ModuleType):
    """Numbers items on from the seed, as the real one does, and repeats every third."""

    def create_dataset(self, name: str, *, seed: int, size: int, **config: Any) -> Any:
        """Return a list of items: it has no scorer, so that asking it would fail."""
        numbers = [seed + index - index % 3 // 2 for index in range(size)]
        return [{"question": f"{name} {n} + 1 =\n", "answer": str(n + 1)} for n in numbers]


def small_suites(shipped: Path, folder: Path) -> Path:
    """Copy the built-in suites with a few items a level; those that are generated stay whole."""
    folder.mkdir()
    for path in shipped.glob("*.yaml"):
        shutil.copy(path, folder)
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
        for capability in written["capabilities"].values():
            for task in capability["tasks"]:
                items = task.get("items") if isinstance(task, dict) else None
                if isinstance(items, str) and not (folder / items).exists():
                    _few(shipped / items, folder / items, task.get("level"))
    return folder


def _few(source: Path, target: Path, level: str | None) -> None:
    kept, seen = [], Counter[Any]()
    for line in source.read_text(encoding="utf-8").splitlines():
        rung = json.loads(line).get(level)
        seen[rung] += 1
        if seen[rung] <= _PER_LEVEL:
            kept.append(line + "\n")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(kept), encoding="utf-8")


SUMS = [{"question": f"What is {n} + 1?", "answer": f"#### {n + 1}"} for n in range(30)]
SCIENCE = [
    {
        "id": f"q{n}",
        "question": f"What is number {n}?",
        "choices": {"text": ["a stone", "a plant", "a star"], "label": ["A", "B", "C"]},
        "answerKey": "ABC"[n % 3],
    }
    for n in range(30)
]
TALK = [{"prompt": f"Where is parcel {n}?", "completion": f"On shelf {n}."} for n in range(40)]


def furnish(root: Path, base: Path, adapter: Path) -> None:
    """Put into `root` what the commands of the documentation name."""
    steps = {f"runs/x/checkpoint-{step}": adapter for step in (1000, 2000)}
    for name, there in {"models/base": base, "runs/ft/adapter": adapter, **steps}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(there)
    support.write_jsonl(root / "test.jsonl", SUMS)
    support.write_jsonl(root / "train.jsonl", SUMS)
    support.write_jsonl(root / "arc_easy.jsonl", SCIENCE)
    support.write_jsonl(root / "data" / "train.jsonl", TALK)
    support.write_jsonl(root / "last-week.jsonl", [{"prompt": row["prompt"]} for row in TALK])
    support.write_suite(root / "my", n_items=60)
    (root / "my" / "stock.yaml").write_text(
        "name: stock\nversion: 1\ncapabilities:\n  science: {ring: general, tasks: [arc_easy]}\n"
        "  sums: {ring: adjacent, tasks: [gsm8k]}\n",
        encoding="utf-8",
    )
    (root / "policy.yaml").write_text("default_margin: 0.05\n", encoding="utf-8")
    plan = "base: models/base\ncandidate: runs/ft/adapter\nsuites: [adjacent]\n"
    for name in ("plan.yaml", "gate.yaml"):
        (root / name).write_text(plan, encoding="utf-8")
    for side, logprob in {"base": -0.5, "candidate": -0.6}.items():
        write_samples(root / "results" / side, logprob)


def write_samples(folder: Path, logprob: float) -> None:
    """Write what lm-eval logs of three tasks, as it does with --log_samples."""
    for task in ("gsm8k", "race", "boolq"):
        rows = [
            {
                "doc_id": number,
                "doc": {"question": f"{task} {number}"},
                "target": "yes",
                "arguments": {"gen_args_0": {"arg_0": f"{task} {number}", "arg_1": " yes"}},
                "resps": [[[str(logprob), "True"]]],
                "filtered_resps": [[str(logprob), "True"]],
                "filter": "none",
                "metrics": ["acc"],
                "doc_hash": f"{task}{number}",
                "prompt_hash": f"p{task}{number}",
                "target_hash": "yes",
                "acc": float(number % 5 > 0),
            }
            for number in range(120)
        ]
        support.write_jsonl(folder / f"samples_{task}_2026-01-01T00-00-00.000000.jsonl", rows)
