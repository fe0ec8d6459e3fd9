"""Chats about what a fine-tune loses in silence, made from a seed that no training set holds.

An item depends on its generator, level, number and seed alone, through a hash, as a ladder's does.
Within a level wordings and places are dealt equally often, and no item repeats.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cliffguard.suites.ladders import source_of
from cliffguard.suites.skills.chat import CHAT
from cliffguard.suites.skills.draft import ChatItem, Skill, Turn
from cliffguard.suites.skills.reasoned import REASONED
from cliffguard.suites.skills.structure import STRUCTURE
from cliffguard.suites.skills.tools import TOOLS

SKILLS: Mapping[str, Skill] = {
    skill.name: skill for skill in (*REASONED, *TOOLS, *CHAT, *STRUCTURE)
}
_MOST_TRIES = 200  # for one item that is not there yet


def make(
    name: str, *, seed: str, n_per_level: int, levels: Sequence[int] | None = None
) -> list[dict[str, Any]]:
    """Return the rows of a generator, level by level.

    Raises ValueError for a level or a number of items that there is not.
    """
    skill = SKILLS[name]
    if absent := sorted(set(levels or ()) - set(skill.levels)):
        raise ValueError(f"{name} has no level {absent[0]}, only {list(skill.levels)}")
    return [
        row for level in levels or skill.levels for row in _level(skill, level, seed, n_per_level)
    ]


def _level(skill: Skill, level: int, seed: str, n_items: int) -> list[dict[str, Any]]:
    turns = list(range(n_items))
    source_of(skill.name, seed, level, "turns").shuffle(turns)
    rows, seen = [], set[str]()
    for number, dealt in enumerate(turns):
        turn = Turn(number=dealt)
        item = _new(skill, level, seed, number, turn, seen)
        row: dict[str, Any] = {"id": f"{skill.name}-{level}-{number:03d}"}
        row["messages"] = list(item.messages)
        if item.tools:
            row["tools"] = list(item.tools)
        several = isinstance(item.answer, tuple)
        row["answers" if several else "answer"] = list(item.answer) if several else item.answer
        row["fields"] = {"wording": str(turn.pick(skill.n_wordings) + 1)}
        if skill.level_name is not None:
            row[skill.level_name] = level
        rows.append(row)
    return rows


def _new(skill: Skill, level: int, seed: str, number: int, turn: Turn, seen: set[str]) -> ChatItem:
    """Return the first item that was not made before."""
    for attempt in range(_MOST_TRIES):
        item = skill.draw(level, turn, source_of(skill.name, seed, level, number, attempt))
        text = json.dumps(item.messages)
        if text not in seen:
            seen.add(text)
            return item
    raise ValueError(f"{skill.name} has no {number + 1} different items at level {level}")
