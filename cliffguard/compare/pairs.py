"""Pairs: the answers of both sides, joined item by item."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cliffguard.core.answers import Answer
from cliffguard.core.items import Item, Task
from cliffguard.evaluate.looks import Look, TaskProgress, n_items_at
from cliffguard.evaluate.measure import Measurement

RIGHT_OR_WRONG = (0.0, 1.0)

LevelKey = tuple[str, int | None]
"""A level of a task, by the task's name; None: the task has none, and is one as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One item with both answers; `look` is the number of the first look that it belonged to.

    Items of one `group` stand or fall together (None: this one stands alone). `tie` is what the
    policy's `cluster: FIELD` says of it. Of copies, which count once, the pair is their mean.
    `unreadable` says of which side the answer held nothing that the metric can read.
    """

    task: Task
    item: Item
    base: Answer
    candidate: Answer
    look: int
    group: int | None = None
    tie: str | None = None
    n_copies: int = 1
    unreadable: tuple[bool, bool] = (False, False)

    @property
    def is_scored(self) -> bool:
        """Return whether both sides have a score."""
        return self.base.score is not None and self.candidate.score is not None

    @property
    def is_graded(self) -> bool:
        """Return whether a score is neither right nor wrong; of copies, whether their change is."""
        if self.n_copies > 1 and self.is_scored:
            return self.change not in (-1.0, 0.0, 1.0)
        scores = (self.base.score, self.candidate.score)
        return any(score is not None and score not in RIGHT_OR_WRONG for score in scores)

    @property
    def change(self) -> float:
        """Base score minus candidate score of a scored pair: positive is worse."""
        assert self.base.score is not None
        assert self.candidate.score is not None
        return self.base.score - self.candidate.score

    @property
    def is_broken(self) -> bool:
        """A lower score under the candidate: right before, wrong now."""
        return self.is_scored and self.change > 0

    @property
    def is_fixed(self) -> bool:
        """A higher score under the candidate: wrong before, right now."""
        return self.is_scored and self.change < 0

    @property
    def worst_change(self) -> float:
        """The change, or the largest that it could be where one side has no answer.

        Where both have none nothing can be said, and it is 0.
        """
        if self.is_scored:
            return self.change
        if self.base.score is None and self.candidate.score is None:
            return 0.0
        base = 1.0 if self.base.score is None else self.base.score
        return base - (self.candidate.score or 0.0)

    @property
    def is_lost(self) -> bool:
        """One side has no score, and the item could be a loss."""
        return not self.is_scored and self.worst_change > 0

    @property
    def gates(self) -> bool:
        """Return whether the item counts for the verdict, or is only shown on a ladder."""
        return self.task.gates(self.item)


def level_of(pair: Pair) -> LevelKey:
    """Return the level at which a pair lies."""
    return pair.task.name, pair.item.level


def pair_answers(
    look: Look, base: Measurement, candidate: Measurement, *, excluded: bool = False
) -> tuple[Pair, ...]:
    """Join both sides' answers on the items that count at the look; one pair an item.

    Items that the training data hold are left out; where `excluded`, they alone are returned.
    """
    pairs = []
    for series in look:
        if excluded and not series.task.excluded:
            continue
        items = {item.id: item for item in series.items}
        base_answers = base.answers[series.task.name]
        candidate_answers = {a.item_id: a for a in candidate.answers[series.task.name]}
        for index, answer in enumerate(base_answers[: series.n_counted]):
            if (answer.item_id in series.task.excluded) != excluded:
                continue
            pairs.append(
                Pair(
                    task=series.task,
                    item=items[answer.item_id],
                    base=answer,
                    candidate=candidate_answers[answer.item_id],
                    look=bisect_right(series.n_by_look, index),
                )
            )
    return tuple(pairs)


def cut_to_both(look: Look, sides: Sequence[Measurement]) -> tuple[Look, list[Measurement]]:
    """Return a look and its answers without what one side has no answers to, for want of time.

    Of each capability the same fraction of every task is left, as at any look.
    """
    n_both = {
        series.task.name: min(len(side.answers[series.task.name]) for side in sides)
        for series in look
    }
    fractions: dict[str, float] = {}
    for series in look:
        if n_both[series.task.name] < series.n_counted:
            had = n_both[series.task.name] / series.n_planned
            least = fractions.get(series.task.capability, 1.0)
            fractions[series.task.capability] = min(least, had)
    cut = tuple(_cut(series, fractions.get(series.task.capability, 1.0)) for series in look)
    n_left = {series.task.name: series.n_counted for series in cut}
    answers = [
        {name: rows[: n_left[name]] for name, rows in side.answers.items()} for side in sides
    ]
    return cut, [
        replace(side, answers=by_task) for side, by_task in zip(sides, answers, strict=True)
    ]


def _cut(series: TaskProgress, fraction: float) -> TaskProgress:
    """Return the series with this fraction of its items, but with all that was judged before."""
    n_judged = series.n_by_look[-2] if len(series.n_by_look) > 1 else 0
    return series.cut(max(n_judged, n_items_at(fraction, series.n_planned)))


def counted(pair: Pair) -> Pair:
    """Return the pair with answers that nobody can read, whole or cut, scored as wrong."""
    if not (pair.base.is_wrong_unread or pair.candidate.is_wrong_unread):
        return pair
    sides = [
        replace(answer, score=0.0) if answer.is_wrong_unread else answer
        for answer in (pair.base, pair.candidate)
    ]
    unreadable = (pair.base.is_unreadable, pair.candidate.is_unreadable)
    return replace(pair, base=sides[0], candidate=sides[1], unreadable=unreadable)


def by_task(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Group pairs by task; a task of a suite may stand for several of lm-eval's."""
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(pair.task.name, []).append(pair)
    return list(groups.values())
