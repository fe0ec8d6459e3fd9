"""Lines of a table that are none of its rows: names that stand again, and a survey's questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.core.texts import n_things
from cliffguard.suites.rows import Row, new_file
from cliffguard.suites.target.cells import rewritten
from cliffguard.suites.target.known import INDEX

_IMPORT_ID = '{"ImportId":'
"""What Qualtrics writes below the names of columns and the questions, in each cell."""


def refuse_lines_of_names(rows: Sequence[Row]) -> None:
    """Raise SuiteError for rows that repeat the names of columns, or say what these ask.

    Files that were joined have a line of names each; it would be asked, and its name be a label.
    """
    again = [row for row in rows if repeats_names(row.value)]
    if again:
        more = "from cliffguard.suites.target import repeats_names"
        made = rewritten(again[0].source, "r", "if not repeats_names(r)", more=more)
        raise SuiteError(
            f"{again[0].where}: holds the names of the columns again, as where files were joined, "
            f"in {len(again)} of {n_things(len(rows), 'row')}; {made} leaves them out",
            id="target.names-again",
        )
    for number, row in enumerate(rows):
        names, cells = _filled(row.value)
        if len(cells) > 1 and sorted(names) == sorted(cells):
            raise SuiteError(
                f"{row.where}: holds the names of the columns in another order, as where files of "
                "different columns were joined; write each file by itself, and join the rows by "
                "their names",
                id="target.names-again",
            )
        if cells and all(cell.replace(" ", "").startswith(_IMPORT_ID) for cell in cells):
            made = rewritten(
                row.source,
                "r",
                f"if next(c) > {number}",
                more="from itertools import count; c = count()",
            )
            raise SuiteError(
                f"{row.where}: a survey of Qualtrics, whose questions and ids stand below the "
                f"names of the columns; {made} leaves them out, for --target "
                f"{new_file(row.source)}",
                id="target.names-again",
            )


def repeats_names(value: Any) -> bool:
    """Return whether each cell of a row is the name of its column."""
    names, cells = _filled(value)
    return bool(names) and names == cells and len(names) == len({*value} - {*INDEX})


def _filled(value: Any) -> tuple[list[str], list[str]]:
    """Return the names of a row's columns and their texts, both in order, where it has texts."""
    pairs = [
        (str(name).strip(), cell.strip())
        for name, cell in value.items()
        if name not in INDEX and isinstance(cell, str)
    ]
    return [name for name, _ in pairs], [cell for _, cell in pairs]
