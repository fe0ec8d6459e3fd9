"""What an item has in common with others, by kind, key and name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cliffguard.core.diagnosis import PatternKind
from cliffguard.core.texts import clip

MOST_CHARACTERS = 60
"""Of a text in the name of a pattern."""

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


class Trait(NamedTuple):
    """What an item has in common with others, and how readers call it."""

    kind: PatternKind
    key: str
    name: str


Traits = Sequence[Sequence[Trait]]
"""Of every item, those of one kind."""


def ordinal(number: int) -> str:
    """Return first, second, … of a number that counts from 0."""
    return _ORDINALS[number] if number < len(_ORDINALS) else f"{number + 1}th"


def quoted(text: str) -> str:
    """Return a text in quotation marks, as the name of a pattern has it."""
    return f'"{clip(text, MOST_CHARACTERS)}"'
