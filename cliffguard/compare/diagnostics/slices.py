"""Slices of a capability's items: what is known of an item before anybody answers it.

Where the right answer stands, the level, the task, the class, the template, the cluster, the
length, the first words. Nothing here looks at an answer: a slice of what the base got wrong could
only be gained, and all others would seem to be lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cliffguard.compare.diagnostics.answer_places import listed_place, mentioned, prompt_facts
from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.compare.diagnostics.prompt_templates import opening_traits, template_traits
from cliffguard.compare.diagnostics.traits import MOST_CHARACTERS, Trait, Traits, ordinal, quoted
from cliffguard.core.items import Item
from cliffguard.core.texts import clip
from cliffguard.core.words import bare

LEAST_ITEMS = 12
"""Inside a slice, and outside of it."""

RIGHT_IS = "the right answer is "
THE_CLUSTER = "the cluster "


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Items with one trait; `inside` has shape (n_items,)."""

    trait: Trait
    inside: NDArray[np.bool_]

    @property
    def members(self) -> NDArray[np.bool_]:
        """The items that belong to it."""
        return self.inside

    def counts(self, changes: NDArray[np.float64]) -> dict[str, Any]:
        """Return the counts and means of a `Pattern`, given the drop of every item."""
        inside = self.inside
        return {
            "n_items": int(inside.sum()),
            "n_broken": int((changes[inside] > 0).sum()),
            "n_fixed": int((changes[inside] < 0).sum()),
            "inside": float(changes[inside].mean()),
            "outside": float(changes[~inside].mean()) if not inside.all() else 0.0,
        }


def slices_of(items: Sequence[CountedItem]) -> tuple[Slice, ...]:
    """Return the slices of one capability with at least 12 items inside and 12 outside.

    Of several with the same items the first is kept, in this order: where the right answer is
    listed, where it is mentioned, level, task, class, template (the whole prompt, its first
    sentence, its last), cluster, length (of the prompt, of the right answer), opening words.
    """
    if len(items) < 2 * LEAST_ITEMS:
        return ()
    members: dict[Trait, list[int]] = {}
    for traits in _KINDS:
        for number, row in enumerate(traits(items)):
            for trait in row:
                members.setdefault(trait, []).append(number)
    known: dict[bytes, Slice] = {}
    for trait, numbers in members.items():
        if LEAST_ITEMS <= len(numbers) <= len(items) - LEAST_ITEMS:
            inside = np.zeros(len(items), dtype=bool)
            inside[numbers] = True
            known.setdefault(inside.tobytes(), Slice(trait=trait, inside=inside))
    return tuple(known.values())


# --- where the right answer stands ---------------------------------------------------------------


def _listed(items: Sequence[CountedItem]) -> Traits:
    places = [listed_place(item.pair.item) for item in items]
    return [[] if rank is None else [_listed_trait(rank)] for rank in places]


def _listed_trait(rank: int) -> Trait:
    name = f"the right answer is listed {ordinal(rank)}"
    return Trait("position", f"position:listed:{rank + 1}", name)


def _mentioned(items: Sequence[CountedItem]) -> Traits:
    return [list(_mentioned_traits(item.pair.item)) for item in items]


def _mentioned_traits(item: Item) -> Iterator[Trait]:
    if not item.choices:
        yield from _third_traits(item)
        return
    order, right = mentioned(item), {bare(answer) for answer in item.right}
    rank = next((n for n, choice in enumerate(order) if choice in right), None)
    if rank is not None:
        name = f"the right answer is mentioned {ordinal(rank)}"
        yield Trait("position", f"position:mentioned:{rank + 1}", name)
        yield from _end_traits(rank, len(order))
    elif order:
        name = "other choices are mentioned, the right answer is not"
        yield Trait("position", "position:mentioned:not", name)


def _end_traits(rank: int, n_mentioned: int) -> Iterator[Trait]:
    """Yield what holds however many choices are mentioned; models lose the middle, or the ends."""
    if rank == n_mentioned - 1:
        yield Trait("position", "position:mentioned:last", "the right answer is mentioned last")
    if n_mentioned > 2 and rank in (0, n_mentioned - 1):
        name = "the right answer is mentioned first or last"
        yield Trait("position", "position:mentioned:end", name)
    elif n_mentioned > 2:
        name = "the right answer is mentioned neither first nor last"
        yield Trait("position", "position:mentioned:middle", name)


