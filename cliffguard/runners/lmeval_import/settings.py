"""How both sides' texts were generated: settings that contradict each other, or stand on one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cliffguard.core.caveats import Caveat
from cliffguard.runners.lmeval_logs.reading import REPEATS

Settings = Mapping[str, frozenset[str]]
"""What was said of a task's generation, each setting with its values as JSON."""

_STOPS = "until"
"""Where an answer ends. A backend may add its model's own end, so that it forbids nothing."""

_SOFT = (_STOPS, REPEATS)


def contradictions(task: str, sides: Sequence[Settings]) -> list[str]:
    """Return which settings both sides name, each with another value."""
    base, candidate = sides
    return [
        f"{task}: generated with {name} {_shown(base[name])} and {_shown(candidate[name])}"
        for name in base
        # Of documents with settings of their own, one side may hold a part.
        if name in candidate and name not in _SOFT and not base[name] & candidate[name]
    ]


def one_sided(task: str, sides: Sequence[Settings]) -> list[Caveat]:
    """Return, in a sentence, what is known of one side's generation alone, or stops elsewhere."""
    base, candidate = sides
    if not base or not candidate:
        return []
    parts = [
        f"{name} {_shown(settings[name])} on the {side}'s side alone"
        for side, settings, other in (("base", base, candidate), ("candidate", candidate, base))
        for name in settings
        if name not in other
    ]
    if _differ(sides, _STOPS):
        parts.append("other texts at which an answer ends (until)")
    if _differ(sides, REPEATS):
        parts.append(f"{_shown(base[REPEATS])} and {_shown(candidate[REPEATS])} {REPEATS}")
    text = f"{task}: generated with {'; '.join(parts)}, which can move scores."
    return [Caveat(id="samples.generated-otherwise", text=text)] if parts else []


def _differ(sides: Sequence[Settings], name: str) -> bool:
    both = [side[name] for side in sides if name in side]
    return len(both) == 2 and both[0] != both[1]


def _shown(values: frozenset[str]) -> str:
    return " or ".join(value.removesuffix(".0") for value in sorted(values))[:60]
