"""Marks in place of what a chat says, and whether they, or its own words, stand in a rendering."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cliffguard.core.chats import Chat
from cliffguard.core.texts import cut_middle

MARK = "Cg0Mark"
"""A word that stands in no chat and needs no escape in JSON or XML."""

_NUMBER = 70_300_000  # marks that are numbers count from here


class ChatMark(NamedTuple):
    """What stands in a chat in place of something, and what that is in words."""

    written: str
    what: str


class Marked:
    """A chat of the same shape with a mark in place of each text, name, and number in it.

    `marks` are all of them. A template may treat a bool, or null, as it likes.
    """

    def __init__(self, chat: Chat) -> None:
        self.marks: list[ChatMark] = []
        tools = tuple(self._tool(tool) for tool in chat.tools)
        turns = tuple(self._turn(turn, number) for number, turn in enumerate(chat.messages))
        self.chat = Chat(turns, tools)

    def missing(self, text: str) -> str | None:
        """Return what the first mark that a rendering lacks stands for; None if all are there."""
        return next((mark.what for mark in self.marks if mark.written not in text), None)

    def _mark(self, what: str) -> str:
        self.marks.append(ChatMark(f"{MARK}{len(self.marks)}x", what))
        return self.marks[-1].written

    def _turn(self, turn: Mapping[str, Any], number: int) -> Mapping[str, Any]:
        marked, where = dict(turn), f"(messages[{number}])"
        if str(turn.get("content", "")).strip():
            marked["content"] = self._mark(f"what the {turn['role']} says {where}")
        if "tool_calls" in turn:
            marked["tool_calls"] = [self._call(call, where) for call in turn["tool_calls"]]
        return marked

    def _call(self, call: Mapping[str, Any], where: str) -> Mapping[str, Any]:
        name = str(call["function"]["name"])
        called = self._mark(f"the call of {name} {where}")
        arguments = {
            self._mark(f"the name of the argument {key} of {name} {where}"): self._value(
                value, f"the argument {key} of {name} {where}"
            )
            for key, value in call["function"]["arguments"].items()
        }
        return {**call, "function": {"name": called, "arguments": arguments}}

    def _value(self, value: Any, what: str) -> Any:
        """Return a value of JSON with marks in place of all texts and numbers in it."""
        if isinstance(value, dict):
            return {key: self._value(inner, what) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._value(inner, what) for inner in value]
        if isinstance(value, str):
            return self._mark(what)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            number = _NUMBER + len(self.marks)
            self.marks.append(ChatMark(str(number), what))
            return number
        return value

    def _tool(self, tool: Mapping[str, Any]) -> Mapping[str, Any]:
        function = dict(tool["function"])
        name = function["name"]
        function["name"] = self._mark(f"the tool {name}")
        if str(function.get("description") or "").strip():
            function["description"] = self._mark(f"the description of the tool {name}")
        schema = function.get("parameters")
        if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
            properties = {
                self._mark(f"the parameter {key} of the tool {name}"): inner
                for key, inner in schema["properties"].items()
            }
            function["parameters"] = {**schema, "properties": properties, "required": []}
        return {**tool, "function": function}


def shape_of(chat: Chat) -> str:
    """Return what two chats share that a template treats alike: all but its texts and numbers."""
    turns = [
        [
            turn["role"],
            bool(str(turn.get("content", "")).strip()),
            [_kind(call["function"]["arguments"]) for call in turn.get("tool_calls", ())],
        ]
        for turn in chat.messages
    ]
    tools = [
        [bool(tool["function"].get("description")), _kind(tool["function"].get("parameters"))]
        for tool in chat.tools
    ]
    return json.dumps([turns, tools])


def _kind(value: Any) -> Any:
    """Return of a value of JSON the types and, of objects, how many keys there are."""
    if isinstance(value, dict):
        return {str(number): _kind(inner) for number, inner in enumerate(value.values())}
    return list(map(_kind, value)) if isinstance(value, list) else type(value).__name__


def lost_words(chat: Chat, text: str) -> str | None:
    """Return which words of a chat do not stand in a rendering, in their order; None if all do.

    A template may escape them, as in JSON or HTML, and set their blanks otherwise. The system's may
    stand anywhere, since some templates put them into the user's turn, and so may words beside a
    call, which some write behind what the call returned.
    """
    lost = [_lost_in(chat, _without_blanks(way)) for way in (text, html.unescape(text))]
    return None if None in lost else lost[0]


def _lost_in(chat: Chat, bare: str) -> str | None:
    start = 0
    for turn in chat.messages:
        content = str(turn.get("content") or "")
        if not content.strip():
            continue
        is_free = turn["role"] == "system" or "tool_calls" in turn
        end = _end_in(content, bare, 0 if is_free else start)
        if end is None:
            return f"the words {cut_middle(content.strip(), 60)!r}"
        start = start if is_free else end
    lost = (name for name in chat.tool_names if _end_in(name, bare, 0) is None)
    return next((f"the tool {name}" for name in lost), None)


def _end_in(words: str, bare: str, start: int) -> int | None:
    """Return where words end in a text without blanks, from `start` on; None: in no spelling."""
    places = ((bare.find(way, start), len(way)) for way in _spellings(words.strip()))
    return min((at + length for at, length in places if at >= 0), default=None)


def _spellings(words: str) -> Iterator[str]:
    yield _without_blanks(words)
    for is_ascii in (False, True):
        escaped = json.dumps(words, ensure_ascii=is_ascii)[1:-1]
        yield _without_blanks(escaped)
        yield _without_blanks(json.dumps(escaped, ensure_ascii=is_ascii)[1:-1])


def _without_blanks(text: str) -> str:
    return "".join(text.split())
