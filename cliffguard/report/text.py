"""The report for a terminal: the verdict first, then the numbers, then what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import groupby

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from cliffguard.core.reviews import Review
from cliffguard.report import next_steps
from cliffguard.report.bars import Bar
from cliffguard.report.blocks import (
    Block,
    Column,
    Document,
    Figure,
    Head,
    Heading,
    Listing,
    Paragraph,
    Section,
    TableBlock,
    TableRow,
    plain,
)  # fmt: skip
from cliffguard.report.clean import cleaned
from cliffguard.report.labels import BesideReview
from cliffguard.report.page import lay_out
from cliffguard.report.sections import document
from cliffguard.report.wording import MARKS, STYLES

_WORDS = re.compile(r"(?:`[^`]*`|\S)+")
_SHORT_NAME = 6  # characters of a column's name that stand on one line
_WIDTH = 100  # columns of `render_text`, whatever terminal it is called from

_TONES = {"lost": "bold red", "aside": "dim", "": ""}
_SIGNS = {"lost": "▶ ", "aside": "  ", "": "  "}


def render_text(
    review: Review,
    beside: BesideReview | None = None,
    *,
    width: int | None = None,
    folder: str | None = None,
) -> str:
    """Return the report as plain text, 100 columns wide unless told, and without colour.

    `folder` is where the review lies, for the commands in it (None: that is not known).
    """
    stream = StringIO()
    console = Console(
        file=stream,
        width=width or _WIDTH,
        color_system=None,
        force_terminal=False,
        legacy_windows=False,
    )
    print_review(review, console, beside, folder=folder)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def print_review(
    review: Review,
    console: Console,
    beside: BesideReview | None = None,
    *,
    folder: str | None = None,
) -> None:
    """Print the report. Lines wrap at the console's width; no number is ever cut."""
    print_document(document(lay_out(cleaned(review), beside, folder=folder)), console)


def print_document(report: Document, console: Console) -> None:
    """Print what is brief of a report: the head, its sections, and last what is to be done."""
    _print_head(report.head, console)
    for number, section in enumerate(report.sections):
        _print_section(section, console, has_title=number > 0)
    if report.head.steps:
        console.print()
        _print(console, Text(next_steps.TITLE, style="bold"))
        _print_list(console, [("  •", step) for step in report.head.steps])


def _print_head(head: Head, console: Console) -> None:
    style = "" if head.outcome is None else STYLES[head.outcome]
    line = Text.assemble(
        (head.word, f"bold {style}"), (f" ({head.aside})  ", "dim"), (head.sentence, "bold")
    )
    _print(console, line)
    width = max((len(label) for label, _ in head.facts), default=0)
    for label, value in head.facts:
        _print(console, Text(f"{label:<{width}}  {value}", style="dim"))
    _print_list(console, [("!", line) for line in head.doubts])
    _print_list(console, [("▸", pointer.line) for pointer in head.why])


def _print_section(section: Section, console: Console, *, has_title: bool) -> None:
    blocks = section.brief
    if not blocks:
        return
    console.print()
    if has_title:  # the numbers need none under the verdict
        _print(console, Text(section.title, style="bold"))
    for block in blocks:
        _print_block(block, console, indent=2 * has_title)


def _print_block(block: Block, console: Console, *, indent: int) -> None:
    if isinstance(block, Heading):
        _print(console, Text(f"  {block.text}", style="bold"))
    elif isinstance(block, Paragraph):
        words = Text(_wrapped(plain(block.text), console.width - indent), style="dim")
        console.print(Padding(words, (0, 0, 0, indent)), highlight=False)
    elif isinstance(block, Listing):
        _print_list(console, [("  •", plain(line)) for line in block.lines])
    elif isinstance(block, Figure):
        _print_table(block.table, console)
    elif isinstance(block, TableBlock):
        _print_table(block, console)


