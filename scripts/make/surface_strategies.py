"""Strategies that look at the surface of an item alone, and what they score on a level's items.

A base that is no better than one of them may be following it: what a fine-tune does to such a level
says little of the skill. A level of a built-in suite gates where its base lies `LEAST_ABOVE_CHANCE`
above chance, and above each of them. Procedures that solve a task by reading it are none of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from cliffguard.core.items import Item
from cliffguard.core.words import bare, words

LEAST_ABOVE_CHANCE = 0.15
"""Of a score: a base that lies nearer to chance has too little to lose."""

STRATEGIES = ("last named", "first named", "most named", "longest", "one place", "one label")
"""The names of `surface_scores`, in its order."""


def by_last_mention(item: Item) -> tuple[str, ...]:
    """Return the choices that the prompt names as whole words, by where it names them last."""
    text = _spaced(item.prompt)
    last = {c: text.rfind(_spaced(c)) if words(c) else -1 for c in item.choices}
    return tuple(sorted((c for c, at in last.items() if at >= 0), key=last.__getitem__))


def surface_scores(items: Sequence[Item]) -> dict[str, float]:
    """Return what share of one level's items each strategy has right, from 0 to 1.

    Where it leaves several choices open it guesses among them, and among all where it has nothing
    to say. "one place" and "one label" answer always with the place among the choices, and with
    the text, that is right most often. Empty for items that have no choices.
    """
    if not items or not all(item.choices for item in items):
        return {}
    scores = {
        name: sum(_share(item, pick(item)) for item in items) / len(items)
        for name, pick in _PICKS.items()
    }
    listed = Counter(n for i in items for n, choice in enumerate(i.choices) if _is_right(i, choice))
    labels = Counter(label for item in items for label in {bare(right) for right in item.right})
    scores["one place"] = max(listed.values(), default=0) / len(items)
    scores["one label"] = max(labels.values(), default=0) / len(items)
    return scores


def is_fit_to_gate(base_mean: float, chance: float, strategies: Mapping[str, float]) -> bool:
    """Return whether a base's mean at a level lies far enough above chance, and above each.

    >>> is_fit_to_gate(0.45, 0.25, {"last named": 0.26}), is_fit_to_gate(0.45, 0.25, {"last": 0.5})
    (True, False)
    """
    best = max(strategies.values(), default=0.0)
    return base_mean >= chance + LEAST_ABOVE_CHANCE and base_mean > best


def _share(item: Item, left: Sequence[str]) -> float:
    """Return the expected score of guessing among the choices that are left; none: among all."""
    left = left or item.choices
    return sum(_is_right(item, choice) for choice in left) / len(left)


def _is_right(item: Item, choice: str) -> bool:
    return bare(choice) in {bare(right) for right in item.right}


def _most_named(item: Item) -> list[str]:
    text = _spaced(item.prompt)
    return _largest(item, lambda choice: text.count(_spaced(choice)) if words(choice) else 0)


def _largest(item: Item, value: Callable[[str], int]) -> list[str]:
    values = [value(choice) for choice in item.choices]
    return [c for c, n in zip(item.choices, values, strict=True) if n == max(values)]


def _spaced(text: str) -> str:
    """Return the words of a text between blanks, two between words so that neighbours count."""
    return f" {'  '.join(words(text))} "


_PICKS: Mapping[str, Callable[[Item], Sequence[str]]] = {
    "last named": lambda item: by_last_mention(item)[-1:],
    "first named": lambda item: by_last_mention(item)[:1],
    "most named": _most_named,
    "longest": lambda item: _largest(item, len),
}
