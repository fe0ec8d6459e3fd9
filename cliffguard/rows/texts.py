"""Rows of text files: JSON Lines, a JSON list, CSV, lines."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cliffguard.canonical import refuse_depth
from cliffguard.errors import UsageError
from cliffguard.files import read_text
from cliffguard.rows.row import Row, row_of


def _from_lines(path: Path) -> Iterator[Row]:
    for number, line in enumerate(read_text(path, UsageError).split("\n"), start=1):
        if line.strip():
            yield row_of(line.strip("\r"), path, number)


def _from_jsonl(path: Path) -> Iterator[Row]:
    yield from _jsonl_rows(read_text(path, UsageError), path)


def _jsonl_rows(text: str, path: Path) -> Iterator[Row]:
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if line.strip():
            value, end = _decoded(line, 0, path, number)
            if line[end:].strip():
                raise UsageError(f"{path}:{number}: not valid JSON: something follows the row")
            yield row_of(value, path, number)


def _from_json(path: Path) -> Iterator[Row]:
    """Read a list, row by row so that each keeps its line; JSON Lines often go by this name too."""
    text = read_text(path, UsageError)
    if not text.lstrip("\ufeff \t\r\n").startswith("["):
        yield from _jsonl_rows(text, path)
        return
    place, line = text.index("[") + 1, 1 + text.count("\n", 0, text.index("[") + 1)
    while True:
        start = _past_space(text, place)
        line += text.count("\n", place, start)
        if text[start : start + 1] == "]":
            break
        value, place = _decoded(text, start, path, line)
        yield row_of(value, path, line)
        line += text.count("\n", start, place)
        end = _past_space(text, place)
        line += text.count("\n", place, end)
        if text[end : end + 1] not in (",", "]"):
            raise UsageError(f"{path}:{line}: not valid JSON: the list ends without a bracket")
        place = end + (text[end] == ",")
    if rest := text[start + 1 :].strip():
        line += text.count("\n", start, text.index(rest, start + 1))
        raise UsageError(f"{path}:{line}: not valid JSON: something follows the list")


def _past_space(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n":
        place += 1
    return place


_JSON = json.JSONDecoder()


def _decoded(text: str, start: int, path: Path, line: int) -> tuple[Any, int]:
    """Return the JSON value that begins at a place, and where it ends."""
    try:
        value, end = _JSON.raw_decode(text, _past_space(text, start))
        refuse_depth(value, text[start:end])
    except (ValueError, RecursionError) as failure:
        reason = getattr(failure, "msg", None) or str(failure)
        if isinstance(failure, RecursionError):
            reason = "nested too deeply"
        raise UsageError(f"{path}:{line}: not valid JSON: {reason}") from None
    return value, end


def _from_csv(path: Path) -> Iterator[Row]:
    """Read a table of text. Its header is read as a row, since some have none."""
    csv.field_size_limit(sys.maxsize)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    text = io.StringIO(read_text(path, UsageError).removeprefix("\ufeff"), newline="")
    rows = csv.reader(text, delimiter=delimiter, strict=True)
    n_cells = None
    line = 1
    try:
        for cells in rows:
            if cells:
                n_cells = n_cells or len(cells)
                if len(cells) != n_cells:
                    raise UsageError(
                        f"{path}:{line}: {len(cells)} cells, where the first row has {n_cells}"
                    )
                yield row_of(cells, path, line)
            line = rows.line_num + 1
    except csv.Error as failure:
        raise UsageError(f"{path}:{line}: not valid CSV: {failure}") from None


TEXTS: Mapping[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _from_jsonl,
    ".ndjson": _from_jsonl,
    ".json": _from_json,
    ".csv": _from_csv,
    ".tsv": _from_csv,
    ".txt": _from_lines,
}
"""The readers of text files, by the ending of the name."""
