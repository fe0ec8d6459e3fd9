"""The record of a rescue (rescue.json): the curve, the scale that was chosen, and by what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from cliffguard.core.half import Half
from cliffguard.core.reviews import Outcome

RESCUE_FORMAT: Final = 1

Fitness = Literal["passes", "open", "out"]
"""How a scale fared on the selection half: it passes, it may, or it is ruled out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalePoint:
    """A scale, and what it comes to on the selection half.

    `drop` is the drop of the `worst` capability that gates, the one nearest to or farthest beyond
    its `margin`; `gain` is the target's, of several the least (None: there is no target, or one is
    not measured). `p_values` are those of what PASS takes a proof of, the largest first; of what
    has none it is 1.
    """

    scale: float
    worst: str | None
    drop: float | None
    margin: float | None
    gain: float | None
    p_values: tuple[float, ...]
    fitness: Fitness
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RescueRecord:
    """What a rescue found.

    `base` and `candidate` are fingerprints. Where the candidate is itself a scale, `origin` is that
    of the fine-tune at the beginning (None: it is the candidate). `chosen` is None where no scale
    can pass, and `outcome` is that of the verdict on the `judged` half (None: there is none).
    `selection` are the beginnings of the digests of the items by which the scale was chosen.
    `n_asked` answers were asked for it, `n_check` are those of one check of all items on both
    sides.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    format: Literal[1] = RESCUE_FORMAT
    base: str
    candidate: str
    points: tuple[ScalePoint, ...]
    chosen: float | None
    chosen_on: Half
    judged: Half
    outcome: Outcome | None
    selection: tuple[str, ...]
    n_asked: int
    n_check: int
    origin: str | None = None
