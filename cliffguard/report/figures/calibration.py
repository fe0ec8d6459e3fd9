"""Reliability diagram: how sure both sides were of their answers, and how many were right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cliffguard.core.item_results import ITEMS_FILE, ItemAnswer, ItemResult
from cliffguard.core.texts import n_things
from cliffguard.report.figures.charts import Axis, Chart, Point, Series
from cliffguard.report.items import answers_in
from cliffguard.report.numbers import percent
from cliffguard.report.page import Page
from cliffguard.stats.interval import wilson_interval

N_BINS = 10
"""Bins of confidence, of one width: a diagram for reading. smECE (`stats.calibration`) has none."""

_LEAST = 5  # answers of a bin that is drawn
_CONFIDENCE = 0.9  # of the intervals
_PERCENTS = tuple((float(n), f"{n} %") for n in range(0, 101, 25))


@dataclass(frozen=True, slots=True)
class _Side:
    """What is drawn of a side's answer."""

    score: float | None
    confidence: float | None


@dataclass(frozen=True, slots=True)
class _Scored:
    """What is drawn of an item."""

    counted: bool
    base: _Side
    candidate: _Side


@dataclass(slots=True)
class _Bin:
    n: int = 0
    n_right: int = 0
    confidence: float = 0.0  # summed


def calibration_of(page: Page) -> Chart | None:
    """Return the diagram of the items beside a review; None where none lie there."""
    if page.items is None or page.review.items is None:
        return None
    return _read(page.items, page.review.items.sha256)[0]


def calibration_lack(page: Page) -> str:
    """Return why a review has no diagram."""
    if page.items is None or page.review.items is None:
        return f"no {ITEMS_FILE} lies beside the review"
    n = sum(_read(page.items, page.review.items.sha256)[1])
    if n == 0:
        return "no counted answer has a confidence and is right or wrong (generated ones have none)"
    return f"no bin of confidence has {_LEAST} answers or more (of {n_things(n, 'answer', ',')})"


@lru_cache(maxsize=16)  # two formats of one report draw it
def _read(path: Path, _sha256: str) -> tuple[Chart | None, tuple[int, int]]:
    bins = _bins(answers_in(path, _Scored))
    return _chart(*bins), (sum(b.n for b in bins[0]), sum(b.n for b in bins[1]))


def calibration(results: Iterable[ItemResult]) -> Chart | None:
    """Return the share of right answers by confidence; None where no answer has both.

    Counted items with a score of 0 or 1 are taken, since of a graded one no share is right. A bin
    of fewer than five answers is left out, and a note says how many answers that are.
    """
    return _chart(*_bins(results))


def _bins(results: Iterable[ItemResult | _Scored]) -> tuple[list[_Bin], list[_Bin]]:
    base, candidate = ([_Bin() for _ in range(N_BINS)] for _ in range(2))
    for result in results:
        if result.counted:
            _add(base, result.base)
            _add(candidate, result.candidate)
    return base, candidate


def _chart(base: Sequence[_Bin], candidate: Sequence[_Bin]) -> Chart | None:
    if not any(b.n >= _LEAST for b in (*base, *candidate)):
        return None
    n_few = [sum(b.n for b in bins if b.n < _LEAST) for bins in (base, candidate)]
    few = f"; {n_few[0]:,} and {n_few[1]:,} answers are in smaller ones" if any(n_few) else ""
    sides = (_side("base", base), _side("candidate", candidate))
    return Chart(
        name="calibration",
        title="Right answers by confidence",
        description="; ".join(f"{side.name}: {side.detail}" for side in sides),
        naming="numbers",
        x=Axis(label="confidence of the answer", low=-2.0, high=102.0, ticks=_PERCENTS),
        y=Axis(label="right answers", low=0.0, high=100.0, ticks=_PERCENTS),
        series=(*sides, _diagonal()),
        notes=(f"{100 * _CONFIDENCE:g} % intervals; bins of {_LEAST} answers or more{few}.",),
    )


def _add(bins: Sequence[_Bin], side: ItemAnswer | _Side) -> None:
    if side.confidence is None or side.score not in (0.0, 1.0):
        return
    bin_of = bins[min(N_BINS - 1, int(N_BINS * side.confidence))]
    bin_of.n += 1
    bin_of.n_right += side.score == 1.0
    bin_of.confidence += side.confidence


def _side(name: str, bins: Sequence[_Bin]) -> Series:
    drawn = [b for b in bins if b.n >= _LEAST]
    n = sum(b.n for b in bins)
    sure = sum(b.confidence for b in bins) / n if n else None
    right = sum(b.n_right for b in bins) / n if n else None
    return Series(
        name=name,
        points=tuple(_point(b) for b in drawn),
        is_joined=True,
        tone="base" if name == "base" else "candidate",
        detail=f"{percent(sure)} sure, {percent(right)} right, {n:,} answers",
    )


def _point(bin_of: _Bin) -> Point:
    share = bin_of.n_right / bin_of.n
    interval = wilson_interval(n_right=bin_of.n_right, n_items=bin_of.n, confidence=_CONFIDENCE)
    return Point(
        x=100 * bin_of.confidence / bin_of.n,
        y=100 * share,
        y_interval=(100 * interval.low, 100 * interval.high),
        detail=f"{bin_of.n_right:,} of {bin_of.n:,} right",
    )


def _diagonal() -> Series:
    return Series(
        name="as sure as right",
        points=(Point(x=0.0, y=0.0), Point(x=100.0, y=100.0)),
        is_joined=True,
        detail="what a calibrated model lies on",
    )
