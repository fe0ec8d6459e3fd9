"""Tasks of a suite asked through lm-eval, by their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from cliffguard import EvalSettings
from cliffguard.core.answers import Answer
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.items import Task
from cliffguard.runners.harness import HarnessRunner
from cliffguard.suites.loading import load_suite

Ask = Callable[..., Sequence[Answer]]


def task_of(
    runner: HarnessRunner, suite: Path, name: str, protocol: EvalSettings | None = None
) -> Task:
    """Return a task of a suite, which the runner then knows."""
    tasks = runner.resolve([load_suite(str(suite))], protocol or EvalSettings())
    return next(task for task in tasks if task.name == name)


def answers_of(
    runner: HarnessRunner,
    suite: Path,
    who: Checkpoint,
    name: str,
    protocol: EvalSettings | None = None,
) -> Sequence[Answer]:
    """Return the answers of a checkpoint to one task of a suite."""
    task = task_of(runner, suite, name, protocol)
    return runner.ask(who, task, task.items, protocol or EvalSettings())
