"""The overview of a sweep: read from the reviews on disk, of many in a process of its own.

Meanwhile the driver hands out work, and what a table of a thousand takes of the memory goes when it
is written.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cliffguard.cli.overview import Paper, WrittenOverview, written_overview
from cliffguard.core.errors import CliffguardError
from cliffguard.report.overview.sources import REVIEW, for_table
from cliffguard.sweep.worker import end_with_parent, ignore_signals, signals_held

if TYPE_CHECKING:
    from cliffguard.core.reviews import Review


class OverviewRows(NamedTuple):
    """What an overview is made of; the rows that were `judged` have a review in their folder."""

    names: list[str]
    folders: list[Path]
    judged: frozenset[int]
    reasons: Mapping[int, str]
    out: Path

    def write(self, paper: Paper) -> WrittenOverview | None:
        """Read the reviews and write the overview; None where there is no review."""
        reviews = {row: review for row in sorted(self.judged) if (review := self._review(row))}
        if not reviews:
            return None
        return written_overview(
            self.names, self.folders, reviews, self.out, self.reasons, paper
        )  # fmt: skip

    def _review(self, row: int) -> Review | None:
        """Return a candidate's review, unless somebody moved it away."""
        from cliffguard.report.json import read_review

        file = self.folders[row] / REVIEW
        try:
            return for_table(read_review(file.read_text(encoding="utf-8"), str(file)))
        except (OSError, ValueError, CliffguardError):
            return None


class OverviewProcess:
    """A process that writes one overview. Where it `is_last`, only its parent ends it."""

    def __init__(self, rows: OverviewRows, paper: Paper, *, is_last: bool) -> None:
        self._out = rows.out
        context = multiprocessing.get_context("spawn")
        self._answers, theirs = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_write, args=(theirs, rows, paper, is_last), daemon=True
        )
        with signals_held():
            self._process.start()
        theirs.close()

    @property
    def has_ended(self) -> bool:
        """Return whether there is nothing to wait for any more."""
        return self._answers.poll() or not self._process.is_alive()

    def stop(self) -> None:
        """End it; the files are those of before, or whole."""
        self._process.terminate()
        self.result()

    def result(self) -> WrittenOverview | None:
        """Wait for it, and return what it wrote."""
        try:
            written: WrittenOverview | None = self._answers.recv()
        except (EOFError, OSError):  # it was killed, as where memory is short
            written = WrittenOverview(
                "",
                "! no overview: the process that wrote it was ended; `cliffguard report "
                f"{self._out} --out {self._out}` writes it anew",
            )
        self._process.join()
        self._answers.close()
        return written


def _write(answers: Connection, rows: OverviewRows, paper: Paper, is_last: bool) -> None:
    ignore_signals()
    if not is_last:  # so that it leaves no temporary file
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    threading.Thread(target=end_with_parent, daemon=True).start()
    answers.send(rows.write(paper))
