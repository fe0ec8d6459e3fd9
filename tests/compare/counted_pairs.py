"""Counted items for tests: a question, what each side said, and which of them was right."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.compare.pairs import Pair
from cliffguard.core.answers import Answer, FinishReason
from cliffguard.core.items import Item, Task
from tests import support


def question(
    right: str | tuple[str, ...] = "Paris",
    *,
    prompt: str = "What is the capital of France?",
    choices: tuple[str, ...] = (),
    number: int = 0,
) -> Item:
    """Return an item; it is answered by generation unless it has choices."""
    rights = (right,) if isinstance(right, str) else right
    return replace(
        support.item(number),
        prompt=prompt,
        choices=choices,
        answer=rights[0],
        answers=rights if len(rights) > 1 else (),
    )


def task_of(*items: Item, metric: str = "exact_match", **changes: Any) -> Task:
    """Return a task over these items, of a capability "saying"."""
    return replace(support.task(items), name="say", capability="saying", metric=metric, **changes)


def answered(item: Item, text: str, score: float, finish: FinishReason = "stop") -> Answer:
    """Return what a side said to an item."""
    return replace(
        support.answer(item, score, text=text),
        finish_reason="choice" if item.choices else finish,
        confidence=None,
        n_answer_tokens=len(text.split()),
    )


def broken(
    text: str,
    *,
    item: Item | None = None,
    task: Task | None = None,
    good: str | None = None,
    finish: FinishReason = "stop",
    good_finish: FinishReason = "stop",
    scores: tuple[float, float] = (1.0, 0.0),
    cluster: Hashable = None,
) -> CountedItem:
    """Return an item that the base answers with `good` (its right answer) and the candidate not."""
    item = item or question()
    task = task or task_of(item)
    good = item.right[0] if good is None else good
    pair = Pair(
        task=task,
        item=item,
        base=answered(item, good, scores[0], good_finish),
        candidate=answered(item, text, scores[1], finish),
        look=0,
    )
    key = (task.name, item.id) if cluster is None else cluster
    return CountedItem(pair=pair, drop=scores[0] - scores[1], cluster=key)


def mirrored(item: CountedItem) -> CountedItem:
    """Return the item as it is where base and candidate change places."""
    pair = replace(item.pair, base=item.pair.candidate, candidate=item.pair.base)
    return replace(item, pair=pair, drop=-item.drop)
