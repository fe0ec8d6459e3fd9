"""Items that the training data hold: a score on them says what was learned by heart.

Exact: the words of the item's prompt stand in one training text, in a row. Near: one text holds
enough of the prompt's runs of three words. A run weighs log((n + 1) / k), of which k of the task's
n items have it: what all items share, such as an instruction, weighs next to nothing.
`reports/overlap/` has what this finds, and what it takes for a copy though it is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from typing import Literal

import numpy as np

from cliffguard.ngrams import Index, Runs, Whole, share_within, words
from cliffguard.records import Overlap, Task
from cliffguard.training import TrainingText, read_all_training

LEAST_WORDS = 8
"""A shorter prompt overlaps only where it is all that is said: as a part it is found anywhere."""

LEAST_NEAR_WORDS = 12
"""A shorter prompt has no near duplicates: with one word changed it may be another question."""

LEAST_SHARE = 0.7
"""Of the weight of an item's runs, in one training text: of 12 words it allows one to differ."""

_ROOM = 2  # times an item's words: in a longer text its runs must stand within so many
_N_KEPT = 64  # training texts whose words are kept: items of a task tend to meet the same ones
_PLACES = 4  # decimals of a similarity


def without_training(
    tasks: Sequence[Task], paths: Sequence[str]
) -> tuple[tuple[Task, ...], tuple[Overlap, ...]]:
    """Return the tasks, with the items that the training data hold excluded, and these."""
    if not paths:
        return tuple(tasks), ()
    overlaps = find_overlap(read_all_training(paths), tasks)
    ids: dict[str, set[str]] = {}
    for one in overlaps:
        ids.setdefault(one.task, set()).add(one.item_id)
    kept = (replace(task, excluded=frozenset(ids.get(task.name, ()))) for task in tasks)
    return tuple(kept), overlaps


def find_overlap(texts: Sequence[TrainingText], tasks: Sequence[Task]) -> tuple[Overlap, ...]:
    """Return the items of the tasks that the texts hold, in the tasks' order.

    Of each item one place: an exact one before a near one, then the most similar, then the first.
    """
    asked = [_words_of(task) for task in tasks]
    index = Index(own for items in asked for own in items)
    index.read(words(text.text) for text in texts)
    search = _Search(index, texts)
    alone = _said_alone(texts, tasks, asked)
    found: list[Overlap] = []
    for task, items in zip(tasks, asked, strict=True):
        for item, own, runs in zip(task.items, items, _runs_of(index, items), strict=True):
            hit = search.best(own, runs)
            if len(own) < LEAST_WORDS and (task.name, item.id) in alone:
                hit = _Hit(alone[task.name, item.id], "exact", 1.0)
            if hit is not None:
                text = texts[hit.place]
                found.append(
                    Overlap(
                        task=task.name,
                        item_id=item.id,
                        kind=hit.kind,
                        similarity=round(hit.similarity, _PLACES),
                        source=text.source,
                        line=text.line,
                    )
                )
    return tuple(found)


def near_duplicates(task: Task) -> tuple[tuple[str, str, float], ...]:
    """Return pairs of items of one task that are exact or near duplicates, with their similarity.

    The similarity is the smaller of the shares that each holds of the other: an item that goes on
    where another one ends is no duplicate of it.
    """
    items = _words_of(task)
    index = Index(items)
    index.read(items)
    shares: dict[tuple[int, int], float] = {}
    for place, (own, runs) in enumerate(zip(items, _runs_of(index, items), strict=True)):
        if len(own) >= LEAST_NEAR_WORDS:
            found = index.closest(runs, LEAST_SHARE)
            shares |= {(place, other): share for other, share in found if other != place}
    pairs = {
        (one, other): min(share, shares[other, one])
        for (one, other), share in shares.items()
        if one < other and (other, one) in shares
    }
    same: dict[tuple[str, ...], list[int]] = {}
    for place, own in enumerate(items):
        same.setdefault(tuple(own), []).append(place)
    for places in same.values():
        pairs |= dict.fromkeys(combinations(places, 2), 1.0)
    return tuple(
        (task.items[one].id, task.items[other].id, round(pairs[one, other], _PLACES))
        for one, other in sorted(pairs)
    )


