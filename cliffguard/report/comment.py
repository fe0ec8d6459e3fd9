"""A comment on a pull request: the verdict, what is not held, what to do, in 2,900 bytes at most.

Whatever a review holds, whole rows, steps and items are left out until it fits, the mildest first,
and how many is said. What was said by others is inert outside of fences: no markup, mention,
reference or link.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from cliffguard.core.reviews import Example, Outcome, Review
from cliffguard.core.texts import n_things
from cliffguard.report import markdown, next_steps, numbers
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.clean import cleaned, one_line
from cliffguard.report.comment_items import quoted
from cliffguard.report.comment_options import CommentOptions, default_id, link_target
from cliffguard.report.comment_text import NAME_BYTES, fitted, inert_prose, n_bytes_of, named
from cliffguard.report.first_broken import (
    closing,
    first_broken,
    n_broken_of,
    not_held,
    order_of,
)
from cliffguard.report.headline import largest_within
from cliffguard.report.labels import BesideReview
from cliffguard.report.page import Page, lay_out
from cliffguard.report.prose import names_in, quoting
from cliffguard.report.reasons import first_lines

MOST_BYTES = 2900
"""Of a comment, in UTF-8; with the commit that a job adds, 3,000."""

_SENTENCE_BYTES, _STEP_BYTES = 400, 320

MOST_ITEMS = 2
"""Items that broke, of a comment."""

Part = Literal["steps", "rows", "levels", "why", "items"]
_FIRST: tuple[Part, ...] = (
    "steps", "rows", "levels", *("rows",) * 5, "why", "why", "items", "items", "steps", "steps",
)  # fmt: skip
"""What an approver needs first."""


def render_comment(
    review: Review, beside: BesideReview | None = None, options: CommentOptions | None = None
) -> str:
    """Return the review as a comment; its first line tells it from the comments of others."""
    options = options or CommentOptions()
    page = lay_out(cleaned(review), beside)
    link = f" [Full report](<{link_target(options.report_url)}>)" if options.report_url else ""
    write = partial(inert_prose, foreign=quoting(names_in(page.review)))
    comment = _Comment(
        page=page,
        head=f"<!-- cliffguard:{options.comment_id or default_id(page.candidate)} -->\n"
        f"{_headline(page)}",
        foot=f"Candidate {named(page.candidate)}, base {named(page.base)}.{link}",
        rows=[_row(row) for row in not_held(page)],
        levels=[_whole_parts(line, write) for line in _of_levels(page)],
        steps=[fitted(step, _STEP_BYTES, write) for step in next_steps.next_steps(page)],
        why=[fitted(pointer.text, _STEP_BYTES, write) for pointer in first_lines(page)],
        items=first_broken(page, closing(page), MOST_ITEMS),
    )
    return comment.text(comment.shown())


def how(row: CapabilityRow) -> str:
    """Return by what a row regressed, or why it decides nothing, behind a comma; mostly nothing."""
    finding = row.finding
    words = {
        "monitored only": finding.role == "monitored",
        row.standing: not finding.counts,
        f"in {one_line(finding.stratum or '')}": finding.stratum is not None,
        "by format": finding.cause == "format",
    }
    return "".join(f", {word}" for word, is_so in words.items() if is_so)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comment:
    """A comment in parts, of which some are left out; each in Markdown."""

    page: Page
    head: str
    foot: str
    rows: Sequence[tuple[str, ...]]
    levels: Sequence[str]
    steps: Sequence[str]
    why: Sequence[str]
    items: Sequence[Example]

    def shown(self) -> dict[Part, int]:
        """Return how many of each kind fit, `_FIRST` before the others."""
        n_parts: dict[Part, int] = {part: len(getattr(self, part)) for part in get_args(Part)}
        order: list[Part] = [*_FIRST]
        for part in ("rows", "levels", "why", "steps", "items"):
            order += [part] * max(0, n_parts[part] - order.count(part))
        shown: dict[Part, int] = dict.fromkeys(n_parts, 0)
        for part in order:
            more = {**shown, part: shown[part] + 1}
            fits = n_bytes_of(self.text(more)) <= MOST_BYTES
            if more[part] <= n_parts[part] and fits:
                shown = more
        return shown

    def text(self, shown: dict[Part, int]) -> str:
        """Return the comment with so many of each kind."""
        sections = [
            self.head,
            self._table(shown["rows"]),
            _counted(self.page, len(self.rows) - shown["rows"]),
            _list(self.levels, shown["levels"]),
            _list(self.why, shown["why"]),
            self._steps(shown["steps"]),
            self._details(shown["items"]),
            self.foot,
        ]
        return "\n\n".join(filter(None, sections)) + "\n"

    def _table(self, n: int) -> str:
        heads = (
            "capability", "base → candidate", f"drop [{self.page.interval_head}]", "outcome",
        )  # fmt: skip
        return markdown.table_of(heads, "lrrl", self.rows[:n]) if n else ""

    def _steps(self, n: int) -> str:
        lines = [f"{number}. {step}" for number, step in enumerate(self.steps[:n], start=1)]
        if n < len(self.steps):
            lines.append(f"\n{len(self.steps) - n} more in the report.")
        return "\n".join([f"**{next_steps.TITLE}**", "", *lines]) if self.steps else ""

    def _details(self, n: int) -> str:
        if not n:
            return ""
        rows, shown = closing(self.page), self.items[:n]
        of = n_things(n_broken_of(rows), "item", ",")
        summary = f"{n} of {of} that broke where the gate is closed{order_of(shown, rows)}"
        body = "\n\n".join(map(quoted, shown))
        return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def _list(lines: Sequence[str], n: int) -> str:
    more = [f"{len(lines) - n} more in the report."] if n < len(lines) else []
    return "\n".join(f"- {line}" for line in (*lines[:n], *more))


def _of_levels(page: Page) -> list[str]:
    """Return which levels do not count, of what is not held first, then of the rest."""
    rows = dict.fromkeys(
        (*(row.of_levels for row in not_held(page)), *(row.of_levels for row in page.rows))
    )
    return [line for line in rows if line]


def _whole_parts(line: str, write: Callable[[str], str]) -> str:
    """Return a line about levels with as many of its parts as fit, each of them whole."""
    parts = line.split("; ")
    for n_left in range(len(parts)):
        kept = parts[: len(parts) - n_left]
        text = write("; ".join([*kept, f"{n_left} more in the report"] if n_left else kept))
        if n_bytes_of(text) <= _STEP_BYTES:
            return text
    return fitted(parts[0], _STEP_BYTES, write)


def _headline(page: Page) -> str:
    gains = [_gain(row) for row in page.targets]
    more = f" and {n_things(len(gains) - 1, 'other')}" if len(gains) > 1 else ""
    gain = f"Target gain: {gains[0]}{more}." if gains else "No target was measured."
    sentence = fitted(page.sentence, _SENTENCE_BYTES)
    return f"**{page.mark} {page.outcome}**: {sentence} {gain}{_within(page)}"


def _within(page: Page) -> str:
    row = largest_within(page)
    return (
        f" Largest drop: {named(row.capability)} {row.drop} of margin {row.margin}." if row else ""
    )


def _gain(row: CapabilityRow) -> str:
    if row.evidence is None or row.evidence.drop is None:
        return f"{named(row.capability)} was not measured"
    return f"{named(row.capability)} {row.gain} {_plain(row.gain_interval)}"


def _counted(page: Page, n_left_out: int) -> str:
    n_held = sum(row.finding.outcome is Outcome.HELD for row in page.rows)
    held = f"{n_held} held." if n_held else "None held."
    return f"{held} {n_left_out} more that are not held are in the report." if n_left_out else held


def _row(row: CapabilityRow) -> tuple[str, ...]:
    has_drop = row.evidence is not None and row.evidence.drop is not None
    target, gain = (" (target)", "gain ") if row.is_target else ("", "")
    return (
        f"{named(row.capability)}{target}",
        row.change,
        f"{gain}{row.shown_change} {_plain(row.shown_interval)}" if has_drop else numbers.MISSING,
        f"{row.mark} {row.finding.outcome}{fitted(how(row), NAME_BYTES)}",
    )


def _plain(interval: str) -> str:
    """Keep the brackets of an interval from being read as a link."""
    return interval.replace("[", "\\[").replace("]", "\\]")
