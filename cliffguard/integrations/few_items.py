"""Which items a check in training asks: few of each capability, the same ones at every check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cliffguard.core.canonical_json import digest
from cliffguard.core.errors import UsageError
from cliffguard.core.items import Suite, Task
from cliffguard.core.settings import EvalSettings, Policy
from cliffguard.run.policies import gating
from cliffguard.stats.repeated_checks import MOST_ITEMS
from cliffguard.store.shards import in_order


def few_items(
    tasks: Sequence[Task], suites: Sequence[Suite], policy: Policy, protocol: EvalSettings
) -> tuple[Task, ...]:
    """Return the tasks of what gates and of the target, with `MOST_ITEMS` a capability at the most.

    Its tasks take turns, each in its own seeded order. Raises UsageError where nothing gates.
    """
    gates = gating(suites, policy)
    targets = {c.name for suite in suites for c in suite.capabilities if c.ring == "target"}
    kept: dict[str, list[str]] = {}
    for capability in {task.capability: None for task in tasks}:
        if capability in gates | targets:
            mine = [task for task in tasks if task.capability == capability]
            kept |= _turns(mine, protocol)
    if not any(kept.get(task.name) and task.capability in gates for task in tasks):
        raise UsageError(
            "no capability gates, so that no check could find a loss; add a suite: adjacent",
            id="training.nothing-gates",
        )
    # Of other items another task: its answers are no part of the whole one's shards.
    return tuple(
        replace(
            task,
            items=tuple(item for item in task.items if item.id in set(kept[task.name])),
            digest=digest([task.digest, "in training", kept[task.name]]),
        )
        for task in tasks
        if kept.get(task.name)
    )


def _turns(tasks: Sequence[Task], protocol: EvalSettings) -> dict[str, list[str]]:
    """Return which items of a capability's tasks are asked, by the name of the task."""
    orders = {
        task.name: [
            item.id
            for item in in_order(task, protocol)
            if task.gates(item) and item.id not in task.excluded
        ]
        for task in tasks
    }
    longest = max(map(len, orders.values()), default=0)
    dealt = [
        (name, ids[turn])
        for turn in range(longest)
        for name, ids in orders.items()
        if turn < len(ids)
    ]
    kept: dict[str, list[str]] = {name: [] for name in orders}
    for name, item_id in dealt[:MOST_ITEMS]:
        kept[name].append(item_id)
    return kept


def has_target(suites: Sequence[Suite], tasks: Sequence[Task]) -> bool:
    """Return whether any of the tasks asks about a target."""
    asked_about = {task.capability for task in tasks}
    capabilities = [capability for suite in suites for capability in suite.capabilities]
    return any(c.ring == "target" for c in capabilities if c.name in asked_about)
