"""How both sides answer, for reading: one row a capability, and what is worth a second look.

The rules are plain thresholds, the same in both directions of a ratio. What they find is an
observation: a screen that says where to look, never a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress

from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.diagnostics import Drift, ResponseComparison, ResponseStatistics
from cliffguard.core.reviews import Outcome
from cliffguard.core.texts import plural
from cliffguard.report import numbers
from cliffguard.report.blocks import (
    Block,
    Listing,
    Paragraph,
    Section,
    TableBlock,
    TableRow,
    columns,
)
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.page import Page

LEAST_ANSWERS = 30
"""Of fewer answers nothing is noted: one more or less would make a note."""

SHORTER = 0.6
"""Mean length over the base's at which answers are much shorter; much longer at its inverse."""

RISE = 0.05
"""Rise of a share of answers from which it is noted: cut, repeated, empty."""

LOW_AGREEMENT = 0.7
"""Share of equal answers below which a score that held is noted."""

SHORT_TOKENS = 20.0
"""Up to this mean length answers in words can be expected to be the same."""

INTRO = (
    "How both sides answer, base → candidate, beside what is right. A screen that says where to "
    "look, never a verdict: nothing here gates."
)

MEANINGS = {
    "agreement": "same answer from both sides",
    "length": "mean tokens of the candidate's generated answers over the base's",
    "cut": "generated answers that the token limit ended, or a stop string before the first word",
    "repeated": "generated answers that run in a circle",
    "confident wrong": "choices picked with a probability of 0.8 or more, and wrong",
    "smECE": "smooth calibration error; about 4 % on 300 items where nothing is off",
    "KL": "median over prompts of how far predictions moved, KL(base‖candidate) a token, in nats",
    "same next": "tokens of these prompts after which both expect the same next one",
}
"""What each column shows, in the order in which they stand."""


def section(page: Page) -> Section | None:
    """Return what is known of both sides' behaviour; None where nothing is."""
    measured = [
        (row, row.comparison, row.comparison.diagnostics.behaviour)
        for row in page.rows
        if row.comparison is not None and row.comparison.diagnostics.behaviour is not None
    ]
    cells = [
        _cells(behaviour, capability.diagnostics.shift) for _, capability, behaviour in measured
    ]
    shown = [any(row[n] != numbers.MISSING for row in cells) for n in range(len(MEANINGS))]
    if not any(shown):
        return None
    names = tuple(compress(MEANINGS, shown))
    table = TableBlock(
        columns=columns("capability", *names, left={"capability"}),
        rows=tuple(
            TableRow(cells=(row.capability, *compress(values, shown)))
            for (row, _, _), values in zip(measured, cells, strict=True)
        ),
        brief="none",
    )
    notes = Listing(
        lines=tuple(
            f"{row.capability}: {note}"
            for row, capability, behaviour in measured
            for note in _notes(row, capability, behaviour)
        )
    )
    about = Paragraph(text=INTRO, is_brief=False)
    key = Paragraph(text="; ".join(f"{n}: {MEANINGS[n]}" for n in names) + ".", is_brief=False)
    blocks: tuple[Block, ...] = (about, table, *([notes] if notes.lines else []), key)
    return Section(title="Behaviour, beside the verdict", anchor="behaviour", blocks=blocks)


def _cells(behaviour: ResponseComparison, shift: Drift | None) -> tuple[str, ...]:
    ratio = behaviour.length_ratio
    return (
        numbers.percent(behaviour.agreement),
        numbers.MISSING if ratio is None else f"×{ratio:.2f}",
        _change(behaviour, lambda side: side.cut),
        _change(behaviour, lambda side: side.repeated),
        _change(behaviour, lambda side: side.confident_wrong),
        _change(behaviour, lambda side: side.calibration_error),
        numbers.MISSING if shift is None else f"{shift.median_nats:.3f}",
        numbers.percent(None if shift is None else shift.agreement),
    )


