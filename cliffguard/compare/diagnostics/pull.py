"""One pull, and what tells it from right answers that were lost to anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cliffguard.compare.diagnostics.traits import Trait

Marks = NDArray[np.bool_]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What tells a pull from right answers that were lost to anything; shapes are (n_items,).

    `base_wrong` and `candidate_wrong` are the items on offer in which a side says anything wrong,
    `base` and `candidate` all in which it says this, and `right` those in which that would be
    right. `chance` is that of a guess to say it, among the choices, or among all right answers of
    the capability where nothing is chosen; None of what is no such answer.
    """

    base_wrong: Marks
    candidate_wrong: Marks
    base: Marks
    candidate: Marks
    right: Marks
    chance: Numbers | None = None

    @property
    def rises(self) -> Numbers:
        """Of every item whether the candidate says it more than the base: 1, 0 or -1."""
        return self.candidate.astype(float) - self.base


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """What both sides may say of items where it would be wrong; all have shape (n_items,).

    `offered` are those items, `base` and `candidate` those of them in which a side says it.
    `is_word`: what they say is a word or a text, not a place or a beginning.
    """

    trait: Trait
    offered: Marks
    base: Marks
    candidate: Marks
    noise: Noise
    is_word: bool = False

    @property
    def members(self) -> Marks:
        """The items that belong to it: those in which the candidate says it."""
        return self.candidate

    def counts(self, changes: Numbers) -> dict[str, Any]:
        """Return the counts and shares of a `Pattern`, given the drop of every item.

        Broken are items that the candidate breaks by saying it, fixed those that the base had wrong
        for saying it.
        """
        return {
            "n_items": int(self.offered.sum()),
            "n_broken": int((changes[self.candidate] > 0).sum()),
            "n_fixed": int((changes[self.base] < 0).sum()),
            "inside": float(self.candidate[self.offered].mean()),
            "outside": float(self.base[self.offered].mean()),
        }
