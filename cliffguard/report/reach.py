"""Embedding distance of each capability from the fine-tuning data, and what was lost there.

A screen for reading: near and lost speaks of the target's own kind of work, far and lost of
a fine-tune that reached beyond it.
"""

from __future__ import annotations

from dataclasses import dataclass

from cliffguard.core.diagnostics import Distance
from cliffguard.core.reviews import Outcome
from cliffguard.core.settings import Ring
from cliffguard.report.numbers import points, points_range
from cliffguard.report.page import Page
from cliffguard.stats.interval import Interval

INTRO = (
    "How far the prompts of each capability lie from the fine-tuning data, by the base's own "
    "hidden states: 0 is the same text, about 1 what shares nothing. Nothing here gates."
)

HEADERS = ("capability", "ring", "distance", "quartiles", "drop", "interval, pp", "outcome")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """A capability: how far it lies from the fine-tuning data, and what was lost of it.

    `drop`, its interval and the margin are in score units; None: not measured, or no margin.
    """

    capability: str
    ring: Ring
    outcome: Outcome
    distance: Distance
    drop: float | None
    drop_interval: Interval | None
    margin: float | None

    @property
    def cells(self) -> tuple[str, ...]:
        """A cell for each of `HEADERS`, not escaped."""
        return (
            self.capability,
            self.ring,
            f"{self.distance.median:.2f}",
            f"{self.distance.low:.2f}–{self.distance.high:.2f}",
            points(self.drop),
            points_range(self.drop_interval),
            str(self.outcome),
        )


def reaches(page: Page) -> tuple[Reach, ...]:
    """Return the capabilities whose distance was measured, the nearest first."""
    placed = [
        Reach(
            capability=row.capability,
            ring=row.finding.ring,
            outcome=row.finding.outcome,
            distance=row.comparison.diagnostics.distance,
            drop=row.comparison.evidence.drop,
            drop_interval=row.comparison.evidence.drop_interval,
            # Of a target it is minus a demanded gain: no drop that is tolerated.
            margin=None if row.finding.ring == "target" else row.finding.margin,
        )
        for row in page.rows
        if row.comparison is not None and row.comparison.diagnostics.distance is not None
    ]
    return tuple(sorted(placed, key=lambda reach: (reach.distance.median, reach.capability)))
