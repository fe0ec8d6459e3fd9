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

from cliffguard.core.errors import UsageError
from cliffguard.core.items import Capability, Suite, Task
from cliffguard.core.settings import Policy
from cliffguard.suites.directions.registered import HIGHER_IS_BETTER

CONTRADICTS = "policy.direction-contradicts"
UNKNOWN = "metric.unknown-direction"


def lower_is_better(
    metric: str, *, task: str, capability: str, policy: bool | None, told: bool | None
) -> bool:
    """Say whether a metric is better the lower it is.

    `policy` is what the capability's `lower_is_better` says, `told` what the task says; None:
    nothing. Raises UsageError where they contradict each other, and where nobody says it.
    """
    if policy is not None and told is not None and policy is not told:
        raise UsageError(
            f"{task}: the policy says lower_is_better: {_word(policy)} of {capability}, and the "
            f"task's own config or results file says higher_is_better: {_word(not told)} of "
            f"{metric}; take the key out of the policy, or choose another metric",
            id=CONTRADICTS,
        )
    known = HIGHER_IS_BETTER.get(metric)
    registered = None if known is None else not known
    said = next((one for one in (policy, told, registered) if one is not None), None)
    if said is None:
        raise UsageError(
            f"{task}: nobody says whether {metric} is better high or low: neither the task's own "
            "config or results file nor lm-eval's registry of metrics; add to the policy: "
            f"capabilities: {{{_key(capability)}: {{lower_is_better: true}}}}, or false",
            id=UNKNOWN,
        )
    return said


def declared(metric: str, logged: Iterable[str], told: Mapping[str, bool]) -> bool | None:
    """Return whether a metric is better high, by what a task says of its metrics; None: nothing.

    Of a metric that is a function some releases of lm-eval name the function (`pass_at_k`), and
    log what it returns (`pass@1`): where none that is named is logged, they are what is meant.
    """
    if metric in told or told.keys() & set(logged):
        return told.get(metric)
    said = set(told.values())
    return said.pop() if len(said) == 1 else None


def with_directions(suites: Sequence[Suite], policy: Policy | None) -> tuple[Suite, ...]:
    """Return suites whose tasks know what the policy says of their capability's metrics.

    Raises UsageError for a capability of items of ours, whose metrics are all better high.
    """
    if policy is None:
        return tuple(suites)
    return tuple(
        replace(suite, capabilities=tuple(_directed(one, policy) for one in suite.capabilities))
        for suite in suites
    )


def _directed(capability: Capability, policy: Policy) -> Capability:
    own = policy.capabilities.get(capability.name)
    if own is None or own.lower_is_better is None:
        return capability
    said = own.lower_is_better
    return replace(capability, tasks=tuple(_said_of(task, said) for task in capability.tasks))


def _said_of(task: Task, said: bool) -> Task:
    if task.stock:
        return replace(task, lower_is_better=said)
    lower_is_better(
        task.metric or "", task=task.name, capability=task.capability, policy=said, told=False
    )
    return task


def _word(value: bool) -> str:
    return str(value).lower()


def _key(name: str) -> str:
    """Return a name as a key of YAML, which would take some words for values."""
    is_plain = re.fullmatch(r"[A-Za-z][\w-]{5,}", name) is not None
    return name if is_plain else json.dumps(name, ensure_ascii=False)
