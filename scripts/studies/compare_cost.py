"""What `compare` costs on folders of lm-eval's samples: CPU seconds, and memory for each pair.

    python -m scripts.studies.compare_cost 20x1000x5 20x1000 60x5000 1x1000000 > FILE.md
    python -m scripts.studies.compare_cost DATA

DATA is a folder with MMLU's files, `mmlu/dev/SUBJECT_dev.csv` and `mmlu/test/SUBJECT_test.csv`: 18
tasks of 1,000 of its questions, subject after subject with their five shots; answers are made up.
Each setting is TASKSxROWS or TASKSxROWSxSHOTS: four choices by likelihood, as lm-eval logs them,
each with the whole prompt. Rows have about 1 kB; with five shots, as in MMLU, 12 kB. The files are
made from a seed in a temporary folder; `compare` runs in processes of its own, up to 20,000 items
three times, of which the median counts. Modules are compiled before, as an installation does.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from scripts.studies.engine.tasks import LETTERS, mmlu_prompts

N_ROWS = 1000  # of a task of MMLU's questions
CHOICES = ["in the kitchen", "in the garden", "in the office", "in the hallway"]
N_WORDS = 30  # of a question
N_LINES_A_SHOT = 6  # a question, four choices, its answer
N_WORDS_A_LINE = 16
OUT = ("--out", "review")
N_TIMES = 3
MOST_REPEATED = 20_000  # items
SYLLABLES = [
    f"{letter}{ending}" for letter in "lmnprst" for ending in ("amp", "ime", "ono", "ull", "edge")
]


def text(chance: random.Random, n_words: int) -> str:
    """Return words that mean nothing."""
    return " ".join(chance.choices(SYLLABLES, k=n_words))


# Each stands in many rows with another number at its end.
TEXTS = [text(random.Random(f"text {number}"), N_WORDS) for number in range(1000)]


def shots(task: int, n_shots: int) -> str:
    """Return the examples before every question of a task."""
    chance = random.Random(f"shots {task}")
    return "".join(f"{text(chance, N_WORDS_A_LINE)}\n" for _ in range(N_LINES_A_SHOT * n_shots))


class LoggedQuestion(NamedTuple):
    """A question as a line of samples has it: its document, the whole prompt, its choices."""

    document: dict[str, Any]
    prompt: str
    choices: Sequence[str]
    gold: int


def made_up(n_tasks: int, n_rows: int, n_shots: int) -> Iterator[Iterator[LoggedQuestion]]:
    """Yield the questions of each task, that mean nothing."""
    for task in range(n_tasks):
        before = shots(task, n_shots)
        yield (
            LoggedQuestion(
                {"id": number},
                f"{before}{TEXTS[number % len(TEXTS)]} ({task}, {number})\nAnswer:",
                CHOICES,
                number * 7919 % len(CHOICES),
            )
            for number in range(n_rows)
        )


def of_mmlu(data: Path) -> Iterator[list[LoggedQuestion]]:
    """Yield a thousand questions of MMLU a task, as lm-eval puts them after five shots."""
    rows: list[LoggedQuestion] = []
    for path in sorted((data / "mmlu" / "test").glob("*_test.csv")):
        for row, prompt in mmlu_prompts(data, path.name.removesuffix("_test.csv")):
            rows.append(LoggedQuestion(row, prompt, LETTERS, int(row["answer"])))
            if len(rows) == N_ROWS:
                yield rows
                rows = []


def line(
    question: LoggedQuestion, name: bytes, number: int, *, chance: random.Random, right: bool
) -> str:
    """Return one line of a file of samples, as lm-eval writes it."""
    n_choices = len(question.choices)
    picked = question.gold if right else (question.gold + 1) % n_choices
    logs = [[repr(-chance.random() - 2.0 * (n != picked)), "False"] for n in range(n_choices)]
    sample = {
        "doc_id": number,
        "doc": question.document,
        "target": str(question.gold),
        "arguments": {
            f"gen_args_{n}": {"arg_0": question.prompt, "arg_1": f" {choice}"}
            for n, choice in enumerate(question.choices)
        },
        "resps": [[log] for log in logs],
        "filtered_resps": logs,
        "filter": "none",
        "metrics": ["acc"],
        "doc_hash": hashlib.sha256(b"doc" + name).hexdigest(),
        "prompt_hash": hashlib.sha256(name).hexdigest(),
        "acc": float(right),
    }
    return json.dumps(sample) + "\n"


def write_folder(folder: Path, tasks: Iterable[Iterable[LoggedQuestion]], seed: int) -> int:
    """Write a side's files of samples; return how many bytes they have."""
    folder.mkdir()
    chance = random.Random(seed)
    n_bytes = 0
    for task, questions in enumerate(tasks):
        base = random.Random(f"right {task}")
        path = folder / f"samples_task{task}_2026-01-01T00-00-00.000000.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for number, question in enumerate(questions):
                right = base.random() < 0.7
                if seed and chance.random() < 0.05:
                    right = not right
                name = f"{task}-{number}".encode()
                file.write(line(question, name, number, chance=chance, right=right))
        n_bytes += path.stat().st_size
    return n_bytes


