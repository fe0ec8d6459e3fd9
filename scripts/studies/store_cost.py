"""What looking after a store costs: CPU seconds of `store ls` and `store verify`, and its bytes.

    python -m scripts.studies.store_cost 200x4x250 > FILE.md

Each setting is CANDIDATESxTASKSxITEMS. The answers are made up in a temporary folder; each command
runs three times in a process of its own, and the median counts.
"""

from __future__ import annotations

import hashlib
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from cliffguard.core.answers import Answer, Question
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.items import Item, Task
from cliffguard.core.settings import EvalSettings
from cliffguard.store.answers import Store
from cliffguard.store.shards import in_shards

N_TIMES = 3
STORY = "Somebody carries a thing away. " * 4
CHOICES = ("in the kitchen", "in the garden", "in the office", "in the hallway")


def digest_of(*names: object) -> str:
    """Return a digest of its own for these names."""
    return hashlib.sha256(repr(names).encode()).hexdigest()


def task_of(number: int, n_items: int) -> Task:
    """Return a task with items whose prompts have about 150 characters."""
    items = tuple(
        Item(
            id=f"task{number}-{index}",
            digest=digest_of("item", number, index),
            prompt=f"Task {number}, question {index}. {STORY}Where?",
            choices=CHOICES,
            answer=CHOICES[index % len(CHOICES)],
            level=1 + index % 5,
            cluster=None,
        )
        for index in range(n_items)
    )
    return Task(
        name=f"task{number}",
        entry=f"task{number}",
        suite="made",
        capability="made",
        stock=False,
        metric="acc",
        filter=None,
        chance=0.25,
        level=None,
        gate_levels=None,
        num_fewshot=0,
        max_tokens=None,
        stop=(),
        limit=None,
        cost="likelihood",
        items=items,
        digest=digest_of("task", number, n_items),
    )


def answer_to(item: Item, candidate: int, number: int) -> Answer:
    """Return a candidate's answer, as the engine notes one."""
    picked = CHOICES[(number * 7 + candidate) % len(CHOICES)]
    return Answer(
        item_id=item.id,
        item_digest=item.digest,
        prompt_digest=digest_of("prompt", item.id),
        rendered_digest=digest_of("rendered", item.id),
        tokens_digest=digest_of("tokens", item.id),
        score=float(picked == item.answer),
        text=picked,
        confidence=0.25 + number % 50 / 100,
        finish_reason="choice",
        n_prompt_tokens=40,
        n_answer_tokens=3,
        n_bos=0,
    )


def fill(store: Store, n_candidates: int, n_tasks: int, n_items: int) -> None:
    """Store the answers of as many candidates to as many tasks."""
    tasks = [task_of(number, n_items) for number in range(n_tasks)]
    for candidate in range(n_candidates):
        checkpoint = Checkpoint(
            name=f"candidate-{candidate}",
            weights=digest_of("weights", candidate),
            adapter=None,
            tokenizer=digest_of("tokenizer"),
            chat_template=None,
            settings=digest_of("settings"),
            revision=None,
            notes=(),
            files=None,
        )
        for task in tasks:
            question = Question(
                checkpoint=checkpoint,
                task=task,
                protocol=EvalSettings(),
                dtype="float32",
                runner="made",
                replicate=0,
            )
            entry = store.open(question, task.items)
            for shard in in_shards(task.items):
                answers = [answer_to(i, candidate, n) for n, i in enumerate(shard.items)]
                entry.write_shard(shard.number, answers, {"device": "cpu"})


def cpu_of(*words: str) -> float:
    """Return the CPU seconds of a command, the median of a few runs."""
    each = []
    for _ in range(N_TIMES):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "cliffguard", "store", *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        each.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(each)


def measured(setting: str) -> str:
    """Return a setting's line of the table."""
    n_candidates, n_tasks, n_items = (int(part) for part in setting.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        fill(store, n_candidates, n_tasks, n_items)
        n_bytes = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        listed, verified = (cpu_of(verb, "--store", folder) for verb in ("ls", "verify"))
    return (
        f"| {n_candidates} × {n_tasks} × {n_items} | {n_bytes / 2**20:,.0f} | {listed:.2f} | "
        f"{verified:.2f} |"
    )


def main(settings: list[str]) -> None:
    """Print the table of these settings."""
    print("# What looking after a store costs\n")
    print(f"`python -m scripts.studies.store_cost {' '.join(settings)}`, Python")
    print(f"{platform.python_version()}; CPU seconds, Python's start and imports included.\n")
    print("| candidates × tasks × items | MiB | `store ls`, s | `store verify`, s |")
    print("| ---: | ---: | ---: | ---: |")
    for setting in settings:
        print(measured(setting), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
