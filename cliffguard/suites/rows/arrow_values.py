"""Values of Arrow's types as JSON has them: decimals, dates, binary text and maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, time
from decimal import Decimal
from typing import Any

Reader = Callable[[Any], Any]


def rows_in(batch: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of a batch of a table as JSON would hold them.

    A whole decimal is a whole number, another one a float; a date is text, and so is binary that
    is UTF-8; a map is an object. Binary of another kind, such as a picture, stays what it is.
    """
    readers = {field.name: read for field in batch.schema if (read := _reader(field.type))}
    for row in batch.to_pylist():
        for name, read in readers.items():
            row[name] = read(row[name])
        yield row


def _reader(kind: Any) -> Reader | None:
    """Return what makes JSON of a type's values, or None where they are that already."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return _reader(kind.value_type)
    if types.is_nested(kind):
        return _nested(kind)
    if types.is_decimal(kind):
        return _number
    if types.is_date(kind) or types.is_timestamp(kind) or types.is_time(kind):
        return lambda value: value.isoformat() if isinstance(value, (date, time)) else value
    return _text if "binary" in str(kind) else None


def _nested(kind: Any) -> Reader | None:
    from pyarrow import types

    if types.is_map(kind):
        return _of_map(_reader(kind.item_type))
    if types.is_struct(kind):
        return _of_struct(kind)
    read = _reader(kind.value_type) if hasattr(kind, "value_type") else None
    return None if read is None else lambda value: value and [read(each) for each in value]


def _of_struct(kind: Any) -> Reader | None:
    fields = [kind.field(index) for index in range(kind.num_fields)]
    readers = {field.name: read for field in fields if (read := _reader(field.type))}
    if not readers:
        return None
    return lambda value: value and value | {k: read(value[k]) for k, read in readers.items()}


def _of_map(read: Reader | None) -> Reader:
    """Return what makes an object of a map; one that has a key twice stays a list of pairs."""

    def as_object(pairs: Any) -> Any:
        if pairs is None:
            return None
        value = {str(_text(key)): item if read is None else read(item) for key, item in pairs}
        return value if len(value) == len(pairs) else pairs

    return as_object


def _number(value: Any) -> Any:
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def _text(value: Any) -> Any:
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value
