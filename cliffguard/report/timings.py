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
    rest = max(0.0, wall - sum(one.seconds for _, one in spent))
    found = [
        (
            f"{name}: {STAGES[name]}",
            f"{one.seconds:.1f}",
            _share(one.seconds, wall),
            f"{one.n_tokens:,}" if one.n_tokens else "–",
            f"{one.n_tokens / one.seconds:,.0f}" if one.n_tokens and one.seconds else "–",
        )
        for name, one in spent
    ]
    return (*found, (OTHER, f"{rest:.1f}", _share(rest, wall), "–", "–"))


def sentence(timings: Timings) -> str:
    """Say it in one line: the wall time, and the stages that took a tenth of it or more."""
    wall = timings.wall_seconds
    large = [
        f"{name} {_share(one.seconds, wall)}"
        for name, one in sorted(timings.stages.items(), key=lambda item: -item[1].seconds)
        if one.seconds >= 0.1 * wall
    ]
    return f"{wall:,.1f} s in all{': ' if large else ''}{', '.join(large)}."


def _share(seconds: float, wall: float) -> str:
    return f"{100 * seconds / wall:.0f} %" if wall > 0 else "–"
