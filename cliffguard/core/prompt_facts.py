"""What a prompt says of its item, measured while all of it is there: memory may hold its ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cliffguard.core.words import bare


class PromptFacts(NamedTuple):
    """What is known of a whole prompt.

    `order` are the numbers of the choices that it mentions as whole words, in the order of the
    first mentions; of choices that read alike the first stands for all, and fewer than two are no
    order. `third` is the third of it, from 0, in which the right answer of a question without
    choices stands first (None: in none).
    """

    n_characters: int
    order: tuple[int, ...]
    third: int | None


def facts_of(prompt: str, choices: Sequence[str], right: Sequence[str]) -> PromptFacts:
    """Return what a whole prompt says of an item with these choices and right answers."""
    folded = prompt.casefold()
    order = _order(folded, choices) if choices else ()
    third = None if choices else _third(folded, right)
    return PromptFacts(n_characters=len(prompt), order=order, third=third)


def _order(folded: str, choices: Sequence[str]) -> tuple[int, ...]:
    places = []
    for choice, number in {bare(c): n for n, c in reversed(list(enumerate(choices)))}.items():
        at = _where(choice, folded)
        if at is not None:
            places.append((at, choice, number))
    return tuple(number for _, _, number in sorted(places)) if len(places) > 1 else ()


def _third(folded: str, right: Sequence[str]) -> int | None:
    places = (_where(bare(text), folded) for text in right)
    at = next((at for at in places if at is not None), None)
    return None if at is None else min(2, 3 * at // len(folded))


def _where(text: str, folded: str) -> int | None:
    return next(mentions(text, folded), None)


def mentions(text: str, folded: str) -> Iterator[int]:
    """Yield where a text stands in a prompt by itself, and not as a part of a word.

    Both are compared as they are: the text as `bare` returns it, the prompt in folded case.
    """
    at = folded.find(text) if text else -1
    while at >= 0:
        before, after = folded[at - 1 : at], folded[at + len(text) : at + len(text) + 1]
        if not (before.isalnum() or after.isalnum()):
            yield at
        at = folded.find(text, at + 1)
