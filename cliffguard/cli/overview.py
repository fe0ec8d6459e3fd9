"""The overview of several candidates: beside their folders, and on the terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cliffguard.cli.console import ProgressOutput
from cliffguard.core.errors import CliffguardError, UsageError
from cliffguard.core.files import user_path
from cliffguard.core.progress import doing

if TYPE_CHECKING:
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
    reasons: Mapping[int, str] | None = None,
) -> None:
    """Write the overview of candidates and print its matrix; `reviews` are by their number.

    `reasons` say why there is none of some. Each verdict stands by itself: what keeps them out of
    one table is one more line, no failure.
    """
    from cliffguard.report.overview.terminal import print_matrix

    if not reviews:
        return
    try:
        with doing("writing the overview"):
            made = overview_of(names, folders, reviews, out, reasons or {})
            written = made.write()
    except CliffguardError as error:
        screen.close()
        screen.say(f"! no overview: {error}")
        return
    screen.close()
    if not screen.quiet:
        screen.say("")
        print_matrix(made.overview, screen.console)
    screen.say("overview: " + " ".join(str(path) for path in written))


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
