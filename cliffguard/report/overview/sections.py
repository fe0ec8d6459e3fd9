"""The overview as sections of blocks: the matrix, gain against loss, the training, the items."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

from cliffguard.core.overviews import (
    CandidateOverview,
    Overview,
    OverviewCapability,
    OverviewCell,
    Uncompared,
)
from cliffguard.core.reviews import Outcome, Review, with_texts
from cliffguard.core.texts import first_and_more
from cliffguard.report.anchors import row_anchor
from cliffguard.report.blocks import (
    Block,
    Cell,
    Column,
    Datum,
    Document,
    Figure,
    Head,
    Heading,
    Listing,
    Paragraph,
    Section,
    TableBlock,
    TableRow,
)
from cliffguard.report.clean import one_line
from cliffguard.report.figures.catalog import charts_of
from cliffguard.report.figures.charts import Chart
from cliffguard.report.figures.several import pages_of
from cliffguard.report.numbers import MISSING, points, signed
from cliffguard.report.overview.item_section import item_section
from cliffguard.report.overview.sources import NamedReview
from cliffguard.report.overview.wording import (
    counted,
    falls,
    falls_before,
    headline,
    in_order,
    without_trajectory,
)
from cliffguard.report.wording import MARKS

SIGNS = (
    "Each number is a drop in percentage points (pp), base − candidate: above 0 is worse; a gain "
    "has its sign turned. ✓ HELD, ✗ REGRESSED, ? INCONCLUSIVE; in brackets: cannot fail the gate. "
    "A cell is empty where the candidate's suites lack the capability."
)
TOGETHER = (
    " All together: the mean drop of what gates; ✗ where the test of all together failed the "
    "candidate, as it can without any single loss."
)
FRONT = (
    "A candidate on the front has none beside it that gained more for no larger loss, or lost less "
    "for no smaller gain. The loss is the largest drop of a gating capability that the answers do "
    "not exclude."
)
_TRAINING = "Along the training"
_NUMBERS = "capabilities"  # the section of a report with the numbers of all
_N_OF_FRONT = 12  # candidates that are named
_MOST_BESIDE = 12  # rows of a table beside its figure


def figures_of(sources: Sequence[NamedReview]) -> dict[str, Chart]:
    """Return the figures "gain" and "trajectory" of reviews, those there are data for."""
    reviews: dict[str, Review] = {s.name: s.review for s in sources if s.review is not None}
    return charts_of(pages_of(reviews), ("gain", "trajectory"))[0]


def document(overview: Overview, figures: Mapping[str, Chart]) -> Document:
    """Return the overview as a report; `figures` are those of `figures_of`."""
    clean = with_texts(overview, one_line)
    n, counts = counted(clean)
    sentence = headline(clean)
    return Document(
        title=f"{n} over {clean.base}",
        head=Head(
            outcome=None,
            title=n,
            aside=counts,
            sentence=f"{sentence[:1].upper()}{sentence[1:]}.",
            facts=(("base", clean.base),),
            doubts=(falls(clean),) if clean.trajectory else (),
        ),
        sections=sections(overview, figures),
    )


def sections(overview: Overview, figures: Mapping[str, Chart]) -> tuple[Section, ...]:
    """Return what an overview shows, in its order; `figures` are those of `figures_of`."""
    clean = with_texts(overview, one_line)
    # A link leads to the folder as it is called; `link` leaves nothing of that unescaped.
    linked = zip(clean.candidates, overview.candidates, strict=True)
    rows = tuple(replace(row, report=written.report) for row, written in linked)
    overview = replace(clean, candidates=rows)
    parts = (
        _candidates(overview),
        _gain(overview, figures.get("gain")),
        _training(overview, figures.get("trajectory")),
        item_section(overview),
        _compared(overview),
    )
    return tuple(section for section in parts if section is not None)


# --- the matrix ----------------------------------------------------------------------------------


def _candidates(overview: Overview) -> Section:
    choice = [Column(name="may ship", side="left")] if overview.choice is not None else []
    together = [Column(name="all together")] if overview.has_together else []
    capabilities = [Column(name=_header(capability)) for capability in overview.capabilities]
    table = TableBlock(
        columns=(
            Column(name="candidate", side="left"), Column(name="verdict", side="left"),
            *choice, *together, *capabilities,
        ),
        rows=tuple(_row(row, overview) for row in in_order(overview)),
        kind="overview",
    )  # fmt: skip
    blocks: tuple[Block, ...] = (
        table,
        *_reasons(overview),
        Paragraph(text=SIGNS + TOGETHER * overview.has_together),
    )
    return Section(title="Candidates", anchor="candidates", blocks=blocks)


def _header(capability: OverviewCapability) -> str:
    if capability.role == "target":
        return f"gain: {capability.name}"
    return f"({capability.name})" if capability.role == "monitored" else capability.name


def _row(row: CandidateOverview | Uncompared, overview: Overview) -> TableRow:
    n_more = (overview.choice is not None) + overview.has_together
    if isinstance(row, Uncompared):
        code = "not tried" if row.exit_code is None else f"no verdict, exit {row.exit_code}"
        empty: tuple[Cell, ...] = ("",) * (n_more + len(overview.capabilities))
        return TableRow(cells=(_name(row.name, "", row.step), code, *empty), tone="aside")
    href = link(row.report)
    verdict = Datum(
        text=f"{MARKS[row.outcome]} {row.outcome}", href=href, outcome=row.outcome,
        key=_SEVERITY.index(row.outcome),
    )  # fmt: skip
    ship = ("yes" if row.may_ship else "no",) if overview.choice is not None else ()
    together = (_together(row, href and f"{href}#{_NUMBERS}"),) if overview.has_together else ()
    pairs = zip(overview.capabilities, row.cells, strict=True)
    return TableRow(
        cells=(
            _name(row.name, href, row.step), verdict, *ship, *together,
            *(_cell(capability, cell, href and f"{href}#{row_anchor(capability.capability)}")
              for capability, cell in pairs),
        ),
    )  # fmt: skip


_SEVERITY = (Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL)


def _name(name: str, href: str, step: int | None) -> Cell:
    return Datum(text=name, href=href, key=None if step is None else float(step))


def _together(row: CandidateOverview, href: str) -> Cell:
    """Return the mean drop of all that gates, marked where the test of all together failed it."""
    if row.together is None:
        return ""
    drop = row.together.drop
    if not row.failed_together:
        return Datum(text=signed(drop), href=href, key=drop)
    text = f"{MARKS[Outcome.REGRESSED]} {signed(drop)}"
    return Datum(text=text, href=href, outcome=Outcome.REGRESSED, key=drop)


def _cell(capability: OverviewCapability, cell: OverviewCell | None, href: str) -> Cell:
    if cell is None:
        return ""
    if cell.drop is None:
        return Datum(text=MISSING, href=href, outcome=cell.outcome)
    change = -cell.drop if capability.role == "target" else cell.drop
    text = f"{MARKS[cell.outcome]} {signed(change)}"
    return Datum(text=text, href=href, outcome=cell.outcome, key=change)


def link(path: str) -> str:
    """Return a relative path as a link, in which nothing reads as a scheme, a query or markup."""
    return quote(os.fsencode(path))


def _reasons(overview: Overview) -> Iterator[Block]:
    if overview.uncompared:
        lines = tuple(f"{row.name}: {row.reason}" for row in overview.uncompared)
        yield Heading(text="Without a verdict")
        yield Listing(lines=lines)


# --- gain against loss ---------------------------------------------------------------------------


def _gain(overview: Overview, chart: Chart | None) -> Section | None:
    if chart is None:
        return None
    rows = [row for row in overview.candidates if row.is_on_front is not None]
    rows.sort(key=lambda row: (not row.is_on_front, row.largest_drop))
    table = TableBlock(
        columns=(
            Column(name="candidate", side="left"), Column(name="gain"),
            Column(name="largest drop not excluded"), Column(name="verdict", side="left"),
            Column(name="on the front", side="left"),
        ),
        rows=tuple(
            TableRow(
                cells=(
                    _name(row.name, link(row.report), row.step),
                    Datum(text=points(row.gain), key=row.gain),
                    Datum(text=points(row.largest_drop), key=row.largest_drop),
                    Datum(text=f"{MARKS[row.outcome]} {row.outcome}", outcome=row.outcome,
                          key=_SEVERITY.index(row.outcome)),
                    "yes" if row.is_on_front else "",
                ),
                tone="" if row.is_on_front else "aside",
            )
            for row in rows
        ),
        kind="overview",
    )  # fmt: skip
    figure = Figure(chart=chart, table=table, is_wide=len(rows) > _MOST_BESIDE)
    front = first_and_more([row.name for row in rows if row.is_on_front], _N_OF_FRONT)
    blocks = (Paragraph(text=f"{FRONT} On it: {front}."), figure)
    return Section(title="Gain against loss", anchor="gain", blocks=blocks)


# --- along the training --------------------------------------------------------------------------


def _training(overview: Overview, chart: Chart | None) -> Section | None:
    trajectory = overview.trajectory
    if trajectory is None:
        return _without_training(without_trajectory(overview))
    last = {
        capability.name: cell.drop
        for row in overview.candidates
        if row.step == trajectory.steps[-1]
        for capability, cell in zip(overview.capabilities, row.cells, strict=True)
        if cell is not None
    }
    before = falls_before(overview)
    rows = tuple(
        TableRow(
            cells=(
                fall.name,
                _onset(fall.onset, before.get(fall.name)),
                Datum(text=f"{fall.n_regressed} of {len(trajectory.steps)}", key=fall.n_regressed),
                points(last.get(fall.name)),
            ),
        )
        for fall in trajectory.capabilities
    )
    table = TableBlock(
        columns=(
            Column(name="capability", side="left"), Column(name="falls from"),
            Column(name="steps REGRESSED"), Column(name="drop at the last step"),
        ),
        rows=rows,
        kind="overview",
    )  # fmt: skip
    drawn: Block = table if chart is None else Figure(chart=chart, table=table, is_wide=True)
    note = (
        "A fall begins at the first step from which on a capability is REGRESSED at every later "
        "one; a step without a verdict interrupts it."
    )
    blocks = (Paragraph(text=f"{falls(overview)}."), drawn, Paragraph(text=note))
    return Section(title=_TRAINING, anchor="training", blocks=blocks)


def _without_training(why: str) -> Section | None:
    blocks = (Paragraph(text=why),)
    return Section(title=_TRAINING, anchor="training", blocks=blocks) if why else None


def _onset(step: int | None, before: tuple[int, int] | None) -> Cell:
    """Return where a fall begins, and up to where it is known if that is not to the end."""
    if before is not None:
        first, last = before
        return Datum(text=f"{first}, up to {last}", outcome=Outcome.REGRESSED, key=first)
    if step is None:
        return Datum(text=MISSING)
    return Datum(text=str(step), outcome=Outcome.REGRESSED, key=step)


# --- what was compared ---------------------------------------------------------------------------


def _compared(overview: Overview) -> Section:
    alphas = sorted({row.alpha for row in overview.candidates})
    suites = [f"suite {s.name}, version {s.version}, {s.digest[:16]}" for s in overview.suites]
    lines = (
        f"base {overview.base}, {overview.base_fingerprint[:16]}",
        *suites,
        f"alpha {' or '.join(f'{alpha:g}' for alpha in alphas)}",
        *overview.caveats,
    )
    return Section(
        title="What was compared",
        anchor="compared",
        blocks=(Listing(lines=lines, is_brief=False),),
    )
