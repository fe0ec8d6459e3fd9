"""The readers of text files, by the ending of the name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cliffguard.suites.rows.cells import from_csv
from cliffguard.suites.rows.packed import read_packed
from cliffguard.suites.rows.row import Row, row_of
from cliffguard.suites.rows.viewer import from_json


def _from_lines(path: Path) -> Iterator[Row]:
    for number, line in enumerate(read_packed(path).split("\n"), start=1):
        if line.strip():
            yield row_of(line, path, number)


TEXTS: Mapping[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": from_json,
    ".ndjson": from_json,
    ".json": from_json,
    ".csv": from_csv,
    ".tsv": from_csv,
    ".psv": from_csv,
    ".txt": _from_lines,
}
"""The readers of text files, by the ending of the name (that of compression left out)."""
