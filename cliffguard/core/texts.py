"""Shorten text: for messages, labels and examples; the first line of what a library raised."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

Texts = Literal["full", "short", "none"]
"""How much is written of prompts, choices and answers: all, the ends of long ones, digests."""

SHORT = 1200
"""Characters of a text that is kept short."""

LEFT_OUT = " […] "
"""Between the ends of a text that is kept short."""

_SURROGATES = re.compile(r"[\ud800-\udfff]")


def cut_middle(text: str, n_characters: int = 120, *, mark: str = "…") -> str:
    """Return text of at most `n_characters` as it is, else its two ends with a mark between."""
    if len(text) <= n_characters:
        return text
    half = n_characters // 2
    return f"{text[:half]}{mark}{text[-half:]}"


def ends_of(text: str) -> str:
    """Return a text in at most `SHORT` characters: as it is, or its two ends."""
    if len(text) <= SHORT:
        return text
    return cut_middle(text, SHORT - len(LEFT_OUT), mark=LEFT_OUT)


def whole_characters(text: str) -> str:
    """Return a text with half characters, which UTF-8 has not and models do emit, as \ufffd."""
    if text.isascii():  # which Python knows of a text without a look at it
        return text
    try:
        text.encode()  # which costs a tenth of a search
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text)
    return text


def cut_end(text: str, n_characters: int) -> str:
    """Return the first `n_characters` of a text, with an ellipsis behind them if there are more."""
    return text if len(text) <= n_characters else f"{text[:n_characters]}…"


def clip(text: str, n_characters: int) -> str:
    """Return a text in at most `n_characters`, of which an ellipsis is the last if it was cut."""
    return text if len(text) <= n_characters else cut_end(text, n_characters - 1)


def clip_start(text: str, n_characters: int) -> str:
    """Return a text in at most `n_characters`, of which an ellipsis is the first if it was cut."""
    return text if len(text) <= n_characters else f"…{text[1 - n_characters :]}"


def shorten(text: str, n_characters: int) -> str:
    """Return a text, cut to `n_characters` with a note of how many more there were."""
    if len(text) <= n_characters:
        return text
    return f"{text[:n_characters].rstrip()} … ({len(text) - n_characters:,} more characters)"


def printable(text: str) -> str:
    """Return a text in one line: line breaks, colours and marks of direction are shown escaped."""
    return "".join(c if c.isprintable() else ascii(c).strip("'\"") for c in text)


def first_line(failure: object, *, otherwise: str | None = None, n_characters: int = 200) -> str:
    """Return the first line of what a library raised, cut; of a silent one, `otherwise`.

    None stands for the name of its type.
    """
    lines = str(failure).splitlines() or [
        type(failure).__name__ if otherwise is None else otherwise
    ]
    return lines[0][:n_characters]


def plural(n: float, singular: str, many: str | None = None) -> str:
    """Return the word for `n` things: of one thing, or of several (None: with an s)."""
    return singular if n == 1 else many or f"{singular}s"


def n_things(n: float, thing: str, spec: str = "") -> str:
    """Return how many there are, under a format, and the word for them: 1 item, 2,000 items."""
    return f"{n:{spec}} {plural(n, thing)}"


def in_points(share: float) -> str:
    """Return a share in percentage points, as messages say it: 1 point, 2.5 points."""
    return n_things(100 * share, "point", "g")


def first_of(names: Sequence[str], n_most: int) -> str:
    """Return the first `n_most` names with commas, and an ellipsis if there are more."""
    return ", ".join(names[:n_most]) + (", …" if len(names) > n_most else "")


def first_and_more(names: Sequence[str], n_most: int) -> str:
    """Return the first `n_most` names with commas, and how many more there are."""
    more = len(names) - n_most
    return ", ".join(names[:n_most]) + (f" and {more:,} more" if more > 0 else "")
