"""How to repeat the comparison, where its time went, and how to read it."""

from __future__ import annotations

from cliffguard.core.timing import Timings
from cliffguard.report import timings as times
from cliffguard.report.blocks import (
    Block,
    Code,
    Details,
    Line,
    Listing,
    Paragraph,
    Section,
    Span,
    TableBlock,
    TableRow,
    columns,
)
from cliffguard.report.facts import Fact, checkpoint_facts, run_facts
from cliffguard.report.page import Page
from cliffguard.report.wording import MARKS, MEANINGS, ROLES


def section(page: Page) -> Section:
    """Return the command that gives this verdict again, and what it was measured with."""
    comparison = page.review.comparison
    groups = {
        "base": checkpoint_facts(comparison.base),
        "candidate": checkpoint_facts(comparison.candidate),
        "measurement": run_facts(page.review),
    }
    facts = [
        Details(summary=name, blocks=(Listing(lines=tuple(map(_line, facts)), is_brief=False),))
        for name, facts in groups.items()
    ]
    return Section(
        title="How to reproduce",
        anchor="reproduce",
        blocks=(Code(text=page.review.provenance.command, is_command=True), *facts),
    )


def _line(fact: Fact) -> Line:
    value = Span(fact.value, "code") if fact.is_code else fact.value
    return (f"{fact.label}: ", value)


def timings(spent: Timings | None) -> Section | None:
    """Return where the time went, as a clock saw it; None where none was asked."""
    if spent is None:
        return None
    summary = (
        f"{times.summary_of(spent)} Of this run; it stands in timings.json, not in the review."
    )
    blocks: tuple[Block, ...] = (
        Paragraph(text=summary, is_brief=False),
        TableBlock(
            columns=columns(*times.HEADERS, left={"stage"}),
            rows=tuple(TableRow(cells=cells) for cells in times.rows(spent)),
            brief="none",
        ),
    )
    return Section(title=times.TITLE, anchor="timings", blocks=blocks)


def reading(page: Page) -> Section:
    """Return what the words of the verdict mean, and by which method they were reached."""
    words = [(f"{MARKS[outcome]} {outcome}", text) for outcome, text in MEANINGS.items()]
    lines = [(Span(word, "strong"), f": {text}") for word, text in (*words, *ROLES.items())]
    method = (
        f"Method: {page.methods or 'none, nothing was measured'}. p-values are of a loss (of a "
        "target: of missing the demanded gain; of a suite that is the contract: of reaching the "
        "margin), Holm-adjusted within their role, and for their share of alpha beside the tests "
        "of all together and of parts."
    )
    return Section(
        title="How to read this",
        anchor="reading",
        blocks=(
            Listing(lines=tuple(lines), is_brief=False),
            Paragraph(text=method, is_brief=False),
        ),
    )
