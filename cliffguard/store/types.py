"""Whether values have the types that records declare: what comes from elsewhere may have others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, Literal, get_args, get_origin, get_type_hints


def fits(value: Any, kind: Any) -> bool:
    """Return whether a value is of a type as records declare it; True is no number."""
    inner = get_args(kind)
    if get_origin(kind) is Literal:
        return value in inner
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(fits(element, inner[0]) for element in value)
    if get_origin(kind) is Mapping:
        return isinstance(value, dict) and all(
            fits(part, want)
            for pair in value.items()
            for part, want in zip(pair, inner, strict=True)
        )
    if inner:
        return any(fits(value, member) for member in inner)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def are(record: type, instances: Sequence[Any]) -> bool:
    """Return whether every field of these records has the type that it declares."""
    return all(_fit(map(attrgetter(name), instances), kind) for name, kind in _kinds(record))


@cache
def _kinds(record: type) -> tuple[tuple[str, Any], ...]:
    return tuple(get_type_hints(record).items())


def _fit(values: Any, kind: Any) -> bool:
    """Return whether all values are of a type; of plain values one of each class tells for all."""
    if get_origin(kind) not in (Literal, tuple):
        values = list(values)
        held = [value for value in values if isinstance(value, dict)]  # which differ inside
        values = [*{type(value): value for value in values}.values(), *held]
    return all(fits(value, kind) for value in values)


def row_of(record: Any) -> dict[str, Any]:
    """Return the fields of a dataclass by name; `dataclasses.asdict` would copy each value."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}
