"""Cells of a row: whether they hold something, as text, as JSON; and how messages show them."""

from __future__ import annotations

import json
import math
from typing import Any

from cliffguard.errors import SuiteError
from cliffguard.rows import Row
from cliffguard.targets.known import mend

Value = str | int | float
"""A right answer as data have it."""


def as_text(value: Value) -> str:
    """Return an answer or a choice as text, without white space around it."""
    return value.strip() if isinstance(value, str) else json.dumps(value)


def has(row: Row, column: str) -> bool:
    """Say whether a cell is neither empty nor blank; a table has NaN where one is empty."""
    value = row.value.get(column)
    is_nan = isinstance(value, float) and not math.isfinite(value)
    return not (value is None or is_nan or (isinstance(value, str) and not value.strip()))


def value_of(row: Row, column: str) -> str:
    """Return a cell as text. Raises SuiteError with its place where it holds none."""
    value = row.value.get(column)
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        raise SuiteError(
            f"{row.place}: {column} is missing; fill it in, or leave the row out",
            id="target.blank",
        )
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise SuiteError(
            f"{row.place}: {column} must be text, found {shown(value)}; name another column with "
            f"{mend('prompt', 'COLUMN')}",
            id="target.no-text",
        )
    return value if isinstance(value, str) else json.dumps(value)


def keeping(source: str, condition: str) -> str:
    """Return the command that keeps those rows of a file that a condition in Python on r holds of.

    Whatever kind of file it is: it is read as here.
    """
    rows = f"(x.value for x in read_records({source!r}))"
    return (
        f'python -c "import json; from cliffguard.rows import read_records; [print(json.dumps(r)) '
        f'for r in {rows} if {condition}]" > rows.jsonl'
    )


def from_json(value: Any) -> Any:
    """Return what a cell of a table holds that can hold text alone."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def shown(value: Any) -> str:
    """Return a value as messages quote it."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:60]}…"
