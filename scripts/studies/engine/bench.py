"""Measure the engine against lm-eval's ``hf`` on real benchmarks, and each part of it by itself.

    python -m scripts.studies.engine.bench --data DIR --model DIR [--items N] [--repeats 3]

Both sides run the same weights on the CPU, in one process and in turns, and what is reported are
ratios of neighbouring runs. The first table has a row for each task and dtype, in CPU seconds of
one thread; the other sections are in float32. Prints Markdown, and after every task writes
``figures.json``, ``README.md`` and ``ratios.png`` into the folder ``--out``. What ``--only``,
``--tasks`` and ``--dtypes`` leave out stays there as it was.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from scripts.studies.engine.measuring import Bench, Rows
from scripts.studies.engine.memory import child, memory
from scripts.studies.engine.overview import DTYPES, overview
from scripts.studies.engine.peak import machine_kind
from scripts.studies.engine.report import about_machine, as_markdown, write
from scripts.studies.engine.sections import (
    ablations,
    decoding,
    overhead,
    ratios,
    second_candidate,
)
from scripts.studies.engine.tasks import NAMES

ADAPTER = Path(__file__).resolve().parent.parent.parent.parent / "suites" / "demo" / "healthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What measures a section of the report, over both sides or in processes of its own."""

    measure: Callable[[Any], Rows]
    needs_model: bool = True


# Memory first: a child counts its parent's pages, too.
SECTIONS = {
    "memory": Measured(measure=memory, needs_model=False),
    "overview": Measured(measure=overview, needs_model=False),
    "ratios": Measured(measure=ratios),
    "second_candidate": Measured(measure=second_candidate),
    "ablations": Measured(measure=ablations),
    "overhead": Measured(measure=overhead),
    "decoding": Measured(measure=decoding),
}


def parsed() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description="Measure the engine against lm-eval's hf.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the benchmark files")
    parser.add_argument("--model", required=True, help="directory of the model")
    parser.add_argument("--items", type=int, default=100, help="items of a multiple-choice task")
    parser.add_argument("--repeats", type=int, default=3, help="pairs of runs of a task")
    parser.add_argument("--ablation-repeats", type=int, default=1)
    parser.add_argument("--ablation-part", type=int, default=1, help="take 1 of so many items")
    parser.add_argument("--overhead-items", type=int, default=1000)
    parser.add_argument("--adapter", type=Path, default=ADAPTER, help="of the second candidate")
    parser.add_argument("--tasks", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--threads", type=int, default=2, help="threads of arithmetic")
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES))
    parser.add_argument("--hf-batch", type=int, help="of hf (default: the fastest of three)")
    parser.add_argument("--out", type=Path, default=Path("reports/engine"))
    parser.add_argument("--child", choices=("hf", "engine"), help=argparse.SUPPRESS)
    return parser.parse_args()


def command_of(arguments: argparse.Namespace) -> str:
    """Return the command that measures what this run measures."""
    words = ["python -m scripts.studies.engine.bench --data DIR --model DIR"]
    words += [f"--items {arguments.items} --repeats {arguments.repeats}"]
    if arguments.only != list(SECTIONS):
        words += ["--only", *arguments.only]
    if arguments.tasks != list(NAMES):
        words += ["--tasks", *arguments.tasks]
    if arguments.dtypes != list(DTYPES):
        words += ["--dtypes", *arguments.dtypes]
    if arguments.hf_batch is not None:
        words += [f"--hf-batch {arguments.hf_batch}"]
    return " ".join(words)


def replaced(row: dict[str, Any], arguments: argparse.Namespace) -> bool:
    """Return whether this run measures what a row of an earlier one says."""
    here = row.get("machine", machine_kind()) == machine_kind()
    is_asked = row.get("dtype", arguments.dtypes[0]) in arguments.dtypes
    return here and is_asked and row["task"] in arguments.tasks


def order(row: dict[str, Any]) -> tuple[str, int, int]:
    """Return where a row stands: by machine, dtype and task."""
    dtype = row.get("dtype", DTYPES[0])
    return row.get("machine", ""), DTYPES.index(dtype), NAMES.index(row["task"])


def main() -> None:
    """Measure section by section; what is measured is written at once."""
    arguments = parsed()
    torch.set_num_threads(arguments.threads)
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    if arguments.child:
        child(arguments)
        return
    stored = arguments.out / "figures.json"
    before = json.loads(stored.read_text(encoding="utf-8")) if stored.is_file() else {}
    is_overview = arguments.only == ["overview"]  # whose rows name their machine each
    figures = {
        "model": Path(arguments.model).name,
        "commands": [*before.get("commands", []), command_of(arguments)],
        "machine": before["machine"] if is_overview and before else about_machine(),
        "sections": before.get("sections", {}),
    }
    bench: Bench | None = None
    for key, section in SECTIONS.items():
        if key not in arguments.only:
            continue
        if section.needs_model and bench is None:
            bench = Bench(arguments)
        print(f"{key} …", file=sys.stderr)
        kept = [row for row in figures["sections"].get(key, []) if not replaced(row, arguments)]
        figures["sections"][key] = kept
        for row in section.measure(bench if section.needs_model else arguments):
            kept.append(row)
            kept.sort(key=order)
            write(figures, arguments.out)
    print(as_markdown(figures))


if __name__ == "__main__":
    main()
