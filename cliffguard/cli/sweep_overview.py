"""The overview of a sweep: read from the reviews on disk, of many in a process of its own.

Meanwhile the driver hands out work, and what a table of a thousand takes of the memory goes when it
is written.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
import threading
import warnings
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cliffguard.cli.overview import (
    NOTHING_WRITTEN,
    Paper,
    WrittenOverview,
    written_overview,
)
from cliffguard.core.errors import CliffguardError
from cliffguard.report.overview.sources import REVIEW, for_table
from cliffguard.sweep.worker import end_with_parent, ignore_signals, signals_held

if TYPE_CHECKING:
    from cliffguard.core.reviews import Review

_PATIENCE_SECONDS = 2.0  # with one that is to end: as long as its imports take


class OverviewRows(NamedTuple):
    """What an overview is made of; the rows that were `judged` have a review in their folder."""

    names: list[str]
    folders: list[Path]
    judged: frozenset[int]
    reasons: Mapping[int, str]
    out: Path

    def write(self, paper: Paper | None) -> WrittenOverview:
        """Read the reviews and write the overview; nothing, and nothing to say, where none is."""
        reviews = {row: review for row in sorted(self.judged) if (review := self._review(row))}
        if not reviews:
            return NOTHING_WRITTEN
        return written_overview(self.names, self.folders, reviews, self.out, self.reasons, paper)

    def _review(self, row: int) -> Review | None:
        """Return a candidate's review, unless somebody moved it away."""
        from cliffguard.report.json import read_review

        file = self.folders[row] / REVIEW
        try:
            return for_table(read_review(file.read_text(encoding="utf-8"), str(file)))
        except (OSError, ValueError, CliffguardError):
            return None


class OverviewProcess:
    """A process that writes one overview. Raises OSError where none can be started."""

    def __init__(self, rows: OverviewRows, paper: Paper | None) -> None:
        context = multiprocessing.get_context("spawn")
        self._answers, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_write, args=(theirs, rows, paper), daemon=True)
        try:
            with signals_held():
                self._process.start()
        except OSError:
            self._answers.close()
            raise
        finally:
            theirs.close()

    @property
    def has_ended(self) -> bool:
        """Return whether there is nothing to wait for any more."""
        return self._answers.poll() or not self._process.is_alive()

    def stop(self) -> None:
        """End it soon; the files are those of before, or whole."""
        self._process.terminate()
        self._process.join(_PATIENCE_SECONDS)
        self._process.kill()
        self._process.join()
        self._answers.close()

    def result(self) -> WrittenOverview | None:
        """Wait for it, and return what it wrote; None where it died, as where memory is short."""
        try:
            written: WrittenOverview | None = self._answers.recv()
        except (EOFError, OSError):
            written = None
        except BaseException:  # a signal: nobody waits for it any more
            self.stop()
            raise
        self._process.join()
        self._answers.close()
        return written


def _write(answers: Connection, rows: OverviewRows, paper: Paper | None) -> None:
    """Write an overview, and send what is said of it; nothing where that fails.

    Whoever started this process then writes it, and fails in its words.
    """
    # Not at once: what is being written is taken away first. Until here all signals waited.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    ignore_signals(signal.SIGINT)
    warnings.simplefilter("ignore")
    threading.Thread(target=end_with_parent, daemon=True).start()
    with contextlib.suppress(Exception):
        answers.send(rows.write(paper))
