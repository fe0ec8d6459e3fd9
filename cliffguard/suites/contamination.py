"""Train/test contamination: items whose text the fine-tuning data hold (exact and near duplicates).

Exact: the words of the item's prompt stand in one training text, in a row, without those that all
prompts of the task begin or end with ("Question:", "Answer:"). Near: one text holds enough of the
prompt's runs of three words. A run weighs log((n + 1) / k), of which k of the task's
n items have it: what all items share, such as an instruction, weighs next to nothing.
`reports/overlap/` has what this finds, and what it takes for a copy though it is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np

from cliffguard.core.caveats import Caveat
from cliffguard.core.comparisons import Contamination
from cliffguard.core.items import Task
from cliffguard.core.progress import doing
from cliffguard.core.texts import n_things
from cliffguard.core.words import content_words
from cliffguard.suites.ngrams import Index, Runs, Whole, share_within

if TYPE_CHECKING:
    from cliffguard.suites.train_data import TrainingText

LEAST_WORDS = 8
"""A shorter prompt overlaps only where it is all that is said: as a part it is found anywhere."""

LEAST_NEAR_WORDS = 12
"""A shorter prompt has no near duplicates: with one word changed it may be another question."""

LEAST_SHARE = 0.7
"""Of the weight of an item's runs, in one training text: of 12 words it allows one to differ."""

_ROOM = 2  # times an item's words: in a longer text its runs must stand within so many
_N_KEPT = 64  # training texts whose words are kept: items of a task tend to meet the same ones
_MARKS = 3  # times a short item's letters: in a longer text is more than marks and spaces
_LEAST_FRAMED = 10  # items; what fewer of them all begin with may be what they are about
_LEAST_CORE = 4  # words; fewer ("7", "France") say nothing without what stands around them
_PLACES = 4  # decimals of a similarity


@doing("looking for items in the training data")
def drop_contaminated(
    tasks: Sequence[Task], texts: Sequence[TrainingText]
) -> tuple[tuple[Task, ...], tuple[Contamination, ...]]:
    """Return the tasks, with the items that the training data hold excluded, and these."""
    if not texts:
        return tuple(tasks), ()
    overlaps = find_contamination(texts, tasks)
    ids: dict[str, set[str]] = {}
    for overlap in overlaps:
        ids.setdefault(overlap.task, set()).add(overlap.item_id)
    kept = (replace(task, excluded=frozenset(ids.get(task.name, ()))) for task in tasks)
    return tuple(kept), overlaps


def find_contamination(
    texts: Sequence[TrainingText], tasks: Sequence[Task]
) -> tuple[Contamination, ...]:
    """Return the items of the tasks that the texts hold, in the tasks' order.

    Of each item one place: an exact one before a near one, then the most similar, then the first.
    """
    by_task = [_item_words(task) for task in tasks]
    # Of the texts, only runs of words that an item has are kept.
    index = Index(words.all for items in by_task for words in items)
    index.read(content_words(text.text) for text in texts)
    search = _Search(index, texts)
    alone = _said_alone(texts, [words for items in by_task for words in items])
    overlaps: list[Contamination] = []
    for task, items in zip(tasks, by_task, strict=True):
        # By task: a run of words weighs little where most items of its task have it.
        weighed = _runs_of(index, [words.all for words in items])
        for item, words, runs in zip(task.items, items, weighed, strict=True):
            hit = search.exact(words) or search.near(words, runs)
            # A short prompt stands inside of many texts: it counts where a text is nothing else.
            if words.is_short and (position := alone.get(words.core)) is not None:
                hit = _Hit(position, "exact", 1.0)
            if hit is not None:
                overlaps.append(
                    Contamination(
                        task=task.name,
                        item_id=item.id,
                        kind=hit.kind,
                        similarity=round(hit.similarity, _PLACES),
                        source=texts[hit.index].source,
                        line=texts[hit.index].line,
                    )
                )
    return tuple(overlaps)


def near_duplicates(task: Task) -> tuple[tuple[str, str, float], ...]:
    """Return pairs of items of one task that are exact or near duplicates, with their similarity.

    The similarity is the smaller of the shares that each holds of the other: an item that goes on
    where another one ends is no duplicate of it.
    """
    items = [words.all for words in _item_words(task)]
    index = Index(items)
    index.read(items)
    shares: dict[tuple[int, int], float] = {}
    for position, (words, runs) in enumerate(zip(items, _runs_of(index, items), strict=True)):
        if len(words) >= LEAST_NEAR_WORDS:
            matches = index.closest(runs, LEAST_SHARE)
            shares |= {(position, other): share for other, share in matches if other != position}
    pairs = {
        (first, other): min(share, shares[other, first])
        for (first, other), share in shares.items()
        if first < other and (other, first) in shares
    }
    same: dict[tuple[str, ...], list[int]] = {}
    for position, words in enumerate(items):
        same.setdefault(words, []).append(position)
    for places in same.values():
        pairs |= dict.fromkeys(combinations(places, 2), 1.0)
    return tuple(
        (task.items[first].id, task.items[other].id, round(pairs[first, other], _PLACES))
        for first, other in sorted(pairs)
    )


def contamination_caveats(
    overlaps: Sequence[Contamination], n_items: Mapping[str, int]
) -> tuple[Caveat, ...]:
    """Return a caveat for each task of which items overlap; `n_items` are those of each task."""
    kinds: dict[str, Counter[str]] = {}
    for overlap in overlaps:
        kinds.setdefault(overlap.task, Counter())[overlap.kind] += 1
    verbs = {True: ("is", "does"), False: ("are", "do")}
    caveats = []
    for task, n in kinds.items():
        are, do = verbs[n.total() == 1]
        text = (
            f"{n.total()} of {n_things(n_items[task], 'item')} of {task} {are} in the training "
            f"data ({n['exact']} exact, {n['near']} near) and {do} not count."
        )
        caveats.append(Caveat(id="training.holds-items", text=text))
    return tuple(caveats)


