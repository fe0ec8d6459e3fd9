"""The report as GitHub-flavoured Markdown, for job summaries and pull requests."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from cliffguard.core.reviews import Review
from cliffguard.core.texts import shorten
from cliffguard.report import next_steps
from cliffguard.report import timings as times
from cliffguard.report.bars import Bar
from cliffguard.report.blocks import (
    Block,
    Datum,
    Details,
    Document,
    Figure,
    Head,
    Heading,
    Line,
    Listing,
    Paragraph,
    Section,
    Span,
    TableBlock,
    TableRow,
)  # fmt: skip
from cliffguard.report.clean import cleaned, one_line
from cliffguard.report.labels import BesideReview
from cliffguard.report.page import lay_out
from cliffguard.report.prose import names_in, quoting, spans
from cliffguard.report.sections import broken, document
from cliffguard.report.wording import MARKS

_NAME_CHARACTERS = 400  # of a name, a heading, a cell
_LINE_CHARACTERS = 1200  # of a sentence

_SPECIAL = re.compile(r"([\\`*\[\]|~$])")
_LOOSE_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_LINE_START = re.compile(r"^([#+\-=]|\d+(?=[.)]))")
_REFERENCE = re.compile(r"([#!]|(?<![a-z])GH-)(?=\d)", re.IGNORECASE)
_NO_MENTION = "@&#8203;"  # an invisible space after the sign, so that nobody is notified


def render_markdown(
    review: Review,
    timings: times.TimingsOrLater = None,
    beside: BesideReview | None = None,
) -> str:
    """Return the review as Markdown in which every foreign text is escaped."""
    page = lay_out(cleaned(review), beside)
    report = document(page, times.read(timings), n_items=broken.MOST)
    return markdown_of(report, names=names_in(page.review))


def markdown_of(report: Document, *, names: Iterable[str] = ()) -> str:
    """Return a report as Markdown; what is for a page alone is left out.

    In backticks are commands of ours, but for those that stand in the foreign `names`.
    """
    foreign = quoting(names)
    sections = [_section(section, foreign) for section in report.sections]
    return "\n\n".join([_head(report.head, foreign), *sections]) + "\n"


def prose(text: str, foreign: Sequence[str], *, begins_line: bool = True) -> str:
    """Return a sentence as `escape` does, and what stands in backticks as code.

    That is of ours: `foreign` are the names of others that hold a backtick. Without `begins_line`
    something stands before it, so that "1." begins no list.
    """
    parts = spans(shorten(one_line(text), _LINE_CHARACTERS), foreign)
    return "".join(_span(part, begins_line and n == 0) for n, part in enumerate(parts))


def escape(text: str) -> str:
    """Return `text` as one line that Markdown shows as it is: no markup, links or mentions.

    Nor does it refer to issues (#1, GH-1) or merge requests (!1).
    """
    text = _escaped(text, _LINE_CHARACTERS)
    return _LINE_START.sub(r"\\\1" if not text[:1].isdigit() else r"\1\\", text)


def escape_cell(text: str) -> str:
    """Return `text` as `escape` does, for where no line begins: a cell of a table."""
    return _escaped(text, _NAME_CHARACTERS)


def _escaped(text: str, n_characters: int) -> str:
    text = _unreferred(shorten(one_line(text), n_characters))
    text = html.escape(text, quote=False)
    text = _SPECIAL.sub(r"\\\1", text)
    return _unlinked(_LOOSE_UNDERSCORE.sub(r"\\_", text)).replace("\u200b", "&#8203;")


def _unreferred(text: str) -> str:
    """Take the power to refer to an issue, or a merge request, from its sign."""
    return _REFERENCE.sub("\\1\u200b", text)


def preformatted(text: str) -> str:
    """Return `text` in a `<pre>`, its line breaks kept and everything else harmless."""
    # Some readers of Markdown end a block at an empty line and take the rest for Markdown.
    lines = [line if line.strip() else "&#8203;" for line in _in_html(text).split("\n")]
    return "<pre>" + "\n".join(lines) + "</pre>"


def code(text: str) -> str:
    """Return `text` as inline code, inside or outside of tables."""
    return f"<code>{_in_html(one_line(text))}</code>"


def _in_html(text: str) -> str:
    """Escape for the inside of an HTML element, where a backslash of Markdown has no power."""
    text = html.escape(text, quote=False)
    text = _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", text)
    return _unlinked(text)


def _unlinked(text: str) -> str:
    """Take the power to link and to notify from addresses and mentions."""
    text = text.replace("://", "&#58;//").replace("www.", "www&#46;")
    return text.replace("@", _NO_MENTION)


def table_of(headers: Sequence[str], sides: str, rows: Iterable[Sequence[str]]) -> str:
    """Return a table; `sides` has an "l" or "r" for every column."""
    rule = [":--" if side == "l" else "--:" for side in sides]
    return "\n".join(f"| {' | '.join(line)} |" for line in (headers, rule, *rows))


def _head(head: Head, foreign: Sequence[str]) -> str:
    facts = "; ".join(f"{label} {escape(value)}" for label, value in head.facts)
    lines = [
        f"# {head.word}",
        f"**{prose(head.sentence, foreign)}** {_capital(head.aside)}.",
        f"{_capital(facts)}.",
        *(prose(doubt, foreign) for doubt in head.doubts),
    ]
    lines += (
        ["\n".join(f"- {prose(pointer.line, foreign)}" for pointer in head.why)] if head.why else []
    )
    if head.steps:
        steps = "\n".join(
            f"{n}. {prose(step, foreign)}" for n, step in enumerate(head.steps, start=1)
        )
        lines += [f"## {next_steps.TITLE}", steps]
    return "\n\n".join(lines)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _section(section: Section, foreign: Sequence[str]) -> str:
    return "\n\n".join([f"## {escape(section.title)}", *_blocks(section.blocks, foreign)])


def _blocks(blocks: Sequence[Block], foreign: Sequence[str]) -> Iterable[str]:
    return filter(None, (_block(block, foreign) for block in blocks))


def _block(block: Block, foreign: Sequence[str]) -> str:
    """Return one block; nothing of what is for a page alone."""
    if isinstance(block, Heading):
        return f"### {escape_cell(block.text)}"
    if isinstance(block, Paragraph):
        return "" if block.is_page_only else _line(block.text, foreign)
    if isinstance(block, Listing):
        return "\n".join(f"- {_line(line, foreign)}" for line in block.lines)
    if isinstance(block, (Figure, TableBlock)):
        return _table(block.table if isinstance(block, Figure) else block, foreign)
    if isinstance(block, Details):
        body = "\n\n".join(_blocks(block.blocks, foreign))
        summary = _in_html(_unreferred(shorten(block.summary, _NAME_CHARACTERS)))
        summary = summary.replace("\u200b", "&#8203;")
        return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"
    return preformatted(block.text)


def _line(line: Line, foreign: Sequence[str]) -> str:
    if isinstance(line, str):
        return prose(line, foreign)
    return "".join(_span(part, number == 0) for number, part in enumerate(line))


def _span(part: str | Span, begins_line: bool) -> str:
    if isinstance(part, str):
        # Blanks at its ends belong between it and its neighbours.
        ends = part.startswith(" "), part.endswith(" ") and not part.isspace()
        text = escape(part) if begins_line else _escaped(part, _LINE_CHARACTERS)
        return f"{' ' * ends[0]}{text}{' ' * ends[1]}"
    return code(part.text) if part.kind == "code" else f"**{escape(part.text)}**"


def _table(table: TableBlock, foreign: Sequence[str]) -> str:
    """Return a table and, under it, what is noted of its rows."""
    if not table.rows:
        return escape(table.empty)
    shown = [column for column in table.columns if not column.is_page_only]
    headers, sides = [escape_cell(column.name) for column in shown], [c.side[0] for c in shown]
    if any(row.outcome for row in table.rows):
        headers.append("outcome")
        sides.append("l")
    text = table_of(headers, "".join(sides), [_cells(table, row) for row in table.rows])
    notes = "\n".join(
        f"- {escape(str(row.cells[0]))}: "
        + "; ".join(prose(note.text, foreign, begins_line=False) for note in row.notes)
        for row in table.rows
        if row.notes
    )
    return f"{text}\n\n{notes}" if notes else text


def _cell(cell: str | Datum) -> str:
    text = escape_cell(str(cell))
    if not isinstance(cell, Datum) or not cell.href or cell.href.startswith("#"):
        return text  # a place on the page is none in Markdown
    return f"[{text}]({cell.href})"


def _cells(table: TableBlock, row: TableRow) -> list[str]:
    cells = [
        _cell(cell)
        for column, cell in zip(table.columns, row.cells, strict=True)
        if not (column.is_page_only or isinstance(cell, Bar))
    ]
    if row.tone == "lost":
        cells[0] = f"**{cells[0]}**"
        cells[-1] = f"**◀ {cells[-1]}**" if cells[-1] else ""
    if row.outcome:
        standing = f", {row.standing}" if row.standing else ""
        cells.append(f"{MARKS[row.outcome]} {row.outcome}{standing}")
    return cells
