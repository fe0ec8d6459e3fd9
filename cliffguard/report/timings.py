"""Where the time went: the one part of a report that two runs of the same do not share."""

from __future__ import annotations

from collections.abc import Callable

from cliffguard.core.timing import STAGES, Timings

TimingsOrLater = Timings | Callable[[], Timings] | None
"""Timings, or what gives them: asked at the end, so that drawing the report counts."""

TITLE = "Where the time went"
HEADERS = ("stage", "seconds", "share", "tokens", "tokens / s")
OTHER = "everything else: files, digests, statistics, reports"


def read(timings: TimingsOrLater) -> Timings | None:
    """Return the timings as they are now."""
    return timings() if callable(timings) else timings


def rows(timings: Timings) -> tuple[tuple[str, ...], ...]:
    """Return a row of cells for each stage that took time, in order, and one for the rest."""
    spent = [(name, timings.stages[name]) for name in STAGES if name in timings.stages]
    wall = timings.wall_seconds
    rest = max(0.0, wall - sum(stage.seconds for _, stage in spent))
    table = [
        (
            f"{name}: {STAGES[name]}",
            f"{stage.seconds:.1f}",
            _share(stage.seconds, wall),
            f"{stage.n_tokens:,}" if stage.n_tokens else "–",
            f"{stage.n_tokens / stage.seconds:,.0f}" if stage.n_tokens and stage.seconds else "–",
        )
        for name, stage in spent
    ]
    return (*table, (OTHER, f"{rest:.1f}", _share(rest, wall), "–", "–"))


def summary_of(timings: Timings) -> str:
    """Say it in one line: the wall time, and the stages that took a tenth of it or more."""
    wall = timings.wall_seconds
    large = [
        f"{name} {_share(stage.seconds, wall)}"
        for name, stage in sorted(timings.stages.items(), key=lambda item: -item[1].seconds)
        if stage.seconds >= 0.1 * wall
    ]
    return f"{wall:,.1f} s in all{': ' if large else ''}{', '.join(large)}."


def _share(seconds: float, wall: float) -> str:
    return f"{100 * seconds / wall:.0f} %" if wall > 0 else "–"
