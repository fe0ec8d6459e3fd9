"""Keys without a value that tables write into chats: Arrow gives every object the keys of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cliffguard.suites.target.chats import is_turn

_VALUES = ("enum", "const", "default", "examples")
"""Keys of a JSON Schema that hold values, of which null is one like any other."""

_NAMES = ("properties", "$defs", "definitions", "patternProperties")
"""Keys of a JSON Schema whose keys are names of the user's."""

_LISTS = ("anyOf", "oneOf", "allOf")
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
        key: _given(value, _plain([schema], schema))
        if key in ("arguments", "parameters") and isinstance(value, Mapping)
        else value
        for key, value in call.items()
    }


@dataclass(frozen=True, slots=True)
class _Schemas:
    """Schemas of one value, with what they refer to, and the whole that they are parts of."""

    parts: tuple[Mapping[str, Any], ...]
    root: Any

    def inner(self, *keys: str) -> _Schemas:
        """Return the schemas of what a value holds: of its key, or of each part of a list."""
        held: list[Any] = list(self.parts)
        for key in keys:
            held = [part.get(key) for part in held if isinstance(part, Mapping)]
        return _plain(held, self.root)

    @property
    def required(self) -> set[str]:
        """The keys that one of them requires, of those that it declares."""
        required: set[str] = set()
        for part in self.parts:
            names, declared = part.get("required"), part.get("properties")
            if isinstance(names, (list, tuple)) and isinstance(declared, Mapping):
                required |= {name for name in names if isinstance(name, str) and name in declared}
        return required


def _plain(schemas: Sequence[Any], root: Any) -> _Schemas:
    """Return schemas with what their references (`#/$defs/…`) and alternatives stand for."""
    parts: list[Mapping[str, Any]] = []
    waiting = [*schemas]
    while waiting and len(parts) < _MOST_SCHEMAS:
        schema = waiting.pop(0)
        if not isinstance(schema, Mapping):
            continue
        parts.append(schema)
        several = [schema[key] for key in _LISTS if isinstance(schema.get(key), (list, tuple))]
        waiting += [each for others in several for each in others]
        if isinstance(reference := schema.get("$ref"), str):
            waiting.append(_at(root, reference))
    return _Schemas(tuple(parts), root)


def _at(root: Any, reference: str) -> Any:
    """Return the part of a schema that a reference into itself leads to, if there is one."""
    for name in reference.removeprefix("#").strip("/").split("/"):
        root = root.get(name) if isinstance(root, Mapping) else None
    return root


def _given(value: Any, schemas: _Schemas) -> Any:
    """Return a value without keys that hold null and that none of its schemas requires."""
    if isinstance(value, (list, tuple)):
        return [_given(part, schemas.inner("items")) for part in value]
    if not isinstance(value, Mapping):
        return value
    required = schemas.required
    return {
        key: _given(inner, schemas.inner("properties", key))
        for key, inner in value.items()
        if inner is not None or key in required
    }


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