def _change(
    behaviour: ResponseComparison, share: Callable[[ResponseStatistics], float | None]
) -> str:
    """Both sides as "3.0 → 12.5 %"."""
    return numbers.change(share(behaviour.base), share(behaviour.candidate))


# --- notes ---------------------------------------------------------------------------------------


def _notes(
    row: CapabilityRow, capability: CapabilityComparison, behaviour: ResponseComparison
) -> list[str]:
    notes = []
    if behaviour.n_generated >= LEAST_ANSWERS:
        notes = [
            *_length(behaviour),
            *_rise(behaviour, lambda side: side.cut, "answers that were cut"),
            *_cut_and_lost(capability, behaviour),
            *_rise(behaviour, lambda side: side.repeated, "answers that run in a circle"),
            *_rise(behaviour, lambda side: side.empty, "empty answers"),
        ]
    return [*notes, *_other_answers(row, capability, behaviour), *_confident_wrong(behaviour)]


def _length(behaviour: ResponseComparison) -> Sequence[str]:
    ratio = behaviour.length_ratio
    if ratio is None or SHORTER < ratio < 1 / SHORTER:
        return ()
    change = f"{100 * abs(1 - ratio):.0f} % {'shorter' if ratio < 1 else 'longer'}"
    before, after = behaviour.base.mean_tokens or 0.0, behaviour.candidate.mean_tokens or 0.0
    return (f"answers are {change} ({before:.0f} → {after:.0f} tokens on average)",)


def _rise(
    behaviour: ResponseComparison, share: Callable[[ResponseStatistics], float | None], what: str
) -> Sequence[str]:
    before, after = share(behaviour.base), share(behaviour.candidate)
    if before is None or after is None or after - before < RISE:
        return ()
    return (f"more {what} ({_change(behaviour, share)})",)


def _cut_and_lost(capability: CapabilityComparison, behaviour: ResponseComparison) -> Sequence[str]:
    """Say so where more answers were cut than right ones lost: the limit may be all of the drop."""
    if behaviour.base.cut is None or behaviour.candidate.cut is None or not behaviour.n_worse_cut:
        return ()
    n_worse = capability.counts.n_broken + capability.counts.n_lost
    n_more_cut = round((behaviour.candidate.cut - behaviour.base.cut) * behaviour.n_generated)
    if not 0 < n_worse - capability.counts.n_fixed <= n_more_cut:
        return ()
    worse = "broken or unanswered" if capability.counts.n_lost else "broken"
    verb = "was" if behaviour.n_worse_cut == 1 else "were"
    return (
        f"of {n_worse:,} {worse} {plural(n_worse, 'item')}, {behaviour.n_worse_cut:,} {verb} cut: "
        "a higher limit, or other stop strings, would tell whether anything else was lost",
    )


def _other_answers(
    row: CapabilityRow, capability: CapabilityComparison, behaviour: ResponseComparison
) -> Sequence[str]:
    """Say so where a score held, and yet many answers are others than the base's."""
    is_low = behaviour.agreement is not None and behaviour.agreement < LOW_AGREEMENT
    is_held = row.finding.outcome is Outcome.HELD and not row.is_target
    if not (
        is_low and is_held and capability.counts.n_items >= LEAST_ANSWERS and _is_short(behaviour)
    ):
        return ()
    return (
        f"the score held, with other answers: {numbers.percent(behaviour.agreement)} are the same, "
        f"{behaviour.n_other_wrong:,} wrong answers became other wrong ones",
    )


def _is_short(behaviour: ResponseComparison) -> bool:
    """Return whether two answers of one mind would be the same, word for word."""
    if not behaviour.n_generated:
        return True
    return behaviour.base.mean_tokens is not None and behaviour.base.mean_tokens <= SHORT_TOKENS


def _confident_wrong(behaviour: ResponseComparison) -> Sequence[str]:
    rise = behaviour.confident_wrong_rise
    if rise is None or rise.low <= 0:
        return ()
    change = _change(behaviour, lambda side: side.confident_wrong)
    return (
        f"more answers that are confident and wrong ({change}, interval of the rise "
        f"{numbers.points_range(rise)} pp)",
    )
