"""Limits of a run (early stopping, minutes, probes), and who hears of its progress."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cliffguard.core.errors import UsageError
from cliffguard.core.progress import Progress, silent
from cliffguard.evaluate.measure import never, unheard


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far a run goes: with one look or several, and for how many minutes (None: any).

    They count from when the run `began` by time.monotonic(). With `probes` some of what changed is
    asked again after the verdict. `ends` says whether the time is up in place of the clock. Raises
    UsageError for no minutes.
    """

    stops_early: bool = True
    max_minutes: float | None = None
    probes: bool = True
    began: float = field(default_factory=time.monotonic)
    ends: Callable[[], bool] | None = None

    def __post_init__(self) -> None:
        if self.max_minutes is not None and not self.max_minutes > 0:
            raise UsageError(
                f"max_minutes must be above 0, not {self.max_minutes:g}",
                id="max-minutes.not-positive",
            )

    @property
    def is_time_up(self) -> Callable[[], bool]:
        """What says whether the time is up; `never` itself where there is no limit."""
        if self.max_minutes is None:
            return never
        if self.ends is not None:
            return self.ends
        end = self.began + 60.0 * self.max_minutes
        return lambda: time.monotonic() >= end


@dataclass(frozen=True, slots=True)
class Audience:
    """Who hears of a run while it goes: of its progress, and lines for people."""

    progress: Progress = silent
    tell: Callable[[str], None] = unheard
