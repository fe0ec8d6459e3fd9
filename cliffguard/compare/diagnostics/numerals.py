"""Numbers in texts, however they are written: with marks of thousands, in English words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from cliffguard.suites.numbers import number_in

_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_UNITS = {word: value for value, word in enumerate(_SMALL)}
_UNITS |= {word: 10 * value for value, word in enumerate(_TENS, start=2)}
_SCALES = {"thousand": 1000, "million": 1_000_000}

_NUMBER_WORD = "|".join([*_UNITS, "hundred", *_SCALES])
_IN_WORDS = re.compile(
    rf"\b(?:{_NUMBER_WORD})\b(?:(?:[\s-]+|\s+and\s+)(?:{_NUMBER_WORD})\b)*", re.IGNORECASE
)
_IN_DIGITS = re.compile(
    r"(?<![\w.])[-+\u2212]?"
    r"(?:\d{1,3}(?:[ \u00a0\u202f'’,]\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
)
_BLANKS = re.compile(r"[ \u00a0\u202f'’]")


def number_of(text: str) -> Decimal | None:
    """Return the number that a text is, in digits; None of any other."""
    try:
        return number_in(text.strip().lstrip("$€£").rstrip("%°"))
    except ValueError:
        return None


def numbers_in(text: str) -> Iterator[Decimal]:
    """Yield the values of all numbers in a text; "one" alone is a word like others."""
    for match in _IN_DIGITS.finditer(text):
        value = number_of(_BLANKS.sub("", match[0]))
        if value is not None:
            yield value
    for match in _IN_WORDS.finditer(text):
        words = [word for word in re.split(r"[\s-]+", match[0].casefold()) if word != "and"]
        if words != ["one"] or text.strip().strip(".!").casefold() == "one":
            yield Decimal(_value(words))


def _value(words: list[str]) -> int:
    total, current = 0, 0
    for word in words:
        if word in _UNITS:
            current += _UNITS[word]
        elif word == "hundred":
            current = max(1, current) * 100
        else:
            total += max(1, current) * _SCALES[word]
            current = 0
    return total + current
