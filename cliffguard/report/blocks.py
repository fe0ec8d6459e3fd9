"""What a report is made of: headings, paragraphs, lists, tables, figures, details and code.

A section is built once, as blocks; text, Markdown and HTML each write every kind of block. Texts
here are clean but not escaped: each format escapes for itself. `is_brief` False leaves a block out
of the terminal, whose reader has one screen.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from cliffguard.core.reviews import Outcome
from cliffguard.report.bars import Bar
from cliffguard.report.figures.charts import Chart
from cliffguard.report.wording import MARKS

Side = Literal["left", "right"]
Tone = Literal["", "lost", "aside"]
"""How a row stands out: *lost*, where something broke; *aside*, what is shown and not judged."""


@dataclass(frozen=True, slots=True)
class Span:
    """A run of a line's text that is set apart: strong, or as code."""

    text: str
    kind: Literal["strong", "code"]


Line = str | tuple[str | Span, ...]
"""One line of prose. Its parts are set one after the other, without a space between them."""


def plain(line: Line) -> str:
    """Return a line without its marks."""
    if isinstance(line, str):
        return line
    return "".join(part if isinstance(part, str) else part.text for part in line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A heading inside of a section; those of sections are their titles."""

    text: str
    is_brief: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """A paragraph; `is_page_only` leaves it out of text and Markdown."""

    text: Line
    is_page_only: bool = False
    is_brief: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list of lines."""

    lines: tuple[Line, ...]
    is_brief: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table.

    `is_page_only` leaves it out of text and Markdown. A column with `is_group` heads, in a
    terminal, the rows that share its cell.
    """

    name: str
    side: Side = "right"
    is_page_only: bool = False
    is_group: bool = False


def columns(*names: str, left: Collection[str] = ()) -> tuple[Column, ...]:
    """Return columns of numbers, but for those of `left`, which hold words."""
    return tuple(Column(name=name, side="left" if name in left else "right") for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Datum:
    """A cell with more than its text: a relative link, an outcome, a number to sort by."""

    text: str
    href: str = ""
    outcome: Outcome | None = None
    key: float | None = None

    def __str__(self) -> str:
        return self.text


Cell = str | Datum | Bar
"""A bar is drawn on the page alone; its numbers stand in cells of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A line about a row, under it or under the table; `sign` stands before it in a terminal."""

    text: str
    sign: str = ""
    is_brief: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """A row: a cell for each column, of which the first names it.

    `outcome` stands at its end, in its colour, with `standing` beside it; `anchor` is its address
    on a page.
    """

    cells: tuple[Cell, ...]
    tone: Tone = ""
    outcome: Outcome | None = None
    standing: str = ""
    notes: tuple[Note, ...] = ()
    anchor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableBlock:
    """A table; `kind` lets a page lay out one kind its own way, `empty` stands where it has no row.

    In a terminal stand all of its rows, or those where something was lost (*lost*), or none.
    """

    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    kind: str = ""
    empty: str = ""
    brief: Literal["all", "lost", "none"] = "all"

    @property
    def is_brief(self) -> bool:
        return bool(self.brief_rows)

    @property
    def brief_rows(self) -> tuple[TableRow, ...]:
        """The rows that a terminal shows."""
        if self.brief == "none":
            return ()
        return tuple(row for row in self.rows if self.brief == "all" or row.tone == "lost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure, drawn on the page alone, and its numbers as a table, which every format shows.

    `is_wide`: beside it there is no space for the table, which is folded under it.
    """

    chart: Chart
    table: TableBlock
    is_wide: bool = False

    @property
    def is_brief(self) -> bool:
        return self.table.is_brief


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """Blocks that are folded under one line; a terminal leaves them out."""

    summary: str
    blocks: tuple[Block, ...]
    is_brief: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A text that is shown as it is; a command can be copied."""

    text: str
    is_command: bool = False
    is_brief: bool = False


Block = Heading | Paragraph | Listing | TableBlock | Figure | Details | Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a report under a title; `anchor` is its address on a page."""

    title: str
    anchor: str
    blocks: tuple[Block, ...]

    @property
    def brief(self) -> tuple[Block, ...]:
        """The blocks that a terminal shows."""
        return tuple(block for block in self.blocks if block.is_brief)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """A line, and where to `see` more; `href` is the address on a page (empty: there is none)."""

    text: str
    see: str = ""
    href: str = ""

    @property
    def line(self) -> str:
        return f"{self.text}; {self.see}" if self.see else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a reader sees first: the outcome in one word and one sentence, why, and what to do.

    Where there is no one outcome, `title` stands in its place.
    """

    outcome: Outcome | None
    aside: str
    sentence: str
    facts: tuple[tuple[str, str], ...]
    title: str = ""
    doubts: tuple[str, ...] = ()
    why: tuple[Pointer, ...] = ()
    steps: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """The outcome after its sign, so that colour never stands alone."""
        return self.title if self.outcome is None else f"{MARKS[self.outcome]} {self.outcome}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A whole report."""

    title: str
    head: Head
    sections: tuple[Section, ...]
