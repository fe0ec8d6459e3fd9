"""Ladders: items of rising difficulty, made from a seed, that no training set can contain.

An item depends on its ladder, level, number and seed alone, through a hash, so that no two seeds
and no two levels share items by design. Within a level the places of the right choice are balanced
and no item repeats.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from typing import Any

from cliffguard.core.errors import nearest
from cliffguard.suites.ladders.arithmetic import ARITHMETIC
from cliffguard.suites.ladders.chains import CALENDAR_AND_UNITS
from cliffguard.suites.ladders.draft import Generator, LadderItem
from cliffguard.suites.ladders.instructions import INSTRUCTION_CONSTRAINTS
from cliffguard.suites.ladders.relations import RELATION_HOPS
from cliffguard.suites.ladders.retrieval import KEY_VALUE_RETRIEVAL
from cliffguard.suites.ladders.rules import ALTERED_RULES
from cliffguard.suites.ladders.swaps import STATE_TRACKING
from cliffguard.suites.ladders.tables import TABLE_CHAINS

GENERATORS: Mapping[str, Generator] = {
    generator.name: generator
    for generator in (
        RELATION_HOPS,
        ARITHMETIC,
        TABLE_CHAINS,
        ALTERED_RULES,
        INSTRUCTION_CONSTRAINTS,
        KEY_VALUE_RETRIEVAL,
        CALENDAR_AND_UNITS,
        STATE_TRACKING,
    )
}

N_CHOICES = 4
_MOST_TRIES = 200  # for one item that is not there yet


def make(
    name: str, *, seed: str, n_per_level: int, levels: Sequence[int] | None = None
) -> list[dict[str, Any]]:
    """Return the rows of a ladder, level by level, each with both of an item's forms.

    Raises ValueError for a generator, a level or a number of items that there is not.
    """
    if name not in GENERATORS:
        raise ValueError(f"no generator is called {name!r}{nearest(name, GENERATORS)}")
    generator = GENERATORS[name]
    absent = sorted(set(levels or ()) - set(generator.levels))
    if absent:
        raise ValueError(f"{name} has no level {absent[0]}, only {list(generator.levels)}")
    return [
        row
        for level in levels or generator.levels
        for row in _level(generator, level, seed, n_per_level)
    ]


def _level(generator: Generator, level: int, seed: str, n_items: int) -> list[dict[str, Any]]:
    places = [number % N_CHOICES for number in range(n_items)]
    source_of(generator.name, seed, level, "places").shuffle(places)
    rows, seen = [], set[str]()
    for number, index in enumerate(places):
        draft = _new(generator, level, seed, number, seen)
        seen.add(draft.context + draft.prompt)
        choices = list(draft.wrong)
        choices.insert(index, draft.answer)
        row: dict[str, Any] = {
            "id": f"{generator.name}-{level}-{number:03d}",
            "context": draft.context,
            "prompt": draft.prompt,
            "choices": choices,
            "answer": draft.answer,
            "question": draft.question,
        }
        if draft.expected not in (None, draft.answer):
            row["expected"] = draft.expected
        row[generator.level_name] = level
        rows.append({key: value for key, value in row.items() if value != ""})
    return rows


def _new(generator: Generator, level: int, seed: str, number: int, seen: set[str]) -> LadderItem:
    """Return the first draft that is sound and was not made before."""
    for attempt in range(_MOST_TRIES):
        draft = generator.draw(level, source_of(generator.name, seed, level, number, attempt))
        choices = {draft.answer, *draft.wrong}
        if len(choices) == N_CHOICES and draft.context + draft.prompt not in seen:
            return draft
    raise ValueError(f"{generator.name} has no {number + 1} different items at level {level}")


def source_of(*parts: object) -> random.Random:
    """Return a source of randomness that depends on these parts alone, through a hash."""
    text = "|".join(map(str, parts))
    return random.Random(hashlib.blake2b(text.encode(), digest_size=16).digest())
