"""Chats in data: who said what, and what of it is the prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.core.texts import cut_middle
from cliffguard.suites.target.cells import from_json
from cliffguard.suites.target.known import says

_KEYS = (
    ("role", "content"),
    ("from", "value"),
    ("role", "parts"),  # Gemini's
    ("author", "content"),  # PaLM's
    ("sender", "text"),  # Claude's, as it exports them
)
SPEAKERS = {
    "human": "user",
    **dict.fromkeys(("gpt", "model", "bot", "ai", "chatbot", "chatgpt"), "assistant"),
}
"""Who speaks, where data call them otherwise."""
_UNSPOKEN = (
    *("tool_calls", "function_call", "tools", "functions", "images", "image", "audio", "audios"),
    *("videos", "video", "attachments", "files"),
)
"""Keys by which a turn says something that no text of it holds."""

_THOUGHT = "analysis"  # the channel of gpt-oss on which a model thinks
_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "thoughts", "thought")

Turn = tuple[str, str]
"""Who speaks ("system", "user", "assistant", …), and what is said."""


def is_chat(value: Any) -> bool:
    """Return whether a value is a list of turns, each with a role and a content."""
    return (
        isinstance(value, (list, tuple))
        and bool(value)
        and all(isinstance(turn, Mapping) and is_turn(turn) for turn in value)
    )


def chat_in(value: Any) -> Any:
    """Return the chat that a cell holds, as a list or as its JSON in a table of text, or None."""
    value = from_json(value)
    return value if is_chat(value) else None


def is_turn(value: Mapping[str, Any]) -> bool:
    """Return whether a mapping has a role and a content."""
    return _keys(value) is not None


def role_key(turn: Mapping[str, Any]) -> str:
    """Return under which key a turn says who speaks."""
    keys = _keys(turn)
    assert keys is not None, "the caller has asked is_chat"
    return keys[0]


def text_key(turn: Mapping[str, Any]) -> str:
    """Return under which key a turn has what is said."""
    keys = _keys(turn)
    assert keys is not None, "the caller has asked is_chat"
    return keys[1]


def spoken_by(turn: Mapping[str, Any]) -> str:
    """Return who speaks in a turn: user, assistant, system, …"""
    role = str(turn[role_key(turn)]).strip().casefold()
    return SPEAKERS.get(role, role)


def refuse_unspoken(turn: Mapping[str, Any], role: str, where: str, asking: Sequence[str]) -> None:
    """Raise SuiteError for what a turn says beside its text, but for the keys that are asked."""
    unspoken = next((k for k in _UNSPOKEN if says(turn.get(k)) and k not in asking), None)
    if unspoken is not None:
        raise SuiteError(
            f"{where}: a turn of the chat ({role}) has {unspoken}, which a target cannot ask "
            "yet; leave such rows out, or name columns of text with --target-prompt and "
            "--target-answer",
            id="target.tool-call",
        )


def is_thought(turn: Mapping[str, Any]) -> bool:
    """Return whether a turn is what the assistant thought: gpt-oss has a channel for it."""
    return turn.get("channel") == _THOUGHT


def has_thoughts(value: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether turns of a chat hold what an assistant thought, which is not asked."""
    return any(is_thought(turn) or any(says(turn.get(key)) for key in _THOUGHTS) for turn in value)


def rendered(turns: Sequence[Turn]) -> str:
    """Return a chat as one text, every turn in its place.

    A single turn stands as it is, unless it is a developer's, after the system prompts that begin
    the chat. Of several each has a line with its speaker, and the assistant's name is last: the
    answer follows it. A system prompt in the middle is such a line, too; one that says nothing is
    none.
    """
    kept = [turn for turn in turns if turn[1] or turn[0] != "system"]
    system = [text for _, text in takewhile(lambda turn: turn[0] == "system", kept)]
    spoken = kept[len(system) :]
    if len(spoken) > 1 or [role for role, _ in spoken] == ["developer"]:
        lines = [f"{role.capitalize()}: {text}" for role, text in spoken]
        return "\n\n".join([*system, "\n".join([*lines, "Assistant:"])])
    return "\n\n".join([*system, *(text for _, text in spoken)])


def _keys(turn: Mapping[str, Any]) -> tuple[str, str] | None:
    calls = any(key in turn for key in _UNSPOKEN)  # a turn that calls a tool may say nothing
    return next((keys for keys in _KEYS if keys[0] in turn and (keys[1] in turn or calls)), None)


def content_of(content: Any, role: str, where: str) -> str:
    """Return what is said: a text, or the texts of its parts. Raises SuiteError for all else."""
    if content is None:
        raise empty(where, role, "null")
    if isinstance(content, str):
        return content
    if isinstance(content, (list, tuple)):
        return "\n".join(_part(part, where) for part in content)
    raise SuiteError(
        f"{where}: a turn of the chat must be text, found a {type(content).__name__}; write it as "
        "text, or leave such rows out",
        id="target.turn-not-text",
    )


def empty(where: str, role: str, content: str) -> SuiteError:
    """Return the error of a turn that says nothing."""
    return SuiteError(
        f"{where}: a turn of the chat ({role}) says nothing ({content}); leave such rows out, or "
        "write what was said",
        id="target.empty-turn",
    )


def _part(part: Any, where: str) -> str:
    text = part.get("text") if isinstance(part, Mapping) else part
    is_thought = isinstance(part, Mapping) and part.get("thought") is True  # of Gemini
    if not isinstance(text, str) or is_thought:
        raise SuiteError(
            f"{where}: a turn of the chat holds something else than text ({_named(part)}); leave "
            "such rows out",
            id="target.turn-not-text",
        )
    return text


def _named(part: Any) -> str:
    """Return what a part of a turn is called by its own type, or else by its keys."""
    if not isinstance(part, Mapping):
        return type(part).__name__
    keys = ", ".join(str(key) for key, value in part.items() if value is not None)
    return cut_middle(str(part.get("type") or keys), 40)


def said_in(value: Any) -> Any:
    """Return the text of a system prompt that is written as parts, or the value as it is."""
    parts = value.get("parts") if isinstance(value, Mapping) else value
    if isinstance(parts, (list, tuple)) and parts:
        texts = [part.get("text") if isinstance(part, Mapping) else None for part in parts]
        if all(isinstance(text, str) for text in texts):
            return "\n".join(map(str, texts))
    return value
