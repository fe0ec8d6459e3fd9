"""Keys without a value that tables write into chats: Arrow gives every object the keys of all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cliffguard.suites.target.chats import is_turn

_VALUES = ("enum", "const", "default", "examples")
"""Keys of a JSON Schema that hold values, of which null is one like any other."""

_NAMES = ("properties", "$defs", "definitions", "patternProperties")
"""Keys of a JSON Schema whose keys are names of the user's."""

_LISTS = ("anyOf", "oneOf", "allOf")
_MAY_BE_NULL = ("null", "none", "any", "optional")  # also in types as Python has them
_MOST_SCHEMAS = 64  # of one value: a schema may refer to itself


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
        key: _given(value, [schema], schema)
        if key in ("arguments", "parameters") and isinstance(value, Mapping)
        else value
        for key, value in call.items()
    }


def _given(value: Any, schemas: Sequence[Any], root: Any) -> Any:
    """Return a value without keys that hold null and that none of its schemas requires."""
    parts = _plain(schemas, value, root)
    if isinstance(value, (list, tuple)):
        items = [part.get("items") for part in parts]
        return [_given(each, items, root) for each in value]
    if not isinstance(value, Mapping):
        return value
    required = {name for part in parts for name in _required(part)}
    declared = [_declared(part) for part in parts]
    return {
        key: _given(inner, [properties.get(key) for properties in declared], root)
        for key, inner in value.items()
        if inner is not None or key in required
    }


def _plain(schemas: Sequence[Any], value: Any, root: Any) -> list[Mapping[str, Any]]:
    """Return schemas with what their references (`#/$defs/…`) and alternatives stand for.

    Of alternatives those that the value can be; all, where it can be none.
    """
    parts: list[Mapping[str, Any]] = []
    waiting = [*schemas]
    while waiting and len(parts) < _MOST_SCHEMAS:
        schema = _followed(waiting.pop(0), root, parts)
        if not isinstance(schema, Mapping):
            continue
        parts.append(schema)
        for key in (key for key in _LISTS if isinstance(schema.get(key), (list, tuple))):
            fitting = [s for s in schema[key] if key == "allOf" or _fits(value, s, root)]
            waiting += fitting or schema[key]
    return parts


def _followed(schema: Any, root: Any, parts: list[Mapping[str, Any]]) -> Any:
    """Return what a schema refers to at last; what stands beside a reference joins the parts."""
    for _ in range(_MOST_SCHEMAS):
        if not isinstance(schema, Mapping) or not isinstance(schema.get("$ref"), str):
            break
        parts.append(schema)
        schema = _at(root, schema["$ref"])
    return schema


def _at(root: Any, reference: str) -> Any:
    """Return the part of a schema that a reference into itself leads to, if there is one."""
    path = reference.removeprefix("#").strip("/")
    for name in path.split("/") if path else ():
        root = root.get(name) if isinstance(root, Mapping) else None
    return root


def _fits(value: Any, schema: Any, root: Any) -> bool:
    """Return whether an object can be of a schema that is one of several, by its keys.

    Tables give an object the keys of all alternatives: one that needs a key and takes no null for
    it, or that declares another value of a key, is not the one.
    """
    schema = _followed(schema, root, [])
    if not isinstance(value, Mapping) or not isinstance(schema, Mapping):
        return True
    if "type" in schema and "object" not in json.dumps(schema["type"]).casefold():
        return False
    declared = _declared(schema)
    given = {key for key, inner in value.items() if inner is not None}
    if schema.get("additionalProperties") is False and not given <= declared.keys():
        return False
    if any(not allows_null(declared[name]) for name in _required(schema) if name not in given):
        return False
    return all(_is_of(value[name], declared[name]) for name in given & declared.keys())


def _is_of(value: Any, schema: Any) -> bool:
    """Return whether a value is one of those that a schema lists, if it lists any."""
    if not isinstance(schema, Mapping):
        return True
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    return not isinstance(values, list) or value in values


def _declared(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    declared = schema.get("properties")
    return declared if isinstance(declared, Mapping) else {}


def _required(schema: Mapping[str, Any]) -> list[str]:
    """Return the keys that a schema requires, of those that it declares."""
    names, declared = schema.get("required"), _declared(schema)
    known = names if isinstance(names, (list, tuple)) else ()
    return [name for name in known if isinstance(name, str) and name in declared]


def allows_null(schema: Any) -> bool:
    """Return whether null may be a value of a schema; of one that does not say, it may."""
    if not isinstance(schema, Mapping) or schema.get("nullable") is True:
        return True
    if (kinds := schema.get("type")) is not None:
        return any(word in json.dumps(kinds).casefold() for word in _MAY_BE_NULL)
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    return not isinstance(values, list) or None in values


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
