"""Keys without a value that tables write into chats: Arrow gives every object the keys of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from cliffguard.suites.target.chats import is_turn

_VALUES = ("enum", "const", "default", "examples")
"""Keys of a JSON Schema that hold values, of which null is one like any other."""

_NAMES = ("properties", "$defs", "definitions", "patternProperties")
"""Keys of a JSON Schema whose keys are names of the user's."""


def without_nulls(tools: Any) -> Any:
    """Return tools without keys that hold null, but for those inside of values."""
    if isinstance(tools, (list, tuple)):
        return [without_nulls(part) for part in tools if part is not None]
    if not isinstance(tools, Mapping):
        return tools
    return {
        key: value if key in _VALUES else _named(value) if key in _NAMES else without_nulls(value)
        for key, value in tools.items()
        if value is not None
    }


def _named(schemas: Any) -> Any:
    """Return schemas by name, without those that hold nothing but nulls."""
    if not isinstance(schemas, Mapping):
        return without_nulls(schemas)
    kept = {name: (schema, without_nulls(schema)) for name, schema in schemas.items()}
    return {n: new for n, (old, new) in kept.items() if old is not None and (new or old == new)}


def turn_without_nulls(turn: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a turn without keys that hold null, where it is still one."""
    kept = _kept(turn)
    return kept if is_turn(kept) else turn


def call_without_nulls(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call without keys that hold null; its arguments are as they were."""
    return {k: _kept(v) if k == "function" else v for k, v in _kept(call).items()}


def without_null_arguments(turn: Mapping[str, Any], tools: Any) -> dict[str, Any]:
    """Return a turn whose calls lack the nulls that their tools do not require.

    Arguments that are a text are as somebody wrote them, and stay.
    """
    if "tool_calls" not in turn:
        return dict(turn)
    required = _required(tools)
    return {**turn, "tool_calls": [_called(call, required) for call in turn["tool_calls"]]}


def _called(call: Mapping[str, Any], required: Mapping[Any, Sequence[Any]]) -> dict[str, Any]:
    if isinstance(call.get("function"), Mapping):
        return {**call, "function": _called(call["function"], required)}
    name = call.get("name")
    needed = required.get(name, ()) if isinstance(name, str) else ()
    return {
        key: {k: v for k, v in value.items() if v is not None or k in needed}
        if key in ("arguments", "parameters") and isinstance(value, Mapping)
        else value
        for key, value in call.items()
    }


def _required(tools: Any) -> dict[Any, Sequence[Any]]:
    """Return by the name of each tool which arguments it requires, of those that it declares."""
    required: dict[Any, Sequence[Any]] = {}
    for tool in filter(_is_object, tools if isinstance(tools, list) else ()):
        function = tool.get("function", tool)
        schema = function.get("parameters") if _is_object(function) else None
        if not _is_object(schema) or not isinstance(function.get("name"), str):
            continue
        declared, needed = schema.get("properties"), schema.get("required")
        if _is_object(declared) and isinstance(needed, (list, tuple)):
            required[function["name"]] = [name for name in needed if name in declared]
    return required


def _is_object(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def _kept(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {k: v for k, v in value.items() if v is not None}
