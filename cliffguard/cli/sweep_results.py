"""What came of the candidates of a sweep: codes, reviews, and the overview of all of them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cliffguard.cli.console import ProgressOutput
from cliffguard.cli.overview import finish_overview, overview_of
from cliffguard.core.errors import CliffguardError
from cliffguard.core.texts import n_things
from cliffguard.report.overview.sources import NOT_TRIED, REVIEW, for_table
from cliffguard.sweep.candidates import Candidate, by_numbers

if TYPE_CHECKING:
    from cliffguard.core.reviews import Review
    from cliffguard.planning.selection import CandidateReview

_OVERVIEW_SECONDS = 5.0  # between two overviews, at least; and most of the time none is written
_OVERVIEW_SHARE = 0.05  # of the driver's time


class _Written(NamedTuple):
    """Of how many candidates the overview was written last, and when it may be again."""

    n: int
    next: float


class _Table(NamedTuple):
    """What an overview is made of: `reviews` and `reasons` by the number of their row."""

    names: list[str]
    folders: list[Path]
    reviews: Mapping[int, Review]
    out: Path
    reasons: Mapping[int, str]


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
    _written: _Written = field(default_factory=lambda: _Written(0, 0.0))

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
        n, now = self.n_ended, time.monotonic()
        if n == self._written.n or now < self._written.next or not self.judged:
            return
        with contextlib.suppress(CliffguardError):  # what is wrong with it is told at the end
            overview_of(*self._table(sorted({*self.codes, *self.vanished}))).write()
        took = time.monotonic() - now
        self._written = _Written(n, now + took + max(_OVERVIEW_SECONDS, took / _OVERVIEW_SHARE))

    def finish(self, screen: ProgressOutput) -> None:
        """Write the overview of all candidates, and print it."""
        names, folders, reviews, out, reasons = self._table(range(len(self.candidates)))
        finish_overview(names, folders, reviews, out, screen, reasons)

    def _table(self, numbers: Iterable[int]) -> _Table:
        """Return what an overview of some candidates is made of, in the order of their names."""
        order = sorted(numbers, key=lambda number: by_numbers(self.candidates[number].name))
        reviews = {
            row: review
            for row, number in enumerate(order)
            if number in self.judged and (review := self._review(number)) is not None
        }
        return _Table(
            [self.candidates[number].name for number in order],
            [self.folder(number) for number in order],
            reviews,
            self.out,
            {row: self._reason(number) for row, number in enumerate(order)},
        )

    def _review(self, number: int) -> Review | None:
        """Return a candidate's review, unless somebody moved it away."""
        from cliffguard.report.json import read_review

        file = self.folder(number) / REVIEW
        try:
            return for_table(read_review(file.read_text(encoding="utf-8"), str(file)))
        except (OSError, ValueError, CliffguardError):
            return None

    def _reason(self, number: int) -> str:
        """Return why a candidate without a review or a failure has none."""
        if number in self.vanished:
            return "its folder vanished before its verdict"
        if number in self.failures:  # where its own folder cannot hold a failure.json
            return self.failures[number]
        if number in self.judged:
            return "its review is gone"
        return NOT_TRIED if self.is_in_order else "the sweep ended before its verdict"
