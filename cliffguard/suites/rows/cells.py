"""Rows of text tables: commas, semicolons, tabs or bars between cells."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from cliffguard.core.errors import UsageError
from cliffguard.core.texts import n_things
from cliffguard.suites.rows.foreign import (
    copied,
    is_object,
    new_file,
    refuse_markdown,
    without_lines_before,
)
from cliffguard.suites.rows.packed import kind_of, read_packed
from cliffguard.suites.rows.quotes import advise_uneven, mend_quotes, refuse_swallowed
from cliffguard.suites.rows.row import Row, row_of

INDEX = "Unnamed: 0"
"""The column of row numbers, as pandas itself calls it."""

_USUAL = {".tsv": "\t", ".psv": "|"}
_SEPARATORS = (",", ";", "\t", "|")
_SEPARATOR_LINE = re.compile(r'\A"?sep=(.)"?[^\n]*\n')  # of Excel, for itself
_RULE = re.compile(r" *:?-*:? *")  # of Markdown, under the header
_N_TRIED = 20  # rows by which the separator is found


def from_csv(path: Path) -> Iterator[Row]:
    """Yield the rows of a table of text, without those whose cells are all blank.

    Its header is read as a row, since some have none. Blank cells beyond the first row's are
    dropped: spreadsheets leave them. Raises UsageError with file and line.
    """
    csv.field_size_limit(sys.maxsize)
    text = read_packed(path)
    _refuse_objects(text, path)
    match = _SEPARATOR_LINE.match(text)
    text, line = (text[match.end() :], 2) if match else (text, 1)
    separator = match[1] if match else _separator(text, _USUAL.get(kind_of(path), ","))
    lines = _Kept(io.StringIO(text, newline=""))
    rows = csv.reader(lines, delimiter=separator, strict=True)
    first = line - 1  # lines that csv does not count
    n_cells = None
    try:
        for written in rows:
            taken = lines.taken()
            refuse_swallowed(written, taken, separator, path, line)
            if separator == "|" and line == first + 2 and all(map(_RULE.fullmatch, written)):
                raise UsageError(
                    f"{path}:{line}: a table of Markdown; {refuse_markdown(path)}",
                    id="rows.markdown",
                )
            if any(cell.strip() for cell in written):
                n_cells = n_cells or len(written)
                cells = _trimmed(written, n_cells)
                if len(cells) != n_cells:
                    how = advise_uneven("".join(taken), separator, path)
                    raise _uneven(path, line, len(cells), n_cells, how)
                yield row_of(cells, path, line)
            line = first + rows.line_num + 1
    except csv.Error as failure:
        raise UsageError(
            f"{path}:{line}: not valid CSV: {failure}; {mend_quotes(text, separator, path)}",
            id="rows.csv",
        ) from None


def _refuse_objects(text: str, path: Path) -> None:
    """Refuse JSON Lines under the name of a table: its first row would name the columns."""
    first = text.lstrip().partition("\n")[0]
    if is_object(first):
        raise UsageError(
            f"{path}:1: holds JSON Lines, which are named .jsonl: "
            f"{copied(path, new_file(path.name))}",
            id="rows.no-table",
        )


class _Kept:
    """Lines of a text, one after the other, and those that were read for the row at hand."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._kept: list[str] = []

    def __iter__(self) -> _Kept:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._kept.append(line)
        return line

    def taken(self) -> list[str]:
        """Return the lines since the last call."""
        taken, self._kept = self._kept, []
        return taken


def _uneven(path: Path, line: int, n_cells: int, n_first: int, how: str) -> UsageError:
    if n_first == 1:  # a title or a comment
        how += f"; where the names of the columns stand here, {without_lines_before(path, line)}"
    return UsageError(
        f"{path}:{line}: {n_things(n_cells, 'cell')}, where the first row has {n_first}; {how}",
        id="rows.uneven",
    )


def _trimmed(cells: list[str], n_cells: int) -> list[str]:
    is_blank = len(cells) > n_cells and not any(cell.strip() for cell in cells[n_cells:])
    return cells[:n_cells] if is_blank else cells


def _separator(text: str, usual: str) -> str:
    """Return what separates cells: the usual, unless only another makes an even table of them."""
    candidates = (usual, *(separator for separator in _SEPARATORS if separator != usual))
    return next((separator for separator in candidates if _is_even(text, separator)), usual)


def _is_even(text: str, separator: str) -> bool:
    """Return whether the first rows have the same number of cells, two or more."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        tried = [row for row in islice(rows, _N_TRIED) if any(cell.strip() for cell in row)]
    except csv.Error:
        return False
    return bool(tried) and len(tried[0]) > 1 and len({*map(len, tried)}) == 1


def header_of(row: Row) -> list[str]:
    """Return the names of a table's columns, without empty ones at its end.

    Pandas writes the numbers of rows into a first column without a name.
    """
    names = [str(name).strip() for name in row.value]
    while names and not names[-1]:
        names.pop()
    if len(names) > 1 and not names[0]:
        names[0] = INDEX
    if not all(names) or len(set(names)) < len(names):
        raise UsageError(
            f"{row.where}: expected the names of the columns, each once, found {', '.join(names)}"
            "; where it is a row, write a line of names before it",
            id="rows.header",
        )
    return names


def named(row: Row, names: Sequence[str]) -> dict[str, str]:
    """Return a table's row by the names of its columns; cells without a name must be blank."""
    beyond = [cell for cell in row.value[len(names) :] if cell.strip()]
    if beyond:
        raise UsageError(
            f"{row.where}: has {beyond[0][:40]!r} in a column without a name; name it in line 1, "
            "or, where the names of the columns stand here, "
            f"{without_lines_before(Path(row.source), row.line)}",
            id="rows.header",
        )
    return dict(zip(names, row.value, strict=False))
