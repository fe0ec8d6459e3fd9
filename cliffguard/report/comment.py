"""A comment on a pull request: the verdict, what is not held, what to do, in 2,900 bytes at most.

Whatever a review holds, whole rows, steps and items are left out until it fits, the mildest first,
and how many is said. What was said by others is inert outside of fences: no markup, mention,
reference or link.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice, zip_longest
from pathlib import Path
from typing import Literal, TypeVar, get_args

from cliffguard.core.item_results import ItemAnswer, ItemResult
from cliffguard.core.reviews import Example, Outcome, Review
from cliffguard.core.texts import n_things
from cliffguard.report import markdown, next_steps, numbers
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.clean import cleaned, one_line
from cliffguard.report.comment_options import CommentOptions, default_id, link_target
from cliffguard.report.comment_text import fitted, inert_prose, n_bytes_of
from cliffguard.report.flips import largest
from cliffguard.report.items import items_path, read_items
from cliffguard.report.labels import BesideReview
from cliffguard.report.page import Page, lay_out
from cliffguard.report.prose import names_in, quoting
from cliffguard.report.reasons import first_lines

T = TypeVar("T")

MOST_BYTES = 2900
"""Of a comment, in UTF-8; with the commit that a job adds, 3,000."""

_MOST_FLIPS = 2
_SENTENCE_BYTES, _STEP_BYTES, _NAME_BYTES, _PROMPT_BYTES, _ANSWER_BYTES = 400, 320, 90, 260, 120

_SURE = re.compile(r" \(\d+\.\d % sure\)$", re.MULTILINE)
_BACKTICKS = re.compile("`+")

Part = Literal["steps", "rows", "why", "flips"]
_FIRST: tuple[Part, ...] = (
    "steps", *("rows",) * 6, "why", "why", "flips", "flips", "steps", "steps",
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
        foot=f"Candidate {_name(page.candidate)}, base {_name(page.base)}.{link}",
        rows=[_row(row) for row in not_held(page)],
        steps=[fitted(step, _STEP_BYTES, write) for step in next_steps.next_steps(page)],
        why=[fitted(pointer.text, _STEP_BYTES, write) for pointer in first_lines(page)],
        flips=_flips(review, page, options.folder),
    )
    return comment.text(comment.shown())


def not_held(page: Page) -> list[CapabilityRow]:
    """Return the rows that are not HELD, worst first: proven losses, what is open, what is shown.

    In each of these the largest drop comes first.
    """

    def rank(row: CapabilityRow) -> tuple[int, float]:
        drop = row.evidence.drop if row.evidence else None
        kind = 2 if not decides(row) else int(row.finding.outcome is not Outcome.REGRESSED)
        return kind, -(drop or 0.0)

    return sorted((row for row in page.rows if row.finding.outcome is not Outcome.HELD), key=rank)


def decides(row: CapabilityRow) -> bool:
    """Return whether the verdict depends on a row: it gates, and it counts."""
    return row.finding.role != "monitored" and row.finding.counts


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
    steps: Sequence[str]
    why: Sequence[str]
    flips: Sequence[str]

    def shown(self) -> dict[Part, int]:
        """Return how many of each kind fit, `_FIRST` before the others."""
        n_parts: dict[Part, int] = {part: len(getattr(self, part)) for part in get_args(Part)}
        order: list[Part] = [*_FIRST]
        for part in ("rows", "why", "steps", "flips"):
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
            "\n".join(f"- {line}" for line in _first(self.why, shown["why"])),
            self._steps(shown["steps"]),
            self._details(shown["flips"]),
            self.foot,
        ]
        return "\n\n".join(filter(None, sections)) + "\n"

    def _table(self, n: int) -> str:
        heads = (
            "capability", "base → candidate", f"drop [{self.page.confidence} interval]", "outcome",
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
        n_broken = sum(row.comparison.counts.n_broken for row in _open(self.page) if row.comparison)
        body = "\n\n".join(self.flips[:n])
        order = ", the surest first" if _SURE.search(body) else ""
        of = f"{n_things(n_broken, 'item', ',')} that broke where the gate is closed"
        summary = f"{n} of {of}{order}"
        return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def _first(lines: Sequence[str], n: int) -> list[str]:
    more = [f"{len(lines) - n} more in the report."] if n < len(lines) else []
    return [*lines[:n], *more]


def _headline(page: Page) -> str:
    gains = [_gain(row) for row in page.targets]
    more = f" and {n_things(len(gains) - 1, 'other')}" if len(gains) > 1 else ""
    gain = f"Target gain: {gains[0]}{more}." if gains else "No target was measured."
    sentence = fitted(page.sentence, _SENTENCE_BYTES)
    return f"**{page.mark} {page.outcome}**: {sentence} {gain}{_within(page)}"


def _within(page: Page) -> str:
    """Return the largest drop of a PASS under which a drop of all together is proven."""
    pooled = page.review.verdict.pooled
    if page.outcome is not Outcome.PASS or not (pooled and pooled.has_dropped):
        return ""
    row = page.rows[0]  # what gates comes first, and of that what held by the least
    return f" Largest drop: {_name(row.capability)} {row.drop} of margin {row.margin}."


def _gain(row: CapabilityRow) -> str:
    if row.evidence is None or row.evidence.drop is None:
        return f"{_name(row.capability)} was not measured"
    return f"{_name(row.capability)} {row.gain} {_plain(row.gain_interval)}"


def _counted(page: Page, n_left_out: int) -> str:
    n_held = sum(row.finding.outcome is Outcome.HELD for row in page.rows)
    held = f"{n_held} held." if n_held else "None held."
    return f"{held} {n_left_out} more that are not held are in the report." if n_left_out else held


def _row(row: CapabilityRow) -> tuple[str, ...]:
    has_drop = row.evidence is not None and row.evidence.drop is not None
    target = " (target)" if row.is_target else ""
    return (
        f"{_name(row.capability)}{target}",
        row.change,
        f"{row.drop} {_plain(row.interval)}" if has_drop else numbers.MISSING,
        f"{row.mark} {row.finding.outcome}{fitted(how(row), _NAME_BYTES)}",
    )


def _name(name: str) -> str:
    return fitted(name, _NAME_BYTES)


def _plain(interval: str) -> str:
    """Keep the brackets of an interval from being read as a link."""
    return interval.replace("[", "\\[").replace("]", "\\]")


# --- items that broke ----------------------------------------------------------------------------


def _open(page: Page) -> list[CapabilityRow]:
    """Return the rows that keep the gate closed; where a loss is proven, those alone."""
    rows = [row for row in not_held(page) if decides(row)]
    return [row for row in rows if row.finding.outcome is Outcome.REGRESSED] or rows


def _flips(review: Review, page: Page, folder: Path | None) -> list[str]:
    """Return the items to show, of the worst capabilities; those of the review's examples if none
    lie beside it.

    One of each capability before a second of any; of the same loss the shortest, which is read as a
    whole.
    """
    names = [one_line(row.finding.capability) for row in _open(page)]
    if names and folder is not None and items_path(review, folder) is not None:
        broken: dict[str, list[ItemResult]] = {name: [] for name in names}
        for result in read_items(review, folder):
            group = broken.get(one_line(result.capability))
            # Without a text there is nothing to read.
            if group is not None and result.is_broken and result.prompt.text is not None:
                group.append(result)
        return [_of_item(result) for result in _in_turn(map(_most_telling, broken.values()))]
    groups = {name: group for name, group in page.examples}
    return [_of_example(each) for each in _in_turn(groups.get(name, ()) for name in names)]


def _most_telling(results: list[ItemResult]) -> list[ItemResult]:
    return largest(sorted(results, key=_n_characters), _MOST_FLIPS)


def _n_characters(result: ItemResult) -> int:
    texts = (result.prompt, *result.right, result.base.answer, result.candidate.answer)
    return sum(len(text.text or "") for text in texts)


def _in_turn(groups: Iterable[Sequence[T]]) -> list[T]:
    """Return the first of each group, then the second of each, as many as are shown."""
    rounds = zip_longest(*groups)
    every = (each for row in rounds for each in row if each is not None)
    return list(islice(every, _MOST_FLIPS))


def _of_item(result: ItemResult) -> str:
    def answer(side: ItemAnswer) -> tuple[str, float | None]:
        return side.answer.text or "", side.confidence

    return _flip(
        (result.capability, result.task, result.item, result.level),
        result.prompt.text or "",
        ", or ".join(right.text or "" for right in result.right),
        answer(result.base),
        answer(result.candidate),
    )


def _of_example(example: Example) -> str:
    return _flip(
        (example.capability, example.task, example.item_id, example.level),
        example.prompt,
        example.answer,
        (example.base_text, example.base_confidence),
        (example.candidate_text, example.candidate_confidence),
    )


def _flip(
    names: tuple[str, str, str, int | None],
    prompt: str,
    right: str,
    base: tuple[str, float | None],
    candidate: tuple[str, float | None],
) -> str:
    """Return an item in a fence that is longer than any run of backticks in it."""
    capability, task, item, level = names
    title = f"{_name(capability)}: {_name(f'{task}, {item}')}"
    lines = [f"prompt:    {fitted(prompt, _PROMPT_BYTES, str)}"]
    for label, text, confidence in (
        ("right:     ", right, None),
        ("base:      ", *base),
        ("candidate: ", *candidate),
    ):
        sure = "" if confidence is None else f" ({numbers.percent(confidence)} sure)"
        lines.append(f"{label}{fitted(text, _ANSWER_BYTES, str)}{sure}")
    body = "\n".join(lines)
    fence = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(body)), default=0))
    at = "" if level is None else f", level {level}"
    return f"{title}{at}\n\n{fence}text\n{body}\n{fence}"
