"""A row of data, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row as the file has it: a JSON value, the cells of a table, a line of text.

    `line` is where it begins in `source`, from 1. Of Parquet and Arrow files, which have no
    lines, it is the number of the row.
    """

    value: Any
    source: str
    line: int

    @property
    def where(self) -> str:
        """Where it stands, for messages."""
        return f"{self.source}:{self.line}"


def row_of(value: Any, path: Path, line: int) -> Row:
    """Return a row of a file."""
    return Row(value=value, source=str(path), line=line)