def write_sides(folder: Path, tasks: Callable[[], Iterable[Iterable[LoggedQuestion]]]) -> int:
    """Write the files of both sides; return how many bytes they have."""
    folder.mkdir()
    return sum(
        write_folder(folder / side, tasks(), seed)
        for seed, side in enumerate(("base", "candidate"))
    )


SMALL = partial(made_up, n_tasks=1, n_rows=30, n_shots=0)
"""What is compared first, and not measured, so that all modules are compiled."""


def cost(folder: Path, bytecode: Path, *out: str) -> tuple[float, float, int, int]:
    """Return CPU seconds, wall seconds, bytes of memory at the most, and the exit code.

    `out` are `--out` and a folder, for reports and items, or nothing: then the verdict alone is
    printed. Modules are compiled into the folder `bytecode`, whatever the environment says of that.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "cliffguard", "compare", "base", "candidate"]
    started = time.monotonic()
    process = subprocess.Popen(
        [*command, *out],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    cpu = used.ru_utime + used.ru_stime
    return cpu, seconds, used.ru_maxrss * 1024, os.waitstatus_to_exitcode(status)


def measured(setting: str) -> str:
    """Return a setting's line of the table."""
    if re.fullmatch(r"\d+(x\d+){1,2}", setting):
        n_tasks, n_rows, n_shots = (int(part) for part in [*setting.split("x"), "0"][:3])
        tasks: Callable[[], Iterable[Iterable[LoggedQuestion]]] = partial(
            made_up, n_tasks, n_rows, n_shots
        )
    else:
        tasks = partial(of_mmlu, Path(setting))
        n_tasks, n_rows, n_shots = sum(1 for _ in tasks()), N_ROWS, 5
    n_pairs = n_tasks * n_rows
    with tempfile.TemporaryDirectory() as name:
        small, folder, bytecode = (Path(name, part) for part in ("small", "whole", "bytecode"))
        write_sides(small, SMALL)
        cost(small, bytecode, *OUT)
        n_bytes = write_sides(folder, tasks)
        each, bare = [], []
        for _ in range(N_TIMES if n_pairs <= MOST_REPEATED else 1):  # in turns
            each.append(cost(folder, bytecode, *OUT))
            bare.append(cost(folder, bytecode)[0])
    cpu, wall, memory = (statistics.median(values) for values in list(zip(*each, strict=True))[:3])
    return (
        f"| {n_tasks} × {n_rows:,} | {n_shots} | {n_bytes / 10**6:,.0f} | "
        f"{statistics.median(bare):.1f} | {cpu:.1f} | {wall:.1f} | "
        f"{memory / 2**20:,.0f} | {memory / n_pairs / 1000:.2f} | {each[0][3]} |"
    )


def main(settings: list[str]) -> None:
    """Print the table of these settings."""
    print("# What `compare` costs\n")
    print(f"`python -m scripts.studies.compare_cost {' '.join(settings)}`, Python")
    print(
        f"{platform.python_version()}; the median of {N_TIMES} runs up to {MOST_REPEATED:,} items."
    )
    print("Modules are compiled before, as an installation does.")
    print("CPU is of the verdict alone; with --out, and in the columns behind it, reports and")
    print("items.jsonl are written, too.")
    print(
        "Memory is the most that the process had resident, all of Python and numpy included; a pair"
    )
    print("is one item with both answers; MB are those of both folders.\n")
    print("| tasks × rows | shots | MB | CPU, s | with --out | wall, s | MiB | kB a pair | exit |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for setting in settings:
        print(measured(setting), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
