"""A gate beside a tracker: comparisons of logged samples, in the tracker's own environment."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.bad_input.place import run
from tests.extern.environments import python_with, run_in
from tests.runners.test_imports import scored, write

_CODES = {"PASS": 0, "FAIL": 10, "INCONCLUSIVE": 11}
_MAIN = "import os, sys; os.chdir(sys.argv.pop(1)); from cliffguard.cli import main; main()"

_SEND = """
import json, sys
from pathlib import Path
from cliffguard.integrations.trackers import Reported
from cliffguard.integrations.trackers.sending import send
reports = [Reported(Path(folder).name, Path(folder)) for folder in sys.argv[2:]]
print(json.dumps(send(sys.argv[1], reports, group="gate")))
"""


def write_sides(root: Path) -> None:
    """Write samples of a base and of three checkpoints of one training: the last two lose."""
    sides = {"base": 0, "ft/checkpoint-100": 0, "ft/checkpoint-200": 5, "ft/checkpoint-300": 3}
    for side, every in sides.items():
        wrong = scored(200, lambda n, every=every: bool(every) and n % every == 0)  # type: ignore[misc]
        write(root / side, "gsm8k", wrong)
        write(root / side, "race", scored(200))


class Gate:
    """The command line in the environment of a tracker, started in a folder of samples."""

    def __init__(self, tracker: str, root: Path, **env: str) -> None:
        self.tracker, self.root, self.env = tracker, root, env
        self.python = python_with(tracker)
        write_sides(root)

    def compare(self, candidate: str, *more: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Compare a candidate with the base, and track it; its reports lie in out/."""
        words = ["compare", "base", candidate, "--track", self.tracker, "--out", "out", "-q"]
        return run_in(self.python, "-c", _MAIN, self.root, *words, *more, **{**self.env, **env})

    def send(self, *candidates: str, **env: str) -> None:
        """Send the reports of several candidates together."""
        folders = [self.root / "gates" / Path(candidate).name for candidate in candidates]
        for candidate, folder in zip(candidates, folders, strict=True):
            sides = (str(self.root / "base"), str(self.root / candidate))
            run(["compare", *sides, "--out", str(folder), "-q"])
        runs, _, failure = self.read(_SEND, self.tracker, *folders, **env)
        assert (len(runs), failure) == (len(candidates), None)

    def review(self) -> dict[str, Any]:
        """Return the review that was written last."""
        read: dict[str, Any] = json.loads((self.root / "out" / "review.json").read_text())
        return read

    def metrics(self) -> dict[str, float]:
        """Return what is to be logged of the review that was written last."""
        review = self.review()
        metrics = {"cliffguard/verdict": float(_CODES[review["verdict"]["outcome"]])}
        for row in review["comparison"]["capabilities"]:
            name = f"cliffguard/{row['capability']}/drop"
            metrics[name] = row["drop"]
            metrics[f"{name}_low"] = row["drop_interval"]["low"]
            metrics[f"{name}_high"] = row["drop_interval"]["high"]
        return metrics

    def flips(self) -> list[str]:
        """Return the items that broke or were fixed, by id."""
        lines = (self.root / "out" / "items.jsonl").read_text().splitlines()
        return [item["item"] for item in map(json.loads, lines) if item["drop"]]

    def read(self, program: str, *words: object, **env: str) -> Any:
        """Return the JSON that a program prints in the tracker's environment."""
        done = run_in(self.python, "-c", program, *words, **{**self.env, **env})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])
