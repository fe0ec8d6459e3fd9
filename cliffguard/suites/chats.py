"""Chats of a suite's rows: messages and tools, checked and brought into one form.

The form is that of `apply_chat_template`: contents are texts, a call is {"type": "function",
"function": {"name", "arguments"}} with arguments as an object, and so is a tool.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cliffguard.core.chats import Chat
from cliffguard.core.errors import SuiteError, nearest
from cliffguard.core.texts import cut_middle
from cliffguard.suites.structure.json_texts import read_json

ROLES = ("system", "user", "assistant", "tool")
MOST_TURNS = 1_000
"""No context that is served holds more, and rendering takes a template longer with each."""

_KEYS = ("role", "content", "tool_calls", "tool_call_id", "name")


def chat_of(row: Mapping[str, Any], where: str) -> Chat:
    """Return the chat that a row's `messages` and `tools` are. Raises SuiteError with `where`."""
    messages = row["messages"]
    if not isinstance(messages, list) or not messages:
        raise _fault(where, "messages must be a list of turns, one or more")
    if len(messages) > MOST_TURNS:
        raise _fault(where, f"has {len(messages):,} turns; at most {MOST_TURNS:,} can be asked")
    tools = _tools(row.get("tools"), where)
    turns = tuple(
        turn_of(turn, f"{where}: messages[{number}]") for number, turn in enumerate(messages)
    )
    _refuse_order(turns, where)
    return Chat(messages=turns, tools=tools)


def _refuse_order(turns: Sequence[Mapping[str, Any]], where: str) -> None:
    """Refuse turns after which a model has nothing to answer."""
    if turns[-1]["role"] == "assistant":
        raise _fault(
            where,
            "messages end with the assistant's turn, which is what the model is to say; write it "
            "as answer",
        )
    if turns[-1]["role"] == "system":
        raise _fault(where, "messages end with the system's turn; nobody has asked anything")
    late = [number for number, turn in enumerate(turns) if turn["role"] == "system" and number]
    if late:
        raise _fault(
            f"{where}: messages[{late[0]}]",
            "a system turn stands behind others; it belongs at the beginning, once",
        )
    for number, turn in enumerate(turns):
        # A call may also stand in the words of the assistant, as Hermes writes it.
        before = turns[number - 1]["role"] if number else None
        if turn["role"] == "tool" and before not in ("assistant", "tool"):
            raise _fault(
                f"{where}: messages[{number}]",
                "a tool answers, and the assistant's turn before it has called none (tool_calls)",
            )


def turn_of(written: Any, where: str) -> Mapping[str, Any]:
    """Return a message in the form of `apply_chat_template`. Raises SuiteError with `where`."""
    if not isinstance(written, dict):
        raise _fault(where, "a turn must be an object with role and content")
    kept = {key: value for key, value in written.items() if value is not None}
    for key in kept:
        if key not in _KEYS:
            raise _fault(where, f"unknown key {key!r}{nearest(key, _KEYS)}")
    role = kept.get("role")
    if "name" in kept and role in ("system", "user", "assistant"):
        raise _fault(where, f"templates write no name of the {role}; write it into the content")
    if role not in ROLES:
        hint = "; write system" if role == "developer" else f"; there are {', '.join(ROLES)}"
        raise _fault(where, f"role {_shown(role)} is none that templates know{hint}")
    calls = _calls(kept, where)
    # A tool may return nothing, and a blank system turn keeps a template from writing its own.
    may_be_blank = bool(calls) or role in ("system", "tool")
    turn: dict[str, Any] = {"role": role, "content": _content(kept, where, may_be_blank)}
    if calls:
        turn["tool_calls"] = calls
    for key in ("tool_call_id", "name"):
        if key in kept:
            turn[key] = _name(kept[key], f"{where}.{key}")
    return turn


def _content(turn: Mapping[str, Any], where: str, may_be_blank: bool) -> str:
    """Return what a turn says; of several parts of text, one after the other."""
    content = turn.get("content", "")
    if isinstance(content, list):
        texts = [part.get("text") if _is_text(part) else None for part in content]
        if None in texts:
            other = content[texts.index(None)]
            kind = other.get("type", other) if isinstance(other, dict) else other
            raise _fault(where, f"a part of content is {_shown(kind)}; only text can be asked")
        content = "".join(map(str, texts))
    if not isinstance(content, str):
        raise _fault(where, f"content must be text, found {_shown(content)}")
    if not content.strip() and not may_be_blank:
        raise _fault(where, "content is blank")
    return content


