"""What a generator of ladder items makes, before ids and positions are given."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderItem:
    """One item in both forms.

    By likelihood: `prompt`, continued by `answer` or one of `wrong`. Generated: `question`, which
    says how to answer, with `expected` (None: the answer). `context` stands before both.
    """

    context: str = ""
    prompt: str
    answer: str
    wrong: tuple[str, ...]
    question: str
    expected: str | None = None


Draw = Callable[[int, random.Random], LadderItem]
"""Make an item of a level from a source of randomness, and from nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """A ladder: `level_name` is the unit in which its `levels` rise."""

    name: str
    level_name: str
    levels: tuple[int, ...]
    draw: Draw
