"""Which number an answer ends in: what `numeric` reads.

Points are decimal and commas group, as in English: "2.000" is 2, and "1,5" is 15.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from fractions import Fraction

_FRACTION = r"(?<![\d/])\d{1,18}/[1-9]\d{0,17}(?![\d/])"
_PLAIN = r"(?:\d[\d,]*\.?\d*|\.\d+)"
# A hyphen behind a word or a number joins: "A-17", "10-12".
_NUMBER = re.compile(rf"(?:(?<![\w)])[-+\u2212])?(?:{_FRACTION}|{_PLAIN})")
_FINAL = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}|^[ \t]*####[ \t]*(\S.*)", re.MULTILINE)
_LATEX_FRACTION = re.compile(r"\\[dt]?frac\{(\d+)\}\{(\d+)\}")
_ASIDE = re.compile(r"\([^()=]*\)[\s.!*]*\Z")


def number_said(text: str) -> Decimal | Fraction | None:
    """Return the last number of an answer; None where it holds none.

    Of an answer that marks its end (`\\boxed{…}`, or a line that begins with `####`) it is the last
    one there. What stands in brackets at the end is an aside, unless it says `=`, or nothing else
    on its line is a number. `3/4` is three quarters.
    """
    text = _LATEX_FRACTION.sub(r"\1/\2", text.replace("{,}", ","))
    marked = [boxed or line for boxed, line in _FINAL.findall(text)]
    for part in (*marked[-1:], text):
        numbers = _NUMBER.findall(_without_aside(part))
        if numbers:
            above, _, below = numbers[-1].partition("/")
            return Fraction(number_in(above)) / int(below) if below else number_in(above)
    return None


def _without_aside(text: str) -> str:
    rest = _ASIDE.sub("", text)
    return rest if _NUMBER.search(rest[rest.rfind("\n") + 1 :]) else text


def number_in(text: str) -> Decimal:
    """Return the number that a text is. Raises ValueError for any other text."""
    try:
        number = Decimal(text.strip().replace(",", "").replace("\u2212", "-").rstrip("."))
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{text!r} is not a number that can be counted to")
    return number
