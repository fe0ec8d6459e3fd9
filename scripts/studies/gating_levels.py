"""Which levels of a suite gate on a model, by the figures of `scripts.studies.positions`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cliffguard.core.items import Suite

Gating = Mapping[str, Sequence[int] | None]
"""The levels of a task that gate on a model (None: it has no levels); a task that is absent: none.
"""


def gating_of(path: Path) -> tuple[str, Gating]:
    """Return a model's name, and what gates on it, from the figures of `studies.positions`."""
    record = json.loads(path.read_text(encoding="utf-8"))
    gating: dict[str, list[int] | None] = {}
    for row in record["rows"]:
        if row["gates"] and row["level"] is None:
            gating[row["task"]] = None
        elif row["gates"]:
            levels = gating.setdefault(row["task"], [])
            assert levels is not None
            levels.append(int(row["level"].split()[-1]))
    return record["model"], gating


def restricted(suite: Suite, gating: Gating) -> Suite:
    """Return a suite of the levels that gate, without tasks and capabilities that have none."""
    capabilities = []
    for capability in suite.capabilities:
        tasks = tuple(
            replace(task, gate_levels=None if levels is None else tuple(levels))
            for task in capability.tasks
            for levels in (gating.get(task.name, ()),)
            if levels is None or levels
        )
        if tasks:
            capabilities.append(replace(capability, tasks=tasks))
    return replace(suite, capabilities=tuple(capabilities))
