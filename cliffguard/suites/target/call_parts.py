"""Turns whose content has parts that are calls, or their results, as Anthropic and Gemini write."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.suites.target.chats import (
    content_of,
    refuse_unspoken,
    spoken_by,
    text_key,
)
from cliffguard.suites.target.known import says

_USE, _RESULT = "tool_use", "tool_result"  # Anthropic's types of parts
_CALLED, _RETURNED = ("functionCall", "function_call"), ("functionResponse", "function_response")
_DECLARED = ("functionDeclarations", "function_declarations")  # Gemini's lists of tools


def turns_in(turn: Mapping[str, Any], where: str) -> list[Mapping[str, Any]]:
    """Return a turn as turns of OpenAI's form, where parts of its content are calls or results.

    Any other turn is returned as it is. Raises SuiteError with `where` for words behind a call,
    whose place would be lost, and for parts that another speaker has.
    """
    content = turn.get(text_key(turn))
    parts = content if isinstance(content, (list, tuple)) else ()
    kinds = [_kind(part) for part in parts]
    role = spoken_by(turn)
    if _USE in kinds or _RESULT in kinds:
        refuse_unspoken(turn, role, where, asking=())  # calls of both kinds
    if _USE in kinds:
        if role != "assistant" or _RESULT in kinds:
            raise _fault(where, f"the {role} has a part that calls a tool; the assistant calls")
        n_words = kinds.index(_USE)
        if set(kinds[n_words:]) != {_USE}:
            raise _fault(where, "there are words behind a call, which calls in turns have not")
        return [_calling(role, parts[:n_words], parts[n_words:], where)]
    if _RESULT in kinds:
        if role == "assistant":
            raise _fault(where, "the assistant has a part that is the result of a tool")
        return list(_results(role, parts, where))
    return [turn]


def _kind(part: Any) -> str:
    if not isinstance(part, Mapping):
        return ""
    if part.get("type") in (_USE, _RESULT):
        return str(part["type"])
    if any(says(part.get(key)) for key in _CALLED):
        return _USE
    return _RESULT if any(says(part.get(key)) for key in _RETURNED) else ""


def _calling(
    role: str, words: Sequence[Any], calls: Sequence[Mapping[str, Any]], where: str
) -> Mapping[str, Any]:
    content = content_of(words, role, where) if words else ""
    return {"role": role, "content": content, "tool_calls": list(map(_call, calls))}


def _call(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part that calls as OpenAI writes it; without arguments, they are an empty object."""
    held: Mapping[str, Any]
    held = next((part[key] for key in _CALLED if says(part.get(key))), part)
    arguments: Any = next((held[key] for key in ("input", "args") if held.get(key) is not None), {})
    known = {"id": held["id"]} if isinstance(held.get("id"), str) else {}
    function = {"name": held.get("name"), "arguments": arguments}
    return {**known, "type": "function", "function": function}


def _results(role: str, parts: Sequence[Any], where: str) -> Iterator[Mapping[str, Any]]:
    """Yield a turn of the tool for each result, and one of the speaker for words between them."""
    words: list[Any] = []
    for part in parts:
        if _kind(part) != _RESULT:
            words.append(part)
            continue
        if words:
            yield {"role": role, "content": content_of(words, role, where)}
            words = []
        yield _result(part, where)
    if words:
        yield {"role": role, "content": content_of(words, role, where)}


def _result(part: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    held = next((part[key] for key in _RETURNED if says(part.get(key))), None)
    if held is None:
        content = part.get("content")
        text = "" if content is None else content_of(content, "tool", where)
        return {"role": "tool", "content": text, "tool_call_id": part.get("tool_use_id")}
    response = held.get("response")
    text = response if isinstance(response, str) else json.dumps(response, ensure_ascii=False)
    return {"role": "tool", "content": text, "name": held.get("name")}


def as_openai_has_it(tool: Any) -> list[Any]:
    """Return a tool of Anthropic's, or each of a list of Gemini's, with `parameters`."""
    if not isinstance(tool, Mapping):
        return [tool]
    for key in _DECLARED:
        if isinstance(tool.get(key), (list, tuple)):
            return list(tool[key])
    if isinstance(tool.get("input_schema"), Mapping) and "parameters" not in tool:
        left_out = ("input_schema", "cache_control", "type")  # `custom`, where it has one
        kept = {key: value for key, value in tool.items() if key not in left_out}
        return [{**kept, "parameters": tool["input_schema"]}]
    return [tool]


def _fault(where: str, what: str) -> SuiteError:
    return SuiteError(
        f"{where}: a turn of the chat cannot be asked: {what}; mend the row, or leave it out",
        id="target.call-parts",
    )
