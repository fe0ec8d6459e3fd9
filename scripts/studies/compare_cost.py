"""What `compare` costs on folders of lm-eval's samples: CPU seconds, and memory for each pair.

    python -m scripts.studies.compare_cost 20x1000 60x5000 1x1000000 > FILE.md

Each setting is TASKSxROWS, rows of about 1 kB: four choices by likelihood, as lm-eval logs them.
The files are made from a seed in a temporary folder; `compare` runs in a process of its own.
"""

from __future__ import annotations

import hashlib
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHOICES = ["in the kitchen", "in the garden", "in the office", "in the hallway"]
N_WORDS = 60  # of a prompt


def texts(chance: random.Random) -> list[str]:
    """Return prompts, of which each stands in many rows with another number at its end."""
    syllables = [
        f"{letter}{ending}"
        for letter in "lmnprst"
        for ending in ("amp", "ime", "ono", "ull", "edge")
    ]
    return [" ".join(chance.choices(syllables, k=N_WORDS)) for _ in range(1000)]


TEXTS = texts(random.Random("texts"))


def line(task: int, number: int, *, chance: random.Random, right: bool) -> str:
    """Return one line of a file of samples, as lm-eval spells it."""
    name = f"{task}-{number}".encode()
    prompt = f"{TEXTS[number % len(TEXTS)]} ({task}, {number})\\nAnswer:"
    gold = number * 7919 % len(CHOICES)
    picked = gold if right else (gold + 1) % len(CHOICES)
    logs = [f"[{-chance.random() - 2.0 * (n != picked)!r}, false]" for n in range(len(CHOICES))]
    arguments = ", ".join(
        f'"gen_args_{n}": {{"arg_0": "{prompt if n == 0 else ""}", "arg_1": " {choice}"}}'
        for n, choice in enumerate(CHOICES)
    )
    return (
        f'{{"doc_id": {number}, "doc": {{"id": {number}}}, "target": {gold}, '
        f'"arguments": {{{arguments}}}, "resps": [[{"], [".join(logs)}]], '
        f'"filtered_resps": [{", ".join(logs)}], "filter": "none", "metrics": ["acc"], '
        f'"doc_hash": "{hashlib.sha256(b"doc" + name).hexdigest()}", '
        f'"prompt_hash": "{hashlib.sha256(name).hexdigest()}", "acc": {float(right)}}}\n'
    )


def write_folder(folder: Path, *, n_tasks: int, n_rows: int, seed: int) -> int:
    """Write a side's files of samples; return the mean number of bytes of a row."""
    folder.mkdir()
    chance = random.Random(seed)
    n_bytes = 0
    for task in range(n_tasks):
        base = random.Random(f"right {task}")
        path = folder / f"samples_task{task}_2026-01-01T00-00-00.000000.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for number in range(n_rows):
                right = base.random() < 0.7
                if seed and chance.random() < 0.05:
                    right = not right
                file.write(line(task, number, chance=chance, right=right))
        n_bytes += path.stat().st_size
    return round(n_bytes / (n_tasks * n_rows))


def cost(folder: Path, policy: Path | None) -> tuple[float, float, int, int]:
    """Return CPU seconds, wall seconds, bytes of memory at the most, and the exit code."""
    command = [
        sys.executable,
        "-m",
        "cliffguard",
        "compare",
        "base",
        "candidate",
        "--out",
        "review",
    ]
    command += [] if policy is None else ["--policy", str(policy)]
    started = time.monotonic()
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    cpu = used.ru_utime + used.ru_stime
    return cpu, seconds, used.ru_maxrss * 1024, os.waitstatus_to_exitcode(status)


def measured(setting: str) -> str:
    """Return a setting's line of the table."""
    n_tasks, n_rows = (int(part) for part in setting.split("x"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        n_bytes = write_folder(folder / "base", n_tasks=n_tasks, n_rows=n_rows, seed=0)
        write_folder(folder / "candidate", n_tasks=n_tasks, n_rows=n_rows, seed=1)
        cpu, wall, memory, code = cost(folder, None)
    n_pairs = n_tasks * n_rows
    return (
        f"| {n_tasks} × {n_rows:,} | {n_bytes:,} | {cpu:.1f} | {wall:.1f} | "
        f"{memory / 2**20:,.0f} | {memory / n_pairs / 1000:.2f} | {code} |"
    )


def main(settings: list[str]) -> None:
    """Print the table of these settings."""
    print("# What `compare` costs\n")
    print(f"`python -m scripts.studies.compare_cost {' '.join(settings)}`, Python")
    print(f"{platform.python_version()}. Memory is the most that the process had resident, all of")
    print("Python and numpy included; a pair is one item with both answers.\n")
    print("| tasks × rows | bytes a row | CPU, s | wall, s | MiB | kB a pair | exit code |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for setting in settings:
        print(measured(setting), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
