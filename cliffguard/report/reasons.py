"""Why a capability's items broke, in the words that every format shows; and what is named first.

A diagnosis counts; here one line is made of it, by the order of `report.named_first`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cliffguard.compare.diagnostics.pulls import GENERATED
from cliffguard.core.diagnosis import (
    OF_PROBES,
    READ,
    CapabilityDiagnosis,
    CauseCount,
    CauseName,
    Pattern,
    PatternKind,
)
from cliffguard.core.reviews import Outcome
from cliffguard.core.texts import clip, n_things, plural
from cliffguard.report import numbers
from cliffguard.report.anchors import ReasonKind, capability_anchor, reason_anchor
from cliffguard.report.blocks import Pointer
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.clean import one_line
from cliffguard.report.named_first import is_graded, named_first, part_of_loss, probed_loss
from cliffguard.report.page import Page
from cliffguard.report.wording import flag_word

CAUSE_LABELS: dict[CauseName, str] = {
    "cut": "cut off, or never ends",
    "degenerate": "empty, or repeats itself",
    "format": "right in another format",
    "bad_call": "bad call of a tool",
    "refusal": "refusal (by phrases of four languages)",
    "wrong_language": "in another language",
    "leak": "label or form of the target",
    "suppressed": "suppressed (asked otherwise, it comes back)",
    "lost": "suppression not proven (probed)",
    "unprobed": "lost or suppressed (not probed)",
}
"""A cause in a table."""

_ARE: dict[CauseName, tuple[str, str]] = {
    "cut": ("was cut off, or never ends", "were cut off, or never end"),
    "degenerate": ("is empty or repeats itself", "are empty or repeat themselves"),
    "format": ("is right in another format", "are right in another format"),
    "bad_call": ("is a bad call of a tool", "are bad calls of tools"),
    "refusal": ("is a refusal", "are refusals"),
    "wrong_language": ("is in another language", "are in another language"),
    "leak": ("is a label or a form of the target", "are labels or forms of the target"),
    "suppressed": ("is suppressed", "are suppressed"),
    "lost": ("is lost", "are lost"),
    "unprobed": ("is lost or suppressed", "are lost or suppressed"),
}
"""What one broken item, or several, are said to be."""

_PATTERN_CHARACTERS = 140


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """What is said first of a capability's broken items: a cause, a pattern, or neither."""

    row: CapabilityRow
    diagnosis: CapabilityDiagnosis
    cause: CauseCount | None = None
    pattern: Pattern | None = None

    @property
    def capability(self) -> str:
        return one_line(self.diagnosis.capability)

    @property
    def key(self) -> CauseName | PatternKind:
        """What advice goes by: the cause or the kind of pattern that is named, else the rest.

        That is the commonest cause where it could not be compared, as of a few items.
        """
        if self.cause is not None:
            return self.cause.cause
        if self.pattern is not None:
            return self.pattern.kind
        for cause in self.diagnosis.causes[:1]:
            if cause.cause in READ and not cause.is_comparable:
                return cause.cause
        return "unprobed" if self.diagnosis.probes is None else "lost"

    @property
    def about(self) -> str:
        """The cause or the pattern in a few words."""
        if self.pattern is None:
            return flag_word(self.key) if self.cause else "no cause found"
        return f"pull to {named(self.pattern)}" if self.key == "pull" else named(self.pattern)

    @property
    def anchor(self) -> str:
        """The address of its items on a page, without the #."""
        name = self.diagnosis.capability
        if self.cause is not None:
            return reason_anchor("cause", name, flag_word(self.cause.cause))
        if self.pattern is not None:
            return reason_anchor("pattern", name, self.pattern.key)
        return capability_anchor(name)

    @property
    def sentence(self) -> str:
        """The one line of a capability, without what it is followed by."""
        words = (
            _said_of_cause if self.cause else _said_of_pattern if self.pattern else _said_of_rest
        )
        return f"{self.capability}: {words(self)}"


