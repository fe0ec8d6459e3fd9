"""Foreign text in a comment: without any power, and in so many bytes."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence

from cliffguard.core.texts import cut_middle
from cliffguard.report import markdown
from cliffguard.report.clean import one_line

NAME_BYTES = 90
"""Of the name of a capability or a checkpoint."""

_COMMIT = re.compile(r"(?<![0-9a-z])[0-9a-f]{7,}(?![0-9a-z])", re.IGNORECASE)
_SHORT_OF_ONE = re.compile(r".{6}(?=.)")  # 7 digits are the fewest that name a commit


def inert(text: str) -> str:
    """Return foreign text as one line of Markdown without any power, not even that of a commit."""
    return markdown.escape(_COMMIT.sub(_split, one_line(text)))


def _split(commit: re.Match[str]) -> str:
    return _SHORT_OF_ONE.sub("\\g<0>\u200b", commit[0])


def inert_prose(text: str, foreign: Sequence[str]) -> str:
    """Return a sentence of ours as `inert` does, its commands as code; see `markdown.prose`."""
    return markdown.prose(_COMMIT.sub(_split, one_line(text)), foreign)


def fitted(text: str, n_bytes: int, write: Callable[[str], str] = inert) -> str:
    """Return a text as `write` writes it, its middle left out until it has at most `n_bytes`."""
    text = one_line(text)

    def written(n_characters: int) -> str:
        return write(cut_middle(text, n_characters) if n_characters > 1 else "")

    if len(text) <= n_bytes and n_bytes_of(whole := write(text)) <= n_bytes:
        return whole
    longest = min(len(text) - 1, n_bytes)
    return written(
        bisect_right(range(longest + 1), n_bytes, key=lambda n: n_bytes_of(written(n))) - 1
    )


def named(name: str) -> str:
    """Return a foreign name in `NAME_BYTES`."""
    return fitted(name, NAME_BYTES)


def n_bytes_of(text: str) -> int:
    """Return the bytes of a text in UTF-8."""
    return len(text.encode("utf-8"))
