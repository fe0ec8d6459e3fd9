"""Cells of a row: whether they hold something, as text, as JSON; and how messages show them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.core.texts import cut_end, first_of, plural
from cliffguard.suites.rows import Row, named_file, new_file
from cliffguard.suites.target.known import is_passages, mend, quoted
from cliffguard.suites.target.literals import from_literal

Value = str | int | float
"""A right answer as data have it."""


def as_text(value: Value) -> str:
    """Return an answer or a choice as text, without white space around it."""
    return value.strip() if isinstance(value, str) else json.dumps(value)


def has(row: Row, column: str) -> bool:
    """Return whether a cell is neither empty nor blank; a table has NaN where one is empty."""
    value = row.value.get(column)
    is_nan = isinstance(value, float) and not math.isfinite(value)
    return not (value is None or is_nan or (isinstance(value, str) and not value.strip()))


def value_of(row: Row, column: str) -> str:
    """Return a cell as text. Raises SuiteError with its place where it holds none."""
    value = row.value.get(column)
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        raise missing(row, column)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise SuiteError(
            f"{row.where}: {column} must be text, found {shown(value)}; {_instead(value, column)} "
            f"with {mend('prompt', 'COLUMN')}",
            id="target.no-text",
        )
    return value if isinstance(value, str) else json.dumps(value)


def _instead(value: Any, column: str) -> str:
    """Return what to name where a cell is no text, without any part of it that would be lost."""
    if isinstance(value, bytes):
        return "it is binary that is no UTF-8: write it as text, or name another column"
    if texts_in(value, column):
        name = quoted(f"{{{column}}}")
        return f"--target-prompt {name} asks all its texts, a line each; or name another column"
    texts = [f"{column}.{name}" for name, nested in inside(value) if isinstance(nested, str)]
    if isinstance(value, Mapping) and texts:
        return f"name another column, or one inside ({first_of(texts, _LISTED)})"
    return "name another column"


_LISTED = 5  # columns that a message names


def missing(row: Row, *columns: str) -> SuiteError:
    """Return the error of a row with nothing in its columns, and the command that leaves it out."""
    how = "leave the row out"
    names = ", ".join(columns)
    if Path(row.source).is_file() and is_safe(names):
        there = " or ".join(f"says(at(r, {column!r}))" for column in columns)
        how = f"leave such rows out: {rewritten(row.source, 'r', f'if {there}', more=_KEEPING)}"
    verb = plural(len(columns), "is", "are")
    return SuiteError(
        f"{row.where}: {names} {verb} missing or blank; fill it in, or {how}", id="target.blank"
    )


def is_safe(name: str) -> bool:
    """Return whether a name may stand in a command: data are a stranger's, and a shell reads it."""
    return name.isprintable() and not {*name} & {*"\"'$`\\!"}


_KEEPING = "from cliffguard.suites.target import at, says"


def at(value: Any, path: str) -> Any:
    """Return what lies at a path in a row, as --target-prompt names it, or None: nothing does."""
    for name, inner in inside(value):
        if name == path:
            return inner
        if path.startswith(f"{name}.") and (held := at(inner, path[len(name) + 1 :])) is not None:
            return held
    return None


def rewritten(source: str, row: str, each: str = "", more: str = "") -> str:
    """Return the command that writes `row`, in Python, for each row r of a file.

    Whatever kind of file it is: it is read as here. `each` are further clauses, as of a list,
    and `more` a further statement. Where a name in it would end the quotes of a shell there is no
    command to print.
    """
    if {*f"{row}{each}"} & {*'"$`'} or not f"{row}{each}".isprintable():
        return "a script of your own"
    rows = f"(x.value for x in read_records({named_file(source)}))"
    return (
        'python -c "import json; from cliffguard.suites.rows import read_records; '
        f"{more and f'{more}; '}[print(json.dumps({row})) for r in {rows}{each and ' '}{each}]"
        f'" > {new_file(source)}'
    )


def from_json(value: Any) -> Any:
    """Return what a cell of a table holds that can hold text alone: JSON, or as Python prints it.

    What is neither is returned as it is.
    """
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            held = from_literal(value)
            return value if held is None else held
    return value


def texts_in(value: Any, column: str) -> list[str] | None:
    """Return the texts of a cell that is a list of some, or None.

    In a table of text a list is one where its column's name is of passages and the like: "sort
    ['b', 'a']" is a question.
    """
    held = from_json(value) if is_passages(column) else value
    if isinstance(held, (list, tuple)) and all(isinstance(text, str) for text in held):
        return [text for text in held if text.strip()]
    return None


def inside(value: Any) -> Sequence[tuple[str, Any]]:
    """Return what a cell holds by name or by number, also as JSON in a table of text."""
    value = from_json(value)
    if isinstance(value, Mapping):
        return [(str(name), nested) for name, nested in value.items()]
    if isinstance(value, (list, tuple)):
        return [(str(number), nested) for number, nested in enumerate(value)]
    return ()


def shown(value: Any) -> str:
    """Return a value as messages quote it."""
    return cut_end(json.dumps(value, ensure_ascii=False, default=str), 60)
