"""The process in which a tracker logs: it reads what from stdin, and writes what it did."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from cliffguard.integrations.trackers import Promotion, Reported
from cliffguard.integrations.trackers.interface import ModelRegistry, tracker_of
from cliffguard.integrations.trackers.records import tracked


def main() -> None:
    """Log, and write a line of JSON for each step: {"at": …}, then {"promoted": …} or nothing.

    The last line is {"failed": …} after whatever stopped it, else {"done": true}.
    """
    task = json.load(sys.stdin)
    with Path(task["answers"]).open("w", encoding="utf-8", buffering=1) as file:
        try:
            for line in _steps(task):
                file.write(json.dumps(line) + "\n")
            last: dict[str, Any] = {"done": True}
        except BaseException as failure:  # a library that calls sys.exit, too
            last = {"failed": f"{type(failure).__name__}: {failure}"}
        file.write(json.dumps(last) + "\n")


def _steps(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    tracker = tracker_of(task["tracker"])
    runs = [tracked(Reported(name, Path(folder))) for name, folder in task["runs"]]
    for where in tracker.log(runs, task["group"]):
        yield {"at": where}
    if task["promotion"] is not None:
        promotion = Promotion(**task["promotion"])
        cast(ModelRegistry, tracker).promote(promotion)
        yield {"promoted": promotion.alias}
