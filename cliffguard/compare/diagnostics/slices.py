"""Slices of a capability's items: what is known of an item before anybody answers it.

Where the right answer stands, the level, the task, the class, the template, the cluster, the
length, the first words. Nothing here looks at an answer: a slice of what the base got wrong could
only be gained, and all others would seem to be lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cliffguard.compare.diagnostics.answer_places import listed_place, prompt_facts
from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.compare.diagnostics.prompt_templates import opening_labels, template_labels
from cliffguard.compare.diagnostics.traits import MOST_CHARACTERS, Labels, Trait, ordinal, quoted
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
    known: dict[bytes, Slice] = {}
    for kind in _KINDS if len(items) >= 2 * LEAST_ITEMS else ():
        for labels in kind(items):
            for label, numbers in _members(labels.of_items).items():
                inside = np.zeros(len(items), dtype=bool)
                inside[numbers] = True
                if inside.tobytes() not in known:
                    known[inside.tobytes()] = Slice(trait=labels.trait(label), inside=inside)
    return tuple(known.values())


def _members(labels: Sequence[Hashable]) -> dict[Hashable, list[int]]:
    """Return the numbers of the items of each label that makes a slice."""
    sizes = Counter(labels)
    del sizes[None]
    most = len(labels) - LEAST_ITEMS
    members: dict[Hashable, list[int]] = {
        label: [] for label, size in sizes.items() if LEAST_ITEMS <= size <= most
    }
    for number, label in enumerate(labels) if members else ():
        if label in members:
            members[label].append(number)
    return members


# --- where the right answer stands ---------------------------------------------------------------


def _listed(items: Sequence[CountedItem]) -> Iterator[Labels]:
    yield Labels([listed_place(item.pair.item) for item in items], _listed_trait)


def _listed_trait(rank: int) -> Trait:
    return _position(f"listed:{rank + 1}", f"the right answer is listed {ordinal(rank)}")


def _position(key: str, name: str) -> Trait:
    return Trait("position", f"position:{key}", name)


def _mentioned(items: Sequence[CountedItem]) -> Iterator[Labels]:
    rows = [_mentioned_traits(item.pair.item) for item in items]
    return map(Labels, zip(*rows, strict=True))


Mentioned = tuple[Trait | None, Trait | None, Trait | None]
"""At which place, is it the last, and is it at an end or in the middle."""
_NOWHERE: Mentioned = None, None, None


def _mentioned_traits(item: Item) -> Mentioned:
    facts = prompt_facts(item)
    if facts is None:
        return _NOWHERE
    if not item.choices:
        return _third_traits(facts.third)
    if not facts.order:
        return _NOWHERE
    right = {bare(answer) for answer in item.right}
    order = (bare(item.choices[number]) for number in facts.order)
    rank = next((n for n, choice in enumerate(order) if choice in right), None)
    return _place_traits(rank, len(facts.order))


@cache
def _place_traits(rank: int | None, n_mentioned: int) -> Mentioned:
    if rank is None:
        name = "other choices are mentioned, the right answer is not"
        return _position("mentioned:not", name), None, None
    is_last = rank == n_mentioned - 1
    at = _position(f"mentioned:{rank + 1}", f"the right answer is mentioned {ordinal(rank)}")
    last = _position("mentioned:last", "the right answer is mentioned last") if is_last else None
    if n_mentioned <= 2:
        return at, last, None
    # What holds however many are mentioned: models lose the middle, or the ends.
    if is_last or rank == 0:
        end = _position("mentioned:end", "the right answer is mentioned first or last")
    else:
        name = "the right answer is mentioned neither first nor last"
        end = _position("mentioned:middle", name)
    return at, last, end


@cache
def _third_traits(third: int | None) -> Mentioned:
    if third is None:
        return _NOWHERE
    name = f"the right answer stands in the {ordinal(third)} third of the prompt"
    return _position(f"third:{third + 1}", name), None, None


# --- what the suite says -------------------------------------------------------------------------


def _levels(items: Sequence[CountedItem]) -> Iterator[Labels]:
    pairs = [item.pair for item in items]
    yield Labels(
        [
            None if pair.item.level is None else (pair.task.level or "level", pair.item.level)
            for pair in pairs
        ],
        _level_trait,
    )


def _level_trait(label: tuple[str, int]) -> Trait:
    field, level = label
    return Trait("level", f"level:{field}:{level}", f"{field} {level}")


def _tasks(items: Sequence[CountedItem]) -> Iterator[Labels]:
    yield Labels([item.pair.task.name for item in items], _task_trait)


def _task_trait(name: str) -> Trait:
    return Trait("task", f"task:{name}", f"the task {name}")


def _classes(items: Sequence[CountedItem]) -> Iterator[Labels]:
    yield Labels([bare(item.pair.item.answer) or None for item in items], _class_trait)


def _class_trait(right: str) -> Trait:
    return Trait("class", f"class:label:{right}", f"{RIGHT_IS}{quoted(right)}", True)


def _clusters(items: Sequence[CountedItem]) -> Iterator[Labels]:
    first: dict[object, str] = {}
    for item in items:
        pair = item.pair
        spelt = pair.tie or pair.item.cluster or pair.item.id
        first.setdefault(item.cluster, " ".join(spelt.split()))
    n_alike = Counter(first.values())
    labels = {}
    for number, (cluster, name) in enumerate(first.items()):
        # Two clusters may be called alike; then their numbers tell them apart.
        labels[cluster] = name if n_alike[name] == 1 else f"{name}#{number}"
    yield Labels([labels[item.cluster] for item in items], _cluster_trait)


def _cluster_trait(key: str) -> Trait:
    return Trait(
        "cluster", f"cluster:name:{key}", f"{THE_CLUSTER}{clip(key, MOST_CHARACTERS)}", True
    )


# --- length --------------------------------------------------------------------------------------


def _lengths(items: Sequence[CountedItem]) -> Iterator[Labels]:
    yield _thirds([_n_characters(item.pair.item) for item in items], "prompt")
    yield _thirds([len(item.pair.item.answer) for item in items], "right answer")
    yield Labels([_among_choices(item.pair.item) for item in items])


def _n_characters(item: Item) -> int | None:
    """Return the length of the whole prompt; None where it is not known."""
    if item.facts is not None:
        return item.facts.n_characters
    return None if item.prompt_sha256 is not None else len(item.prompt)


def _thirds(lengths: Sequence[int | None], what: str) -> Labels:
    """Return which third of all lengths, in characters, every item belongs to: none if unknown."""
    known = [length for length in lengths if length is not None]
    if not known:
        return Labels(lengths)
    low, high = (int(length) for length in np.quantile(known, [1 / 3, 2 / 3], method="lower"))
    key = f"length:{what.replace(' ', '-')}"
    short = Trait("length", f"{key}:short", f"the {what} has at most {low:,} characters")
    between = f"{high:,}" if high <= low + 1 else f"{low + 1:,} to {high:,}"
    middle = Trait("length", f"{key}:middle", f"the {what} has {between} characters")
    long = Trait("length", f"{key}:long", f"the {what} has more than {high:,} characters")
    return Labels(
        [
            None if n is None else short if n <= low else middle if n <= high else long
            for n in lengths
        ]
    )


def _among_choices(item: Item) -> Trait | None:
    rank = listed_place(item)
    if rank is None or len(item.choices) < 2:
        return None
    others = list(map(len, item.choices))
    right = others.pop(rank)
    return _LONGEST if right > max(others) else _SHORTEST if right < min(others) else None


_LONGEST = Trait("length", "length:longest", "the right answer is the longest choice")
_SHORTEST = Trait("length", "length:shortest", "the right answer is the shortest choice")

_KINDS: tuple[Callable[[Sequence[CountedItem]], Iterator[Labels]], ...] = (
    _listed, _mentioned, _levels, _tasks, _classes, template_labels, _clusters, _lengths,
    opening_labels,
)  # fmt: skip
