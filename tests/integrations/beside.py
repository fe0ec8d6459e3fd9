"""A command that stands for `cliffguard check`, for checks in a process beside a training."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cliffguard import Plan, Store, guard
from cliffguard.compare.item_results import item_results
from cliffguard.compare.write_review import Decision
from cliffguard.core.settings import Policy
from cliffguard.report.items import write_items
from cliffguard.report.json import render_json
from tests import support
from tests.fake_runner import FakeRunner, Script

PROGRAM = """
import json, os, pathlib, shutil, sys, time

words = sys.argv[2:]
assert words[0] == "check", words
root, candidate = pathlib.Path(sys.argv[1]), pathlib.Path(words[words.index("--candidate") + 1])
out = pathlib.Path(words[words.index("--out") + 1])
script = json.loads((root / "script.json").read_text())
script = {**script.get("all", {}), **script.get(candidate.name, {})}
call = {"name": candidate.name, "words": words, "rank": os.environ.get("RANK"), "pid": os.getpid()}
with open(root / "calls", "a") as calls:
    calls.write(json.dumps(call) + "\\n")
until = time.monotonic() + 60
while script.get("waits") and not (root / f"go-{candidate.name}").exists():
    time.sleep(0.02)
    assert time.monotonic() < until
out.mkdir(parents=True, exist_ok=True)
if "failure" in script:
    (out / "failure.json").write_text(json.dumps(script["failure"]))
elif "result" in script:
    shutil.copytree(root / script["result"], out, dirs_exist_ok=True)
print("these are my last words")
sys.exit(script["code"])
"""


class Command:
    """The command of a folder: what it does for a checkpoint, and what it was called with."""

    def __init__(self, root: Path, monkeypatch: Any) -> None:
        self.root = root
        root.mkdir()
        (root / "program.py").write_text(PROGRAM)
        words = [sys.executable, str(root / "program.py"), str(root)]
        monkeypatch.setenv("CLIFFGUARD_CMD", shlex.join(words))
        self.script: dict[str, dict[str, Any]] = {}

    def does(self, name: str = "all", **values: Any) -> None:
        """Say what it does for a checkpoint, or for all: `result`, `code`, `failure`, `waits`."""
        self.script[name] = values
        (self.root / "script.json").write_text(json.dumps(self.script))

    def go(self, name: str) -> None:
        """Let it come to its end for a checkpoint, for which it waits."""
        (self.root / f"go-{name}").touch()

    @property
    def calls(self) -> list[dict[str, Any]]:
        """What it was called with, each time."""
        path = self.root / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def names(self) -> list[str]:
        """The checkpoints that it was called for."""
        return [call["name"] for call in self.calls]


def write_result(folder: Path, script: Script) -> Path:
    """Write the review and the items of a check whose answers are scripted."""
    base = support.write_checkpoint(folder.with_name("base"), seed=0)
    tuned = support.write_checkpoint(folder.with_name("tuned"), seed=1)
    suite = support.write_suite(folder.with_name("suite"), n_items=90, n_said=30)
    plan = Plan(
        base=str(base), candidate=str(tuned), suites=(str(suite),), policy=Policy(alpha=0.2)
    )
    decisions: list[Decision] = []
    review = guard(
        plan,
        store=Store(folder.with_name("store")),
        runner=FakeRunner(script),
        stops_early=False,
        probes=False,
        witness=decisions.append,
    )
    folder.mkdir()
    review = write_items(review, folder, item_results(decisions[-1]))
    (folder / "review.json").write_text(render_json(review))
    return folder


def eventually(holds: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait until something holds, and return it."""
    until = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.02)
    return value
