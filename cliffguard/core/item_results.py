"""One line of items.jsonl: an item that was asked, with both answers; and the file's stamp."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from cliffguard.core.answers import FinishReason
from cliffguard.core.diagnosis import CauseName

ITEMS_FILE: Final = "items.jsonl"
"""Lies beside review.json, and nowhere else: no review can name another file to be read."""

Uncounted = Literal[
    "in-training-data", "not-gating", "surface", "nothing-to-lose", "copy", "missing"
]
"""Why an item is none of those whose scores are compared; the first that is true of it.

*in-training-data*: the fine-tune saw it. *not-gating*: its level is only shown. *surface*: its
level measures how items look on this base, or a strategy below guessing, not the skill.
*nothing-to-lose*: at its level the base has no more beyond guessing than the margin. *copy*: the
same question counts once, by the mean of its copies. *missing*: a side has no answer to score; it
can forbid HELD.
"""


_FINITE: dict[str, Any] = {"allow_inf_nan": False}  # read by pydantic


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemsFile:
    """The items of a review: the file beside it, the SHA-256 of its bytes, and its `n` lines."""

    file: Literal["items.jsonl"]
    sha256: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemText:
    """A text as far as it is kept (None: not at all), and the SHA-256 of the whole in UTF-8."""

    text: str | None
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemAnswer:
    """One side's answer to an item.

    `score` is as it counts: 0 of an answer that nobody can read, 1 - score of a metric that is
    better low, None where there is nothing to score. `confidence`, `finish_reason` and `parts` are
    those of the stored answer (`core.answers.Answer`).
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _FINITE

    answer: ItemText
    score: float | None
    confidence: float | None
    finish_reason: FinishReason
    parts: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """An item that was asked of both sides, whether it counts, and what it came to.

    `item` is its id in the suite, unique within its `task`; `digest` is of what is asked and what
    is right. Items of one `cluster` stand or fall together (None: it stands alone). `drop` is the
    score of the base minus that of the candidate, None where one is missing: above 0 the item is
    broken, below 0 fixed. Of `n_copies` it is the mean, and one that changed likewise is shown.
    `uncounted` says why it is not `counted`. `right` are all right answers, of logged samples the
    choice that both sides' `acc` agrees with, else the target; `choices` is empty where the answer
    is generated. `cause` is why a broken item broke, `patterns` are the keys of the patterns that
    it belongs to; None and empty where the review has no diagnosis.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _FINITE

    item: str
    digest: str
    task: str
    capability: str
    level: int | None
    cluster: str | None
    counted: bool
    uncounted: Uncounted | None
    drop: float | None
    prompt: ItemText
    choices: tuple[ItemText, ...]
    right: tuple[ItemText, ...]
    base: ItemAnswer
    candidate: ItemAnswer
    n_copies: int = 1
    cause: CauseName | None = None
    patterns: tuple[str, ...] = ()

    @property
    def is_broken(self) -> bool:
        """Return whether it counts with a lower score under the candidate."""
        return self.counted and (self.drop or 0.0) > 0

    @property
    def is_fixed(self) -> bool:
        """Return whether it counts with a higher score under the candidate."""
        return self.counted and (self.drop or 0.0) < 0
