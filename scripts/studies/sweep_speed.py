"""Do two workers of a sweep do each half of the work of one?

    python -m scripts.studies.sweep_speed BASE 'ADAPTERS/*' [--capabilities 8 --items 128 --times 3]

Adapters over one base in float32 on the CPU, each asked made-up choices in one look. Work is what a
worker's processor takes for its units, with one thread; of two workers the busier one counts.
Starting (libraries, suites, the base) stands beside it. One and two workers take turns; medians.
The stores are compared byte for byte. Prints Markdown and writes it to `--out`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from cliffguard.gate import runner_for
from cliffguard.sweep.executors import WorkerSettings, WorkOutcome
from cliffguard.sweep.local import LocalExecutor
from scripts.studies.page import publish, table
from scripts.studies.scale import write_suite


class CountingExecutor(LocalExecutor):
    """Adds up what each worker's units and its start have taken."""

    def __init__(self, settings: WorkerSettings, *, n_workers: int, n_threads: int) -> None:
        super().__init__(settings, n_workers=n_workers, n_threads=n_threads)
        self.units: dict[int, float] = defaultdict(float)
        self.starts: dict[int, float] = defaultdict(float)

    def wait(self, seconds: float) -> Sequence[tuple[int, WorkOutcome]]:
        """Count what came."""
        came = super().wait(seconds)
        for worker, outcome in came:
            self.units[worker] += outcome.seconds
            self.starts[worker] += outcome.starting
        return came


def sweep(root: Path, pattern: str, store: str, n_workers: int) -> None:
    """Sweep in this process, and print what the workers took as JSON."""
    from cliffguard.cli.console import ProgressOutput
    from cliffguard.cli.sweep_results import SweepResults
    from cliffguard.cli.sweep_run import Extent, Sweep, SweepOutput
    from cliffguard.config import load_plans
    from cliffguard.store.answers import Store
    from cliffguard.suites.read_once import read_once
    from cliffguard.sweep.candidates import matching

    plan = load_plans(root / "plan.yaml", {"candidate": ["a", "b"]})[0]
    settings = WorkerSettings(make=runner_for, plan=plan)
    executor = CountingExecutor(settings, n_workers=n_workers, n_threads=1)
    out = root / f"out-{store}"
    screen = ProgressOutput(quiet=True, verbose=False)
    run = Sweep(
        plan=plan,
        watched=None,
        extent=Extent(False, False, None, None, 0.0),
        output=SweepOutput(out, Store(root / store), None, "none", screen),
        results=SweepResults(out=out, is_in_order=False),
    )
    began = time.monotonic()
    with read_once():
        run.run(matching([pattern]), executor)
    wall = time.monotonic() - began
    busiest = max(executor.units.values()), max(executor.starts.values())
    print(json.dumps([*busiest, time.process_time(), wall]))


def measured(root: Path, pattern: str, store: str, n_workers: int) -> list[float]:
    """Return work, start, the driver's seconds and wall time of a sweep in a process of its own."""
    words = ["--inside", str(root), "--store", store, "--workers", str(n_workers)]
    command = [sys.executable, "-m", "scripts.studies.sweep_speed", "-", pattern, *words]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def contents(store: Path) -> dict[str, bytes]:
    """Return the files of a store."""
    files = [path for path in store.rglob("*") if path.is_file()]
    return {str(path.relative_to(store)): path.read_bytes() for path in files}


def main() -> None:
    """Run one inside, or all in turns."""
    parser = argparse.ArgumentParser()
    parser.add_argument("base")
    parser.add_argument("adapters")
    parser.add_argument("--capabilities", type=int, default=8)
    parser.add_argument("--items", type=int, default=128)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("reports/scale/two-workers.md"))
    for name in ("--inside", "--store"):
        parser.add_argument(name)
    parser.add_argument("--workers", type=int)
    given = parser.parse_args()
    if given.inside:
        sweep(Path(given.inside), given.adapters, given.store, given.workers)
        return
    with tempfile.TemporaryDirectory(prefix="sweep-speed-") as folder:
        root = Path(folder)
        suite = write_suite(root / "suite", given.capabilities, given.items)
        (root / "plan.yaml").write_text(
            f"base: {given.base}\nsuites: [{suite}]\nprotocol: {{dtype: float32}}\n"
            "runner: {device: cpu, batch_tokens: 4096}\n"
        )
        runs: dict[int, list[list[float]]] = {1: [], 2: []}
        for turn in range(given.times):
            for n_workers, seconds in runs.items():
                store = f"store-{n_workers}-{turn}"
                seconds.append(measured(root, given.adapters, store, n_workers))
                print(n_workers, seconds[-1], file=sys.stderr, flush=True)
            assert contents(root / f"store-1-{turn}") == contents(root / f"store-2-{turn}")
        n = len(list((root / "out-store-1-0").rglob("review.json")))
    publish(page_of(given, n, runs), given.out)


def page_of(given: argparse.Namespace, n: int, runs: dict[int, list[list[float]]]) -> str:
    """Return the page of a study."""
    middles = {k: [statistics.median(column) for column in zip(*v, strict=True)]
               for k, v in runs.items()}  # fmt: skip
    rows = [
        {
            "workers": str(k),
            "work of the busier one, s": f"{m[0]:.1f}",
            "start of one, s": f"{m[1]:.1f}",
            "driver, s": f"{m[2]:.1f}",
            "wall, s": f"{m[3]:.0f}",
        }
        for k, m in middles.items()
    ]
    ratio = middles[2][0] / (middles[1][0] / 2)
    return f"""# Two workers against one

`python -m scripts.studies.sweep_speed BASE 'ADAPTERS/*' --capabilities {given.capabilities}
--items {given.items} --times {given.times}`: {n} adapters, {given.capabilities} capabilities of
{given.items} items, one look, no probes; one thread each; medians of {given.times}, in turns.
Seconds are of the processor but for the wall's, on a machine that others share.

{table(rows)}

Two workers take **{ratio:.2f}** times half of what one takes. The stores are equal byte for byte.
"""


if __name__ == "__main__":
    main()
