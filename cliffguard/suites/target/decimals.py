"""Right answers with a decimal comma, which would be read as one that parts thousands."""

from __future__ import annotations

import re
from collections.abc import Sequence
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
_DECIMAL = re.compile(r"(?<![\d.,])(\d{1,3}(?:\.\d{3})+|\d+),(\d+)(?!\d|[.,]\d)")


def refuse_decimal_commas(drafts: Sequence[ParsedRow], columns: Columns) -> None:
    """Raise SuiteError for a number whose comma parts no three digits: 1,5 would be read as 15."""
    answers = [(draft, as_text(value)) for draft in drafts for value in draft.answers]
    for draft, text in answers:
        if _is_decimal(text.rstrip(",")):
            is_unclear = any(_OF_BOTH.fullmatch(answer) for _, answer in answers)
            how = "write all answers with a decimal point and without commas"
            if not is_unclear and (made := _with_points(draft, columns.answer)):
                how = f"where it is a decimal comma, {made} writes points; else {how}"
            raise SuiteError(
                f"{draft.row.where}: the right answer {cut_middle(text)!r} has a comma that parts "
                f"no groups of three digits, and would be read as {text.replace(',', '')}; {how}",
                id="target.decimal-comma",
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


def _with_points(draft: ParsedRow, answer: str | None) -> str | None:
    """Return the command that writes points, or None where none can be printed."""
    if answer is None or not is_safe(answer):
        return None
    if not isinstance(draft.row.value.get(answer), (str, list)):
        return None
    return rewritten(
        draft.row.source,
        f"{{**r, {answer!r}: with_points(r[{answer!r}])}}",
        more="from cliffguard.suites.target import with_points",
    )


def with_points(value: Any) -> Any:
    """Return an answer, or a list of some, with 1234.5 for 1.234,5; the rest stays as it is."""
    if isinstance(value, list):
        return [with_points(part) for part in value]
    if not isinstance(value, str):
        return value
    return _DECIMAL.sub(lambda match: f"{match[1].replace('.', '')}.{match[2]}", value)
