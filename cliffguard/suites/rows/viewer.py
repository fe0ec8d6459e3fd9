"""Pages of a hub's viewer of data sets: JSON whose long cells may be cut."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cliffguard.core.errors import UsageError
from cliffguard.core.texts import first_of, n_things
from cliffguard.suites.rows import objects
from cliffguard.suites.rows.packed import read_packed
from cliffguard.suites.rows.row import Row

_HEAD = 2**16  # bytes in which a page names its first row
_MOST_BYTES = 2**26  # of a page, which has 100 rows at most
_NAMED = 4  # columns that a message names


def from_json(path: Path) -> Iterator[Row]:
    """Yield the rows of JSON text, as `objects.from_json` does, unless a viewer has cut cells.

    Raises UsageError, naming the columns: half a text would be asked.
    """
    page = _page(path)
    if page is not None:
        _refuse_cut(page, str(path))
    for row in objects.from_json(path):
        if isinstance(row.value, Mapping) and "row_idx" in row.value:
            _refuse_cut([row.value], row.where)
        yield row


def _page(path: Path) -> list[Any] | None:
    """Return the rows of a page as the viewer writes them, or None: it is none."""
    if not path.is_file() or path.stat().st_size > _MOST_BYTES:
        return None
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    if not (head.lstrip()[:1] == b"{" and b'"features"' in head and b'"rows"' in head):
        return None
    try:
        value = json.loads(read_packed(path))
    except (ValueError, RecursionError):
        return None  # it is read, and refused, row by row
    rows = value.get("rows") if isinstance(value, Mapping) else None
    return rows if isinstance(rows, list) else None


def _refuse_cut(rows: list[Any], where: str) -> None:
    cut = [cells for row in rows if isinstance(row, Mapping) and (cells := _cut_in(row))]
    if cut:
        names = first_of(list(dict.fromkeys(name for cells in cut for name in cells)), _NAMED)
        raise UsageError(
            f"{where}: the viewer of a hub has cut {names} in {len(cut)} of "
            f"{n_things(len(rows), 'row')} (truncated_cells); name the data set itself, as "
            "hf:ORG/NAME, or one of its files",
            id="rows.cut-cells",
        )


def _cut_in(row: Mapping[str, Any]) -> list[str]:
    cells = row.get("truncated_cells")
    return [str(cell) for cell in cells] if isinstance(cells, list) and "row_idx" in row else []
