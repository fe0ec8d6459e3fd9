"""Lists and objects as Python and numpy print them: what a table of text holds in their place."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<word>-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|True|False|None|-?nan|NaN|null|true|false)(?!\w)"
    r"|(?P<array>(?:np\.|numpy\.)?array\()"
    r"|(?P<kind>,\s*dtype=[\w.'<>|]+(?=\s*\)))"
    r"|(?P<open>[\[{(])|(?P<close>[\]})])|(?P<mark>[,:]))",
    re.DOTALL,
)
_WORDS = {"True": "true", "False": "false", "None": "null", "nan": "NaN", "-nan": "NaN"}
_OPEN = {"[": "[", "{": "{", "(": "["}
_CLOSE = {"]": "]", "}": "}", ")": "]"}
_MOST_CHARACTERS = 200_000  # of a cell that is taken apart


def from_literal(text: str) -> Any:
    """Return the list or the mapping that a text is in Python's or numpy's notation, or None.

    Numpy writes no commas between the elements of an array. Nothing is run.
    """
    if text.lstrip()[:1] not in ("[", "{") or len(text) > _MOST_CHARACTERS:
        return None
    try:
        return json.loads("".join(_as_json(text)))
    except (ValueError, SyntaxError, RecursionError):
        return None


def _as_json(text: str) -> list[str]:
    """Return the same in JSON, in pieces. Raises ValueError for anything that is no literal."""
    pieces: list[str] = []
    closing: list[str] = []
    before = "open"
    for kind, written, end, is_apart in _tokens(text):
        if before in _ENDS and kind in _BEGINS:
            if not is_apart:  # SQL's quote inside of a text, say
                raise ValueError("no literal")
            pieces.append(",")  # as numpy leaves it out
        before = kind
        if kind in ("open", "array"):
            closing.append(_OPEN.get(written, ""))
            pieces.append(closing[-1])
        elif kind == "close":
            pieces.append(_CLOSE[written] if closing and closing.pop() else "")
        elif kind != "mark" or written == ":" or not _ends(text, end):
            pieces.append(_SPELLED[kind](written))
    return pieces


_ENDS = ("text", "word", "close")
_BEGINS = ("text", "word", "open", "array")


def _tokens(text: str) -> Iterator[tuple[str, str, int, bool]]:
    """Yield kind, text and end of each token, and whether white space stands before it."""
    position, last = 0, len(text.rstrip())
    while position < last:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise ValueError("no literal")
        position = match.end()
        if match.lastgroup != "kind":
            written = match[match.lastgroup]
            yield match.lastgroup, written, position, match[0] != written


def _word(written: str) -> str:
    return _WORDS.get(written, written.removesuffix("."))


def _text(written: str) -> str:
    if "\\" not in written:
        return written[1:-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes that Python does not know
        return str(ast.literal_eval(written.replace("\n", "\\n").replace("\r", "\\r")))


def _ends(text: str, position: int) -> bool:
    """Return whether a bracket closes next: Python allows a comma before it."""
    return text[position : position + 20].lstrip()[:1] in ("]", "}", ")")


_SPELLED: Mapping[str, Callable[[str], str]] = {
    "text": lambda written: json.dumps(_text(written)),
    "word": _word,
    "mark": str,
}
