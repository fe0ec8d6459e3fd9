"""The main figure: each capability's drop with its interval against its own margin, a bar a row.

Bars are numbers in percent of a width, so that a page draws them at any width and in any colours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.page import Page

_AIR = 0.06  # of the axis beyond what is drawn
_LEAST_AIR = 0.5  # percentage points


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One row of the figure, from 0 at the left to 100 at the right; None: nothing to draw.

    Right is a larger drop, and of a target a larger gain. The zone holds what the policy tolerates,
    or of a target what it demands; the bar of what is held ends inside. `limit` is its edge.
    """

    zero: float
    value: float | None
    low: float
    high: float
    zone: tuple[float, float] | None
    limit: float | None
    description: str


def bars(page: Page) -> Mapping[str, Bar]:
    """Return the bar of each capability by name; drops share an axis, and so do gains."""
    drawn = {}
    for targets in (True, False):
        rows = [row for row in page.rows if row.is_target is targets]
        ends = [end for row in rows for end in _ends(row)]
        low, high = min([0.0, *ends]), max([0.0, *ends])
        air = max(_AIR * (high - low), _LEAST_AIR)
        for row in rows:
            drawn[row.capability] = _bar(row, low - air, high + air)
    return drawn


def description(row: CapabilityRow) -> str:
    """The bar in words, for those who do not see it."""
    change = f"{row.change_word} {row.shown_change} {row.shown_interval}"
    return f"{row.capability}: {change}, {row.finding.outcome}"


def _sign(row: CapabilityRow) -> float:
    return -1.0 if row.is_target else 1.0


def _interval(row: CapabilityRow) -> tuple[float, float, float] | None:
    """Return value and both ends in percentage points, in the direction of the row's axis."""
    evidence = row.evidence
    if evidence is None or evidence.drop is None or evidence.drop_interval is None:
        return None
    scale = 100.0 * _sign(row)
    low, high = sorted((scale * evidence.drop_interval.low, scale * evidence.drop_interval.high))
    return scale * evidence.drop, low, high


def _limit(row: CapabilityRow) -> float | None:
    margin = row.finding.margin
    return None if margin is None else 100.0 * _sign(row) * margin


def _ends(row: CapabilityRow) -> list[float]:
    limit = _limit(row)
    return [*(_interval(row) or ()), *([] if limit is None else [limit, -limit])]


def _bar(row: CapabilityRow, low: float, high: float) -> Bar:
    def at(points: float) -> float:
        return round(100.0 * (points - low) / (high - low), 2)

    interval, limit = _interval(row), _limit(row)
    zone = None
    if limit is not None:
        zone = (at(limit), 100.0) if row.is_target else (0.0, at(limit))
    value, start, end = interval or (None, 0.0, 0.0)
    return Bar(
        zero=at(0.0),
        value=None if value is None else at(value),
        low=at(start),
        high=at(end),
        zone=zone,
        limit=None if limit is None else at(limit),
        description=description(row),
    )
