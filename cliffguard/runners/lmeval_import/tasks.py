"""Which tasks make a capability: names, patterns and groups of lm-eval's, as a policy says."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import UsageError
from cliffguard.core.settings import Policy
from cliffguard.core.texts import first_of, n_things, plural

_N_NEAREST = 3
_N_NAMED = 5


def capabilities_of(
    policy: Policy, tasks: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Return the tasks of every capability: by the policy's patterns, else each task its own.

    `groups` are what lm-eval's groups consist of; a group stands for those of its tasks that were
    measured. Raises UsageError for a pattern of nothing, and for a task in two capabilities.
    """
    named = policy.capabilities
    if any(rules.tasks for rules in named.values()):
        by_capability = {
            # A capability without tasks is the task, or the group, of its own name.
            name: _of_patterns(name, rules.tasks, tasks, groups)
            if rules.tasks
            else _matching(name, tasks, groups)
            for name, rules in named.items()
        }
    else:
        by_capability = {
            name: _matching(name, tasks, groups) for name in named if name not in tasks
        }
        grouped = {task for members in by_capability.values() for task in members}
        by_capability |= {task: [task] for task in tasks if task not in grouped}
    _refuse_twice(by_capability)
    return {name: members for name, members in by_capability.items() if members}


def _refuse_twice(by_capability: Mapping[str, Sequence[str]]) -> None:
    taken: dict[str, str] = {}
    for name, members in by_capability.items():
        for task in members:
            if task in taken:
                raise UsageError(
                    f"policy: the task {task} is in {taken[task]} and in {name}; a task counts "
                    "once",
                    id="policy.task-twice",
                )
            taken[task] = name


def _of_patterns(
    name: str, patterns: Sequence[str], tasks: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> list[str]:
    matched: dict[str, None] = {}
    for pattern in patterns:
        members = _matching(pattern, tasks, groups)
        if not members:
            raise UsageError(
                f"policy.capabilities.{name}.tasks: no task of either folder is called "
                f"{pattern!r}; {_nearest(pattern, tasks, groups)}",
                id="policy.unmatched-task",
            )
        matched |= dict.fromkeys(members)
    return [task for task in tasks if task in matched]


def _matching(pattern: str, tasks: Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the tasks of a name or pattern, or of the group of that name."""
    matched = [task for task in tasks if fnmatchcase(task, pattern)]
    members = set() if matched else _members(pattern, groups)
    return matched or [task for task in tasks if task in members]


def _members(group: str, groups: Mapping[str, Sequence[str]]) -> set[str]:
    """Return all that a group consists of, through the groups in it."""
    members: set[str] = set()
    waiting = list(groups.get(group, ()))
    while waiting:
        name = waiting.pop()
        if name not in members:
            members.add(name)
            waiting += groups.get(name, ())
    return members


def _nearest(pattern: str, tasks: Sequence[str], groups: Iterable[str]) -> str:
    below = [task for task in tasks if task.startswith(f"{pattern}_")]
    if below:
        return f"'{pattern}_*' matches {len(below)} ({first_of(below, _N_NAMED)})"
    known = {name.casefold(): name for name in (*groups, *tasks)}
    near = difflib.get_close_matches(pattern.casefold(), known, n=_N_NEAREST, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(known[name] for name in near)}?"
    return f"there are: {first_of(list(tasks), _N_NAMED)}"


def lacking(
    policy: Policy, tasks: Iterable[str], groups: Mapping[str, Sequence[str]]
) -> Iterable[Caveat]:
    """Say which tasks of a group that the policy names have no samples on either side."""
    there = set(tasks)
    for name, rules in policy.capabilities.items():
        for group in rules.tasks or (name,):
            members = {member for member in _members(group, groups) if not groups.get(member)}
            away = sorted(members - there)
            if group not in there and away and len(away) < len(members):
                yield Caveat(
                    id="samples.partial-group",
                    text=f"{name}: {len(away)} of the {n_things(len(members), 'task')} of {group} "
                    f"{plural(len(away), 'has', 'have')} no samples in either folder: "
                    f"{first_of(away, _N_NAMED)}.",
                )
