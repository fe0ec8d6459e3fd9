"""What each side needs of memory at most: each measured in a process of its own."""

from __future__ import annotations

import argparse
import gc
import json
import resource
import subprocess
import sys

import psutil
from lm_eval.models.huggingface import HFLM

from cliffguard.engine.lm import CliffguardLM
from scripts.studies.engine.measuring import Rows, say
from scripts.studies.engine.report import MEMORY_BATCH
from scripts.studies.engine.tasks import answers, build, n_items_of

IN_CHILDREN = ("arc_5shot", "gsm8k_8shot_cot")
_CHILD = "scripts.studies.engine.bench"
MIB = 1 << 20


def memory(arguments: argparse.Namespace) -> Rows:
    """Return what each side needs at most, each measured in a process of its own."""
    for name in [name for name in IN_CHILDREN if name in arguments.tasks]:
        for side in ("hf", "engine"):
            command = [sys.executable, "-m", _CHILD, "--child", side, "--tasks", name]
            command += ["--data", str(arguments.data), "--model", arguments.model]
            command += ["--items", str(arguments.items), "--threads", str(arguments.threads)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            yield json.loads(done.stdout.splitlines()[-1])
            say(f"{name} in a process of its own, {side}")


def child(arguments: argparse.Namespace) -> None:
    """Run one task on one side, and print how much memory it took."""
    make = {"hf": HFLM, "engine": CliffguardLM}[arguments.child]
    name = arguments.tasks[0]
    lm = make(arguments.model, dtype="float32", device="cpu", batch_size=MEMORY_BATCH)
    # Weights are mapped, and come into memory when they are first used.
    answers(lm, build("piqa_0shot", arguments.data, 1))
    # As large as a few of its passes are; more items take longer, not more memory.
    n_items = min(4 * MEMORY_BATCH, n_items_of(name, arguments.items))
    gc.collect()
    loaded = psutil.Process().memory_info().rss
    at_load = _peak()
    answers(lm, build(name, arguments.data, n_items))
    row = {"task": name, "side": arguments.child, "items": n_items, "batch_size": MEMORY_BATCH}
    mib = {"loaded": loaded / MIB, "peak_at_load": at_load / MIB, "peak": _peak() / MIB}
    print(json.dumps({**row, "mib": mib, "run_mib": (_peak() - loaded) / MIB}))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
