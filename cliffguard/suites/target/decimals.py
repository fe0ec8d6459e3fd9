"""Right answers as half of Europe writes numbers, and as a spreadsheet shows long ones.

A comma is decimal there, and a point parts thousands. `numeric` reads them as English does: of 1,5
it would read 15, and of 2.000 it reads 2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.core.texts import cut_middle
from cliffguard.suites.numbers import number_in
from cliffguard.suites.target.cells import as_text, is_safe, rewritten
from cliffguard.suites.target.columns import Columns
from cliffguard.suites.target.drafts import ParsedRow

_GROUPED = re.compile(r"[-+\u2212]?[1-9]\d{0,2}(?:,\d{2,3})*,\d{3}(?:\.\d*)?(?:[eE][-+]?\d+)?")
"""A number with commas between thousands, or as India parts them: 1,234 and 1,23,456."""

_OF_BOTH = re.compile(r"[-+\u2212]?[1-9]\d{0,2}[.,]\d{3}")  # 1.234 is one thing in German
_POINTS = re.compile(r"[-+\u2212]?[1-9]\d{0,2}\.\d{3}")
_ENGLISH = re.compile(
    r"[-+\u2212]?(?:0?\.\d+|\d+\.(?:\d{1,2}|\d{4,})|\d{4,}\.\d+|\d{1,3}(?:,\d{3})+\.\d+"
    r"|\d{1,3}(?:,\d{3}){2,})"
)
"""A number whose point can only be decimal, or whose commas can only part thousands."""

_DECIMAL = re.compile(r"(?<![\d.,])(\d{1,3}(?:\.\d{3})+|\d+),(\d+)(?!\d|[.,]\d)")
_OF_THOUSANDS = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:\.\d{3})+(?!\d|[.,]\d)")


_SHOWN_SHORT = re.compile(r"-?\d(?:\.\d{1,5})?E\+(?:1[1-9]|20)")
"""A whole number of 12 to 21 digits as Excel shows it, and saves it as CSV: with six of them."""


def refuse_lost_digits(drafts: Sequence[ParsedRow]) -> None:
    """Raise SuiteError where most answers are numbers of which a spreadsheet kept six digits.

    Account numbers become 1.23457E+15 there, and no model could say that.
    """
    answers = [(draft, value) for draft in drafts for value in draft.answers]
    texts = [(draft, value.strip()) for draft, value in answers if isinstance(value, str)]
    short = [(draft, text) for draft, text in texts if _SHOWN_SHORT.fullmatch(text)]
    are_cut = any(len(text.strip("-")) == len("1.23457E+15") for _, text in short)
    if not are_cut or 2 * len(short) < len(texts):
        return
    draft, text = short[0]
    raise SuiteError(
        f"{draft.row.where}: the right answer {text!r} looks like a long number as a spreadsheet "
        f"shows it, with six of its digits, as do {len(short)} of {len(texts)}; the others are "
        "lost in this file: give the column the format of texts before the table is saved; "
        "--target-metric exact_match (in a plan, target: {metric: exact_match}) says that it is "
        "meant so",
        id="target.lost-digits",
    )


def refuse_decimal_commas(drafts: Sequence[ParsedRow], columns: Columns) -> None:
    """Raise SuiteError for a number whose comma parts no three digits: 1,5 would be read as 15."""
    answers = [(draft, as_text(value)) for draft in drafts for value in draft.answers]
    for draft, text in answers:
        if _is_decimal(text.rstrip(",")):
            is_unclear = any(_OF_BOTH.fullmatch(answer) for _, answer in answers)
            how = "write all answers with a decimal point and without commas"
            if not is_unclear and (made := _rewritten(draft, columns.answer, "with_points")):
                how = f"where it is a decimal comma, {made} writes points; else {how}"
            raise SuiteError(
                f"{draft.row.where}: the right answer {cut_middle(text)!r} has a comma that parts "
                f"no groups of three digits, and would be read as {text.replace(',', '')}; {how}",
                id="target.decimal-comma",
            )


def refuse_points_of_thousands(drafts: Sequence[ParsedRow], columns: Columns) -> None:
    """Raise SuiteError for a text such as 2.000 where no other one says what its point is.

    Two and two thousand are written so; numbers of JSON are what they are.
    """
    answers = [
        (draft, value.strip().rstrip("."))
        for draft in drafts
        for value in draft.answers
        if isinstance(value, str)
    ]
    if any(_ENGLISH.fullmatch(text) for _, text in answers):
        return
    for draft, text in answers:
        if not _POINTS.fullmatch(text):
            continue
        how = f"write {text.replace('.', '')} or {text}0"
        if thousands := _rewritten(draft, columns.answer, "without_points"):
            how = f"where it parts thousands, {thousands} leaves points out"
            if decimals := _rewritten(draft, columns.answer, "with_zeros"):
                how += f"; where it is decimal, {decimals} writes {text}0"
        raise SuiteError(
            f"{draft.row.where}: the right answer {cut_middle(text)!r} may be "
            f"{text.rstrip('0').rstrip('.')} or {text.replace('.', '')}: no other answer says "
            f"whether its point is decimal or parts thousands; {how}",
            id="target.point",
        )


def _is_decimal(text: str) -> bool:
    """Return whether a number has a comma that parts no thousands; other texts are no answers."""
    if "," not in text or _GROUPED.fullmatch(text):
        return False
    try:
        number_in(text)
    except ValueError:
        return False
    return True


def _rewritten(draft: ParsedRow, answer: str | None, how: str) -> str | None:
    """Return the command that changes the answers, or None where none can be printed."""
    if answer is None or not is_safe(answer):
        return None
    if not isinstance(draft.row.value.get(answer), (str, list)):
        return None
    return rewritten(
        draft.row.source,
        f"{{**r, {answer!r}: {how}(r[{answer!r}])}}",
        more=f"from cliffguard.suites.target import {how}",
    )


def with_points(value: Any) -> Any:
    """Return an answer, or a list of some, with 1234.5 for 1.234,5; the rest stays as it is."""
    return _changed(value, _DECIMAL, lambda m: f"{m[1].replace('.', '')}.{m[2]}")


def without_points(value: Any) -> Any:
    """Return an answer, or a list of some, with 2000 for 2.000; the rest stays as it is."""
    return _changed(value, _OF_THOUSANDS, lambda match: match[0].replace(".", ""))


def with_zeros(value: Any) -> Any:
    """Return an answer, or a list of some, with 2.0000 for 2.000; the rest stays as it is."""
    return _changed(value, _OF_THOUSANDS, lambda match: f"{match[0]}0")


def _changed(value: Any, pattern: re.Pattern[str], new: Callable[[re.Match[str]], str]) -> Any:
    if isinstance(value, list):
        return [_changed(part, pattern, new) for part in value]
    return pattern.sub(new, value) if isinstance(value, str) else value
