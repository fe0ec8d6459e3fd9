"""Training texts whose lines an editor has wrapped: an item over two of them is in no row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from statistics import median

from cliffguard.core.caveats import Caveat
from cliffguard.suites.rows.foreign import in_shell
from cliffguard.suites.rows.packed import kind_of

_LEAST_LINES = 20  # below which nothing is told from their shape
_WIDEST = 130  # characters of a line that somebody wrapped
_NARROWEST = 40
_GOES_ON = 0.3  # share of lines that begin in the midst of a sentence
_ENDS = tuple(".!?:;…\"'”»)")


def wrapped_caveats(rows: Iterable[tuple[str, str]]) -> Iterator[Caveat]:
    """Say of which files of text the lines look wrapped, and how they become one a paragraph.

    `rows` are the path of a file and what one of its lines says, file after file.
    """
    for source, group in groupby(rows, key=lambda row: row[0]):
        path = Path(source)
        if kind_of(path) == ".txt" and _are_wrapped([line.strip() for _, line in group]):
            yield _caveat(path)


def _are_wrapped(lines: Sequence[str]) -> bool:
    """Return whether lines are about as long as each other, and go on in the midst of sentences."""
    if len(lines) < _LEAST_LINES or max(map(len, lines)) > _WIDEST:
        return False
    goes_on = sum(
        after[0].islower() and not before.endswith(_ENDS) for before, after in pairwise(lines)
    )
    middle = median(map(len, lines))
    is_full = middle >= max(_NARROWEST, 0.8 * max(map(len, lines)))
    return is_full and goes_on >= _GOES_ON * len(lines)


def _caveat(path: Path) -> Caveat:
    made = f"awk -v RS= '{{gsub(/\\n/, \" \"); print}}' {in_shell(path)} > rows.txt"
    return Caveat(
        id="training.wrapped-lines",
        text=f"{path}: each line is read as a row, and these look wrapped: an item that goes over "
        f"two of them is not found; {made} makes a line of each paragraph.",
    )
