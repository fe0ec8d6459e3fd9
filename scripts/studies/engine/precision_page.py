"""The figures of `precision.py` as Markdown."""

from __future__ import annotations

import statistics
from typing import Any

_TRIALS = (
    "| model | dtype | products | prompts of | tokens | plain: mean, 99 % | packed: mean, 99 % "
    "| s | packs | by |",
    "|---|---|---|---|---:|---:|---:|---:|---|---|",
)
_TASKS = (
    "| model | dtype | products | task | items | plain to float32 | packed to float32 "
    "| picks: packed/plain | packed/float32 | plain/float32 | s plain | s packed | ratio | by |",
    "|---|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
)
_PAIRS = ("packed against plain", "packed against float32", "plain against float32")
_ABOUT = """\
Distances are in nats: of a token in a trial, of a whole choice in a task (mean, largest). Picks are
items whose likeliest choice differs. Seconds are the processor's, with one thread. *Products*
native: by instructions of the processor. *Products* float32: it has none for the dtype, and linear
layers multiply in float32 and round (`scripts/studies/engine/widened.py`), both ways alike; there
distances and picks are those of the dtype, and the ratio is of how much is computed. A dash: not
measured.
"""


def as_markdown(figures: dict[str, Any]) -> str:
    """Return the tables of trials and tasks, each row with the letter of its command."""
    rows = [*figures["trials"], *figures["tasks"]]
    sources = list(dict.fromkeys((row["command"], _machine(row["machine"])) for row in rows))
    letters = {source: chr(ord("A") + number) for number, source in enumerate(sources)}
    lines = ["# Packing below float32", "", _ABOUT]
    for (command, machine), letter in letters.items():
        lines += [f"{letter} ({machine}):", "", f"    {command}", ""]

    def letter_of(row: dict[str, Any]) -> str:
        return letters[row["command"], _machine(row["machine"])]

    trials = [_trial_line(row, letter_of(row)) for row in figures["trials"]]
    tasks = [_task_line(row, letter_of(row)) for row in figures["tasks"]]
    return "\n".join([*lines, *_TRIALS, *trials, "", *_TASKS, *tasks, ""])


def _machine(machine: dict[str, Any]) -> str:
    return f"{machine['cpu']}, torch {machine['libraries']['torch']}"


def _trial_line(row: dict[str, Any], letter: str) -> str:
    head = f"| {row['model']} | {row['dtype']} | {row['products']} | {row['task']} "
    if "seconds" not in row:
        return f"{head}| | | | | {row['plain_because']} | {letter} |"
    both = [
        f"{row[way][0]:.4f}, {row[way][1]:.3f}" if way in row else "–"
        for way in ("plain", "packed")
    ]
    return (
        f"{head}| {row['tokens'] or '–'} | {both[0]} | {both[1]} | {row['seconds']:.1f} "
        f"| {row['plain_because'] or 'yes'} | {letter} |"
    )


def _nats(distance: float, n_digits: int = 3) -> str:
    return f"{distance:.0e}" if 0 < distance < 0.001 else f"{distance:.{n_digits}f}"


def _task_line(row: dict[str, Any], letter: str) -> str:
    far = [
        f"{_nats(row['distance'][way]['mean'])}, {_nats(row['distance'][way]['largest'], 2)}"
        for way in ("plain", "packed")
    ]
    flips = " | ".join(str(row["flips"].get(pair, "–")) for pair in _PAIRS)
    took = [statistics.median(row["seconds"][way]) for way in ("plain", "packed")]
    return (
        f"| {row['model']} | {row['dtype']} | {row['products']} | {row['task']} | {row['items']} "
        f"| {far[0]} | {far[1]} | {flips} | {took[0]:.1f} | {took[1]:.1f} | {row['ratio']:.1f} "
        f"| {letter} |"
    )
