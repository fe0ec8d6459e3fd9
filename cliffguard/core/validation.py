"""What was read, as a record of ours: the first fault, with its key, in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from cliffguard.core.errors import UsageError, key_id, nearest
from cliffguard.core.files import HALF_CHARACTERS, has_half_characters

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


def adapter_of(kind: type[T]) -> TypeAdapter[T]:
    """Return pydantic's adapter of a type, made once: of a review it takes a tenth of a second."""
    return _adapter_of(kind)  # type: ignore[arg-type]  # a type can be hashed


@cache
def _adapter_of(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


@cache
def _described(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    """Return the JSON Schema of an adapter, which nobody changes; of a plan it takes 20 ms."""
    return adapter.json_schema()


def _has_no_number(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False, default=str, skipkeys=True)
    except ValueError:
        return True
    return False


def validate(
    adapter: TypeAdapter[T],
    value: Any,
    source: str,
    error: type[UsageError],
    *,
    kind: str | None = None,
) -> T:
    """Return `value` as the adapter's type, or raise `error` with the first fault in one line.

    Of a `kind` of file that people write, the error has the id of the key (`policy.margin`), of a
    key that is none (`policy.unknown-key`), or of the whole (`policy.file`); of another one
    `file.unexpected`.
    """
    from pydantic import ValidationError

    whole = "file.unexpected" if kind is None else key_id(kind, "file")
    if has_half_characters(value):
        raise error(f"{source}: {HALF_CHARACTERS}", id=whole)
    try:
        valid = adapter.validate_python(value)
    except ValidationError as failure:
        first = _first(failure)
        cause = first.get("ctx", {}).get("error")  # what the record itself has raised
        error_id = getattr(cause, "id", None) or (_id(first, adapter, kind) if kind else whole)
        meant = _as_meant(first) if kind else ""  # people write it
        raise error(f"{source}: {_explain(first, adapter)}{meant}", id=error_id) from None
    if _has_no_number(value):
        raise error(f"{source}: holds an infinity or NaN, which is no number to go by", id=whole)
    return valid


SECTIONS = ("policy", "protocol", "runner", "target")
"""Keys of a plan that are kinds of their own."""


def _id(first: Mapping[str, Any], adapter: TypeAdapter[Any], kind: str) -> str:
    """Return the id of a fault: of the innermost of its keys that the file's schema knows."""
    parts = [str(part) for part in first["loc"]]
    if kind == "plan" and len(parts) > 1 and parts[0] in SECTIONS:
        kind, parts = parts[0], parts[1:]
    if first["type"] in _UNKNOWN:
        return key_id(kind, "unknown-key")
    described = _described(adapter)
    bodies = (described, *described.get("$defs", {}).values())
    known = {key for body in bodies for key in body.get("properties", {})}
    return key_id(kind, next((part for part in reversed(parts) if part in known), "file"))


def _first(failure: ValidationError) -> Mapping[str, Any]:
    """Return the fault that says most."""
    errors = failure.errors(include_url=False)
    # A misspelt key is also a missing one: the misspelling says more.
    first = next((error for error in errors if error["type"] in _UNKNOWN), errors[0])
    if first["loc"][-1:] in _PLAIN:  # of a key that may also be a mapping, which it here is
        inside = [e for e in errors if e["loc"][: len(first["loc"]) - 1] == first["loc"][:-1]]
        first = max(inside, key=lambda error: len(error["loc"]))
    return first


def _explain(first: Mapping[str, Any], adapter: TypeAdapter[Any]) -> str:
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] in _UNKNOWN:
        return f"{where}: unknown key{_nearest_key(str(first['loc'][-1]), _described(adapter))}"
    if first["type"] in {"missing", "missing_argument"}:
        return f"{where}: missing"
    if first["type"] in ("dataclass_type", "dict_type"):
        return f"{where}: must be a mapping of keys{_as_mapping(first, adapter)}".removeprefix(": ")
    if first["type"] == "string_type" and first["loc"][-1:] == ("[key]",):
        where = ".".join(map(str, first["loc"][:-2]))
        return f"{where}: the key {first['input']} is no text; write it in quotes"
    message = first["msg"].removeprefix("Value error, ").replace("valid tuple", "list")
    return f"{where}: {message}" if where else message


def _as_meant(first: Mapping[str, Any]) -> str:
    """Return how a bare value is written that stands there in another way, or nothing."""
    value, kind = first["input"], first["type"]
    key = next((str(part) for part in reversed(first["loc"]) if (part,) not in _PLAIN), "")
    if kind == "float_parsing" and (number := _NUMBER.fullmatch(value)) is not None:
        share = Decimal(number["number"].replace(",", "."))
        share = share.scaleb(-2) if number["percent"] else share
        return f"; write {key}: {share.normalize():f}"
    if kind == "tuple_type" and isinstance(value, str):
        return f"; write {key}: [{value}]"
    if kind == "string_type" and isinstance(value, (bool, int, float, date)):
        return f", and YAML reads {value} here; write it in quotes"
    return ""


def _as_mapping(first: Mapping[str, Any], adapter: TypeAdapter[Any]) -> str:
    """Return how a bare value would be written under the key that it was meant for."""
    key, value = str(first["loc"][-1]) if first["loc"] else "", first["input"]
    records: dict[Any, dict[str, Any]] = _described(adapter).get("$defs", {})
    record = records.get(first.get("ctx", {}).get("class_name"), {})
    name = next(iter(record.get("properties", ())), "")
    if name in _MEANT and isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"; write {key}: {{{name}: {value:g}}}"
    names = [value] if isinstance(value, str) else value
    if not name and isinstance(names, list) and names and isinstance(names[0], str):
        return f"; write {key}: {{{names[0]}: …}}"
    return f", such as {key}: {{{name}: …}}" if name else ""


_NUMBER = re.compile(r"\s*(?P<number>-?\d{1,9}(?:[.,]\d{1,9})?)\s*(?P<percent>%|pp|points?)?\s*")
"""A number as people write it: with a comma, in percent or in points."""
_MEANT = {"margin", "min_gain"}  # by whoever writes a bare number
_PLAIN = {("str",), ("bool",), ("int",), ("float",)}
_UNKNOWN = {"extra_forbidden", "unexpected_keyword_argument"}


def _nearest_key(name: str, schema: dict[str, Any]) -> str:
    """Return where a known key belongs that stands in the wrong place, or the nearest key."""
    groups = {**schema.get("$defs", {}), "": schema}
    homes = [home for home, body in groups.items() if name in body.get("properties", {})]
    if homes:
        fields = groups[""].get("properties", {})
        under = [key for key, body in fields.items() if _points_to(body, homes)]
        return f" here; it belongs under {under[0]}" if under else " here"
    keys = {key for body in groups.values() for key in body.get("properties", {})}
    return nearest(name, keys)


def _points_to(body: Any, homes: list[str]) -> bool:
    return any(f'"#/$defs/{home}"' in json.dumps(body) for home in homes)