def reasons(page: Page) -> tuple[Reason, ...]:
    """Return the reason of every capability that broke: REGRESSED, or gating and open."""
    return tuple(
        _reason(row, diagnosis) for row, diagnosis in diagnosed(page) if is_told(row, diagnosis)
    )


def diagnosed(page: Page) -> tuple[tuple[CapabilityRow, CapabilityDiagnosis], ...]:
    """Return the capabilities whose broken items were looked through, in the order of the page."""
    if page.review.diagnosis is None:
        return ()
    known = {each.capability: each for each in page.review.diagnosis.capabilities}
    names = [(row, known.get(row.finding.capability)) for row in page.rows]
    return tuple((row, each) for row, each in names if each is not None and each.n_broken)


def is_told(row: CapabilityRow, diagnosis: CapabilityDiagnosis) -> bool:
    """Return whether a capability has a line on the first screen."""
    is_open = row.finding.outcome is Outcome.INCONCLUSIVE and row.finding.role == "gating"
    return diagnosis.n_broken > 0 and (row.finding.outcome is Outcome.REGRESSED or is_open)


def first_lines(page: Page) -> tuple[Pointer, ...]:
    """Return the lines of the first screen, a capability each, and where to read its items."""
    see = "see items" if page.review.items is not None and page.has_items else ""
    return tuple(
        Pointer(
            text=reason.sentence,
            see=see,
            href="" if page.items is None else f"#{reason.anchor}",
        )
        for reason in reasons(page)
    )


def _reason(row: CapabilityRow, diagnosis: CapabilityDiagnosis) -> Reason:
    first = named_first(diagnosis)
    if isinstance(first, Pattern):
        return Reason(row=row, diagnosis=diagnosis, pattern=first)
    return Reason(row=row, diagnosis=diagnosis, cause=first)


# --- words ---------------------------------------------------------------------------------------


def _said_of_cause(reason: Reason) -> str:
    cause, diagnosis = reason.cause, reason.diagnosis
    assert cause is not None
    words = plural(cause.n_items, *_ARE[cause.cause])
    kind = "probed broken item" if cause.cause in OF_PROBES else "broken item"
    doubt = "" if cause.is_found else f", {not_compared(cause)}"
    rest = sum(each.n_items for each in diagnosis.causes if each.cause == "unprobed")
    more = f"; {rest:,} {plural(rest, 'was', 'were')} not probed" if kind != "broken item" else ""
    return (
        f"{cause.n_items:,} of {n_things(cause.n_among, kind, ',')} {words} "
        f"({share(cause, diagnosis)}{doubt}){more if rest else ''}"
    )


def _said_of_pattern(reason: Reason) -> str:
    pattern = reason.pattern
    assert pattern is not None
    return said_of(pattern)


def _said_of_rest(reason: Reason) -> str:
    """Say what broken items are of which nothing is found: as what they were counted, and the rest.

    Counted is not found: as many wrong answers of the base may look so.
    """
    diagnosis = reason.diagnosis
    counted = [cause for cause in diagnosis.causes if cause.cause in READ]
    others = [cause for cause in diagnosis.causes if cause.cause not in READ]
    parts = [f"{c.n_items:,} {plural(c.n_items, *_ARE[c.cause])} ({_doubt(c)})" for c in counted]
    is_mixed = len(diagnosis.causes) > 1
    for cause in others:
        n = f"{cause.n_items:,} {plural(cause.n_items, 'is', 'are')} " if is_mixed else ""
        parts.append(f"{n}{_left(cause, diagnosis)}")
    head = f"{n_things(diagnosis.n_broken, 'broken item', ',')}, no cause found"
    return f"{head}{'' if counted else ' here that is counted'}: {'; '.join(parts)}"


def _doubt(cause: CauseCount) -> str:
    return "not proven more than of other answers" if cause.is_comparable else not_compared(cause)


