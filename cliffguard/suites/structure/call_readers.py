"""Who reads calls of tools in what a model said: a reader for each spelling that is known.

A spelling with a mark of its own may stand behind words; without a mark, calls are all of the
answer. What is meant as a call, and no reader takes, is unreadable, and no answer without a call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from cliffguard.suites.structure.calls import (
    Call,
    Calls,
    calls_of,
    compare_calls,
    is_call,
    right_calls,
)
from cliffguard.suites.structure.json_texts import (
    Unreadable,
    first_json,
    read_json,
    refuse_large,
)
from cliffguard.suites.structure.python_calls import (
    begins_python_calls,
    holds_python_calls,
    python_calls,
)

_ENDS = (
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|endoftext|>", "<|end|>",
    "<|return|>", "<|call|>", "</s>", "<eos>", "<end_of_turn>",
)  # fmt: skip
"""What marks the end of a turn, where special tokens are kept."""

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_PYTHON_TAG = "<|python_tag|>"
_TOOL_CALLS = "[TOOL_CALLS]"

_OTHER_MARKS = re.compile(
    r"</?(?:\w{1,40}:)?(?:tool_calls?|function_calls?|function|invoke|start_function_call)[=>\s]"
    r"|<\|(?:tool_|python_|recipient|action_|plugin|FunctionCall)|<｜tool|to=functions\."
    r"|>>>\w{1,80}\n\s*\{|✿FUNCTION✿|\[(?:CALL_ID|ARGS)\]|```tool_"
    r"|\"(?:action_input|functionCall|function_call)\"\s*:|\"type\"\s*:\s*\"tool_use\""
    r"|^Action Input\s*:",
    re.MULTILINE,
)
"""Marks of calls in spellings that are not read."""

_NAME_KEY = re.compile(r"[\"'](?:name|tool_name|function)[\"']\s*:")
_ARGUMENTS_KEY = re.compile(r"[\"'](?:arguments|parameters|tool_calls)[\"']\s*:")


def read_calls(text: str) -> Calls:
    """Return the calls in what a model said; none where it calls nothing.

    Raises Unreadable for a call that no reader takes, and for a text that is too large to be read.
    """
    refuse_large(text)
    text = without_ends(text)
    for mark, read in _READERS.items():
        if mark in text:
            return tuple(read(text))
    if _OTHER_MARKS.search(text):
        raise Unreadable("a call in a spelling that is not read")
    return _all_of(text)


def without_ends(text: str) -> str:
    """Return a text without blanks around it, and without marks that end a turn."""
    text = text.strip()
    while end := next(filter(text.endswith, _ENDS), None):
        text = text.removesuffix(end).rstrip()
    return text


# --- with a mark ---------------------------------------------------------------------------------


def _in_tags(text: str) -> Iterator[Call]:
    """Yield what stands in tags, a call in each; the end of the answer closes the last as well."""
    words, *parts = text.split(_OPEN)
    for number, part in enumerate(parts, start=1):
        body, close, behind = part.partition(_CLOSE)
        if not close and number < len(parts):
            raise Unreadable("a tag is not closed")
        if _CLOSE in words or _CLOSE in behind:
            raise Unreadable("a tag is not opened")
        yield from _object(read_json(body))


def _behind_python_tag(text: str) -> Iterator[Call]:
    """Yield the objects behind the mark, with a semicolon between, to the end of the answer."""
    _, _, rest = text.partition(_PYTHON_TAG)
    end = 0
    while True:
        start = len(rest) - len(rest[end:].lstrip())
        value, end = first_json(rest, start)
        yield from _object(value)
        behind = rest[end:].lstrip()
        if not behind:
            return
        if not behind.startswith(";"):
            raise Unreadable("there is text behind a call")
        end = len(rest) - len(behind) + 1


def _in_list(text: str) -> Iterator[Call]:
    """Yield the calls of the list behind the mark, to the end of the answer."""
    value = read_json(text.partition(_TOOL_CALLS)[2])
    if not isinstance(value, list):
        raise Unreadable("what is behind the mark is no list")
    yield from calls_of(value)


def _object(value: object) -> Calls:
    if not isinstance(value, dict):
        raise Unreadable("what is marked as a call is no object")
    return calls_of(value)


_READERS: Mapping[str, Callable[[str], Iterator[Call]]] = {
    _OPEN: _in_tags,
    _PYTHON_TAG: _behind_python_tag,
    _TOOL_CALLS: _in_list,
}
"""By the mark; of several the first of these counts."""


# --- without a mark ------------------------------------------------------------------------------


def _all_of(text: str) -> Calls:
    """Return the calls that are all of an answer: JSON, or a list of Python's calls."""
    if begins_python_calls(text):
        return python_calls(text)
    try:
        value = read_json(text)
    except Unreadable:
        value = None
    if is_call(value):
        return calls_of(value)
    if (_NAME_KEY.search(text) and _ARGUMENTS_KEY.search(text)) or holds_python_calls(text):
        raise Unreadable("a call that no reader takes")
    return ()


# --- the metric ----------------------------------------------------------------------------------


def call_parts(response: str, answer: str) -> dict[str, float] | None:
    """Return which parts of the calls in an answer are right; None where one is unreadable."""
    try:
        made = read_calls(response)
    except Unreadable:
        return None
    return compare_calls(made, right_calls(answer))


def tool_call(response: str, answer: str) -> float | None:
    """Return whether all parts of the calls in an answer are right; None: one is unreadable."""
    parts = call_parts(response, answer)
    return None if parts is None else min(parts.values())
