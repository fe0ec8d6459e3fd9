"""The report for a terminal: the verdict first, then the numbers, then what to do."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cliffguard.core.reviews import Outcome, Review
from cliffguard.report import classes, next_steps
from cliffguard.report.behaviour import behaviour_view
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.clean import cleaned
from cliffguard.report.labels import BesideReview
from cliffguard.report.ladder_view import LadderView
from cliffguard.report.numbers import percent, points
from cliffguard.report.page import Page, lay_out
from cliffguard.report.parts import PartsView, part_views
from cliffguard.report.reach import reaches
from cliffguard.report.wording import SIGN_CONVENTION

_WIDTH = 100  # columns of `render_text`, whatever terminal it is called from

_STYLES = {
    Outcome.PASS: "green",
    Outcome.HELD: "green",
    Outcome.FAIL: "red",
    Outcome.REGRESSED: "red",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.NOT_MEASURED: "yellow",
}


def render_text(review: Review, beside: BesideReview | None = None) -> str:
    """Return the report as plain text, 100 columns wide and without colour."""
    stream = StringIO()
    console = Console(
        file=stream, width=_WIDTH, color_system=None, force_terminal=False, legacy_windows=False
    )
    print_review(review, console, beside)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def print_review(review: Review, console: Console, beside: BesideReview | None = None) -> None:
    """Print the report. Lines wrap at the console's width; no number is ever cut."""
    page = lay_out(cleaned(review), beside)
    _print(console, _headline(page))
    _print(console, Text(f"base       {page.base}\ncandidate  {page.candidate}", style="dim"))
    _print_list(console, [("!", line) for line in page.doubts])
    console.print()
    table = _table(page)
    roomy = console.options.update(width=10_000, max_width=10_000)
    if console.measure(table, options=roomy).maximum <= console.width:
        console.print(table)
    else:
        for row in page.rows:
            _print(console, _stacked(row, page.confidence))
    console.print()
    _print_list(console, _remarks(page))
    for remark in (*page.remarks, SIGN_CONVENTION):
        _print(console, Text(remark, style="dim"))
    _print_inside(console, page)
    behaviour = behaviour_view(page)
    for title, lines in (
        ("Behaviour, beside the verdict", behaviour.notes if behaviour else ()),
        ("Suite health", page.health),
        ("Caveats", review_caveats(page)),
        (next_steps.TITLE, next_steps.next_steps(page)),
    ):
        if lines:
            console.print()
            _print(console, Text(title, style="bold"))
            _print_list(console, [("  •", line) for line in lines])


def _print_inside(console: Console, page: Page) -> None:
    """Print where inside of capabilities something was lost: ladders, parts, classes, distance."""
    for view in page.ladders:
        console.print()
        _print(console, _ladder(view))
    for parts in part_views(page):
        if parts.proven or parts.has_untested:
            console.print()
            _print(console, _parts(parts))
    if (view_of_classes := classes.class_view(page)) is not None:
        console.print()
        _print(console, Text(classes.TITLE, style="bold"))
        console.print(_classes(view_of_classes))
        _print_list(console, [("  •", line) for line in view_of_classes.notes])
    if placed := reaches(page):
        console.print()
        _print(console, Text("Distance from the fine-tuning data, nearest first", style="bold"))
        width = max(len(reach.capability) for reach in placed)
        for reach in placed:
            line = f"  {reach.distance.median:.2f}  {reach.capability:<{width}}  drop "
            _print(console, Text(f"{line}{points(reach.drop):>9}  {reach.outcome}"))


def review_caveats(page: Page) -> tuple[str, ...]:
    """The doubts that touch trust, one line each."""
    return tuple(" ".join(caveat.text.split()) for caveat in page.review.comparison.caveats)


