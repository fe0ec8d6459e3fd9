"""What a sweep costs as checkpoints become more: time, memory, files, and looking after the store.

    python -m scripts.studies.scale 10 100 [1000] --out reports/scale

Simulated runners: each of two workers makes an item's answer up, so that what is measured is the
program itself. Checkpoints of 20 capabilities of 100 items, each asked in one look. CPU seconds of
the driver and of the workers; memory is the most that each had resident, and the process that
writes the overview of many candidates. Then `store ls` and
`store verify`, and the merge of the store into an empty one (`store export`, `store import`).
Prints Markdown and writes it to `README.md` in `--out`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from cliffguard.core.answers import Answer
from cliffguard.core.canonical_json import digest
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.settings import EvalSettings, Plan
from cliffguard.runners import Runner
from scripts.studies.page import publish, table

N_CAPABILITIES = 20
N_ITEMS = 100
N_WORKERS = 2
NAMES = ("Ann", "Bob", "Carl", "Dana")


class SimulatedRunner(Runner):
    """Answers by a digest of checkpoint and item: four of five right, and one in fifty changes."""

    identity = "simulated"

    def dtype(self, protocol: EvalSettings) -> str:
        """Return float32: nothing is computed."""
        return "float32"

    def notes(self) -> Mapping[str, str | int]:
        """Describe no device."""
        return {"device": "none"}

    def resolve(self, suites: Sequence[Suite], protocol: EvalSettings) -> tuple[Task, ...]:
        """Return the suites' own tasks."""
        return tuple(task for suite in suites for task in suite.tasks)

    def asked_as(self, task: Task, items: Sequence[Item], protocol: EvalSettings) -> Sequence[str]:
        """Return the digests of the prompts."""
        return [digest(item.prompt) for item in items]

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Return answers that are made up."""
        return [_answer(checkpoint.weights, item) for item in items]


def _answer(weights: str, item: Item) -> Answer:
    drawn = hashlib.sha256(f"{weights} {item.id}".encode()).digest()
    usual = hashlib.sha256(item.id.encode()).digest()
    score = float((usual[0] < 205) != (drawn[0] < 5))
    prompt = digest(item.prompt)
    return Answer(
        item_id=item.id,
        item_digest=item.digest,
        prompt_digest=prompt,
        rendered_digest=prompt,
        score=score,
        text=item.answer if score else "(something else)",
        confidence=None,
        finish_reason="choice",
        n_prompt_tokens=20,
        n_answer_tokens=0,
    )


def simulated(plan: Plan) -> SimulatedRunner:
    """Return who answers, here and in a worker."""
    return SimulatedRunner()


# --- one sweep, in a process of its own ----------------------------------------------------------


def write_workspace(root: Path, n: int) -> Path:
    """Write a base, `n` checkpoints, a suite and a plan; return the plan."""
    _write_checkpoint(root / "base", 0)
    for number in range(1, n + 1):
        _write_checkpoint(root / "runs" / f"checkpoint-{100 * number}", number)
    suite = write_suite(root / "suite", N_CAPABILITIES, N_ITEMS)
    plan = root / "plan.yaml"
    plan.write_text(f"base: {root}/base\nsuites: [{suite}]\nrunner: {{device: cpu}}\n")
    return plan


def write_suite(folder: Path, n_capabilities: int, n_items: int) -> Path:
    """Write a suite of choices, made up, and return its file."""
    folder.mkdir()
    lines = ["name: scale", "version: 1", "description: made up", "capabilities:"]
    for number in range(n_capabilities):
        rows = [
            {
                "id": f"c{number}-{index}",
                "prompt": f"Capability {number}, question {index}: who has the ball?",
                "choices": NAMES,
                "answer": NAMES[index % 4],
            }
            for index in range(n_items)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"c{number}.jsonl").write_text(text)
        task = f"{{name: c{number}, items: c{number}.jsonl, metric: acc, chance: 0.25}}"
        lines += [f"  c{number}:", "    ring: adjacent", f"    tasks: [{task}]"]
    path = folder / "scale.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


def _write_checkpoint(folder: Path, seed: int) -> None:
    folder.mkdir(parents=True)
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    weights = struct.pack("<Q", len(header)) + header + struct.pack("<4f", seed, 1, 2, 3)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')


def sweep(root: Path) -> None:
    """Sweep a workspace in this process, and print what it cost as JSON."""
    from cliffguard import gate
    from cliffguard.cli.console import ProgressOutput
    from cliffguard.cli.sweep_results import SweepResults
    from cliffguard.cli.sweep_run import Extent, Sweep, SweepOutput
    from cliffguard.config import load_plans
    from cliffguard.store.answers import Store
    from cliffguard.suites.read_once import read_once
    from cliffguard.sweep.candidates import matching
    from cliffguard.sweep.executors import WorkerSettings
    from cliffguard.sweep.local import LocalExecutor

    gate.runner_for = simulated  # type: ignore[assignment]

    # By a name that a worker can import: this file is the program here.
    make = import_module("scripts.studies.scale").simulated

    plan = load_plans(root / "plan.yaml", {"candidate": ["a", "b"]})[0]
    settings = WorkerSettings(make=make, plan=plan)
    executor = LocalExecutor(settings, n_workers=N_WORKERS, n_threads=1)
    out = root / "out"
    run = Sweep(
        plan=plan,
        watched=None,
        extent=Extent(False, False, None, None, 0.0),
        output=SweepOutput(
            out, Store(root / "store"), None, "none", ProgressOutput(quiet=True, verbose=False)
        ),
        results=SweepResults(out=out, is_in_order=False),
    )
    seen: dict[str, int] = {}
    threading.Thread(target=_watch, args=(run.results, executor, seen), daemon=True).start()
    began = time.monotonic()
    with read_once():
        codes = run.run(matching([f"{root}/runs/checkpoint-*"]), executor)
    wall = time.monotonic() - began
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    facts = {
        "judged": len(codes),
        "driver": time.process_time(),
        "workers": workers.ru_utime + workers.ru_stime,
        "wall": wall,
        "driver_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "worker_mib": seen.get("worker", 0) / 2**20,
        "overview_mib": seen.get("overview", 0) / 2**20,
        "tenth_mib": seen.get("tenth", 0) / 2**20,
    }
    print(json.dumps(facts))


def _watch(results: Any, executor: Any, seen: dict[str, int]) -> None:
    """Note what the driver has resident at a tenth of the candidates, and its processes at most."""
    import psutil

    here = psutil.Process()
    while True:
        for pid, resident in _resident(here.children()):
            pools = list(executor._pools.values())
            is_worker = any(pid in (pool._processes or {}) for pool in pools)
            kind = "worker" if is_worker else "overview"
            seen[kind] = max(seen.get(kind, 0), resident)
        if len(results.codes) * 10 >= max(1, len(results.candidates)):
            seen.setdefault("tenth", here.memory_info().rss)
        time.sleep(0.2)


def _resident(children: Sequence[Any]) -> Iterator[tuple[int, int]]:
    """Yield what each has resident: by its own usage it had what its parent had at its start.

    Before it runs its program a child is a copy of the driver, and counts for nothing.
    """
    import psutil

    for child in children:
        with suppress(psutil.NoSuchProcess):
            if "spawn_main" in str(child.cmdline()):
                yield child.pid, child.memory_info().rss


# --- the table -----------------------------------------------------------------------------------


def cpu_of(*words: str) -> float:
    """Return the CPU seconds of a command of ours."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "cliffguard", *words]
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def row_of(n: int) -> dict[str, str]:
    """Return the row of a sweep of `n` checkpoints."""
    root = Path(tempfile.mkdtemp(prefix="scale-"))
    try:
        write_workspace(root, n)
        command = [sys.executable, "-m", "scripts.studies.scale", "--inside", str(root)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        facts = json.loads(done.stdout.splitlines()[-1])
        assert facts["judged"] == n
        store = str(root / "store")
        n_files = sum(path.is_file() for path in (root / "store").rglob("*"))
        ls, verify = (cpu_of("store", verb, "--store", store) for verb in ("ls", "verify"))
        tar, merged = str(root / "all.tar"), str(root / "merged")
        merge = cpu_of("store", "export", "--out", tar, "--store", store)
        merge += cpu_of("store", "import", tar, "--store", merged)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    n_items = n * N_CAPABILITIES * N_ITEMS
    each = [
        f"{1000 * facts['driver'] / n_items:.2f}",
        f"{1000 * facts['workers'] / n_items:.2f}",
        f"{facts['tenth_mib']:.0f}",
        f"{facts['driver_mib']:.0f}",
        f"{facts['worker_mib']:.0f}",
        f"{facts['overview_mib']:.0f}" if facts["overview_mib"] else "–",
    ]
    cells = [f"{n:,}", *each, f"{n_files:,}", f"{ls:.1f}", f"{verify:.1f}", f"{merge:.1f}"]
    return dict(zip(HEADS, cells, strict=True))


HEADS = (
    "checkpoints", "driver, ms an item", "workers, ms an item", "driver at a tenth, MiB",
    "driver at most, MiB", "a worker at most, MiB", "the overview's process, MiB",
    "files in the store", "`store ls`, s", "`store verify`, s", "merge, s",
)  # fmt: skip


def main() -> None:
    """Run one inside, or all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", nargs="*", type=int)
    parser.add_argument("--inside", type=Path)
    parser.add_argument("--out", type=Path, default=Path("reports/scale"))
    given = parser.parse_args()
    if given.inside is not None:
        sweep(given.inside)
        return
    rows = []
    for n in given.sizes:
        rows.append(row_of(n))
        print(rows[-1], file=sys.stderr, flush=True)
    words = " ".join(map(str, given.sizes))
    page = f"""# A sweep of many checkpoints

`python -m scripts.studies.scale {words}`: {N_WORKERS} workers, whose answers are made up;
{N_CAPABILITIES} capabilities of {N_ITEMS} items, one look, no probes, `--texts none`.
Seconds are of the processor; the driver's are identities, statistics and reports in six formats. An
item counts once for each checkpoint. A process of its own writes the overview of more than 40.

{table(rows)}
"""
    publish(page, given.out / "README.md")


if __name__ == "__main__":
    main()
