"""Tables of text without a line of names: their first row would be lost as one."""

from __future__ import annotations

from collections.abc import Sequence

from cliffguard.core.errors import SuiteError
from cliffguard.core.texts import cut_middle
from cliffguard.suites.rows import Row, has_header, named_file, new_file
from cliffguard.suites.target.known import (
    AFTER,
    ANSWERS,
    BEFORE,
    CHATS,
    CHOICES,
    PROMPTS,
    REFERENCES,
    SUBJECTS,
    folded,
)

_KNOWN = {*PROMPTS, *CHATS, *CHOICES, *ANSWERS, *BEFORE, *AFTER, *REFERENCES, *SUBJECTS, "id"}
_NAME = 2  # words of a name of a column
_MARKS = ("?", ".", "!")  # that end a sentence


def refuse_no_header(rows: Sequence[Row]) -> None:
    """Raise SuiteError where line 1 of a table looks like a row, as MMLU's own files have it.

    A name in it stands as a cell in its own column, is a number above numbers, or a sentence above
    sentences. A line with any usual name is one of names, and so is what pandas calls columns
    without names: 0, 1, 2, …
    """
    names = list(rows[0].value)
    if not may_lack_header(rows[0]) or names == [str(number) for number in range(len(names))]:
        return
    like = next((name for name in names if _is_cell(name, rows)), None)
    if like is not None:
        source = rows[0].source
        raise SuiteError(
            f"{source}:1: {cut_middle(like, 40)!r} would be the name of a column and looks like a "
            f"cell of it; {named_command(rows)}; where it is the name, write another one",
            id="target.no-header",
        )


def may_lack_header(row: Row) -> bool:
    """Return whether a row is of a table of text none of whose columns has a usual name."""
    return has_header(row) and not any(folded(name) in _KNOWN for name in row.value)


def names_columns(row: Row) -> bool:
    """Return whether line 1 is one of names: none is more than two words, above a sentence."""
    names = [name.split() for name in row.value]
    cells = [str(value).split() for value in row.value.values()]
    return all(len(name) <= _NAME for name in names) and any(len(c) > 2 * _NAME for c in cells)


def named_command(rows: Sequence[Row]) -> str:
    """Return the command that makes rows of a table without a line of names."""
    source, n_columns = rows[0].source, len(rows[0].value)
    last = {str(list(row.value.values())[-1]).strip() for row in rows}
    letters = [chr(ord("A") + number) for number in range(n_columns - 2)]
    before = ""
    if n_columns == 2 and (pair := _pair_of(rows)) is not None:
        names = pair
    elif n_columns > 2 and len(letters) < 10 and last <= {*letters}:
        names = ("question", *letters, "answer")
    else:
        names = tuple(f"NAME-{number}" for number in range(1, n_columns + 1))
        before = "with the names that they have, "
    made = (
        'python -c "import json; from cliffguard.suites.rows import read_rows; '
        f"[print(json.dumps(dict(zip({names}, x.value)))) for x in read_rows({named_file(source)})]"
        f'" > {new_file(source)}'
    )
    return f"where line 1 is a row, {before}{made} makes rows of all lines"


def _pair_of(rows: Sequence[Row]) -> tuple[str, ...] | None:
    """Return which of two columns is the question, by which repeats and which is longer."""
    first, second = (
        [[*row.value][n] for row in rows[:1]] + [str([*row.value.values()][n]) for row in rows]
        for n in (0, 1)
    )
    if _repeats(first) != _repeats(second):
        return ("answer", "question") if _repeats(first) else ("question", "answer")
    n_words = [sum(len(cell.split()) for cell in cells) for cells in (first, second)]
    return ("question", "answer") if n_words[0] > n_words[1] else None


def _repeats(cells: Sequence[str]) -> bool:
    """Return whether cells are labels: few, and each of one word or two."""
    return 2 * len({*cells}) <= len(cells) and all(len(cell.split()) < 3 for cell in cells)


def _is_cell(name: str, rows: Sequence[Row]) -> bool:
    cells = [str(row.value[name]).strip() for row in rows]
    written = name.strip()
    n_like = len(cells) // 2 + 1
    return (
        written in cells
        or (_is_number(written) and sum(map(_is_number, cells)) >= n_like)
        or (
            written.endswith(_MARKS)
            and " " in written
            and sum(" " in cell and cell.endswith(written[-1]) for cell in cells) >= n_like
        )
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