def told(overlaps: Sequence[Overlap], n_items: Mapping[str, int]) -> tuple[str, ...]:
    """Return a sentence for each task of which items overlap; `n_items` are those of each task."""
    kinds: dict[str, Counter[str]] = {}
    for one in overlaps:
        kinds.setdefault(one.task, Counter())[one.kind] += 1
    verbs = {True: ("is", "does"), False: ("are", "do")}
    lines = []
    for task, n in kinds.items():
        are, do = verbs[n.total() == 1]
        lines.append(
            f"{n.total()} of {n_items[task]} items of {task} {are} in the training data "
            f"({n['exact']} exact, {n['near']} near) and {do} not count."
        )
    return tuple(lines)


# --- one task's items ----------------------------------------------------------------------------


def _words_of(task: Task) -> list[list[str]]:
    """Return the words of each item's prompt.

    Where different items share a prompt ("Which of these is true?"), what they choose among is
    read with it.
    """
    prompts = [words(item.prompt) for item in task.items]
    askers: dict[tuple[str, ...], set[str]] = {}
    for prompt, item in zip(prompts, task.items, strict=True):
        askers.setdefault(tuple(prompt), set()).add(item.digest)
    return [
        prompt
        if len(askers[tuple(prompt)]) == 1
        else words("\n".join([item.prompt, *(item.choices or (item.answer,))]))
        for prompt, item in zip(prompts, task.items, strict=True)
    ]


def _runs_of(index: Index, items: Sequence[Sequence[str]]) -> list[Runs]:
    """Return each item's runs, weighed by how few of the items have them."""
    numbers = [index.runs(own) for own in items]
    _, places, counts = np.unique(
        np.concatenate([*numbers, np.empty(0, np.int64)]), return_inverse=True, return_counts=True
    )
    weights = np.log((len(items) + 1) / counts)[places]
    ends = np.cumsum([len(own) for own in numbers])
    split = np.split(weights, ends[:-1])
    return [Runs(own, w / w.sum()) for own, w in zip(numbers, split, strict=True)]


# --- training texts ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Hit:
    """Where an item was found: the place of a text among all."""

    place: int
    kind: Literal["exact", "near"]
    similarity: float


class _Search:
    """Looks for items among the training texts of an index."""

    def __init__(self, index: Index, texts: Sequence[TrainingText]) -> None:
        self._index = index
        self._texts = texts
        self._read = lru_cache(maxsize=_N_KEPT)(self._in_words)

    def best(self, own: Sequence[str], runs: Runs) -> _Hit | None:
        """Return the text that holds an item; of one that is too short for that, None."""
        if len(own) < LEAST_WORDS:
            return None
        has_near = len(own) >= LEAST_NEAR_WORDS
        best: _Hit | None = None
        for place, share in self._index.closest(runs, LEAST_SHARE if has_near else 1.0):
            if share < 1.0 and best is not None and share <= best.similarity:
                break  # the following hold no more than this one
            text, order = self._read(place)
            if share == 1.0 and f" {' '.join(own)} " in text:
                return _Hit(place, "exact", 1.0)
            similarity = share_within(order, runs, _ROOM * len(own))
            is_better = best is None or similarity > best.similarity
            if has_near and similarity >= LEAST_SHARE and is_better:
                best = _Hit(place, "near", similarity)
        return best

    def _in_words(self, place: int) -> tuple[str, Whole]:
        text = words(self._texts[place].text)
        return f" {' '.join(text)} ", self._index.in_order(text)


def _said_alone(
    texts: Sequence[TrainingText], tasks: Sequence[Task], asked: Sequence[Sequence[Sequence[str]]]
) -> dict[tuple[str, str], int]:
    """Return by (task, item) the first text in which a short item is all that is said.

    All of a row or one text in it; also with its answer, which in plain text follows the prompt.
    """
    wanted: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    longest = 0
    for task, items in zip(tasks, asked, strict=True):
        for item, own in zip(task.items, items, strict=True):
            if 0 < len(own) < LEAST_WORDS:
                name = (task.name, item.id)
                for said in {tuple(own), (*own, *words(item.answer))}:
                    wanted.setdefault(said, []).append(name)
                longest = max(longest, len(item.prompt) + len(item.answer))
    found: dict[tuple[str, str], int] = {}
    for place, text in enumerate(texts if wanted else ()):
        for part in (text.text, *text.parts):
            if len(part) <= 2 * longest:  # white space and marks may differ
                for name in wanted.get(tuple(words(part)), ()):
                    found.setdefault(name, place)
    return found
