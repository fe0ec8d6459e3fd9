"""Chats in data: who said what, and what of it is the prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cliffguard.errors import SuiteError

_KEYS = (("role", "content"), ("from", "value"))
_SPEAKERS = {"human": "user", "gpt": "assistant", "model": "assistant", "bot": "assistant"}

Turn = tuple[str, str]
"""Who speaks ("system", "user", "assistant", …), and what is said."""


def is_chat(value: Any) -> bool:
    """Say whether a value is a list of turns, each with a role and a content."""
    return (
        isinstance(value, (list, tuple))
        and bool(value)
        and all(isinstance(turn, Mapping) and _keys(turn) is not None for turn in value)
    )


def turns_of(value: Sequence[Mapping[str, Any]], where: str) -> list[Turn]:
    """Return the turns of a chat. Raises SuiteError with `where` for what is not text."""
    turns = []
    for turn in value:
        keys = _keys(turn)
        assert keys is not None, "the caller has asked is_chat"
        role = str(turn[keys[0]]).strip().casefold()
        turns.append((_SPEAKERS.get(role, role), _content(turn[keys[1]], where)))
    return turns


def before_last_answer(turns: Sequence[Turn]) -> tuple[list[Turn], str | None]:
    """Return a chat without the assistant's turn that ends it, and that turn (None: there is none).

    What is called by the assistant (tools) or said after its last turn ends a chat otherwise.
    """
    if turns and turns[-1][0] == "assistant":
        return list(turns[:-1]), turns[-1][1]
    return list(turns), None


def rendered(turns: Sequence[Turn]) -> str:
    """Return a chat as one text.

    A single turn stands as it is, after a system prompt where there is one. Of several each has
    a line with its speaker, and the assistant's name is last: the answer follows it.
    """
    system = [said for role, said in turns if role == "system"]
    spoken = [(role, said) for role, said in turns if role != "system"]
    if len(spoken) > 1:
        lines = [f"{role.capitalize()}: {said}" for role, said in spoken]
        return "\n\n".join([*system, "\n".join([*lines, "Assistant:"])])
    return "\n\n".join([*system, *(said for _, said in spoken)])


def _keys(turn: Mapping[str, Any]) -> tuple[str, str] | None:
    return next((keys for keys in _KEYS if all(key in turn for key in keys)), None)


def _content(content: Any, where: str) -> str:
    """Return what is said: a text, or the texts of its parts."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content.strip()
    if isinstance(content, (list, tuple)):
        return "\n".join(_part(part, where) for part in content).strip()
    raise SuiteError(f"{where}: a turn of the chat must be text, found a {type(content).__name__}")


def _part(part: Any, where: str) -> str:
    text = part.get("text") if isinstance(part, Mapping) else part
    if not isinstance(text, str):
        raise SuiteError(f"{where}: a turn of the chat holds something else than text")
    return text
