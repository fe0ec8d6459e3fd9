"""What came of the candidates of a sweep: codes, reviews, and the overview of all of them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cliffguard.cli.console import ProgressOutput
from cliffguard.cli.overview import Paper
from cliffguard.cli.sweep_overview import OverviewProcess, OverviewRows
from cliffguard.core.progress import doing
from cliffguard.core.texts import n_things
from cliffguard.report.overview.sources import NOT_TRIED
from cliffguard.sweep.candidates import Candidate, by_numbers

if TYPE_CHECKING:
    from cliffguard.planning.selection import CandidateReview

_OVERVIEW_SECONDS = 5.0  # between two overviews, at least; and most of the time none is written
_OVERVIEW_SHARE = 0.05  # of the time
_MOST_HERE = 40  # reviews, of which to write is not much longer than to start a process


@dataclass(kw_only=True)
class SweepResults:
    """What came of each candidate, by its number; the overview lies in `out`.

    Reviews lie in their folders, and are read for an overview: a thousand fill the memory. `judged`
    are those that have one; `failures` say why others have none; `vanished` are those whose folder
    went before their verdict, in that order. `pairs` are kept where candidates share alpha.
    `is_in_order`: they are tested as long as they pass.
    """

    out: Path
    is_in_order: bool
    candidates: list[Candidate] = field(default_factory=list)
    codes: dict[int, int] = field(default_factory=dict)
    judged: set[int] = field(default_factory=set)
    failures: dict[int, str] = field(default_factory=dict)
    vanished: dict[int, None] = field(default_factory=dict)
    pairs: dict[int, CandidateReview] = field(default_factory=dict)
    _beside: OverviewProcess | None = None
    _n_written: int = 0  # of how many candidates the overview was written last
    _began: float = 0.0
    _next: float = 0.0  # when it may be again

    @property
    def n_ended(self) -> int:
        """How many candidates have come to their end."""
        return len(self.codes) + len(self.vanished)

    def drop(self, number: int) -> None:
        """Note that a candidate's folder vanished, also if it was judged once."""
        self.codes.pop(number, None)
        self.judged.discard(number)
        self.vanished[number] = None

    def why_none(self) -> str:
        """Return why no candidate was judged, and what to do."""
        if not self.vanished:
            return (
                "none came that was whole; look at what --candidates matches, give it more "
                "--idle-minutes, and run again"
            )
        return (
            f"{n_things(len(self.vanished), 'folder')} vanished, and nothing else came; let the "
            "trainer keep more of them (save_total_limit), and run again"
        )

    def folder(self, number: int) -> Path:
        """Return where the reports of a candidate go."""
        return self.out / self.candidates[number].name

    def tick(self) -> None:
        """Write the overview of what was judged, every now and then."""
        now = time.monotonic()
        if self._beside is not None:
            if not self._beside.has_ended:
                return
            if self._beside.result() is None:
                self._n_written = 0  # it died: once more, later
            self._beside = None
            self._wait(now)
        if self.n_ended == self._n_written or now < self._next or not self.judged:
            return
        self._n_written, self._began = self.n_ended, now
        rows = self._rows(sorted({*self.codes, *self.vanished}))
        if len(rows.judged) > _MOST_HERE:
            with contextlib.suppress(OSError):  # this machine starts no process now
                self._beside = OverviewProcess(rows, None)
        else:
            rows.write(None)  # what is wrong with it is told at the end
        self._wait(time.monotonic())

    def _wait(self, now: float) -> None:
        """Put the next overview off, by what the last one took."""
        self._next = now + max(_OVERVIEW_SECONDS, (now - self._began) / _OVERVIEW_SHARE)

    def finish(self, screen: ProgressOutput) -> None:
        """Write the overview of all candidates, and print it."""
        rows, paper = self._rows(range(len(self.candidates))), Paper.of(screen.console)
        if not rows.judged:
            return
        with doing("writing the overview"):
            if self._beside is not None:
                self._beside.stop()
                self._beside = None
            written = None
            if len(rows.judged) > _MOST_HERE:
                with contextlib.suppress(OSError):
                    written = OverviewProcess(rows, paper).result()
            if written is None:  # or the process died
                written = rows.write(paper)
        written.tell(screen)

    def _rows(self, numbers: Iterable[int]) -> OverviewRows:
        """Return what an overview of some candidates is made of, in the order of their names."""
        order = sorted(numbers, key=lambda number: by_numbers(self.candidates[number].name))
        return OverviewRows(
            names=[self.candidates[number].name for number in order],
            folders=[self.folder(number) for number in order],
            judged=frozenset(row for row, number in enumerate(order) if number in self.judged),
            reasons={row: self._reason(number) for row, number in enumerate(order)},
            out=self.out,
        )

    def _reason(self, number: int) -> str:
        """Return why a candidate without a review or a failure has none."""
        if number in self.vanished:
            return "its folder vanished before its verdict"
        if number in self.failures:  # where its own folder cannot hold a failure.json
            return self.failures[number]
        if number in self.judged:
            return "its review is gone"
        return NOT_TRIED if self.is_in_order else "the sweep ended before its verdict"
