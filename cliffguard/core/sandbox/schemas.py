"""JSON Schemas that strangers wrote, checked and kept to in the child.

A schema may apply itself to itself without end, or to each part of a value in millions of ways: so
it ends, or is ended, as a pattern is. A `$ref` leads nowhere but into the schema itself: nothing is
fetched, and the registry of other schemas is empty.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from cliffguard.core.sandbox.process import Apart, Failed, Stopped

CHECK_SECONDS = 5.0
"""For looking through one schema."""

ANSWER_SECONDS = 2.0
"""For holding one answer to a schema; one that takes longer is at fault."""

_MOST_FRAMES = 5000  # of Python: a value of 64 levels under a schema that refers to itself
_MOST_KEPT = 256  # schemas, each ready to be held to
_PROBES: tuple[Any, ...] = (None, True, 0, "", [], {}, [None], {"a": None})
"""Values on which a schema that never ends shows it."""

_child = Apart("cliffguard.core.sandbox.schemas")


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raise ValueError for what is no JSON Schema, leads elsewhere, or does not come to an end."""
    try:
        wrong = _child.call({"check": schema}, seconds=CHECK_SECONDS)
    except (Stopped, Failed) as failure:
        raise ValueError(f"the schema cannot be kept to: {failure}") from None
    if wrong is not None:
        raise ValueError(f"the schema {wrong}")


def keeps_to(schema: Mapping[str, Any], value: Any) -> bool:
    """Return whether a value keeps to a schema; raises Stopped past the limits."""
    try:
        return bool(_child.call({"value": value, "schema": schema}, seconds=ANSWER_SECONDS))
    except Failed as failure:
        raise Stopped(str(failure)) from None


def why_not(schema: Mapping[str, Any], value: Any) -> str | None:
    """Return why a value does not keep to a schema, as "days: …"; None where it does.

    Raises Stopped past the limits.
    """
    try:
        why = _child.call({"value": value, "schema": schema, "why": True}, seconds=ANSWER_SECONDS)
    except Failed as failure:
        raise Stopped(str(failure)) from None
    return None if why is None else str(why)


# --- in the child --------------------------------------------------------------------------------


def start() -> Callable[[Any], Any]:
    """Return what answers the questions above."""
    from cliffguard.core.canonical_json import canonical_json

    sys.setrecursionlimit(_MOST_FRAMES)
    validators: dict[str, Any] = {}

    def validator_of(schema: dict[str, Any]) -> Any:
        key = canonical_json(schema)
        if key not in validators:
            if len(validators) >= _MOST_KEPT:
                validators.clear()
            validators[key] = _validator(schema)
        return validators[key]

    def answer(question: dict[str, Any]) -> Any:
        if "check" in question:
            return _wrong_with(question["check"], validator_of)
        validator = validator_of(question["schema"])
        if "why" in question:
            return _why_not(next(validator.iter_errors(question["value"]), None))
        return validator.is_valid(question["value"])

    return answer


def _why_not(error: Any) -> str | None:
    if error is None:
        return None
    where = error.json_path.removeprefix("$").removeprefix(".")
    return f"{where}: {error.message:.200}" if where else f"{error.message:.200}"


def _wrong_with(
    schema: dict[str, Any], validator_of: Callable[[dict[str, Any]], Any]
) -> str | None:
    """Return what is wrong with a schema, as "is …", or None."""
    import regex
    from referencing.exceptions import Unresolvable

    dialect = _dialect(schema)
    if dialect is None:
        return f"is in a dialect that is not known ($schema: {schema['$schema']!r:.80})"
    meta = dialect(dialect.META_SCHEMA)
    if (error := next(meta.iter_errors(schema), None)) is not None:
        return f"is no JSON Schema: {error.json_path}: {error.message:.200}"
    try:
        for written in _patterns_in(schema, dialect):
            regex.compile(written)
    except Unresolvable as failure:
        return f"leads elsewhere ($ref {failure.ref!r:.80}); write what is there into its $defs"
    except regex.error as failure:
        return f"holds a pattern that is no regular expression: {failure}"
    try:
        for probe in _PROBES:
            validator_of(schema).is_valid(probe)
    except RecursionError:
        return "refers to itself without end"
    return None


def _dialect(schema: Mapping[str, Any]) -> Any:
    """Return jsonschema's class for a schema; None where nobody knows its dialect."""
    from jsonschema.validators import Draft202012Validator, validator_for

    named = schema.get("$schema", Draft202012Validator.META_SCHEMA["$schema"])
    return validator_for({"$schema": named}, default=None) if isinstance(named, str) else None


def _validator(schema: dict[str, Any]) -> Any:
    """Return what holds values to a schema, its patterns searched for by `regex`."""
    import referencing
    from jsonschema.validators import extend

    plain = {key: value for key, value in schema.items() if key != "$schema"}  # else it is undone
    kind = extend(_dialect(schema), _WITH_PATTERNS)
    return kind(plain, registry=referencing.Registry())


def _patterns_in(schema: dict[str, Any], dialect: Any) -> Iterator[str]:
    """Yield the patterns of a schema and of all that it refers to; raises Unresolvable."""
    import referencing
    from referencing.jsonschema import specification_with

    specification = specification_with(str(dialect.META_SCHEMA["$schema"]))
    seen: set[int] = set()

    def walk(contents: Any, resolver: Any) -> Iterator[str]:
        if not isinstance(contents, dict) or id(contents) in seen:
            return
        seen.add(id(contents))
        yield from (contents[key] for key in ("pattern",) if isinstance(contents.get(key), str))
        yield from contents.get("patternProperties", ())
        for reference in (contents.get(key) for key in _REFERENCES):
            if isinstance(reference, str):
                resolved = resolver.lookup(reference)
                yield from walk(resolved.contents, resolved.resolver)
        for inner in specification.create_resource(contents).subresources():
            yield from walk(inner.contents, resolver.in_subresource(inner))

    resource = specification.create_resource(schema)
    return walk(schema, referencing.Registry().resolver_with_root(resource))


_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def _pattern(_: Any, wanted: str, value: Any, __: Any) -> Iterator[Any]:
    import regex
    from jsonschema import ValidationError

    if isinstance(value, str) and not regex.search(wanted, value):
        yield ValidationError("it does not match the pattern")


def _pattern_properties(validator: Any, wanted: Any, value: Any, _: Any) -> Iterator[Any]:
    import regex

    for pattern, schema in wanted.items() if isinstance(value, dict) else ():
        for key in value:
            if regex.search(pattern, key):
                yield from validator.descend(value[key], schema, path=key)


def _additional_properties(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
    import regex
    from jsonschema import ValidationError

    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for key in value if isinstance(value, dict) else ():
        if key not in known and not any(regex.search(pattern, key) for pattern in patterns):
            if wanted is False:
                yield ValidationError(f"{key!r} is not among its properties")
            yield from validator.descend(value[key], wanted, path=key)


def _multiple_of(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
    """Count in decimals: in binary 4.35 is no multiple of 0.01."""
    from jsonschema import ValidationError

    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and (not math.isfinite(value) or _exact(value) % _exact(wanted)):
        yield ValidationError(f"{value} is not a multiple of {wanted}")


def _exact(number: int | float) -> Fraction:
    return Fraction(number if isinstance(number, int) else repr(number))


_WITH_PATTERNS = {
    "multipleOf": _multiple_of,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
}
