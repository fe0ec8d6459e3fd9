"""Where the right answer of an item stands: among its choices, and in its prompt."""

from __future__ import annotations

from functools import lru_cache

from cliffguard.core.items import Item
from cliffguard.core.prompt_facts import PromptFacts, facts_of
from cliffguard.core.words import bare

_MOST_HELD = 8192  # one item is asked for its facts, and for the place of its answer, several times
_MOST_CHARACTERS = 8192  # of a prompt whose facts are held, or they would fill memory


def listed_place(item: Item) -> int | None:
    """Return the place of the right answer among the choices, from 0; None where it is not one."""
    return _place_among(item.choices, item.right)


@lru_cache(_MOST_HELD)
def _place_among(choices: tuple[str, ...], right: tuple[str, ...]) -> int | None:
    rights = set(map(bare, right))
    return next((n for n, choice in enumerate(choices) if bare(choice) in rights), None)


def mentioned(item: Item) -> tuple[str, ...]:
    """Return the choices that the prompt mentions as whole words, in the order of the mentions.

    Empty where fewer than two are, or where the prompt is not known.
    """
    return tuple(bare(item.choices[number]) for number in mention_order(item))


def mention_order(item: Item) -> tuple[int, ...]:
    """Return the numbers of the choices that `mentioned` returns."""
    facts = prompt_facts(item)
    return () if facts is None else facts.order


def prompt_facts(item: Item) -> PromptFacts | None:
    """Return what is known of the whole prompt; None of one that only its ends are there of.

    What is held of a logged prompt depends on whether the answers differ, so that nothing may be
    read from the ends that the whole would say otherwise.
    """
    if item.facts is not None or item.prompt_sha256 is not None:
        return item.facts
    facts = _held if len(item.prompt) <= _MOST_CHARACTERS else facts_of
    return facts(item.prompt, item.choices, item.right)


_held = lru_cache(_MOST_HELD)(facts_of)
