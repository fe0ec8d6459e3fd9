"""Quotes in tables of text that are none: the rows that they would swallow, and what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from cliffguard.core.errors import UsageError
from cliffguard.suites.rows.foreign import named_file

_BARE = ("\t", "|")
"""Separators of tables that are often written without quoting: then a quote is a character."""


def refuse_swallowed(
    cells: Sequence[str], lines: Sequence[str], separator: str, path: Path, line: int
) -> None:
    """Raise UsageError where a quoted cell holds whole rows: each of its lines has all cells.

    `lines` are those on which the row stands, from `line` on. GLUE, SNLI and PAWS are written
    without quoting, and a quote that begins a cell there is a character of it.
    """
    if separator not in _BARE or len(cells) < 2:
        return
    filled = [each for each in lines if each.strip()]
    if len(filled) > 1 and all(each.count(separator) == len(cells) - 1 for each in filled):
        raise UsageError(
            f"{path}:{line}: a quote begins a cell, and {len(filled)} lines stand before the next "
            f"one ends it, each with {len(cells)} cells of its own; where quotes are characters of "
            f"the text, {_unquoted(path, separator)} makes rows; where they are one cell, write "
            "it without line breaks",
            id="rows.quote",
        )


def advise_uneven(text: str, separator: str, path: Path) -> str:
    """Return what to do about a row, by its text, that has more or fewer cells than the first."""
    if separator in _BARE and '"' in text:
        return f"where quotes are characters of the text, {_unquoted(path, separator)} makes rows"
    if re.search(f'{re.escape(separator)} +"', text):
        made = _written_anew(path, separator, "skipinitialspace=True")
        return f"a blank stands before a quote that begins a cell: {made} leaves it out"
    return "a cell that holds the separator or a line break needs quotes around it"


def mend_quotes(text: str, separator: str, path: Path) -> str:
    """Return what to do about a table whose quotes are not as CSV has them."""
    if '\\"' in text:
        options = "escapechar=chr(92), doublequote=False"
        return (
            'quotes inside of cells are written \\", as MySQL and Spark do: '
            f"{_written_anew(path, separator, options)} makes rows"
        )
    if separator in _BARE:
        return f"where quotes are characters of the text, {_unquoted(path, separator)} makes rows"
    return (
        "a cell that begins with a quote ends with one, and a quote inside of it is written twice"
    )


def _unquoted(path: Path, separator: str) -> str:
    return _written_anew(path, separator, "quoting=csv.QUOTE_NONE")


def _written_anew(path: Path, separator: str, options: str) -> str:
    """Return the command that reads a table with these options and writes it as CSV has it."""
    to = "rows.csv" if path.name != "rows.csv" else "rows-2.csv"
    return (
        'python -c "import csv, io, pathlib; from cliffguard.suites.rows.packed import read_packed'
        f"; t = io.StringIO(read_packed(pathlib.Path({named_file(str(path))})), newline=''); "
        f"csv.writer(open('{to}', 'w', newline='', encoding='utf-8')).writerows("
        f'csv.reader(t, delimiter=chr({ord(separator)}), {options}))"'
    )
