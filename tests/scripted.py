"""The command line with scripted answers in place of a model, for tests with real processes.

`python -m tests.scripted check …`; SCRIPTED_MARKS names a file that gets a line for every shard
that is asked, SCRIPTED_PAUSE_S says how many seconds one takes.
"""

from __future__ import annotations

import os
import sys
import types
from typing import Any

from tests.faults import Scripted


def mark_shard(what: str) -> None:
    """Note that a shard is in hand."""
    with open(os.environ["SCRIPTED_MARKS"], "a", encoding="utf-8") as marks:
        marks.write(what + "\n")


def make(*_: Any, **__: Any) -> Scripted:
    """Return the runner that stands where lm-eval's does."""
    return Scripted(float(os.environ.get("SCRIPTED_PAUSE_S", "0")), mark_shard)


if __name__ == "__main__":
    stub: Any = types.ModuleType("cliffguard.runners.harness")
    stub.HarnessRunner = make
    sys.modules["cliffguard.runners.harness"] = stub

    from cliffguard.cli import main

    main()