def _print_list(console: Console, lines: Sequence[tuple[str, str]]) -> None:
    """Print lines, each after its sign, with what wraps set below its own first word."""
    grid = Grid.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for sign, line in lines:
        grid.add_row(Text(sign), Text(_wrapped(line, console.width - cell_len(sign) - 1)))
    if lines:
        console.print(grid, highlight=False)


def _wrapped(line: str, width: int) -> str:
    """Return a line with its breaks where none is inside of a command, which is to be copied.

    One that is longer than the width is left to be folded.
    """
    if "`" not in line:
        return line
    lines: list[str] = []
    for word in _WORDS.findall(line):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def _print(console: Console, text: Text) -> None:
    # The highlighter of rich would colour digits at random.
    console.print(text, highlight=False, overflow="fold")


# --- tables --------------------------------------------------------------------------------------


def _print_table(table: TableBlock, console: Console) -> None:
    """Print a table, or where it is too wide each row over two lines; then the notes on rows."""
    rows = table.brief_rows
    if not rows:
        _print(console, Text(table.empty))
        return
    grid = _grid(table, rows)
    roomy = console.options.update(width=10_000, max_width=10_000)
    if console.measure(grid, options=roomy).maximum <= console.width:
        console.print(grid)
    else:
        for row in rows:
            _print(console, _stacked(table.columns, row))
    notes = [
        (note.sign, f"{row.cells[0]}: {note.text}")
        for row in rows
        for note in row.notes
        if note.is_brief
    ]
    if notes:
        console.print()
    _print_list(console, notes)


def _grid(table: TableBlock, rows: Sequence[TableRow]) -> Grid:
    grid = Grid(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    names = [column for column in table.columns if not (column.is_page_only or column.is_group)]
    for number, column in enumerate(names):
        name = f"  {column.name}" if number == 0 else _broken(column.name)
        grid.add_column(name, justify=column.side, no_wrap=True)
    if any(row.outcome for row in rows):
        grid.add_column("outcome", no_wrap=True)
    for head in grid.columns:
        head.vertical = "bottom"
    for group, members in groupby(rows, key=lambda row: _group(table.columns, row)):
        if group:
            grid.add_row(Text(group, style="dim italic"))
        for row in members:
            cells = list(_cells(table.columns, row))
            first = Text(_SIGNS[row.tone] + cells[0], style=_TONES[row.tone])
            rest = [Text(cell, style=_TONES[row.tone]) for cell in cells[1:]]
            grid.add_row(first, *rest, *([_outcome(row)] if row.outcome else []))
    return grid


def _broken(name: str) -> str:
    """Return the name of a column over two lines where its middle has a blank."""
    blanks = [at for at, sign in enumerate(name) if sign == " "]
    if len(name) <= _SHORT_NAME or not blanks:
        return name
    at = min(blanks, key=lambda at: abs(at - (len(name) - at)))
    return f"{name[:at]}\n{name[at + 1 :]}"


def _group(columns: Sequence[Column], row: TableRow) -> str:
    cells = zip(columns, row.cells, strict=True)
    return next((str(cell) for column, cell in cells if column.is_group), "")


def _cells(columns: Sequence[Column], row: TableRow) -> Iterator[str]:
    for column, cell in zip(columns, row.cells, strict=True):
        if not (column.is_page_only or column.is_group or isinstance(cell, Bar)):
            yield str(cell)


def _outcome(row: TableRow) -> Text:
    assert row.outcome is not None
    return Text(f"{MARKS[row.outcome]} {row.outcome}", style=STYLES[row.outcome])


def _stacked(columns: Sequence[Column], row: TableRow) -> Text:
    """One row over two lines, where the table would not fit."""
    first, *values = _cells(columns, row)
    names = [c.name for c in columns if not (c.is_page_only or c.is_group)][1:]
    numbers = " · ".join(
        f"{name} {value}".strip() for name, value in zip(names, values, strict=True) if value
    )
    group = _group(columns, row)
    return Text.assemble(
        *((_outcome(row), "  ") if row.outcome else ()),
        (first, "bold"),
        (f" ({group})" if group else "", "dim"),
        f"\n    {numbers}",
    )
