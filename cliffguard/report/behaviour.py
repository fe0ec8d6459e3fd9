"""How both sides answer, for reading: one row a capability, and what is worth a second look.

The rules are plain thresholds, the same in both directions of a ratio. What they find is an
observation: a screen that says where to look, never a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cliffguard.core.comparisons import Behaviour, CapabilityComparison, Manner, Shift
from cliffguard.core.reviews import Outcome
from cliffguard.core.texts import plural
from cliffguard.report import numbers
from cliffguard.report.page import CapabilityRow, Page

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


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourRow:
    """One capability: a cell for every column of the view."""

    capability: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourView:
    """The table, without columns that would be empty, and the notes under it."""

    columns: tuple[str, ...]
    rows: tuple[BehaviourRow, ...]
    notes: tuple[str, ...]

    @property
    def key(self) -> str:
        """What the columns show, in one sentence."""
        return "; ".join(f"{name}: {MEANINGS[name]}" for name in self.columns) + "."


def behaviour_view(page: Page) -> BehaviourView | None:
    """Arrange what is known of both sides' behaviour; None where nothing is."""
    told = [
        (row, row.found, row.found.diagnostics.behaviour)
        for row in page.rows
        if row.found is not None and row.found.diagnostics.behaviour is not None
    ]
    cells = [_cells(behaviour, found.diagnostics.shift) for _, found, behaviour in told]
    kept = [
        place
        for place in range(len(MEANINGS))
        if any(row[place] != numbers.MISSING for row in cells)
    ]
    if not kept:
        return None
    return BehaviourView(
        columns=tuple(tuple(MEANINGS)[place] for place in kept),
        rows=tuple(
            BehaviourRow(capability=row.capability, cells=tuple(own[place] for place in kept))
            for (row, _, _), own in zip(told, cells, strict=True)
        ),
        notes=tuple(
            f"{row.capability}: {note}"
            for row, found, behaviour in told
            for note in _notes(row, found, behaviour)
        ),
    )


def _cells(told: Behaviour, shift: Shift | None) -> tuple[str, ...]:
    ratio = told.length_ratio
    return (
        numbers.percent(told.agreement),
        numbers.MISSING if ratio is None else f"×{ratio:.2f}",
        _change(told, lambda side: side.cut),
        _change(told, lambda side: side.repeated),
        _change(told, lambda side: side.confident_wrong),
        _change(told, lambda side: side.calibration_error),
        numbers.MISSING if shift is None else f"{shift.median_nats:.3f}",
        numbers.percent(None if shift is None else shift.agreement),
    )


def _change(told: Behaviour, share: Callable[[Manner], float | None]) -> str:
    """Both sides as "3.0 → 12.5 %"."""
    base, candidate = share(told.base), share(told.candidate)
    if base is None or candidate is None:
        return numbers.MISSING
    return f"{numbers.percent(base).removesuffix(' %')} → {numbers.percent(candidate)}"


# --- notes ---------------------------------------------------------------------------------------


def _notes(row: CapabilityRow, found: CapabilityComparison, told: Behaviour) -> list[str]:
    notes = []
    if told.n_generated >= LEAST_ANSWERS:
        notes = [
            *_length(told),
            *_rise(told, lambda side: side.cut, "answers that were cut"),
            *_cut_and_lost(found, told),
            *_rise(told, lambda side: side.repeated, "answers that run in a circle"),
            *_rise(told, lambda side: side.empty, "empty answers"),
        ]
    return [*notes, *_other_answers(row, found, told), *_confident_wrong(told)]


def _length(told: Behaviour) -> Sequence[str]:
    ratio = told.length_ratio
    if ratio is None or SHORTER < ratio < 1 / SHORTER:
        return ()
    change = f"{100 * abs(1 - ratio):.0f} % {'shorter' if ratio < 1 else 'longer'}"
    before, after = told.base.mean_tokens or 0.0, told.candidate.mean_tokens or 0.0
    return (f"answers are {change} ({before:.0f} → {after:.0f} tokens on average)",)


def _rise(told: Behaviour, share: Callable[[Manner], float | None], what: str) -> Sequence[str]:
    before, after = share(told.base), share(told.candidate)
    if before is None or after is None or after - before < RISE:
        return ()
    return (f"more {what} ({_change(told, share)})",)


def _cut_and_lost(found: CapabilityComparison, told: Behaviour) -> Sequence[str]:
    """Say so where more answers were cut than right ones lost: the limit may be all of the drop."""
    if told.base.cut is None or told.candidate.cut is None or not told.n_worse_cut:
        return ()
    n_worse = found.counts.n_broken + found.counts.n_lost
    n_more_cut = round((told.candidate.cut - told.base.cut) * told.n_generated)
    if not 0 < n_worse - found.counts.n_fixed <= n_more_cut:
        return ()
    worse = "broken or unanswered" if found.counts.n_lost else "broken"
    verb = "was" if told.n_worse_cut == 1 else "were"
    return (
        f"of {n_worse:,} {worse} {plural(n_worse, 'item')}, {told.n_worse_cut:,} {verb} cut: a "
        "higher limit, or other stop strings, would tell whether anything else was lost",
    )


def _other_answers(
    row: CapabilityRow, found: CapabilityComparison, told: Behaviour
) -> Sequence[str]:
    """Say so where a score held, and yet many answers are others than the base's."""
    is_low = told.agreement is not None and told.agreement < LOW_AGREEMENT
    is_held = row.finding.outcome is Outcome.HELD and not row.is_target
    if not (is_low and is_held and found.counts.n_items >= LEAST_ANSWERS and _is_short(told)):
        return ()
    return (
        f"the score held, with other answers: {numbers.percent(told.agreement)} are the same, "
        f"{told.n_other_wrong:,} wrong answers became other wrong ones",
    )


def _is_short(told: Behaviour) -> bool:
    """Say whether two answers of one mind would be the same, word for word."""
    if not told.n_generated:
        return True
    return told.base.mean_tokens is not None and told.base.mean_tokens <= SHORT_TOKENS


def _confident_wrong(told: Behaviour) -> Sequence[str]:
    rise = told.confident_wrong_rise
    if rise is None or rise.low <= 0:
        return ()
    change = _change(told, lambda side: side.confident_wrong)
    return (
        f"more answers that are confident and wrong ({change}, interval of the rise "
        f"{numbers.points_range(rise)} pp)",
    )
