"""Chats of rows as they are asked: turns and tools in the form of `apply_chat_template`.

Whoever wrote them: OpenAI (also `functions` of its older form), ShareGPT, LLaMA-Factory, Hermes,
Anthropic, Gemini, PaLM, Claude's exports.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.chats import Chat
from cliffguard.core.errors import SuiteError
from cliffguard.suites.chats import chat_of, turn_of
from cliffguard.suites.rows import Row
from cliffguard.suites.target.call_parts import as_openai_has_it, turns_in
from cliffguard.suites.target.cells import from_json, has, shown, value_of
from cliffguard.suites.target.chats import (
    Turn,
    chat_in,
    content_of,
    empty,
    is_thought,
    refuse_unspoken,
    said_in,
    spoken_by,
    text_key,
)
from cliffguard.suites.target.known import TOOLS, folded, quoted, says
from cliffguard.suites.target.nulls import (
    call_without_nulls,
    turn_without_nulls,
    without_null_arguments,
    without_nulls,
)

Message = dict[str, Any]
"""A turn as items have it: `role` and `content`, of tools also `tool_calls`, `tool_call_id`, …"""

SYSTEM_ROLES = ("system", "developer")

_CALLERS = ("function_call", "tool_call")  # ShareGPT's role of an assistant that calls
_TOOLS = (
    "function", "observation", "ipython", "tool_response", "tool_result", "function_response",
)  # fmt: skip
_CALLS = ("tool_calls", "function_call")


def tool_column(rows: Sequence[Row], prompt: str, columns: Collection[str]) -> str | None:
    """Return which of some columns holds the tools of the chats in `prompt`, if one does."""
    if chat_in(rows[0].value.get(prompt)) is None:
        return None
    names = [name for name in columns if folded(name) in TOOLS]
    names.sort(key=lambda name: TOOLS.index(folded(name)))
    return next((name for name in names if any(says(r.value.get(name)) for r in rows)), None)


def messages_of(chat: Sequence[Mapping[str, Any]], where: str) -> list[Message]:
    """Return the turns of a chat in order, what the assistant thought left out.

    Raises SuiteError with `where` for what is neither text nor a call.
    """
    kept = [turn_without_nulls(turn) for turn in chat if not is_thought(turn)]
    turns = _joined([_message(turn, where) for whole in kept for turn in turns_in(whole, where)])
    for turn in turns[:-1]:
        is_blank = not turn["content"].strip() and not turn.get("tool_calls")
        if is_blank and turn["role"] in ("user", "assistant"):
            raise empty(where, turn["role"], "blank")
    first = list(takewhile(lambda turn: turn["role"] in SYSTEM_ROLES, turns))
    if not first:
        return turns
    # Templates know a system turn alone, once; OpenAI calls it developer.
    contents = [turn["content"] for turn in first if turn["content"].strip()]
    return [{"role": "system", "content": "\n\n".join(contents)}, *turns[len(first) :]]


def _joined(turns: Sequence[Message]) -> list[Message]:
    """Return turns of which a call is a part of the assistant's turn before it, as OpenAI has it.

    ShareGPT writes what is said before a call, and each of several calls, as turns of their own.
    """
    joined: list[Message] = []
    for turn in turns:
        calls = turn.get("tool_calls", [])
        is_more = bool(joined) and joined[-1]["role"] == turn["role"] == "assistant"
        if calls and is_more and not turn["content"].strip():
            joined[-1] = {**joined[-1], "tool_calls": [*joined[-1].get("tool_calls", []), *calls]}
        else:
            joined.append(turn)
    return joined


def is_call(turn: Mapping[str, Any]) -> bool:
    """Return whether a turn is a call by its role, as ShareGPT has them; its text is JSON."""
    return _role(turn) in _CALLERS


def _role(turn: Mapping[str, Any]) -> str:
    return spoken_by(turn).replace("-", "_")


def _message(turn: Mapping[str, Any], where: str) -> Message:
    role = _role(turn)
    refuse_unspoken(turn, role, where, asking=_CALLS)
    content = turn.get(text_key(turn))
    if is_call(turn):
        return {"role": "assistant", "content": "", "tool_calls": _listed(content, where)}
    role = "tool" if role in _TOOLS else role
    calls = next((_listed(turn[key], where) for key in _CALLS if says(turn.get(key))), None)
    if calls and content is None:
        content = ""
    message: Message = {"role": role, "content": content_of(content, role, where)}
    if calls:
        message["tool_calls"] = calls
    if role == "tool":
        message |= {key: turn[key] for key in ("tool_call_id", "name") if says(turn.get(key))}
    return message


def _listed(written: Any, where: str) -> list[Any]:
    """Return calls as a list: an older form has one alone, and a table writes them as JSON."""
    held = from_json(written)
    calls = [held] if isinstance(held, Mapping) else held
    if not isinstance(calls, (list, tuple)) or not all(isinstance(c, Mapping) for c in calls):
        raise SuiteError(
            f"{where}: a turn of the chat calls tools, and {shown(written)} is no call; write it "
            "as JSON with name and arguments, or leave such rows out",
            id="target.unread-call",
        )
    return [call_without_nulls(call) for call in calls]


def with_system(messages: list[Message], row: Row, column: str | None) -> list[Message]:
    """Return the turns after the system prompt that a column holds, where it holds one."""
    if column is None or not has(row, column):
        return messages
    parts = said_in(from_json(row.value[column]))
    system = (parts if isinstance(parts, str) else value_of(row, column)).strip()
    is_first = bool(messages) and messages[0]["role"] == "system"
    if is_first and messages[0]["content"].strip() in ("", system):
        messages = messages[1:]
    if any(turn["role"] in SYSTEM_ROLES for turn in messages):
        raise SuiteError(
            f"{row.where}: has a system prompt in {column} and another one in its chat; keep one, "
            f"or say --target-ignore {quoted(column)}",
            id="target.two-systems",
        )
    return [{"role": "system", "content": system}, *messages]


def before_answer(messages: Sequence[Message]) -> tuple[list[Message], Message | None]:
    """Return a chat without the assistant's turn that ends it, and that turn, if there is one."""
    if messages and messages[-1]["role"] == "assistant":
        return list(messages[:-1]), messages[-1]
    return list(messages), None


