"""Which number an answer ends in: what `numeric` reads.

Points are decimal and commas group, as in English: "2.000" is 2, and "1,5" is 15.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from fractions import Fraction

_SIGN = r"(?:(?<![\w)])[-+\u2212\u2013])?"  # one behind a word or a number joins: "A-17", "10-12"
_PLAIN = r"(?:\d[\d,]*\.?\d*|\.\d+)"
_RATIO = r"(?<![\d/])\d{1,18}/[1-9]\d{0,17}(?![\d/])"
_NUMBER = re.compile(rf"({_SIGN})(?:(?:(\d{{1,18}})[ ]+)?({_RATIO})|({_PLAIN}))")

# What is said about a number and holds others, or parts its sign from it → what is read instead.
_CLEANED = (
    (re.compile(r"(?<=\d)\s?(?=\\[dt]?frac)"), " "),
    (re.compile(r"\\[dt]?frac\s*\{\s*(-?)\s*(\d+)\s*\}\s*\{\s*(\d+)\s*\}"), r"\1\2/\3 "),
    (re.compile(r"\{,\}|\\[,!;]"), ""),
    (re.compile(r"\\(?:text|mathrm|textbf)\s*\{[^{}]*\}"), " "),
    (re.compile(r"(?<=[\w})])\^(?:\{?\d+\}?|\{?\\circ\}?)"), ""),  # an exponent
    (re.compile(r"\b([cdkm]?m|in|ft|yd)[23]\b"), r"\1"),
    (re.compile(r"([-+\u2212\u2013])[ ]?\\?[$\u20ac\u00a3](?=[\d.])"), r"\1"),
    (re.compile(r"(?:\[\^?\d{1,4}\]\s{0,3})+\.?\Z"), ""),  # footnotes
)
_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
# As GSM8K ends; "#### Step 2" and "#### 2. Add" are headings.
_HASHED = re.compile(
    r"^[ \t]*####(?![ \t]*\d+[.):][ \t]+\w)[ \t]*((?:[^\w\n]|(?:final )?answer|is)*\d.*)",
    re.M | re.I,
)
# Brackets at the end, unless they are what is said: "is (12)", "= (3)", "in all: ($54)".
_ASIDE = re.compile(
    r"(?<!\bis)(?<![=:*(])\s\((?!\s*[$\u20ac\u00a3]?[\d.,]+\s*\))[^()=]*\)[\s.!*]*\Z"
)


def number_said(text: str) -> Decimal | Fraction | None:
    """Return the number that an answer ends in; None where it holds none.

    Of an answer that marks its end (`\\boxed{…}`, or a line `#### 12`) it is the first one there,
    or behind a `=` the last; else it is the last one. What stands in brackets at the end is an
    aside, unless nothing else on its line is a number. `3/4` is three quarters, `3 1/2` is 3.5.
    """
    text = text.rstrip()
    for pattern, instead in _CLEANED:
        text = pattern.sub(instead, text)
    for marked in (_BOXED.findall(text)[-1:], _HASHED.findall(text)[-1:]):
        for end in marked:
            if numbers := _NUMBER.findall(end):
                return _value(*numbers[-1 if "=" in end else 0])
    numbers = _NUMBER.findall(_without_aside(text))
    return _value(*numbers[-1]) if numbers else None


def _value(sign: str, whole: str, ratio: str, plain: str) -> Decimal | Fraction:
    if not ratio:
        return number_in(sign + plain)
    above, _, below = ratio.partition("/")
    value = Fraction(int(above), int(below))
    # "2 1/2" is one number, "step 2 18/20" is none.
    value += int(whole) if whole and value < 1 else 0
    return value if sign in ("", "+") else -value


def _without_aside(text: str) -> str:
    rest = _ASIDE.sub("", text)
    return rest if _NUMBER.search(rest[rest.rfind("\n") + 1 :]) else text


def number_in(text: str) -> Decimal:
    """Return the number that a text is. Raises ValueError for any other text."""
    try:
        plain = re.sub("[\u2212\u2013]", "-", text.strip().replace(",", ""))
        number = Decimal(plain.rstrip("."))
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{text!r} is not a number that can be counted to")
    return number
