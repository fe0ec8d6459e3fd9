"""A sweep whose workers answer by script, in processes of their own: for tests that kill them.

CLIFFGUARD_TEST_ASKED is a file that gets a line for each group of items that a worker begins;
CLIFFGUARD_TEST_PAUSE are the seconds that each takes. Where CLIFFGUARD_TEST_BREAK names a kind, the
workers, and not the driver, are broken so. CLIFFGUARD_TEST_CLUSTER is submitit's word for an
engine.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from cliffguard.core.answers import Answer
from cliffguard.core.canonical_json import digest
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import SuiteError
from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.settings import EvalSettings, Plan
from tests.fake_runner import FakeRunner


class Noting(FakeRunner):
    """Answers from a digest, after a while, and writes down what it begins."""

    def __init__(self) -> None:
        super().__init__(_score)

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Return the scripted answers after a while."""
        self._note(f"{checkpoint.label} {task.name} {items[0].id}")
        time.sleep(float(os.environ.get("CLIFFGUARD_TEST_PAUSE", "0")))
        return super().ask(checkpoint, task, items, protocol)

    def resolve(self, suites: Sequence[Suite], protocol: EvalSettings) -> tuple[Task, ...]:
        """Return the tasks, unless this worker lacks them."""
        if _is_broken("suite"):
            raise SuiteError("small: no such suite here", id="suite.unknown")
        tasks = super().resolve(suites, protocol)
        return tasks[:1] if _is_broken("other suite") else tasks

    def dtype(self, protocol: EvalSettings) -> str:
        """Return another dtype in every worker but the first."""
        is_second = _is_broken("dtype") and not _claims("first-worker")
        return "bfloat16" if is_second else super().dtype(protocol)

    @staticmethod
    def _note(what: str) -> None:
        with open(os.environ["CLIFFGUARD_TEST_ASKED"], "a", encoding="utf-8") as log:
            log.write(f"{os.getpid()} {what}\n")
        if _is_broken("dies"):
            os.kill(os.getpid(), signal.SIGKILL)
        if _is_broken("crash"):
            raise ZeroDivisionError("of the script")


def _score(name: str, item: Item) -> float:
    drawn = int(digest([Path(name).name, item.id])[:4], 16) / 0xFFFF
    return float(drawn < (0.7 if name.endswith("base") else 0.6))


def _is_broken(kind: str) -> bool:
    is_worker = multiprocessing.parent_process() is not None
    return is_worker and os.environ.get("CLIFFGUARD_TEST_BREAK") == kind


def _claims(name: str) -> bool:
    """Return whether this process is the one that took a name, or takes it now."""
    path = os.environ["CLIFFGUARD_TEST_ASKED"] + f".{name}"
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        with open(path, encoding="utf-8") as file:
            return file.read() == str(os.getpid())
    return True


def answering(plan: Plan) -> Noting:
    """Return who answers, here and in a worker."""
    return Noting()


def main() -> None:
    """Run the command line on workers that answer by script."""
    from cliffguard import gate
    from cliffguard.cli import main as command_line
    from cliffguard.core import libraries
    from cliffguard.sweep import engines

    gate.runner_for = answering  # type: ignore[assignment]
    # By a name that a worker can import: this file is the program here.
    make = import_module("tests.sweep.program").answering
    cluster = os.environ.get("CLIFFGUARD_TEST_CLUSTER")
    engines.executor_of = functools.partial(engines.executor_of, make=make, cluster=cluster)
    libraries.refuse_lacking = lambda: None  # a script needs none of them
    command_line()


if __name__ == "__main__":
    main()