def chat_asked(messages: Sequence[Message], row: Row, tools: str | None) -> Chat:
    """Return the chat that turns are, with the tools in a column. Raises SuiteError."""
    written = without_nulls(tools_in(row, tools))
    messages = [without_null_arguments(turn, written) for turn in messages]
    if isinstance(written, list) and _lists(messages, written):
        written = None
    if messages and messages[-1]["role"] == "assistant":
        raise SuiteError(
            f"{row.where}: the chat ends with two turns of the assistant, of which the last is the "
            "answer; nobody asks for it: write them as one, or leave such rows out",
            id="target.two-turns",
        )
    try:
        return chat_of({"messages": messages, "tools": written}, row.where)
    except SuiteError as failure:
        how = "mend the row, or leave it out"
        if tools is not None and ": tools" in str(failure):
            how += f"; where they are no tools, say --target-ignore {quoted(tools)}"
        raise SuiteError(f"{failure}; {how}", id=failure.id or "item.messages") from None


def _lists(messages: Sequence[Message], tools: Sequence[Any]) -> bool:
    """Return whether the system turn lists all tools in words, as Hermes does: not twice."""
    system = messages[0]["content"] if messages and messages[0]["role"] == "system" else ""
    functions = [t.get("function", t) if isinstance(t, Mapping) else t for t in tools]
    names = [f.get("name") if isinstance(f, Mapping) else None for f in functions]
    return "<tools>" in system and all(isinstance(name, str) and name in system for name in names)


def tools_in(row: Row, column: str | None) -> Any:
    """Return the tools that a column holds, as a list where they are some."""
    held = None if column is None else from_json(row.value.get(column))
    if not says(held):
        return None
    listed = [held] if isinstance(held, Mapping) else held
    if not isinstance(listed, (list, tuple)):
        return held
    return [tool for each in listed for tool in as_openai_has_it(from_json(each))]


def is_null_filled(messages: Sequence[Message], tools: Any) -> bool:
    """Return whether tools, or arguments of calls, hold nulls that are left out."""
    kept = without_nulls(tools)
    return bool(kept != tools or any(without_null_arguments(t, kept) != t for t in messages))


def calls_in(message: Message, where: str, tools: Any) -> str | None:
    """Return the calls of a turn as a right answer of `tool_call`, or None: it makes none.

    Nulls that the `tools` do not require are no arguments.
    """
    message = without_null_arguments(message, without_nulls(tools))
    calls = turn_of(message, f"{where}: the last turn").get("tool_calls", ())
    functions = [call["function"] for call in calls]
    return canonical_json(functions) if functions else None


def calls_unasked(row: Row) -> SuiteError:
    """Return the error of a row whose right answer is a call, and that is not asked for one."""
    return SuiteError(
        f"{row.where}: the last turn calls tools, and is right under tool_call alone, in a chat "
        "without choices and labels; leave such rows out, or say --target-metric tool_call",
        id="target.tool-call",
    )


def as_turns(messages: Sequence[Message]) -> list[Turn]:
    """Return who speaks and what is said, for texts that are compared; calls are JSON."""
    return [(turn["role"], "".join(_words(turn))) for turn in messages]


def _words(turn: Message) -> Iterator[str]:
    yield turn["content"]
    if calls := turn.get("tool_calls"):
        yield json.dumps(calls, ensure_ascii=False, default=str)
