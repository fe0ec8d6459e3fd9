"""Calls of tools: what a call is in JSON, and which parts of a model's calls are right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cliffguard.core.answers import CALL_PARTS
from cliffguard.core.canonical_json import canonical_json
from cliffguard.suites.structure.json_texts import Unreadable, normal_form, read_json

_ARGUMENTS = ("arguments", "parameters")
# How models call by words that no reader takes: meant as a call, and unreadable.
_NAMES = {"name", "tool", "tool_name", "function", "function_name", "method", "recipient_name"}
_MEANT_AS_ARGUMENTS = {*_ARGUMENTS, "args", "input", "params", "tool_args", "tool_input", "kwargs"}


@dataclass(frozen=True, slots=True)
class Call:
    """A tool by its name, and the arguments that it is called with, values of JSON by name."""

    name: str
    arguments: Mapping[str, Any]


Calls = tuple[Call, ...]


def is_call(value: Any) -> bool:
    """Return whether a value of JSON is meant as a call, or as several; it may be a broken one."""
    if isinstance(value, list):
        return any(is_call(inner) for inner in value)
    if not isinstance(value, dict):
        return False
    return (
        (not _NAMES.isdisjoint(value) and not _MEANT_AS_ARGUMENTS.isdisjoint(value))
        or isinstance(value.get("function"), dict)
        or "tool_calls" in value
    )


def calls_of(value: Any) -> Calls:
    """Return the calls that a value of JSON is. Raises Unreadable for any other.

    A call is an object with `name` and either `arguments` or `parameters`; several are a list of
    them. Of OpenAI's messages the list `tool_calls` is read, or what stands in it: objects with
    `function`, whose arguments may be JSON as text. Other keys of a call say nothing.
    """
    if isinstance(value, dict) and "tool_calls" in value:
        value = value["tool_calls"]
        if not isinstance(value, list):
            raise Unreadable("tool_calls is no list")
    return tuple(map(_call, value if isinstance(value, list) else [value]))


def _call(value: Any) -> Call:
    if not isinstance(value, dict):
        raise Unreadable("a call is no object")
    wrapped = value.get("function")
    if isinstance(wrapped, dict):
        return _plain_call(_with_parsed_arguments(wrapped))
    return _plain_call(value)


def _with_parsed_arguments(function: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return OpenAI's function with its arguments as an object; a blank text is none at all."""
    text = function.get("arguments")
    if not isinstance(text, str):
        return function
    return {**function, "arguments": read_json(text) if text.strip() else {}}


def _plain_call(value: Mapping[str, Any]) -> Call:
    name, given = value.get("name"), [value[key] for key in _ARGUMENTS if key in value]
    if not isinstance(name, str) or not name.strip():
        raise Unreadable("a call has no name")
    if len(given) != 1 or not isinstance(given[0], dict):
        raise Unreadable("a call has no object of arguments, or two")
    return Call(name.strip(), given[0])


def right_calls(answer: str) -> Calls:
    """Return the calls that a right answer stands for; none for `[]`: no tool is to be called.

    Raises Unreadable, a ValueError, with the reason for what is none.
    """
    value = read_json(answer)
    if not isinstance(value, (dict, list)):
        raise Unreadable("a right answer of tool_call is a call, a list of calls, or []")
    return calls_of(value)


# --- comparing -----------------------------------------------------------------------------------


def compare_calls(made: Calls, right: Calls) -> dict[str, float]:
    """Return which parts of the calls that were made are right, each 0.0 or 1.0.

    `called`: whether any was made that was to be, or none that was not. `tool`: the tools, each as
    often. `arguments`: the names of their arguments and the types of JSON of these. `values`: all.
    The order of calls says nothing, and where no call is to be made none makes all parts right.
    """
    forms = (_tool, _signature, _whole)
    same = [sorted(map(form, made)) == sorted(map(form, right)) for form in forms]
    parts = [bool(made) == bool(right), *same]
    return dict(zip(CALL_PARTS, map(float, parts), strict=True))


def _tool(call: Call) -> str:
    return call.name


def _signature(call: Call) -> str:
    types = {name: _type(value) for name, value in call.arguments.items()}
    return canonical_json([call.name, types])


def _whole(call: Call) -> str:
    return normal_form([call.name, dict(call.arguments)])


def _type(value: Any) -> str:
    """Return the type of a value of JSON; 1 and 1.0 are numbers alike."""
    return next(name for kinds, name in _TYPES if isinstance(value, kinds))


_TYPES: tuple[tuple[Any, str], ...] = (
    (bool, "boolean"),
    ((int, float), "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
    (type(None), "null"),
)
