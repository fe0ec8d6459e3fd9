"""The capabilities: what was lost of each, with interval and margin, and the tasks inside."""

from __future__ import annotations

from cliffguard.core.reviews import Outcome
from cliffguard.report.anchors import row_anchor
from cliffguard.report.bars import Bar, bars
from cliffguard.report.blocks import (
    Block,
    Column,
    Details,
    Note,
    Paragraph,
    Section,
    TableBlock,
    TableRow,
    columns,
)
from cliffguard.report.capability_row import CapabilityRow, TaskRow
from cliffguard.report.page import Page
from cliffguard.report.wording import SIGN_CONVENTION

KIND = "capabilities"
"""What a page lays out its own way: figure and table in one."""


def section(page: Page) -> Section:
    """Return the table of capabilities, what it does not show, and the tasks inside of them."""
    blocks: list[Block] = [_table(page)]
    blocks += [Paragraph(text=remark) for remark in (*page.remarks, SIGN_CONVENTION)]
    blocks.append(
        Paragraph(
            text=f"Bars are {page.confidence} intervals: right is a larger drop, of a target a "
            "larger gain. The bar of what is held ends inside its shaded zone, which the margin "
            "ends.",
            is_page_only=True,
            is_brief=False,
        )
    )
    if page.tasks:
        about = Paragraph(
            text="For reading, not for deciding. Every level counts here, also those that are only "
            "shown."
        )
        blocks.append(
            Details(summary="Tasks inside the capabilities", blocks=(about, _tasks(page)))
        )
    return Section(title="Capabilities", anchor="capabilities", blocks=tuple(blocks))


def _table(page: Page) -> TableBlock:
    drawn = bars(page)
    return TableBlock(
        columns=(
            Column(name="capability", side="left"),
            Column(name="role", side="left", is_group=True),
            Column(name="base → candidate"),
            Column(name="drop / gain"),
            Column(name=f"{page.confidence} interval"),
            Column(name="margin"),
            Column(name="n"),
            Column(name="broken / fixed"),
            Column(name="interval and margin", is_page_only=True),
        ),
        rows=tuple(_row(row, drawn[row.capability]) for row in page.rows),
        kind=KIND,
        empty="No capability was judged.",
    )


def _row(row: CapabilityRow, bar: Bar) -> TableRow:
    change = row.gain if row.is_target else row.drop
    return TableRow(
        cells=(
            row.capability,
            row.finding.role,
            row.means,
            change.removesuffix(" pp"),
            row.gain_interval if row.is_target else row.interval,
            row.margin.removeprefix("gain ").removesuffix(" pp"),
            row.n_items,
            row.flips,
            bar,
        ),
        outcome=row.finding.outcome,
        standing=row.standing,
        notes=_notes(row),
        anchor=row_anchor(row.capability),
    )


def _notes(row: CapabilityRow) -> tuple[Note, ...]:
    """Return why it is judged so, what is demanded of a target, and what its numbers hide."""
    is_measured = row.comparison is not None and row.comparison.evidence.drop is not None
    proof = f" ({row.proof})" if row.proof and is_measured else ""
    is_held = row.finding.outcome is Outcome.HELD
    standing = f"{row.standing}: " if row.standing else ""
    notes = [Note(text=f"{standing}{row.reason}{proof}", sign=row.mark, is_brief=not is_held)]
    if row.direction and is_measured:
        notes.insert(0, Note(text=row.change, sign="↓"))
    if row.is_target or row.finding.ring == "target":
        gain = f"a gain of {row.gain}, {row.demand}" if is_measured else row.demand
        notes.append(Note(text=gain, is_brief=False))
    return (*notes, *(Note(text=line, sign="!") for line in row.details))


def _tasks(page: Page) -> TableBlock:
    sides = {"task", "capability", "metric"}
    names = (
        "task", "capability", "metric", "chance", "base", "candidate", "n", page.lacking,
        "cut off, base / candidate",
    )  # fmt: skip
    return TableBlock(
        columns=columns(*names, left=sides),
        rows=tuple(TableRow(cells=_task(row)) for row in page.tasks),
    )


def _task(row: TaskRow) -> tuple[str, ...]:
    return (
        row.name,
        row.capability,
        row.metric,
        row.chance,
        row.base,
        row.candidate,
        f"{row.task.n_items:,}",
        str(row.task.n_unscored),
        f"{row.task.n_truncated_base} / {row.task.n_truncated_candidate}",
    )
