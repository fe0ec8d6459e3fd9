"""Keys without a value that tables write into chats: Arrow gives every object the keys of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    """Return a turn whose calls lack the nulls that their tools do not require, at any depth.

    Arguments that are a text are as somebody wrote them, and stay.
    """
    if "tool_calls" not in turn:
        return dict(turn)
    schemas = _schemas(tools)
    return {**turn, "tool_calls": [_called(call, schemas) for call in turn["tool_calls"]]}


def _called(call: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(call.get("function"), Mapping):
        return {**call, "function": _called(call["function"], schemas)}
    name = call.get("name")
    schema = schemas.get(name) if isinstance(name, str) else None
    return {
        key: _given(value, schema)
        if key in ("arguments", "parameters") and isinstance(value, Mapping)
        else value
        for key, value in call.items()
    }


def _given(value: Any, schema: Any) -> Any:
    """Return a value without keys that hold null and that its schema does not require."""
    if isinstance(value, (list, tuple)):
        return [_given(part, _inner(schema, "items")) for part in value]
    if not isinstance(value, Mapping):
        return value
    properties, required = _inner(schema, "properties"), _inner(schema, "required")
    needed = {*required} & {*properties} if isinstance(required, (list, tuple)) else ()
    return {
        key: _given(inner, _inner(properties, key))
        for key, inner in value.items()
        if inner is not None or key in needed
    }


def _inner(schema: Any, key: str) -> Any:
    """Return what a schema holds under a key, or an empty object."""
    return (schema.get(key) if isinstance(schema, Mapping) else None) or {}


def _schemas(tools: Any) -> dict[str, Any]:
    """Return the parameters of each tool by its name."""
    functions = [
        tool.get("function", tool)
        for tool in (tools if isinstance(tools, list) else ())
        if isinstance(tool, Mapping)
    ]
    return {
        function["name"]: function.get("parameters")
        for function in functions
        if isinstance(function, Mapping) and isinstance(function.get("name"), str)
    }


def _kept(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {k: v for k, v in value.items() if v is not None}
