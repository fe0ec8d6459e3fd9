"""Answers that decline, told by the phrases of four languages in `declining.yaml`."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from cliffguard.core.errors import UsageError
from cliffguard.core.yaml_files import read_yaml

LABEL = "by phrases of four languages: English, German, French, Spanish"
"""Belongs beside what is counted: a refusal in another language or other words is not seen."""

_PHRASES = Path(__file__).parent / "declining.yaml"
_READ = 1000  # characters
_NEAR = 160  # characters from the beginning; what an answer ends with is a remark

_APOSTROPHES = str.maketrans("\u2019\u2018\u02bc\u00b4`\uff07", "''''''")
_MARKUP = re.compile(r"[*_#>]+")
_QUOTED = re.compile(r"[\"“”„«»][^\"“”„«»]{0,400}(?:[\"“”„«»]|$)|(?<!\w)'[^']*(?:'\w[^']*)*'(?!\w)")
_ALL_QUOTED = re.compile(r"[\"“„«']([^\"“”„«»]*)[\"”“»']")
_PART = re.compile(r"(?:[^\s\[(]|\([^)]*\)|\[[^\]]*\])+")
_OPTIONAL = re.compile(r"\[([^,\]][^\]]*)\]")


def declines(text: str) -> bool:
    """Return whether a text declines near its beginning, in its own words.

    What stands in quotes is another's, unless all of the text does. An answer that is sorry and
    then helps is none.
    """
    plain = " ".join(_MARKUP.sub("", text[:_READ]).translate(_APOSTROPHES).casefold().split())
    if (whole := _ALL_QUOTED.fullmatch(plain)) is not None:
        plain = whole[1]
    near = _QUOTED.sub(" ", plain)[:_NEAR]
    return any(pattern.search(near) for pattern in _patterns())


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    by_language = read_yaml(_PHRASES, UsageError)
    return tuple(
        re.compile(_pattern(phrase)) for phrases in by_language.values() for phrase in phrases
    )


def _pattern(phrase: str) -> str:
    """Return the expression of a phrase, over text with one blank between words."""
    made = ""
    for part in _PART.findall(phrase.casefold().removeprefix("^")):
        optional = _OPTIONAL.fullmatch(part)
        made += f"(?:{_either(optional[1])} )?" if optional else f"{_required(part)} "
    begins = (
        r"(?:^|(?<=[.!?,;:] )|(?<=\bbut )|(?<=sorry ))" if phrase.startswith("^") else r"(?<!\w)"
    )
    return rf"{begins}{made.rstrip()}(?!\w)"


def _required(part: str) -> str:
    pieces = re.split(r"(\([^)]*\)|\[,\])", part)
    return "".join(
        ",?" if piece == "[,]" else _either(piece[1:-1]) if piece[:1] == "(" else re.escape(piece)
        for piece in pieces
    )


def _either(words: str) -> str:
    return f"(?:{'|'.join(map(re.escape, words.split('|')))})"
