"""Answers in JSON that keep to a schema, which the suite's author wrote."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cliffguard.core.sandbox import schemas
from cliffguard.suites.structure.json_texts import Unreadable, read_json, without_fence

MOST_SCHEMA_LEVELS = 32
"""So deeply may lists and objects lie in each other in a schema."""


def meets_schema(response: str, schema: str) -> float | None:
    """Return whether an answer is JSON that keeps to a schema; None where it is no JSON.

    One block of code around it is read, any other text beside it is not. Raises sandbox.Stopped
    for a schema that takes too long, or too much memory, on this answer.
    """
    try:
        value = read_json(without_fence(response))
    except Unreadable:
        return None
    return float(schemas.keeps_to(_schema(schema), value))


@lru_cache(maxsize=1024)  # items of a suite mostly share a few
def check_schema(schema: str) -> None:
    """Raise ValueError, with the reason, for what is no JSON Schema that can be kept to.

    It is an object in JSON of at most 64 KiB and 32 levels, in a dialect that `jsonschema` knows,
    refers to nothing but itself, comes to an end, and does not forbid what it requires.
    """
    written = _schema(schema)
    schemas.check_schema(written)
    if forbidden := _required_and_forbidden(written):
        raise ValueError(f"the schema requires {forbidden!r}, and forbids it")


def _required_and_forbidden(schema: Mapping[str, Any]) -> str | None:
    """Return a key that an object has to have and may not, so that nothing keeps to the schema."""
    known, required = schema.get("properties", {}), schema.get("required", [])
    is_closed = schema.get("type") == "object" and schema.get("additionalProperties") is False
    if not is_closed or "patternProperties" in schema:
        return None
    return next((name for name in required if name not in known), None)


@lru_cache(maxsize=256)
def _schema(text: str) -> dict[str, Any]:
    value = read_json(text, most_levels=MOST_SCHEMA_LEVELS)
    if not isinstance(value, dict):
        raise Unreadable("a schema must be an object in JSON")
    return value
