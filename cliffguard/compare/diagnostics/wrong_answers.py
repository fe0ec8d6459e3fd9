"""All wrong answers of both sides, and whether the candidate's show a cause oftener.

What the candidate's right answers show nearly as often is how it writes, and no cause of anything.

Of the candidate these are its answers to broken items, of the base those to fixed ones, and of
both those to at most a hundred items that both have wrong. Between two equal models the sets can be
exchanged, and a candidate that collapsed is still compared with what the base had wrong all along.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.core.diagnosis import CauseName
from cliffguard.stats.clusters import Clustering, clustering
from cliffguard.stats.exact import fisher_greater

MOST_UNCHANGED = 100
"""Items of a capability that both sides have wrong, of which the answers are read."""

_NEARLY = 0.5  # of the share of wrong answers
_LEAST_RIGHT = 5  # right answers that show it: fewer are no habit

T = TypeVar("T")

Fits = Sequence[tuple[CountedItem, frozenset[CauseName]]]
"""Items, each with all causes that the answer of one side shows."""


@dataclass(frozen=True, slots=True)
class WrongAnswers:
    """The wrong answers of the candidate and of the base in one capability, and its right ones."""

    candidate: Fits
    base: Fits
    right: Fits = ()

    def is_style(self, cause: CauseName) -> bool:
        """Return whether the candidate's right answers show a cause nearly as often as wrong ones.

        Of *format* none can be told: another reader reads a right answer right as well.
        """
        n_right = n_fitting(self.right, cause)
        if cause == "format" or n_right < _LEAST_RIGHT or not self.candidate:
            return False
        share = n_right / len(self.right)
        return share > _NEARLY * n_fitting(self.candidate, cause) / len(self.candidate)

    @property
    def causes(self) -> frozenset[CauseName]:
        """All causes that some answer fits."""
        return frozenset[CauseName]().union(*(fits for _, fits in (*self.candidate, *self.base)))

    def n_fits(self, cause: CauseName) -> int:
        """Return how many answers of either side fit a cause."""
        return n_fitting(self.candidate, cause) + n_fitting(self.base, cause)

    def p_value(self, cause: CauseName) -> float:
        """Return Fisher's p-value of "the candidate's fit no oftener than the base's".

        What falls together counts as fewer items: counts are divided by the design effect of both
        sides together, as it is where both fit alike (Rao and Scott 1992, Biometrics 48:577-585),
        and rounded against the cause. The sides stand apart in it: that they have items in common
        makes them more alike, and is given away. 1.0 of what is a style.
        """
        if self.is_style(cause):
            return 1.0
        return self._p_value(cause, n_fitting(self.candidate, cause), n_fitting(self.base, cause))

    def least_p(self, cause: CauseName) -> float:
        """Return the p-value that it would be if no answer of the base fitted."""
        return self._p_value(cause, n_fitting(self.candidate, cause), 0)

    def attainable_p(self, cause: CauseName) -> float:
        """Return the least p-value that as many fits in all can give, whoever's they are."""
        n_fits = self.n_fits(cause)
        hits = min(n_fits, len(self.candidate))
        return self._p_value(cause, hits, n_fits - hits)

    def _p_value(self, cause: CauseName, hits: int, other_hits: int) -> float:
        if not self.candidate or not self.base:
            return 1.0
        effect = self._clusters(cause).design_effect
        misses, other_misses = len(self.candidate) - hits, len(self.base) - other_hits
        hits, other_misses = math.floor(hits / effect), math.floor(other_misses / effect)
        misses, other_hits = math.ceil(misses / effect), math.ceil(other_hits / effect)
        return fisher_greater(hits, hits + misses, other_hits, other_hits + other_misses)

    def _clusters(self, cause: CauseName) -> Clustering:
        sides = ((1, self.candidate), (0, self.base))
        rows = [(cause in fits, (side, row.cluster)) for side, of in sides for row, fits in of]
        return clustering([float(is_fit) for is_fit, _ in rows], [name for _, name in rows])


def n_fitting(rows: Fits, cause: CauseName) -> int:
    """Return how many of these answers fit a cause."""
    return sum(cause in fits for _, fits in rows)


def both_wrong(items: Sequence[CountedItem]) -> list[CountedItem]:
    """Return items of which nothing changed, and both sides' answers could have been better.

    Of many a hundred, evenly spaced: to read all would take longer than the comparison itself.
    """
    return thinned([item for item in items if not item.drop and _could_be_better(item)])


def thinned(rows: Sequence[T]) -> list[T]:
    """Return at most a hundred rows, evenly spaced."""
    n_rows = min(len(rows), MOST_UNCHANGED)
    return [rows[number * len(rows) // n_rows] for number in range(n_rows)]


def right_of_candidate(items: Sequence[CountedItem]) -> list[CountedItem]:
    """Return items that the candidate has right: of many a hundred, evenly spaced."""
    return thinned([item for item in items if item.pair.candidate.score == 1.0])


def _could_be_better(item: CountedItem) -> bool:
    scores = item.pair.base.score, item.pair.candidate.score
    return all(score is not None and score < 1.0 for score in scores)
