"""Print the table of reports/faults/README.md: runs that are disturbed, in large numbers.

    python -m tests.fault_study
    python -m tests.fault_study --kills 50  # fewer

What is done to a run, and what is checked after it: `tests/faults.py`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults import (
    N_KILLS,
    N_PAIRS,
    Tally,
    Workspace,
    damage_files,
    fill_disk,
    fill_tmpfs,
    kill_often,
    run_pairs,
)


def row(name: str, tally: Tally, seconds: float) -> str:
    """Return a line of the table."""
    return (
        f"| {name} | {tally.faults:,} | {tally.answers_lost} | {tally.files_damaged} | "
        f"{tally.reviews - tally.reviews_other} of {tally.reviews} | {seconds:.0f} s |"
    )


def timed(name: str, study: Callable[[], Tally]) -> Tally:
    """Print what a study came to, and its seconds."""
    start = time.perf_counter()
    tally = study()
    print(row(name, tally, time.perf_counter() - start), flush=True)
    return tally


def main() -> None:
    """Print the tables of the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=N_KILLS)
    parser.add_argument("--pairs", type=int, default=N_PAIRS)
    parser.add_argument("--flips", type=int, default=600)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.made(Path(folder) / "large")
        small = Workspace.made(Path(folder) / "small", n_items=70, n_said=6)
        print("| fault | planted | answers lost | files damaged | same review.json | time |")
        print("|---|---:|---:|---:|---:|---:|")
        killed = timed("kill -9 at a random moment", lambda: kill_often(workspace, chosen.kills))
        timed("no space left, at each step of writing", lambda: fill_disk(small))
        try:
            timed("a file system of 8 to 512 KiB", lambda: fill_tmpfs(workspace))
        except PermissionError as failure:
            print(f"({failure})")
        timed("two runs at once on an empty store", lambda: run_pairs(workspace, chosen.pairs))
        print(f"\nkills: {killed.halfway} between the first shard and the last, ", end="")
        print(
            f"{killed.in_write} in the middle of a write\n\n{damage_files(workspace, chosen.flips)}"
        )


if __name__ == "__main__":
    main()
