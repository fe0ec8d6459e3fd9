"""Sanitize model output for reports: terminal sequences, direction marks, control characters.

Terminal sequences can repaint a verdict, direction marks can reorder the words of a line, and
some characters have no place in XML at all. Markup is escaped by each format on its own.
"""

from __future__ import annotations

import re
from typing import TypeVar
from unicodedata import category

from cliffguard.core.reviews import with_texts

T = TypeVar("T")

# CSI (7- and 8-bit), terminated strings such as OSC, then the two-character sequences. A string
# that never ends keeps its text: only its escape character goes, with the controls below.
_TERMINAL = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-Z\\^-~]"
)
_BREAKS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_UNSEEN = re.compile(
    r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks and overrides
    r"\u2060-\u2064\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
_MOST_MARKS = 4  # on a letter: Hebrew with points and accents, and Vietnamese, have no more
_MARKS = frozenset(("Mn", "Me"))
_MAYBE_MARKS = re.compile(r"[^\x00-\u02ff]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def clean(text: str) -> str:
    """Return `text` without terminal sequences, control, direction and invisible characters.

    Line breaks of every kind become "\\n"; tabs stay. What is left is legal in XML 1.0.
    """
    # Most texts, and none of them holds any of that: all of it is written escaped, but for marks.
    if text.replace("\n", "").isprintable():
        return text if text.isascii() else _unpiled(text)
    text = _BREAKS.sub("\n", _TERMINAL.sub("", text))
    text = _UNSEEN.sub("", _CONTROLS.sub("", text))
    return _SURROGATES.sub("\ufffd", _unpiled(text))


def _unpiled(text: str) -> str:
    """Return a text of which no letter has more than `_MOST_MARKS` combining marks.

    More of them paint over the lines above and below.
    """
    marks = {sign for sign in set(_MAYBE_MARKS.findall(text)) if category(sign) in _MARKS}
    if not marks:
        return text
    kept, n_marks = [], 0
    for character in text:
        n_marks = n_marks + 1 if character in marks else 0
        if n_marks <= _MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def one_line(text: str) -> str:
    """Return clean `text` on one line, with single spaces."""
    return " ".join(clean(text).split())


def cleaned(record: T) -> T:
    """Return a copy of `record` in which every text, however deep, is clean."""
    return with_texts(record, clean)
