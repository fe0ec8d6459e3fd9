"""Lists and objects as Python and numpy print them: what a table of text holds in their place."""

from __future__ import annotations

import ast
import json
import re
import warnings
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
    position, end = 0, len(text.rstrip())
    is_after_value = False
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise ValueError("no literal")
        kind, written = match.lastgroup, match[match.lastgroup]
        position = match.end()
        if kind == "kind":
            continue
        if kind in ("text", "word", "open", "array") and is_after_value:
            pieces.append(",")  # as numpy leaves it out
        is_after_value = kind in ("text", "word", "close")
        if kind == "text":
            pieces.append(json.dumps(_text(written)))
        elif kind == "word":
            pieces.append(_WORDS.get(written, written.removesuffix(".")))
        elif kind in ("open", "array"):
            closing.append("" if kind == "array" else _OPEN[written])
            pieces.append(closing[-1])
        elif kind == "close":
            pieces.append(_CLOSE[written] if closing and closing.pop() else "")
        elif not (written == "," and _ends(text, position)):
            pieces.append(written)
    return pieces


def _text(written: str) -> str:
    if "\\" not in written:
        return written[1:-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes that Python does not know
        return str(ast.literal_eval(written.replace("\n", "\\n").replace("\r", "\\r")))


def _ends(text: str, position: int) -> bool:
    """Say whether a bracket closes next: Python allows a comma before it."""
    return text[position : position + 20].lstrip()[:1] in ("]", "}", ")")
