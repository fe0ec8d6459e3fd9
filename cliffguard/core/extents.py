"""Upper limits of one item: prompt length, number of choices."""

from __future__ import annotations

from collections.abc import Sequence

from cliffguard.core.errors import SuiteError
from cliffguard.core.texts import n_things

MOST_CHARACTERS = 10_000_000
"""Of an item in all: some two million tokens, more than any context that is served."""

MOST_CHOICES = 4096
"""Each of them is a request of its own."""


def refuse_absurd(prompt: str, choices: Sequence[str], answer: str, where: str) -> None:
    """Raise SuiteError with `where` for an item that is no question to anybody."""
    if len(choices) > MOST_CHOICES:
        raise SuiteError(
            f"{where}: {n_things(len(choices), 'choice', ',')}, of which each is asked by itself; "
            f"at most {MOST_CHOICES:,} can be: let the answer be generated (metric: exact_match)",
            id="item.too-many-choices",
        )
    n_characters = len(prompt) + len(answer) + sum(map(len, choices))
    if n_characters > MOST_CHARACTERS:
        raise SuiteError(
            f"{where}: {n_characters:,} characters in one item; at most {MOST_CHARACTERS:,} can be "
            "asked, and no model reads as much: leave the item out, or cut it",
            id="item.too-long",
        )
