"""Direction of a metric: whether higher or lower is better.

A loss that is read the wrong way round passes for a gain, and samples do not say which way is
which. It is said, in this order, by the policy; by the task itself, in lm-eval's results file or
in the task's config; and of the metrics that lm-eval registers under their names, by its registry.
A metric of which nobody says it is refused, with the line to add.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cliffguard.core.errors import UsageError
from cliffguard.core.items import Capability, Suite, Task
from cliffguard.core.settings import Policy

HIGHER_IS_BETTER: Mapping[str, bool] = json.loads(
    Path(__file__).with_name("registered.json").read_text(encoding="utf-8")
)
"""What lm-eval's registry says of its metrics; written by scripts/make/metric_directions.py."""

CONTRADICTS = "policy.direction-contradicts"
UNKNOWN = "metric.unknown-direction"


def lower_is_better(
    metric: str, *, task: str, capability: str, policy: bool | None, stated: bool | None
) -> bool:
    """Return whether a metric is better the lower it is.

    `policy` is what the capability's `lower_is_better` says, `stated` what the task says; None:
    nothing. Raises UsageError where they contradict each other, and where nobody says it.
    """
    if policy is not None and stated is not None and policy is not stated:
        raise UsageError(
            f"{task}: the policy says lower_is_better: {_word(policy)} of {capability}, and the "
            f"task's own config or results file says higher_is_better: {_word(not stated)} of "
            f"{metric}; take the key out of the policy, or choose another metric",
            id=CONTRADICTS,
        )
    known = HIGHER_IS_BETTER.get(metric)
    registered = None if known is None else not known
    is_lower = next((flag for flag in (policy, stated, registered) if flag is not None), None)
    if is_lower is None:
        raise UsageError(
            f"{task}: nobody says whether {metric} is better high or low: neither the task's own "
            "config or results file nor lm-eval's registry of metrics; add to the policy: "
            f"capabilities: {{{_key(capability)}: {{lower_is_better: true}}}}, or false",
            id=UNKNOWN,
        )
    return is_lower


def declared(metric: str, logged: Iterable[str], directions: Mapping[str, bool]) -> bool | None:
    """Return whether a metric is better high, by what a task says of its metrics; None: nothing.

    Of a metric that is a function some releases of lm-eval name the function (`pass_at_k`), and
    log what it returns (`pass@1`): where none that is named is logged, they are what is meant.
    """
    if metric in directions or directions.keys() & set(logged):
        return directions.get(metric)
    values = set(directions.values())
    return values.pop() if len(values) == 1 else None


def with_directions(suites: Sequence[Suite], policy: Policy | None) -> tuple[Suite, ...]:
    """Return suites whose tasks know what the policy says of their capability's metrics.

    Raises UsageError for a capability of items of ours, whose metrics are all better high.
    """
    if policy is None:
        return tuple(suites)
    return tuple(
        replace(
            suite,
            capabilities=tuple(_directed(capability, policy) for capability in suite.capabilities),
        )
        for suite in suites
    )


def _directed(capability: Capability, policy: Policy) -> Capability:
    is_lower = policy.rules(capability.name).lower_is_better
    if is_lower is None:
        return capability
    return replace(capability, tasks=tuple(_said_of(task, is_lower) for task in capability.tasks))


def _said_of(task: Task, is_lower: bool) -> Task:
    if task.stock:
        return replace(task, lower_is_better=is_lower)
    lower_is_better(
        task.metric or "", task=task.name, capability=task.capability, policy=is_lower, stated=False
    )
    return task


def _word(value: bool) -> str:
    return str(value).lower()


def _key(name: str) -> str:
    """Return a name as a key of YAML, which would take some words for values."""
    is_plain = re.fullmatch(r"[A-Za-z][\w-]{5,}", name) is not None
    return name if is_plain else json.dumps(name, ensure_ascii=False)
