"""How many changed items can be asked again, in which forms, for a tenth of a run's tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import NamedTuple

from cliffguard.core.answers import Answer
from cliffguard.core.canonical_json import digest
from cliffguard.core.items import Item, Task
from cliffguard.evaluate.probe_forms import N_SHOTS, Form

SHARE = 0.1
"""Of the tokens of a run, prompts and answers of both sides; probes take no more."""

MOST_ITEMS = 32
"""Of a capability, broken and fixed ones each."""

_ENOUGH_ITEMS = 12  # of each; with fewer, fewer capabilities are asked first
_TEMPLATE_TOKENS = 48  # of a chat template around a prompt, a system turn of its own among them
_SHOT_TOKENS = 16  # of a right answer, and what stands around a shot


class Changed(NamedTuple):
    """An item whose score changed, and what the side that has it wrong said of it.

    `level` is the score of the other side: what has to be reached again.
    """

    task: Task
    item: Item
    is_broken: bool
    level: float
    answer: Answer

    @property
    def key(self) -> tuple[str, str]:
        """Its name, as in items.jsonl."""
        return self.task.name, self.item.id


class Choice(NamedTuple):
    """What is asked again: items by capability, in which forms; the others and why not."""

    items: Mapping[str, tuple[Changed, ...]]
    forms: tuple[Form, ...]
    why: Mapping[str, str]


@dataclass(frozen=True)
class RunTokens:
    """What a run took, by which is foretold what probes take.

    `candidate` and `base` are their answers by task. Where nobody counted the tokens of an answer
    (a server), it weighs 1.
    """

    candidate: Mapping[str, Sequence[Answer]]
    base: Mapping[str, Sequence[Answer]]

    @cached_property
    def in_all(self) -> int:
        """The tokens of all prompts and answers."""
        sides = (self.candidate, self.base)
        return sum(tokens_of(answer) for side in sides for rows in side.values() for answer in rows)

    @property
    def budget(self) -> float:
        """The tokens that probes may take."""
        return SHARE * self.in_all

    def cost(self, item: Changed, form: Form) -> float:
        """Return the tokens that asking an item again is expected to take: rather more than less.

        An answer is taken to be as long as the longest of its side to its task.
        """
        answer = item.answer
        if not answer.n_prompt_tokens:
            return 1.0
        mean_prompt, longest = self._typical(item.task.name, item.is_broken)
        tokens = float(answer.n_prompt_tokens + longest)
        if form.has_shots:
            tokens += N_SHOTS * (mean_prompt + _SHOT_TOKENS)
        return tokens + (_TEMPLATE_TOKENS if form.protocol.chat_template != "none" else 0)

    def _typical(self, task: str, is_broken: bool) -> tuple[float, int]:
        key = (task, is_broken)
        if key not in self._known:
            rows = (self.candidate if is_broken else self.base)[task]
            self._known[key] = (
                fmean(row.n_prompt_tokens for row in rows),
                max(row.n_answer_tokens for row in rows),
            )
        return self._known[key]

    @cached_property
    def _known(self) -> dict[tuple[str, bool], tuple[float, int]]:
        return {}


def tokens_of(answer: Answer) -> int:
    """Return the tokens of an answer and its prompt; of one that nobody counted, 1."""
    return max(1, answer.n_prompt_tokens + answer.n_answer_tokens)


def choose(
    changed: Mapping[str, Sequence[Changed]], forms: Sequence[Form], run: RunTokens, seed: int
) -> Choice:
    """Choose what the budget allows, of the capabilities that come first.

    As many capabilities as can have a dozen items of each kind under all forms; where that is none,
    under all but the dearest; else the first alone, with what is left. Items are drawn by `seed`.
    """
    drawn = {name: _drawn(items, seed) for name, items in changed.items()}
    names = list(drawn)
    for n_capabilities, kept, least in _options(len(names), forms, run, drawn):
        first = {name: drawn[name] for name in names[:n_capabilities]}
        n_items = _most(first, kept, run)
        if n_items >= least:
            picked = {name: _cut(items, n_items) for name, items in first.items()}
            why = dict.fromkeys(names[n_capabilities:], _TOO_DEAR)
            return Choice(picked, kept, why)
    return Choice({}, (), dict.fromkeys(names, _TOO_DEAR))


_TOO_DEAR = "a tenth of the run's tokens does not reach for it"


def _options(
    n_all: int,
    forms: Sequence[Form],
    run: RunTokens,
    drawn: Mapping[str, tuple[list[Changed], list[Changed]]],
) -> Iterator[tuple[int, tuple[Form, ...], int]]:
    """Yield how many capabilities, in which forms, with how many items of each kind at the least.

    Of a capability with fewer, all it has are enough.
    """
    every = [item for kinds in drawn.values() for kind in kinds for item in kind]
    dear = sorted(forms, key=lambda form: sum(run.cost(item, form) for item in every))
    sets = [tuple(form for form in forms if form in dear[:n]) for n in range(len(dear), 0, -1)]
    largest = [max(map(len, kinds)) for kinds in drawn.values()]
    for kept in sets[:2]:
        for n in range(n_all, 0, -1):
            yield n, kept, min(_ENOUGH_ITEMS, max(largest[:n]))
    for kept in sets if n_all else ():
        yield 1, kept, min(LEAST_ITEMS, largest[0])


LEAST_ITEMS = 4
"""Of each kind, below which one capability is not asked again for want of tokens."""


def _drawn(items: Sequence[Changed], seed: int) -> tuple[list[Changed], list[Changed]]:
    """Return the broken and the fixed items, each in seeded order, as many as may be asked."""
    order = sorted(items, key=lambda item: digest([seed, "probes", *item.key]))
    broken = [item for item in order if item.is_broken]
    fixed = [item for item in order if not item.is_broken]
    return broken[:MOST_ITEMS], fixed[:MOST_ITEMS]


def _cut(kinds: tuple[list[Changed], list[Changed]], n: int) -> tuple[Changed, ...]:
    return (*kinds[0][:n], *kinds[1][:n])


def _most(
    drawn: Mapping[str, tuple[list[Changed], list[Changed]]],
    forms: Sequence[Form],
    run: RunTokens,
) -> int:
    """Return the largest number of items of each kind that all these capabilities can have."""
    fits, too_many = 0, MOST_ITEMS + 1
    while too_many - fits > 1:
        n = (fits + too_many) // 2
        items = [item for kinds in drawn.values() for item in _cut(kinds, n)]
        if sum(run.cost(item, form) for item in items for form in forms) <= run.budget:
            fits = n
        else:
            too_many = n
    return fits
