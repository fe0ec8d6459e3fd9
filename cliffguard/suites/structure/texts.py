"""Whole texts: what a program prints, and the language of what was said."""

from __future__ import annotations

from cliffguard.core.languages import LEAST_LETTERS, count_letters, families, prose_of, shares_of
from cliffguard.core.words import stands_in
from cliffguard.suites.structure.json_texts import without_fence


def contains(response: str, answer: str) -> float:
    """Return whether the right text stands in what was said, of whole words (`words.stands_in`)."""
    return float(stands_in(answer, response))


def same_text(response: str, answer: str) -> float:
    """Compare two texts but for blanks that nobody sees, and one block of code around the first.

    These are blanks at the ends of lines, and all before and behind the text. Nothing is run.
    """
    right = _bare_lines(answer)
    return float(right in (_bare_lines(response), _bare_lines(without_fence(response))))


def _bare_lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().replace("\r\n", "\n").split("\n"))


def language(response: str, code: str) -> float | None:
    """Return whether what was said is likeliest in the language of an ISO 639-1 code.

    None where it has fewer than 20 letters, code, addresses and formulas aside. Languages that
    short texts do not tell apart (`core/languages.yaml`) count as one.
    """
    prose = prose_of(response)
    if count_letters(prose) < LEAST_LETTERS:
        return None
    shares = shares_of(prose)
    return float(max(shares, key=shares.__getitem__) == families()[code])


def check_language(code: str) -> None:
    """Raise ValueError for what is no code of a language that is told."""
    if code not in families():
        raise ValueError(f"{code!r} is no language that is told ({', '.join(sorted(families()))})")
