"""Logged answers of which the filter read nothing: what was generated, and what was read."""

from __future__ import annotations

from dataclasses import replace

from cliffguard.compare.pairs import Pair
from cliffguard.core.answers import NOTHING_READ, Answer
from cliffguard.core.reviews import SAMPLES


def as_generated(pair: Pair, side: int) -> Answer:
    """Return an answer with all that was generated where the filter read nothing of it.

    `side` is 0 for the base's and 1 for the candidate's. It is known of changed items.
    """
    answer = (pair.base, pair.candidate)[side]
    raw = pair.task.unread.get(pair.item.id, (None, None))[side]
    return answer if raw is None else replace(answer, text=raw)


def as_read(pair: Pair, side: int) -> str:
    """Return what the metric read of an answer: nothing, where a filter wrote that it is nothing.

    Whoever counts what is answered to all items cannot count what was generated: it is known only
    of changed ones.
    """
    text = (pair.base, pair.candidate)[side].text
    return "" if text == NOTHING_READ and pair.task.suite == SAMPLES else text
