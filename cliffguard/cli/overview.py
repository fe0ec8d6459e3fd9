"""The overview of several candidates: beside their folders, and on the terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cliffguard.cli.console import ProgressOutput
from cliffguard.core.errors import CliffguardError, UsageError
from cliffguard.core.files import user_path
from cliffguard.core.progress import doing

if TYPE_CHECKING:
    from rich.console import Console

    from cliffguard.core.reviews import Review
    from cliffguard.report.overview.files import OverviewReport

DEFAULT_FOLDER = Path("cliffguard-out")


def remove_overview(out: Path | None) -> None:
    """Remove the overview of an earlier run, before this one asks anything."""
    from cliffguard.report.overview.files import OVERVIEW_FILES

    for name in OVERVIEW_FILES:
        with contextlib.suppress(OSError):
            (user_path(str(out or DEFAULT_FOLDER), UsageError) / name).unlink(missing_ok=True)


def finish_overview(
    names: Sequence[str],
    folders: Sequence[Path],
    reviews: Mapping[int, Review],
    out: Path | None,
    screen: ProgressOutput,
) -> None:
    """Write the overview of candidates and print its matrix; `reviews` are by their number."""
    if not reviews:
        return
    with doing("writing the overview"):
        written = written_overview(names, folders, reviews, out, {}, Paper.of(screen.console))
    written.tell(screen)


class Paper(NamedTuple):
    """What a matrix is printed on: columns, and the colours by rich's name (None: without)."""

    width: int
    colors: str | None

    @classmethod
    def of(cls, console: Console) -> Paper:
        """Return what a console prints on."""
        return cls(console.width, console.color_system)


class WrittenOverview(NamedTuple):
    """What is said of an overview: its matrix, as it is printed, and where it lies, or why not."""

    matrix: str
    line: str

    def tell(self, screen: ProgressOutput) -> None:
        """Print it for people."""
        screen.close()
        if self.matrix and not screen.quiet:
            screen.say("")
            screen.console.file.write(self.matrix)
        if self.line:
            screen.say(self.line)


NOTHING_WRITTEN = WrittenOverview("", "")
"""Of candidates without any review."""


def written_overview(
    names: Sequence[str],
    folders: Sequence[Path],
    reviews: Mapping[int, Review],
    out: Path | None,
    reasons: Mapping[int, str],
    paper: Paper | None,
) -> WrittenOverview:
    """Write the overview of candidates; `reasons` say why there is no review of some.

    Without `paper` nobody reads the matrix, and there is none.
    Each verdict stands by itself: what keeps them out of one table is one line, no failure.
    """
    from rich.console import Console

    from cliffguard.report.overview.terminal import print_matrix

    try:
        made = overview_of(names, folders, reviews, out, reasons)
        paths = made.write()
    except CliffguardError as error:
        return WrittenOverview("", f"! no overview: {error}")
    line = "overview: " + " ".join(map(str, paths))
    if paper is None:
        return WrittenOverview("", line)
    text = StringIO()
    console = Console(
        file=text,
        width=paper.width,
        force_terminal=paper.colors is not None,
        color_system=paper.colors,  # type: ignore[arg-type]
        highlight=False,
        legacy_windows=False,
    )
    print_matrix(made.overview, console)
    return WrittenOverview(text.getvalue(), line)


def overview_of(
    names: Sequence[str],
    folders: Sequence[Path],
    reviews: Mapping[int, Review],
    out: Path | None,
    reasons: Mapping[int, str],
) -> OverviewReport:
    """Return the overview of candidates, to be written into `out`."""
    from cliffguard.report.overview.files import OverviewReport
    from cliffguard.report.overview.sources import FAILURE, NOT_TRIED, REVIEW, NamedReview, failed

    sources = [
        NamedReview(name=name, file=folder / REVIEW, review=reviews[number])
        if number in reviews
        else failed(name, folder / FAILURE, otherwise=reasons.get(number, NOT_TRIED))
        for number, (name, folder) in enumerate(zip(names, folders, strict=True))
    ]
    root = user_path(str(out or DEFAULT_FOLDER), UsageError)
    return OverviewReport(sources=sources, folder=root)