def _is_text(part: Any) -> bool:
    is_part = isinstance(part, dict) and part.get("type", "text") == "text"
    return is_part and isinstance(part.get("text"), str)


def _calls(turn: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    """Return the calls of a turn, each with its arguments as an object."""
    calls = turn.get("tool_calls", [])
    if not isinstance(calls, list):
        raise _fault(where, "tool_calls must be a list of calls")
    if calls and turn["role"] != "assistant":
        raise _fault(where, f"tool_calls stand in a turn of the {turn['role']}; a model calls")
    return [_call(call, f"{where}.tool_calls[{number}]") for number, call in enumerate(calls)]


def _call(written: Any, where: str) -> dict[str, Any]:
    if not isinstance(written, dict):
        raise _fault(where, "a call must be an object")
    _refuse_unknown(written, _CALL_KEYS if "function" in written else _BARE_CALL_KEYS, where)
    called = written.get("function", written)
    if not isinstance(called, dict):
        raise _fault(where, "function must be an object with name and arguments")
    _refuse_unknown(called, _BARE_CALL_KEYS, where)
    given = [called[key] for key in _ARGUMENTS if called.get(key) is not None]
    if len(given) > 1:
        raise _fault(where, f"has {' and '.join(_ARGUMENTS)}; keep one of them")
    name = _name(called.get("name"), f"{where}.name")
    arguments = _arguments(given[0] if given else {}, where)
    known = {"id": _name(written["id"], f"{where}.id")} if written.get("id") is not None else {}
    return {**known, "type": "function", "function": {"name": name, "arguments": arguments}}


_ARGUMENTS = ("arguments", "parameters")
_CALL_KEYS = ("id", "type", "index", "function")
_BARE_CALL_KEYS = ("id", "type", "index", "name", *_ARGUMENTS)


def _arguments(given: Any, where: str) -> dict[str, Any]:
    """Return the arguments of a call as an object; OpenAI writes them as JSON in a text."""
    try:
        text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        arguments = read_json(text or "{}")
    except ValueError as failure:
        shown = given if isinstance(given, str) else _shown(given)
        raise _fault(where, f"arguments are no JSON ({failure}): {cut_middle(shown, 60)}") from None
    if not isinstance(arguments, dict):
        raise _fault(where, "arguments must be an object, name → value")
    return arguments


def _refuse_unknown(written: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Refuse what would be read past: nothing of a chat is dropped."""
    if unknown := next((key for key in written if key not in known), None):
        raise _fault(where, f"unknown key {unknown!r}{nearest(unknown, known)}")


def _tools(written: Any, where: str) -> tuple[Mapping[str, Any], ...]:
    """Return the tools of a row, each {"type": "function", "function": …}, none called alike."""
    if written is None:
        return ()
    if not isinstance(written, list):
        raise _fault(where, "tools must be a list of functions")
    tools = tuple(_tool(tool, f"{where}: tools[{n}]") for n, tool in enumerate(written))
    names = [tool["function"]["name"] for tool in tools]
    if twice := next((name for n, name in enumerate(names) if name in names[:n]), None):
        raise _fault(where, f"two tools are called {twice!r}; nobody could say which is meant")
    return tools


def _tool(written: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(written, dict):
        raise _fault(where, "a tool must be an object")
    if written.get("type", "function") != "function":
        raise _fault(where, f"type {_shown(written['type'])}; only functions can be called")
    if "function" in written:
        _refuse_unknown(written, ("type", "function"), where)
    function = written.get("function", {k: v for k, v in written.items() if k != "type"})
    if not isinstance(function, dict):
        raise _fault(where, "function must be an object with a name")
    if "input_schema" in function:
        raise _fault(where, "unknown key 'input_schema'; write parameters")
    if not _is_finite(function):
        raise _fault(where, "holds NaN or an infinity, which JSON has not")
    _name(function.get("name"), f"{where}.name")
    if not isinstance(function.get("parameters", {}), dict):
        raise _fault(where, "parameters must be a JSON Schema, an object")
    return {"type": "function", "function": function}


def _is_finite(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


def _name(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _fault(where, f"must be a text that is not blank, found {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    return cut_middle(json.dumps(value, ensure_ascii=False, default=str), 60)


def _fault(where: str, what: str) -> SuiteError:
    return SuiteError(f"{where}: {what}", id="item.messages")
