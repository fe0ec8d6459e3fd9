"""What a figure shows, as plain records: series, intervals, reference lines, axes. No drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cliffguard.core.reviews import Outcome

Range = tuple[float, float]
_LARGEST = 1e16


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """An axis from `low` to `high`, in the unit that its label names; ticks are (value, words)."""

    label: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A value with its intervals, in the units of the axes; `x` None: nothing was measured.

    `limit` is a margin of its own along x. `outcome` gives marker and colour (None: the series'),
    `label` its name, `detail` further words about it.
    """

    x: float | None
    y: float
    x_interval: Range | None = None
    y_interval: Range | None = None
    limit: float | None = None
    outcome: Outcome | None = None
    label: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Points that belong together; `is_joined` by a line, which `name` stands beside."""

    name: str
    points: tuple[Point, ...]
    is_joined: bool = False
    tone: Literal["base", "candidate", "muted", "bad"] = "muted"
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A shaded stretch of an axis: what a margin tolerates, or levels that do not gate."""

    axis: Literal["x", "y"]
    low: float
    high: float
    kind: Literal["zone", "shown"]
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A reference line at a value of an axis."""

    axis: Literal["x", "y"]
    at: float
    kind: Literal["zero", "margin", "chance", "edge"]
    label: str = ""


Naming = Literal["rows", "ends", "numbers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One figure. `name` is its file's; `description` tells it to those who do not see it.

    `naming` says where names stand: over each point's own row, at the ends of joined series, or
    in a key below, by the numbers at the points or lines.
    """

    name: str
    title: str
    description: str
    naming: Naming
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    bands: tuple[Band, ...] = ()
    rules: tuple[Rule, ...] = ()
    notes: tuple[str, ...] = ()


def axis(label: str, values: Sequence[float], *, least: float, is_signed: bool = False) -> Axis:
    """Return an axis around `values`, with air of 8 %, at least `least`, and round ticks.

    Raises ValueError for values that no measurement has.
    """
    low, high = min(values, default=0.0), max(values, default=1.0)
    if not -_LARGEST < low <= high < _LARGEST:
        raise ValueError(f"{label}: from {low:g} to {high:g}")
    air = max(0.08 * (high - low), least)
    low, high = low - air, high + air
    ticks = tuple((value, _words(value, is_signed)) for value in _round_values(low, high))
    return Axis(label=label, low=low, high=high, ticks=ticks)


def _round_values(low: float, high: float, n_most: int = 7) -> list[float]:
    """Return at most `n_most` multiples of 1, 2 or 5 times a power of ten inside a range."""
    power = 10.0 ** math.floor(math.log10((high - low) / n_most))
    steps = (power * factor for factor in (1, 2, 5, 10, 20))
    step = next(s for s in steps if math.floor(high / s) - math.ceil(low / s) < n_most)
    return [step * count for count in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _words(value: float, is_signed: bool) -> str:
    text = f"{value:+.6g}" if is_signed and abs(value) > 1e-9 else f"{value + 0.0:.6g}"
    return text.replace("-", "−")
