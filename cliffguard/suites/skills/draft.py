"""What a generator of chats makes, before an id is given."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Message = dict[str, Any]

# ruff: noqa: SIM905 (lists of words are easier to read and to extend as text)
PEOPLE = (
    "Adam Alice Amy Anna Ben Carl Clara David Diana Ella Emma Eric Frank Grace Henry Jack Julia "
    "Karen Laura Leo Lily Lucy Maria Mark Nina Noah Oliver Paul Peter Rosa Sam Sara Sofia Tom"
).split()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatItem:
    """A chat with its right answer: a text, a call, calls, or whatever the metric takes."""

    messages: Sequence[Message]
    answer: Any
    tools: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The number that an item was dealt within its level: whatever is taken of it is balanced."""

    number: int

    def pick(self, n: int, *, after: int = 1) -> int:
        """Return 0 to `n` - 1; a second pick is free of the first with that one's `n` as `after`.

        Over a level each value comes equally often, but for a rest.
        """
        return self.number // after % n


Draw = Callable[[int, Turn, random.Random], ChatItem]
"""Make an item of a level from its turn and a source of randomness, and from nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """A generator of chats. `level_name` is the unit in which `levels` rise; None: it has one.

    The first pick of a turn, among `n_wordings`, is the wording of the item.
    """

    name: str
    draw: Draw
    n_wordings: int = 3
    level_name: str | None = None
    levels: tuple[int, ...] = (1,)


def user(text: str) -> Message:
    """Return what the user says."""
    return {"role": "user", "content": text}


def assistant(text: str) -> Message:
    """Return what the assistant said."""
    return {"role": "assistant", "content": text}


def system(text: str) -> Message:
    """Return what stands above the chat."""
    return {"role": "system", "content": text}
