"""What guessing earns, of an item and on average."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cliffguard.compare.pairs import Pair


def chance_of(pair: Pair) -> float | None:
    """Return what guessing earns on an item: the task's, else one in as many as it has choices."""
    if pair.task.chance is not None:
        return pair.task.chance
    n_choices = len(pair.item.choices)
    # Of one continuation nobody knows what guessing earns. Of an error rate, turned, it is as much:
    # of what else is better low it is the least, and of two choices exact.
    return 1.0 / n_choices if n_choices > 1 else None


def mean_chance(pairs: Sequence[Pair]) -> float | None:
    """Return what guessing earns on average, 0 where nobody knows; None if of no item it is."""
    known = [chance for pair in pairs if (chance := chance_of(pair)) is not None]
    return math.fsum(known) / len(pairs) if known else None
