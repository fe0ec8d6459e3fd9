"""Workflow commands of GitHub Actions: what failed the gate, as annotations of a job."""

from __future__ import annotations

from collections.abc import Sequence

from cliffguard.core.reviews import Outcome, Review
from cliffguard.core.texts import clip
from cliffguard.report import next_steps
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.clean import cleaned, one_line
from cliffguard.report.comment import how
from cliffguard.report.first_broken import decides, not_held
from cliffguard.report.labels import BesideReview
from cliffguard.report.page import Page, lay_out
from cliffguard.report.reasons import reasons

MOST = 10
"""Annotations of a job; a step shows as many of one level."""

_NAME_CHARACTERS, _MESSAGE_CHARACTERS, _STEPS_CHARACTERS = 80, 600, 4_000

_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def render_github(review: Review, beside: BesideReview | None = None) -> str:
    """Return a line for each capability that keeps the gate closed, worst first, and what next.

    A proven loss is an error, what is open a warning, what next a notice; at most ten in all, of
    which the last but one says how many are left. A verdict that no single capability explains
    stands for itself.
    """
    page = lay_out(cleaned(review), beside)
    is_pass = page.outcome is Outcome.PASS
    rows = [] if is_pass else [row for row in not_held(page) if decides(row)]
    of_levels = [row.of_levels for row in page.rows if row.of_levels and row not in rows]
    if is_pass:
        return _next(page, of_levels)
    why = {reason.capability: reason.sentence for reason in reasons(page)}
    lines = [_of(row, why.get(row.capability, "")) for row in rows]
    levels = [_level(row.finding.outcome) for row in rows]
    if _level(page.outcome) not in levels:
        lines.insert(0, _command(_level(page.outcome), _verdict(page), page.sentence))
        levels.insert(0, _level(page.outcome))
    if len(lines) >= MOST:
        more = f"{len(lines) - MOST + 2} more are in the report."
        lines[MOST - 2 :] = [_command(levels[MOST - 2], _verdict(page), more)]
    return "".join((*lines, _next(page, of_levels)))


def _next(page: Page, of_levels: Sequence[str]) -> str:
    """Return the verdict, its exit code and what to do, in the words of every format.

    And which levels of what has no annotation do not count.
    """
    steps = " ".join(f"{n}. {step}" for n, step in enumerate(next_steps.next_steps(page), start=1))
    message = " ".join((page.sentence, *map(_ended, of_levels), f"{next_steps.TITLE}: {steps}"))
    title = f"{_verdict(page)}, exit code {page.exit_code}"
    return _command("notice", title, message, _STEPS_CHARACTERS)


def _of(row: CapabilityRow, why: str) -> str:
    """Return the annotation of a capability: its numbers, its outcome's reason, why it broke."""
    outcome = row.finding.outcome
    numbers = ""
    if row.evidence is not None and row.evidence.drop is not None:
        numbers = f"{row.change}, {row.in_words}. "
    return _command(
        _level(outcome),
        f"{_name(row.capability)} {outcome}{_name(how(row))}",
        " ".join(
            map(_ended, filter(None, [f"{numbers}{row.reason}".rstrip(), row.of_levels, why]))
        ),
    )


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _verdict(page: Page) -> str:
    return f"cliffguard {page.outcome}, {_name(page.candidate)}"


def _name(name: str) -> str:
    return clip(name, _NAME_CHARACTERS)


def _level(outcome: Outcome) -> str:
    return "error" if outcome in (Outcome.REGRESSED, Outcome.FAIL) else "warning"


def _command(level: str, title: str, message: str, most: int = _MESSAGE_CHARACTERS) -> str:
    """Return a command on one line, in which nothing can end a property or begin another one."""
    title = one_line(title).translate(_PROPERTY)
    message = clip(one_line(message), most).translate(_DATA)
    return f"::{level} title={title}::{message}\n"
