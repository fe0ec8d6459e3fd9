"""Cells of CSV that other programs open: a model's text injects no formula into a spreadsheet."""

from __future__ import annotations

import re

# Behind blanks and what takes no width a sign is still the first that a spreadsheet sees; some take
# the wide and the small forms for it. Apostrophes before it may be ours.
_FORMULA = re.compile(
    r"'*(?:[\t\r\n]|[\s\u00ad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]*"
    r"[=+\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b])"
)
_SEPARATORS = re.compile(r'[,;"\t\r\n]')


def guarded(text: str) -> str:
    """Return a cell's text, with an apostrophe before what a spreadsheet would compute."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """Return the text that `guarded` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def csv_cell(value: object) -> str:
    """Return a cell of CSV, None as an empty one; quoted for what any spreadsheet separates at."""
    text = "" if value is None else str(value)
    return '"' + text.replace('"', '""') + '"' if _SEPARATORS.search(text) else text