def _print_list(console: Console, lines: Sequence[tuple[str, str]]) -> None:
    """Print lines, each after its sign, with what wraps set below its own first word."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for sign, line in lines:
        grid.add_row(Text(sign), Text(line))
    if lines:
        console.print(grid, highlight=False)


def _print(console: Console, text: Text) -> None:
    # The highlighter of rich would colour digits at random.
    console.print(text, highlight=False, overflow="fold")


def _headline(page: Page) -> Text:
    style = _STYLES[page.outcome]
    return Text.assemble(
        (f"{page.mark} {page.outcome}", f"bold {style}"),
        (f" (exit {page.exit_code})  ", "dim"),
        (page.sentence, "bold"),
    )


def _table(page: Page) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("capability", no_wrap=True, vertical="bottom")
    headers = ("base →\ncandidate", "drop,\npp", f"{page.confidence}\ninterval", "margin", "n")
    for header in (*headers, "broken\n/ fixed"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    role = None
    for row in page.rows:
        if row.finding.role != role:
            role = row.finding.role
            table.add_row(Text(role, style="dim italic"))
        table.add_row(*_cells(row))
    return table


def _cells(row: CapabilityRow) -> list[Text]:
    margin = row.margin.removeprefix("gain ").removesuffix(" pp")
    numbers = (row.drop.removesuffix(" pp"), row.interval, margin, row.n_items, row.flips)
    return [
        Text(f"  {row.capability}"),
        Text(row.means),
        *(Text(number) for number in numbers),
        _outcome(row),
    ]


def _outcome(row: CapabilityRow) -> Text:
    return Text(f"{row.mark} {row.finding.outcome}", style=_STYLES[row.finding.outcome])


def _remarks(page: Page) -> list[tuple[str, str]]:
    """Why a capability did not hold, and what is missing from its n, each after its sign."""
    remarks = []
    for row in page.rows:
        is_measured = row.comparison is not None and row.comparison.evidence.drop is not None
        if row.direction and is_measured:
            remarks.append(("↓", f"{row.capability}: {row.change}"))
        if row.finding.outcome is not Outcome.HELD:
            p = f" ({row.proof})" if is_measured and row.proof else ""
            standing = f"{row.standing}: " if row.standing else ""
            remarks.append((row.mark, f"{row.capability}: {standing}{row.reason}{p}"))
        remarks += [("!", f"{row.capability}: {line}") for line in row.details]
    return remarks


def _stacked(row: CapabilityRow, confidence: str) -> Text:
    """One capability over two lines, where the table would not fit."""
    numbers = (
        f"    {row.change}, drop {row.drop}, {confidence} interval {row.interval}, "
        f"margin {row.margin}, n {row.n_items}, broken / fixed {row.flips.replace(' ', '')}"
    )
    role = (f" ({row.finding.role})", "dim")
    return Text.assemble(_outcome(row), "  ", (row.capability, "bold"), role, "\n", numbers)


def _ladder(view: LadderView) -> Text:
    text = Text.assemble((view.title, "bold"), (f"  (chance {view.chance})", "dim"))
    width = max((len(str(rung.level.level)) for rung in view.rungs), default=1)
    for rung in view.rungs:
        sign = "▶" if rung.is_edge else " "
        line = (
            f"\n {sign} {rung.level.level:>{width}}  {rung.base:>7} → "
            f"{percent(rung.level.candidate_mean):>7}  {rung.drop:>9}  n {rung.level.n_items}"
        )
        text.append(line, style="bold red" if rung.is_edge else "")
        if rung.note:
            text.append(f"  {rung.note}", style="bold red" if rung.is_edge else "dim")
    return text


def _parts(view: PartsView) -> Text:
    """The parts of a capability in which a loss is proven; a review has them all."""
    text = Text.assemble(
        (f"{view.row.capability} by its parts", "bold"), (f"  {view.summary}", "dim")
    )
    for row in view.proven:
        line = f"\n ▶ {row.name}  {row.means}  {row.drop}  n {row.part.n_items:,}"
        text.append(line, style="bold red")
    return text


def _classes(view: classes.ClassView) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for column, header in enumerate(classes.HEADERS):
        is_name = column < 2
        table.add_column(header, justify="left" if is_name else "right", overflow="fold")
    for row in view.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
