"""Model text is hostile: what it may not bring into a report.

Terminal sequences can repaint a verdict, direction marks can reorder the words of a line, and
some characters have no place in XML at all. Markup is escaped by each format on its own.
"""

from __future__ import annotations

import re
from typing import TypeVar

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
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def clean(text: str) -> str:
    """Return `text` without terminal sequences, control, direction and invisible characters.

    Line breaks of every kind become "\\n"; tabs stay. What is left is legal in XML 1.0.
    """
    text = _BREAKS.sub("\n", _TERMINAL.sub("", text))
    text = _UNSEEN.sub("", _CONTROLS.sub("", text))
    return _SURROGATES.sub("\ufffd", text)


def one_line(text: str) -> str:
    """Return clean `text` on one line, with single spaces."""
    return " ".join(clean(text).split())


def cleaned(record: T) -> T:
    """Return a copy of `record` in which every text, however deep, is clean."""
    return with_texts(record, clean)
