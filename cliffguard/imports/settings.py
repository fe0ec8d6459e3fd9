"""How both sides' texts were generated: settings that contradict each other, or stand on one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Settings = Mapping[str, frozenset[str]]
"""What was said of a task's generation, each setting with its values as JSON."""

_STOPS = "until"
"""Where an answer ends: a backend may add its model's own end, so that it forbids nothing."""


def contradictions(task: str, sides: Sequence[Settings]) -> list[str]:
    """Return which settings both sides name, each with another value."""
    base, candidate = sides
    return [
        f"{task}: generated with {name} {_shown(base[name])} and {_shown(candidate[name])}"
        for name in base
        if name in candidate and name != _STOPS and base[name] != candidate[name]
    ]


def one_sided(task: str, sides: Sequence[Settings]) -> list[str]:
    """Return, in a sentence, what is known of one side's generation alone, or stops elsewhere."""
    base, candidate = sides
    if not base or not candidate:
        return []
    found = [
        f"{name} {_shown(own[name])} on the {side}'s side alone"
        for side, own, other in (("base", base, candidate), ("candidate", candidate, base))
        for name in own
        if name not in other
    ]
    if _STOPS in base and _STOPS in candidate and base[_STOPS] != candidate[_STOPS]:
        found.append("other texts at which an answer ends (until)")
    return [f"{task}: generated with {'; '.join(found)}, which can move scores."] if found else []


def _shown(values: frozenset[str]) -> str:
    return " or ".join(sorted(values))[:60]