def _third_traits(item: Item) -> Iterator[Trait]:
    facts = prompt_facts(item)
    if facts is not None and facts.third is not None:
        name = f"the right answer stands in the {ordinal(facts.third)} third of the prompt"
        yield Trait("position", f"position:third:{facts.third + 1}", name)


# --- what the suite says -------------------------------------------------------------------------


def _levels(items: Sequence[CountedItem]) -> Traits:
    return [
        []
        if item.pair.item.level is None
        else [_level_trait(item.pair.task.level or "level", item.pair.item.level)]
        for item in items
    ]


def _level_trait(field: str, level: int) -> Trait:
    return Trait("level", f"level:{field}:{level}", f"{field} {level}")


def _tasks(items: Sequence[CountedItem]) -> Traits:
    names = [item.pair.task.name for item in items]
    return [[Trait("task", f"task:{name}", f"the task {name}")] for name in names]


def _classes(items: Sequence[CountedItem]) -> Traits:
    rights = [bare(item.pair.item.answer) for item in items]
    return [
        [Trait("class", f"class:label:{right}", f"{RIGHT_IS}{quoted(right)}", True)]
        if right
        else []
        for right in rights
    ]


def _clusters(items: Sequence[CountedItem]) -> Traits:
    first: dict[object, str] = {}
    for item in items:
        pair = item.pair
        first.setdefault(item.cluster, pair.tie or pair.item.cluster or pair.item.id)
    names = [" ".join(first[item.cluster].split()) for item in items]
    # Two clusters may be called alike; then their numbers tell them apart.
    numbers = {cluster: number for number, cluster in enumerate(first)}
    n_alike = Counter(first.values())
    keys = [
        name if n_alike[name] == 1 else f"{name}#{numbers[item.cluster]}"
        for name, item in zip(names, items, strict=True)
    ]
    return [
        [
            Trait(
                "cluster", f"cluster:name:{key}", f"{THE_CLUSTER}{clip(key, MOST_CHARACTERS)}", True
            )
        ]
        for key in keys
    ]


# --- length --------------------------------------------------------------------------------------


def _lengths(items: Sequence[CountedItem]) -> Traits:
    prompts = _thirds([_n_characters(item.pair.item) for item in items], "prompt")
    rights = _thirds([len(item.pair.item.answer) for item in items], "right answer")
    among = [_among_choices(item.pair.item) for item in items]
    return [[*row, *other, *more] for row, other, more in zip(prompts, rights, among, strict=True)]


def _n_characters(item: Item) -> int | None:
    """Return the length of the whole prompt; None where it is not known."""
    if item.facts is not None:
        return item.facts.n_characters
    return None if item.prompt_sha256 is not None else len(item.prompt)


def _thirds(lengths: Sequence[int | None], what: str) -> list[list[Trait]]:
    """Return which third of all lengths, in characters, every item belongs to: none if unknown."""
    known = [length for length in lengths if length is not None]
    if not known:
        return [[] for _ in lengths]
    low, high = (int(length) for length in np.quantile(known, [1 / 3, 2 / 3], method="lower"))
    key = f"length:{what.replace(' ', '-')}"
    short = Trait("length", f"{key}:short", f"the {what} has at most {low:,} characters")
    between = f"{high:,}" if high <= low + 1 else f"{low + 1:,} to {high:,}"
    middle = Trait("length", f"{key}:middle", f"the {what} has {between} characters")
    long = Trait("length", f"{key}:long", f"the {what} has more than {high:,} characters")
    return [
        [] if n is None else [short if n <= low else middle if n <= high else long] for n in lengths
    ]


def _among_choices(item: Item) -> list[Trait]:
    rank = listed_place(item)
    if rank is None or len(item.choices) < 2:
        return []
    right = len(item.choices[rank])
    others = [len(choice) for n, choice in enumerate(item.choices) if n != rank]
    if right > max(others):
        return [Trait("length", "length:longest", "the right answer is the longest choice")]
    if right < min(others):
        return [Trait("length", "length:shortest", "the right answer is the shortest choice")]
    return []


_KINDS: tuple[Callable[[Sequence[CountedItem]], Traits], ...] = (
    _listed, _mentioned, _levels, _tasks, _classes, template_traits, _clusters, _lengths,
    opening_traits,
)  # fmt: skip
