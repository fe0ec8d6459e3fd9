"""Bounds of the settings' values, for checks and JSON Schemas.

Bounds stand in a record's annotations, `Annotated[float, Bounds(above=0.0, most=0.5)]`: the record
checks itself by them, and its JSON Schema has them from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from functools import cache
from numbers import Real
from typing import Any, get_args, get_origin, get_type_hints

from cliffguard.core.errors import bad_key
from cliffguard.core.texts import cut_middle


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Between which numbers a value lies: from `least` or `above` to `most` or `below`.

    With `above` and `least` both, what lies between them is possible in principle and too small to
    compute with.
    """

    above: float | None = None
    least: float | None = None
    most: float | None = None
    below: float | None = None

    def fault(self, value: float) -> str | None:
        """Return what is wrong with a value, in words that follow its name; None: nothing."""
        if not isinstance(value, Real) or isinstance(value, bool):
            return f"must be a number, not {value!r}"
        lows = [self.above is None or self.above < value]
        if self.above is None:
            lows.append(self.least is None or self.least <= value)
        is_low_enough = (self.most is None or value <= self.most) and (
            self.below is None or value < self.below
        )
        if not (all(lows) and is_low_enough):
            words = self._in_words()
            return (
                f"{words}, got {value}"
                if words.endswith("negative")
                else f"{words}, not {value}{self._as_share(value)}"
            )
        if self.least is not None and value < self.least:
            return f"must be at least {self.least:g}, not {value}"
        return None

    def _as_share(self, value: float) -> str:
        """Return how a number of percent is written, where a share is meant and 5 is not 0.05."""
        high = self.most if self.below is None else self.below
        is_share = high is not None and high <= 1
        if is_share and 1 <= value <= 100 and self.fault(value / 100) is None:
            return f"; {value:g} % are {value / 100:g}"
        return ""

    def _in_words(self) -> str:
        low = self.least if self.above is None else self.above
        high = self.most if self.below is None else self.below
        if high is None:
            assert low is not None, "bounds have an end"
            return "must not be negative" if low == 0 else f"must be at least {low:g}"
        # Of -1 and 1, and of 0 and 0.5, both ends are as impossible as they look.
        if (self.above is None) == (self.below is None):
            return f"must lie between {low:g} and {high:g}"
        return f"must lie above {low:g} and at most {high:g}"

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Return the JSON Schema of the number with its bounds; pydantic calls this."""
        ends = {
            "exclusiveMinimum": self.above if self.least is None else None,
            "minimum": self.least,
            "maximum": self.most,
            "exclusiveMaximum": self.below,
        }
        schema: dict[str, Any] = handler(core)
        return {**schema, **{name: end for name, end in ends.items() if end is not None}}


def check_bounds(record: Any, section: str) -> None:
    """Raise UsageError for the first field of a record that is out of its bounds.

    So it does for what is no record where its annotation wants one: from Python, too, a dict is
    refused at once, and not by whatever reads it later.
    """
    kind: Any = type(record)
    for name, (outer, inner) in _bounded(kind).items():
        for key, bounds, number in _each(name, getattr(record, name), outer, inner):
            if (fault := bounds.fault(number)) is not None:
                raise bad_key(section, key, fault)
    for name, (outer, inner) in _records(kind).items():
        for key, wanted, value in _each(name, getattr(record, name), outer, inner):
            if not isinstance(value, wanted):
                form = "a mapping" if wanted is Mapping else f"{wanted.__name__}(…)"
                raise bad_key(section, key, f"must be {form}, not {cut_middle(repr(value))}")


def _each(name: str, value: Any, outer: Any, inner: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield what holds of a field's value, or of each value of a mapping: name, rule and value."""
    if isinstance(value, Mapping) and inner is not None:
        yield from ((f"{name}.{key}", inner, part) for key, part in value.items())
    elif outer is not None and value is not None:
        yield name, outer, value


@cache
def _records(record: Any) -> dict[str, tuple[Any, Any]]:
    """Return the fields that hold records: of which type the value is, or those in a mapping."""
    fields: dict[str, tuple[Any, Any]] = {}
    for name, hint in get_type_hints(record).items():
        if get_origin(hint) is Mapping and is_dataclass(inner := get_args(hint)[1]):
            fields[name] = (Mapping, inner)
        elif outer := next((part for part in (hint, *get_args(hint)) if is_dataclass(part)), None):
            fields[name] = (outer, None)
    return fields


@cache
def _bounded(record: Any) -> dict[str, tuple[Bounds | None, Bounds | None]]:
    """Return the fields that have bounds: of the number itself, and of those in a mapping."""
    fields = {}
    for name, hint in get_type_hints(record, include_extras=True).items():
        outer = next(_bounds(hint), None)
        mappings = (part for part in (hint, *get_args(hint)) if get_origin(part) is Mapping)
        inner = next((bounds for part in mappings for bounds in _bounds(get_args(part)[1])), None)
        if outer is not None or inner is not None:
            fields[name] = (outer, inner)
    return fields


def _bounds(hint: Any) -> Iterator[Bounds]:
    """Yield the bounds of a hint, or of those that it is a union of."""
    for part in (hint, *get_args(hint)):
        yield from (
            bounds for bounds in getattr(part, "__metadata__", ()) if isinstance(bounds, Bounds)
        )
