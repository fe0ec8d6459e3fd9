"""A file that is one object with rows somewhere inside of it: the command that takes them out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cliffguard.suites.rows import Row, by_jq, jq_name, jq_path
from cliffguard.suites.target.chats import chat_in
from cliffguard.suites.target.known import (
    AFTER,
    BEFORE,
    CHATS,
    OPTION_LISTS,
    PROMPTS,
    SYSTEMS,
    folded,
    may_be_part,
    says,
)

_DEEPEST = 3  # keys that lead to a list of rows
_MOST = 3  # lists that a message names
_PARTS = {*BEFORE, *AFTER, *PROMPTS, *SYSTEMS} - {"title", "headline"}


def inner_rows(rows: Sequence[Row]) -> str | None:
    """Return where the one row of a file holds rows, and how they are taken out, or None.

    What stands beside them and goes by the name of a part of a question goes into each of them.
    """
    if len(rows) != 1 or not Path(rows[0].source).is_file() or _is_asked(rows[0].value):
        return None
    commands = {}
    for keys in _lists(rows[0].value, ()):
        program = f"{_beside(rows[0].value, keys)}{jq_path(keys)}[]"
        if program.isprintable():
            commands[".".join(keys)] = by_jq(program, Path(rows[0].source))
    if not commands:
        return None
    if len(commands) == 1:
        ((name, made),) = commands.items()
        return f"one object with rows under {name}; {made} makes a row of each"
    each = [f"where {name} holds the rows, {made}" for name, made in commands.items()]
    return f"one object with several lists of objects; {'; '.join(each[:_MOST])} makes rows"


def _is_asked(value: Mapping[str, Any]) -> bool:
    """Return whether a row has a text or a chat by a usual name of what is asked."""
    return any(
        folded(name) in (*PROMPTS, *CHATS) and (isinstance(held, str) or chat_in(held) is not None)
        for name, held in value.items()
    )


def _lists(value: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the keys that lead to each list of two or more objects that are no turns of a chat."""
    for key, held in value.items():
        if isinstance(held, Mapping) and len(keys) + 1 < _DEEPEST:
            yield from _lists(held, (*keys, key))
        if folded(key) in OPTION_LISTS or not isinstance(held, list) or len(held) < 2:
            continue
        if all(isinstance(each, Mapping) for each in held) and chat_in(held) is None:
            yield (*keys, key)


def _beside(value: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return the parts of a question that stand beside a list, as an object of jq's to add to."""
    parts: dict[str, str] = {}
    for depth in range(len(keys)):
        parts |= {
            name: jq_path((*keys[:depth], name))
            for name, held in value.items()
            if isinstance(held, str)
            and says(held)
            and (folded(name) in _PARTS or may_be_part(name))
        }
        value = value[keys[depth]] if depth + 1 < len(keys) else value
    listed = ", ".join(f"{jq_name(name)}: {path}" for name, path in parts.items())
    return f"{{{listed}}} + " if listed else ""
