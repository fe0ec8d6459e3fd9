"""Columns inside of columns, named by their path: fields.text, annotations.0.result.0.value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from cliffguard.core.settings import TargetData
from cliffguard.suites.rows import Row
from cliffguard.suites.target.cells import inside
from cliffguard.suites.target.columns import named_by


def opened(rows: Sequence[Row], target: TargetData) -> Sequence[Row]:
    """Return the rows with every path that the target names as a column of its own.

    What stands beside it in the same outer column becomes columns, too, so that none of it is lost
    from sight. A path counts from 0 in lists. A column that is called so is itself.
    """
    columns = {key for row in rows for key in row.value}
    outer = {
        name[:end]
        for name in named_by(target)
        if name not in columns
        for end in _ends(name)
        if any(f"{name[:end]}.".startswith(f"{column}.") for column in columns)
    }
    if not outer:
        return rows
    return [replace(row, value=dict(_opened(row.value.items(), outer))) for row in rows]


def _ends(name: str) -> list[int]:
    return [index for index, letter in enumerate(name) if letter == "."]


def _opened(pairs: Iterable[tuple[str, Any]], outer: set[str]) -> Iterator[tuple[str, Any]]:
    for key, value in pairs:
        inner = inside(value) if key in outer else ()
        if inner:
            yield from _opened(((f"{key}.{name}", nested) for name, nested in inner), outer)
        else:
            yield key, value


def values_at(value: Mapping[str, Any], pattern: str) -> list[tuple[str, Any]]:
    """Return path and value of all that fits a pattern in a row: fields/*, where * is any name."""
    places: list[tuple[str, Any]] = [("", value)]
    for part in pattern.split("/"):
        places = [
            (f"{path}.{name}" if path else name, nested)
            for path, held in places
            for name, nested in inside(held)
            if fnmatchcase(name, part)
        ]
    return places
