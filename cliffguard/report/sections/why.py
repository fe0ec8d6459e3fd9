"""Why it broke: causes that add up to the drop, patterns, what probes brought back, what to do.

Nothing here decides: it is made after the verdict, of the same answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from cliffguard.core.diagnosis import (
    OF_PROBES,
    CapabilityDiagnosis,
    CauseCount,
    CauseName,
    Diagnosis,
    Pattern,
)
from cliffguard.core.texts import first_and_more, n_things, plural
from cliffguard.report import numbers
from cliffguard.report.advice import Advice, advice_for, source_name
from cliffguard.report.anchors import ReasonKind, reason_anchor
from cliffguard.report.blocks import (
    Block,
    Cell,
    Datum,
    Details,
    Heading,
    Line,
    Listing,
    Paragraph,
    Section,
    Span,
    TableBlock,
    TableRow,
    columns,
)
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.clean import one_line
from cliffguard.report.named_first import is_graded
from cliffguard.report.page import Page
from cliffguard.report.reasons import (
    CAUSE_LABELS,
    MOST_PATTERNS,
    diagnosed,
    is_told,
    named,
    reasons,
)
from cliffguard.report.sections.probed import probe_blocks
from cliffguard.report.wording import flag_word

TITLE = "Why it broke"
ANCHOR = "why"

INTRO = (
    "Of the same answers, after the verdict, and no part of it. Each broken item has the first "
    "cause that fits, so that the counts add up. A cause is found where it fits more of the "
    "candidate's wrong answers than of the base's, those to items that both have wrong as well; "
    "lost is what is left. Shares are of the broken items, of lost and suppressed of those that "
    "were probed."
)
_N_NAMED = 5
_LINKS = " A name opens those of its items that broke, below."
_CAUSES = (
    "cause", "broken items", "share", "90 % interval", "fits candidate / base",
    "found",
)  # fmt: skip
_PATTERNS = (
    "pattern", "capability", "items", "broken / fixed", "inside", "outside", "q", "found",
)  # fmt: skip
_PATTERNS_KEY = (
    "Inside and outside are mean drops of the items in the slice and of all others; of an option "
    "the shares of items in which it is picked where it is wrong, by the candidate and by the base."
)


def section(page: Page) -> Section | None:
    """Return why capabilities broke, those of the first screen open; None without a diagnosis."""
    diagnosis, every = page.review.diagnosis, diagnosed(page)
    if diagnosis is None or not every:
        return None
    explained = [each for row, each in every if is_told(row, each)]
    rest = [each for row, each in every if not is_told(row, each)]
    blocks: list[Block] = [Paragraph(text=INTRO, is_brief=False)]
    if page.items is not None:
        blocks.append(Paragraph(text=_LINKS.strip(), is_page_only=True, is_brief=False))
    for each in explained:
        blocks += _causes(each, page)
    if rest:
        many = plural(len(rest), "capability", "capabilities")
        summary = f"Causes in {len(rest):,} other {many}, which did not regress"
        inner = tuple(block for each in rest for block in _causes(each, page))
        blocks.append(Details(summary=summary, blocks=inner))
    blocks += _untested([each for _, each in every])
    blocks += _patterns(every, diagnosis, page)
    blocks += probe_blocks([each for _, each in every], diagnosis)
    blocks += _advice(page)
    return Section(title=TITLE, anchor=ANCHOR, blocks=tuple(blocks))


# --- causes --------------------------------------------------------------------------------------


def _causes(diagnosis: CapabilityDiagnosis, page: Page) -> Iterator[Block]:
    """Yield the causes of a capability, and their sum."""
    yield Heading(text=f"{one_line(diagnosis.capability)}: causes", is_brief=False)
    yield TableBlock(
        columns=columns(*_CAUSES, left={"cause", "found"}),
        rows=tuple(_cause(cause, diagnosis, page) for cause in diagnosis.causes),
        brief="none",
    )
    yield Paragraph(text=_sum(diagnosis), is_brief=False)


def _cause(cause: CauseCount, diagnosis: CapabilityDiagnosis, page: Page) -> TableRow:
    low, high = cause.share_interval.low, cause.share_interval.high
    is_tested = cause.p_found is not None
    of = f" of {cause.n_among:,} probed" if cause.cause in OF_PROBES else ""
    cells: tuple[Cell, ...] = (
        _linked("cause", CAUSE_LABELS[cause.cause], diagnosis, flag_word(cause.cause), page),
        f"{cause.n_items:,}",
        f"{100 * cause.share:.0f} %{of}",
        f"{100 * low:.0f}–{100 * high:.0f} %",
        f"{cause.n_fits_candidate:,} of {cause.n_wrong_candidate:,} / {cause.n_fits_base:,} of "
        f"{cause.n_wrong_base:,}"
        if is_tested
        else numbers.MISSING,
        _found_cell(cause),
    )
    return TableRow(cells=cells)


def _found_cell(cause: CauseCount) -> str:
    if cause.is_found:
        return f"yes, {numbers.p_value(cause.p_found)}" if cause.p_found is not None else "yes"
    return numbers.MISSING if cause.p_found is None else f"no, {numbers.p_value(cause.p_found)}"


def _sum(diagnosis: CapabilityDiagnosis) -> str:
    """Write the drop as the sum of what each cause lost, less what was gained.

    A right or wrong answer loses one item; graded scores lose parts of them.
    """
    is_whole = not is_graded(diagnosis)
    lost = [
        f"{cause.n_items:,} {_term(cause.cause)}"
        if is_whole
        else f"{cause.loss:.2f} {_term(cause.cause)}"
        for cause in diagnosis.causes
    ]
    gained = f"{diagnosis.n_fixed:,} fixed" if is_whole else f"{diagnosis.gain:.2f} gained"
    drop = (diagnosis.loss - diagnosis.gain) / diagnosis.n_items
    # Of what is printed, so that the line adds up for whoever does the sum.
    rounded = math.fsum(round(cause.loss, 2) for cause in diagnosis.causes)
    net = diagnosis.loss - diagnosis.gain if is_whole else rounded - round(diagnosis.gain, 2)
    total = f"{net:,.0f}" if is_whole else f"{net:,.2f}"
    return (
        f"drop = ({' + '.join(lost)} − {gained}) / {n_things(diagnosis.n_items, 'item', ',')} = "
        f"{total} / {diagnosis.n_items:,} = {numbers.points(drop)}"
    ).replace("= -", "= −")


def _term(cause: CauseName) -> str:
    """Return what a sum calls a cause; a probe that brings an item back proves nothing alone."""
    return "not proven suppressed" if cause == "lost" else flag_word(cause)


def _untested(every: Sequence[CapabilityDiagnosis]) -> Iterator[Block]:
    """Yield what was not tested, and why: once, and of which where it was not of all."""
    of_why: dict[str, dict[str, list[str]]] = {}  # causes by reason, with their capabilities
    for each in every:
        for untested in each.untested:
            causes = of_why.setdefault(one_line(untested.why), {})
            causes.setdefault(flag_word(untested.cause), []).append(one_line(each.capability))
    lines = []
    for why, causes in of_why.items():
        alike: dict[tuple[str, ...], list[str]] = {}
        for cause, capabilities in causes.items():
            alike.setdefault(tuple(capabilities), []).append(cause)
        for names, several in alike.items():
            of = "" if len(names) == len(every) else f" of {first_and_more(names, _N_NAMED)}"
            lines.append(f"{', '.join(several)}{of}: {why}")
    if lines:
        yield Heading(text="Not tested", is_brief=False)
        yield Listing(lines=tuple(lines), is_brief=False)


# --- patterns ------------------------------------------------------------------------------------


def _patterns(
    every: Sequence[tuple[CapabilityRow, CapabilityDiagnosis]], diagnosis: Diagnosis, page: Page
) -> Iterator[Block]:
    """Yield the patterns of all capabilities in one table, what is found first."""
    yield Heading(
        text=f"Patterns (screen: {n_things(diagnosis.n_tried, 'slice', ',')} tried, "
        "Benjamini–Hochberg at 5 %)",
        is_brief=False,
    )
    pairs = [(each, pattern) for _, each in every for pattern in each.patterns[:MOST_PATTERNS]]
    pairs.sort(key=lambda pair: not pair[1].is_found)
    yield TableBlock(
        columns=columns(*_PATTERNS, left={"pattern", "capability", "found"}),
        rows=tuple(_pattern(each, pattern, page) for each, pattern in pairs),
        empty="None stands out.",
        brief="none",
    )
    n_more = sum(len(each.patterns) for _, each in every) - len(pairs)
    more = f" {n_more:,} more are in review.json." if n_more else ""
    if pairs:
        yield Paragraph(text=f"{_PATTERNS_KEY}{more}", is_brief=False)


def _pattern(diagnosis: CapabilityDiagnosis, pattern: Pattern, page: Page) -> TableRow:
    is_share = pattern.kind in ("pull", "overconfident")
    shown = numbers.percent if is_share else numbers.points
    cells: tuple[Cell, ...] = (
        _linked("pattern", f"{pattern.kind}: {named(pattern)}", diagnosis, pattern.key, page),
        Datum(text=one_line(diagnosis.capability)),  # which may break after its underscores
        f"{pattern.n_items:,}",
        f"{pattern.n_broken:,} / {pattern.n_fixed:,}",
        shown(pattern.inside),
        shown(pattern.outside),
        f"{pattern.q_value:.2g}",
        "yes" if pattern.is_found else "no",
    )
    return TableRow(cells=cells)


def _linked(
    kind: ReasonKind, text: str, diagnosis: CapabilityDiagnosis, key: str, page: Page
) -> Cell:
    """Return a name that leads to its items, where the page has them."""
    if page.items is None:
        return text
    return Datum(text=text, href=f"#{reason_anchor(kind, diagnosis.capability, key)}")


# --- what to do ----------------------------------------------------------------------------------


def _advice(page: Page) -> Iterator[Block]:
    """Yield what to do about each capability of the first screen, all of the same steps once."""
    about: dict[tuple[Advice, ...], list[str]] = {}
    for reason in reasons(page):
        name = f"{reason.capability} ({reason.about})"
        about.setdefault(advice_for(reason, page), []).append(name)
    known: set[str] = set()
    for steps, names in about.items():
        if steps:
            yield Heading(text=f"What to do about {', '.join(names)}", is_brief=False)
            yield Listing(lines=tuple(_step(step, known) for step in steps), is_brief=False)


def _step(step: Advice, known: set[str]) -> Line:
    """Return a step with what was measured of it, unless that is `known` from a step above."""
    words = step.do
    if step.evidence not in known:
        words += f" {step.evidence} ({', '.join(map(source_name, step.sources))})"
    known.add(step.evidence)
    return (f"{words} ", Span(step.command, "code")) if step.command else words
