"""The overview on a terminal: a line a candidate, and at most six more, at 80 columns too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cliffguard.core.overviews import (
    CandidateOverview,
    Overview,
    OverviewCapability,
    OverviewCell,
    Uncompared,
)
from cliffguard.core.reviews import Outcome, with_texts
from cliffguard.core.texts import clip, clip_start
from cliffguard.report.clean import one_line
from cliffguard.report.numbers import MISSING, signed
from cliffguard.report.overview.wording import falls, headline, in_order
from cliffguard.report.wording import MARKS, STYLES

_WIDTH = 100  # columns of `render_matrix`
_NAME = 24  # characters of a candidate's name where it is tight
_LEAST_NAME = 8  # and where numbers would be cut
_CORNER = ("drop in pp,", "+ is worse")
_CELL = 7  # characters of "✗ +24.5"
_MORE = 6
_ROOMY, _TIGHT = (13, 2), (9, 1)
"""Characters of each of the two lines of a capability's name, and between columns."""


def render_matrix(overview: Overview, width: int | None = None) -> str:
    """Return the matrix as plain text, 100 columns wide unless told, and without colour."""
    stream = StringIO()
    console = Console(
        file=stream,
        width=width or _WIDTH,
        color_system=None,
        force_terminal=False,
        legacy_windows=False,
    )
    print_matrix(overview, console)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def print_matrix(overview: Overview, console: Console) -> None:
    """Print what holds for all, a line a candidate, and where the falls begin.

    Capabilities for which there is no room are counted in a last column, with what is lost there.
    """
    overview = with_texts(overview, one_line)
    _line(console, headline(overview), "bold")
    console.print(_table(overview, console.width))
    if words := falls(overview):
        _line(console, words, "")


def _line(console: Console, text: str, style: str) -> None:
    """Print a sentence over two lines at most, broken at blanks."""
    first, *more = Text(text, style=style).wrap(console, console.width)
    lines = [first, Text(clip(" ".join(line.plain for line in more), console.width), style=style)]
    for line in lines[: 1 + bool(more)]:
        console.print(line, highlight=False, no_wrap=True, overflow="ellipsis")


@dataclass(frozen=True, slots=True)
class _Shown:
    """What fits: the width of the names, the headers of so many capabilities, the gap."""

    name: int
    headers: tuple[str, ...]
    gap: int


def _table(overview: Overview, width: int) -> Table:
    rows = in_order(overview)
    fixed = [max(len("verdict"), *(cell_len(_verdict(row).plain) for row in rows))]
    fixed += [4] if overview.choice is not None else []
    fixed += [_CELL] if overview.has_together else []
    names = max(len(_CORNER[0]), *(cell_len(row.name) for row in rows))
    fits = [_fit(overview, fixed, names, width, *how) for how in (_ROOMY, _TIGHT)]
    fit = next((fit for fit in fits if len(fit.headers) == len(overview.capabilities)), fits[-1])
    table = Table(box=None, padding=(0, fit.gap, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("\n".join(_CORNER), no_wrap=True, width=fit.name)
    table.add_column("verdict", no_wrap=True, width=fixed[0], vertical="bottom")
    if overview.choice is not None:
        table.add_column("may\nship", no_wrap=True, width=fixed[1])
    if overview.has_together:
        table.add_column("all to-\ngether", justify="right", no_wrap=True, width=_CELL)
    for header in fit.headers:
        table.add_column(header, justify="right", no_wrap=True, width=_width(header))
    if n_hidden := len(overview.capabilities) - len(fit.headers):
        table.add_column(f"{n_hidden}\nmore", justify="right", no_wrap=True, width=_MORE)
    for row in rows:
        table.add_row(*_cells(row, overview, fit))
    return table


def _fit(
    overview: Overview, fixed: Sequence[int], names: int, width: int, most_header: int, gap: int
) -> _Shown:
    """Return as many capabilities as fit, and if not all do, room for a column that counts them."""
    headers = _headers(overview, most_header)
    widths = [_width(header) + gap for header in headers]
    room = width - sum(columns + gap for columns in fixed)
    name = min(names, max(_NAME, room - sum(widths) - gap))
    name = max(_LEAST_NAME, min(name, room - gap - _MORE))
    room -= name + gap
    if sum(widths) - gap <= room:
        return _Shown(name, tuple(headers), gap)
    n_shown = 0
    while sum(widths[: n_shown + 1]) + _MORE <= room:
        n_shown += 1
    return _Shown(name, tuple(headers[:n_shown]), gap)


def _width(header: str) -> int:
    return max(_CELL, *map(cell_len, header.split("\n")))


def _headers(overview: Overview, most: int) -> list[str]:
    n_targets = sum(capability.role == "target" for capability in overview.capabilities)
    return [_header(capability, most, n_targets) for capability in overview.capabilities]


def _header(capability: OverviewCapability, most: int, n_targets: int) -> str:
    """Return a name over two lines, cut where it may break: "multi_step_" over "reasoning"."""
    if capability.role == "target":
        return f"gain:\n{clip(capability.name, most)}" if n_targets > 1 else "target's\ngain"
    name = f"({capability.name})" if capability.role == "monitored" else capability.name
    breaks = [match.end() for match in re.finditer(r"[_\- .]", name)] or [len(name)]
    at = min(breaks, key=lambda n: abs(2 * n - len(name)))
    return f"{clip(name[:at], most)}\n{clip(name[at:].strip(), most)}"


def _verdict(row: CandidateOverview | Uncompared) -> Text:
    if isinstance(row, Uncompared):
        words = "– not tried" if row.exit_code is None else f"! exit {row.exit_code}"
        return Text(words, style="yellow")
    return Text(f"{MARKS[row.outcome]} {row.outcome}", style=STYLES[row.outcome])


def _cells(row: CandidateOverview | Uncompared, overview: Overview, fit: _Shown) -> list[Text]:
    cells = [Text(clip_start(row.name, fit.name)), _verdict(row)]
    if isinstance(row, Uncompared):
        return cells
    if overview.choice is not None:
        cells.append(Text("yes" if row.may_ship else ""))
    if overview.has_together:
        cells.append(_together(row))
    n_shown = len(fit.headers)
    pairs = list(zip(overview.capabilities, row.cells, strict=True))
    cells += [_cell(capability, cell) for capability, cell in pairs[:n_shown]]
    hidden = [cell for _, cell in pairs[n_shown:]]
    if n_lost := sum(cell is not None and cell.outcome is Outcome.REGRESSED for cell in hidden):
        cells.append(Text(f"✗ {n_lost}", style=STYLES[Outcome.REGRESSED]))
    return cells


def _together(row: CandidateOverview) -> Text:
    if row.together is None:
        return Text("")
    drop = signed(row.together.drop)
    style = STYLES[Outcome.REGRESSED]
    return Text(f"{MARKS[Outcome.REGRESSED]} {drop}", style) if row.failed_together else Text(drop)


def _cell(capability: OverviewCapability, cell: OverviewCell | None) -> Text:
    if cell is None:
        return Text("")
    if cell.drop is None:
        return Text(MISSING, style=STYLES[cell.outcome])
    change = -cell.drop if capability.role == "target" else cell.drop
    return Text(f"{MARKS[cell.outcome]} {signed(change)}", style=STYLES[cell.outcome])
