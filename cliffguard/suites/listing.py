"""Lists of suites: names, counts and digests, without reading an item.

Whether a suite is sound is for `suites.load_suite` to say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cliffguard.core.errors import SuiteError
from cliffguard.core.files import read_text
from cliffguard.core.settings import Ring
from cliffguard.suites import ladders, skills
from cliffguard.suites.loading import read_suite, suites_folder
from cliffguard.suites.schema import GeneratedItems, TaskFile
from cliffguard.suites.tasks import inside

DIGESTS = "digests.json"
"""The file beside the built-in suites that has the digest of each, of all its items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A suite in a list. `n_items` are its own and borrowed items, `n_stock` tasks of lm-eval."""

    name: str
    version: int
    description: str
    n_items: int
    n_stock: int
    capabilities: Mapping[str, Ring]


@cache
def recorded_digests() -> Mapping[str, str]:
    """Return the digests of the built-in suites by name, which `scripts/make/digests.py` writes."""
    digests: dict[str, str] = json.loads(read_text(suites_folder() / DIGESTS, SuiteError))
    return digests


def listed(name: str) -> Listed:
    """Return a suite as its file tells it, its items counted as lines. Raises SuiteError."""
    path, written = read_suite(name)
    counts = [_count(task, path) for body in written.capabilities.values() for task in body.tasks]
    return Listed(
        name=written.name,
        version=written.version,
        description=written.description,
        n_items=sum(count for count in counts if count is not None),
        n_stock=counts.count(None),
        capabilities={name: body.ring for name, body in written.capabilities.items()},
    )


def _count(task: TaskFile, path: Path) -> int | None:
    """Return how many items a task has; None of one of lm-eval's, which alone knows."""
    if task.from_suite is not None:
        source, lent = read_suite(task.from_suite, folder=path.parent)
        theirs = [candidate for body in lent.capabilities.values() for candidate in body.tasks]
        original = next((candidate for candidate in theirs if candidate.name == task.name), None)
        if original is None or original.from_suite is not None:
            raise SuiteError(
                f"{path}: {task.from_suite} has no task {task.name} of its own", id="suite.from"
            )
        return _count(original, source)
    if task.items is None:
        return None
    if isinstance(task.items, GeneratedItems):
        name = task.items.generator
        generator = ladders.GENERATORS.get(name) or skills.SKILLS.get(name)
        levels = task.items.levels or (() if generator is None else generator.levels)
        return task.items.n_per_level * len(levels)
    source = inside(path, task.items, f"{path}: {task.name}: items")
    return sum(1 for line in read_text(source, SuiteError).split("\n") if line.strip())
