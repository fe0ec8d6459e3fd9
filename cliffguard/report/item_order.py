"""The order in which items are read: the largest loss, then what both sides were surest of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeVar

from cliffguard.core.item_results import ItemResult

T = TypeVar("T")


def largest(results: Iterable[ItemResult], n: int) -> list[ItemResult]:
    """Return the `n` items of the largest loss, no two of one cluster while others are left.

    Of the same loss those come first that both sides were surest of: by the lower confidence, one
    that is not known last. The order of equal ones is that of the items.
    """

    def rank(result: ItemResult) -> tuple[float, float]:
        sure = sureness(result.base.confidence, result.candidate.confidence)
        return -(result.drop or 0.0), -sure

    return in_rounds(sorted(results, key=rank), lambda result: result.cluster)[:n]


def in_rounds(ranked: Iterable[T], group_of: Callable[[T], str | None]) -> list[T]:
    """Return the first of each group, then the second of each; what is of none (None) is a first.

    In each round the order stays.
    """
    n_before: Counter[str] = Counter()
    rounds: dict[int, list[T]] = {}
    for each in ranked:
        group = group_of(each)
        rounds.setdefault(0 if group is None else n_before[group], []).append(each)
        if group is not None:
            n_before[group] += 1
    return [each for number in sorted(rounds) for each in rounds[number]]


def sureness(base: float | None, candidate: float | None) -> float:
    """Return how sure both sides were: the lower confidence, below 0 where one is not known."""
    return min(-1.0 if each is None else each for each in (base, candidate))