def _left(cause: CauseCount, diagnosis: CapabilityDiagnosis) -> str:
    """Say of items that no reader explains whether they were probed, and what came of it."""
    probes = diagnosis.probes
    if cause.cause == "unprobed" or probes is None:
        return "lost or suppressed (not probed)"
    return (
        f"not proven suppressed (probes bring back {numbers.percent(probes.recovery)}, and "
        f"{numbers.percent(probes.base_recovery)} of what the base had wrong)"
    )


MOST_PATTERNS = 12
"""Of a capability on a page; more are in review.json alone."""


def reasons_of(diagnosis: CapabilityDiagnosis) -> Iterator[tuple[ReasonKind, str, str]]:
    """Yield the causes, then the patterns of a capability: kind, key and what it is called."""
    for cause in diagnosis.causes:
        yield "cause", flag_word(cause.cause), CAUSE_LABELS[cause.cause]
    for pattern in diagnosis.patterns[:MOST_PATTERNS]:
        yield "pattern", pattern.key, f"{pattern.kind}: {named(pattern)}"


def share(cause: CauseCount, diagnosis: CapabilityDiagnosis) -> str:
    """Return the share of a cause: of items with its interval, of graded scores of the loss.

    "76 %, 90 % interval 64–86", or "13 % of the loss".
    """
    if is_graded(diagnosis):
        if cause.cause in OF_PROBES:
            return f"{100 * cause.loss / probed_loss(diagnosis):.0f} % of what these lost"
        return f"{100 * part_of_loss(cause, diagnosis):.0f} % of the loss"
    low, high = cause.share_interval.low, cause.share_interval.high
    return f"{100 * cause.share:.0f} %, 90 % interval {100 * low:.0f}–{100 * high:.0f}"


def not_compared(cause: CauseCount) -> str:
    """Say why a cause that is named could not be compared with what the base had wrong."""
    if not cause.n_wrong_base:
        return "not compared: the base has no wrong answer"
    wrong = n_things(cause.n_wrong_base, "wrong answer", ",")
    return f"not compared: the base has only {wrong}"


def named(pattern: Pattern) -> str:
    """Return a pattern by its name, on one line; words of the data stand in quotes there."""
    name = clip(one_line(pattern.name), _PATTERN_CHARACTERS)
    is_cut_in_quotes = len(pattern.name) > _PATTERN_CHARACTERS and name.count('"') % 2
    return f'{name}"' if is_cut_in_quotes else name


def said_of(pattern: Pattern) -> str:
    """Return a pattern as a sentence: counts of a pull, both means of a slice."""
    if pattern.kind == "pull":
        return _said_of_pull(pattern)
    if pattern.kind == "overconfident":
        base, candidate = pattern.outside, pattern.inside
        return (
            f"{named(pattern)} in {n_things(pattern.n_items, 'item', ',')}: "
            f"{numbers.change(base, candidate)}"
        )
    return (
        f"{named(pattern)}: drop {numbers.points(pattern.inside)} in "
        f"{n_things(pattern.n_items, 'item', ',')}, {numbers.points(pattern.outside)} in all others"
    )


def _said_of_pull(pattern: Pattern) -> str:
    """Return how often each side picks what is wrong: one option, or one of a kind of answers."""
    picked, before = (round(part * pattern.n_items) for part in (pattern.inside, pattern.outside))
    count, name, does = f"{picked:,} of {pattern.n_items:,}", named(pattern), f"(base {before:,})"
    if pattern.n_broken != picked:  # of the others the base had it wrong, too
        does += f"; {pattern.n_broken:,} of them broke"
    if name.startswith('"'):  # of the data's own words
        those = f"any of {name}" if pattern.key.endswith(":several") else name
        if pattern.key.startswith(f"{GENERATED}:"):
            return f"{count} times that {those} would be wrong the candidate answers it {does}"
        return f"{count} times that {those} is a wrong option the candidate picks it {does}"
    return f"pull to {name}: picked where it is wrong {count} times {does}"
