"""How generated answers are given, where a policy gates it: names, margins and words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Behaviour = Literal["length", "cut", "repeats", "refuses", "language"]

MARGINS: Mapping[Behaviour, float] = {
    "length": 0.10,
    "cut": 0.02,
    "repeats": 0.02,
    "refuses": 0.02,
    "language": 0.02,
}
"""What is tolerated where a policy names no margin.

Of the length either way, as a share of the base's mean; of the others a rise of a share of answers.
"""

PREFIX = "behaviour: "
"""What the name of a finding about one begins with; no name of a suite's capability may."""


def finding_name(behaviour: Behaviour) -> str:
    """Return what the finding about a behaviour is called, where others name a capability."""
    return f"{PREFIX}{behaviour}"


_BY_NAME: Mapping[str, Behaviour] = {finding_name(behaviour): behaviour for behaviour in MARGINS}


def behaviour_of(name: str, suite: str = "") -> Behaviour | None:
    """Return the behaviour that a finding of that name is about; None: a capability.

    It is of no suite, as nothing is that a policy alone names.
    """
    return None if suite else _BY_NAME.get(name)


def change_of(behaviour: Behaviour | None) -> str:
    """Return what is to be excluded: a change of the length, a rise of a share, else a drop."""
    if behaviour is None:
        return "drop"
    return "change" if behaviour == "length" else "rise"