# --- one task's items ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _ItemWords:
    """The words of an item's prompt: all, and those between what all of its task's prompts share.

    `answers` are the words of each right one.
    """

    all: tuple[str, ...]
    core: tuple[str, ...]
    answers: tuple[tuple[str, ...], ...]

    @property
    def is_short(self) -> bool:
        """Return whether its words may well stand in texts that have nothing to do with it."""
        return len(self.core) < LEAST_WORDS


def _item_words(task: Task) -> list[_ItemWords]:
    """Return the words of a task's items.

    Where different items share a prompt ("Which of these is true?"), what they choose among is
    read with it.
    """
    prompts = [tuple(content_words(item.spoken)) for item in task.items]
    askers: dict[tuple[str, ...], set[str]] = {}
    for prompt, item in zip(prompts, task.items, strict=True):
        askers.setdefault(prompt, set()).add(item.digest)
    # What frames all prompts of a task ("Question: … Answer:") says nothing of an item.
    before = _n_shared(prompts)
    after = _n_shared([prompt[before:][::-1] for prompt in prompts])
    items = []
    for prompt, item in zip(prompts, task.items, strict=True):
        words, core = prompt, prompt[before : len(prompt) - after]
        # Too little left between frames to know an item by: then all of the prompt counts.
        if len(core) < _LEAST_CORE:
            core = words
        if len(askers[prompt]) > 1:
            words = core = tuple(
                content_words("\n".join([item.spoken, *(item.choices or item.right)]))
            )
        items.append(
            _ItemWords(words, core, tuple(tuple(content_words(answer)) for answer in item.right))
        )
    return items


def _n_shared(prompts: Sequence[Sequence[str]]) -> int:
    """Return with how many words all prompts begin, of which each must have more."""
    if len(prompts) < _LEAST_FRAMED:
        return 0
    n_words = 0
    for at_place in zip(*(prompt[:-1] for prompt in prompts), strict=False):
        if len(set(at_place)) > 1:
            break
        n_words += 1
    return n_words


def _runs_of(index: Index, items: Sequence[Sequence[str]]) -> list[Runs]:
    """Return each item's runs, weighed by how few of the items have them."""
    if not items:
        return []
    numbers = [index.runs(item) for item in items]
    _, places, counts = np.unique(np.concatenate(numbers), return_inverse=True, return_counts=True)
    weights = np.log((len(items) + 1) / counts)[places]
    ends = np.cumsum([len(runs) for runs in numbers])
    split = np.split(weights, ends[:-1])
    return [Runs(runs, w / w.sum()) for runs, w in zip(numbers, split, strict=True)]


# --- training texts ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Hit:
    """Where an item was found: the place of a text among all."""

    index: int
    kind: Literal["exact", "near"]
    similarity: float


class _Search:
    """Looks for items among the training texts of an index."""

    def __init__(self, index: Index, texts: Sequence[TrainingText]) -> None:
        self._index = index
        self._texts = texts
        self._read = lru_cache(maxsize=_N_KEPT)(self._in_words)

    def exact(self, item: _ItemWords) -> _Hit | None:
        """Return the first text in which the item's words stand in a row; None for a short one."""
        if item.is_short:
            return None
        # A text with the words in a row holds all of their runs; so only those are read through.
        numbers = self._index.runs(item.core)
        runs = Runs(numbers, np.full(len(numbers), 1.0 / len(numbers)))
        for position, _ in self._index.closest(runs, 1.0):
            if f" {' '.join(item.core)} " in self._read(position)[0]:
                return _Hit(position, "exact", 1.0)
        return None

    def near(self, item: _ItemWords, runs: Runs) -> _Hit | None:
        """Return the text that holds most of the item, if it holds enough."""
        if len(item.all) < LEAST_NEAR_WORDS:
            return None
        # Within a window a text holds at most what it holds in all: the texts, which come by their
        # share in all, are read until none can beat the best window.
        best: _Hit | None = None
        for position, share in self._index.closest(runs, LEAST_SHARE):
            if best is not None and share <= best.similarity:
                break  # the following hold no more than this one
            similarity = share_within(self._read(position)[1], runs, _ROOM * len(item.all))
            if similarity >= LEAST_SHARE and (best is None or similarity > best.similarity):
                best = _Hit(position, "near", similarity)
        return best

    def _in_words(self, position: int) -> tuple[str, Whole]:
        text = content_words(self._texts[position].text)
        return f" {' '.join(text)} ", self._index.in_order(text)


def _said_alone(
    texts: Sequence[TrainingText], items: Sequence[_ItemWords]
) -> dict[tuple[str, ...], int]:
    """Return, by its core, the first text in which a short item is all that is said.

    All of a row, one text in it, or what a chat of it says before its answer; also with its own
    answer, which in plain text follows the prompt.
    """
    wanted: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for item in items:
        if item.is_short and item.core:
            for words in (item.core, item.all):
                for answer in ((), *item.answers):
                    wanted.setdefault((*words, *answer), set()).add(item.core)
    longest = max((sum(map(len, words)) for words in wanted), default=0)
    positions: dict[tuple[str, ...], int] = {}
    for position, text in enumerate(texts if wanted else ()):
        for part in (text.text, *text.parts, *text.questions):
            if len(part) <= _MARKS * longest:
                for core in wanted.get(tuple(content_words(part)), ()):
                    positions.setdefault(core, position)
    return positions
