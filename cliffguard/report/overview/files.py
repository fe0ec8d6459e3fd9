"""The overview as text in each of its formats, and as files beside the candidates' folders."""

from __future__ import annotations

from pathlib import Path

from cliffguard.core.errors import UsageError
from cliffguard.core.files import write_whole
from cliffguard.core.overviews import Overview
from cliffguard.report.json import render_overview

OVERVIEW_FORMATS = ("text", "json")
OVERVIEW_FILES = {"overview.json": "json"}
"""File → its format: what `write_overview` leaves in a folder."""


def refuse_format(format: str) -> None:
    """Raise UsageError for a format in which there is no overview of several reviews."""
    if format not in OVERVIEW_FORMATS:
        raise UsageError(
            f"--format {format}: there is no such overview of several reviews (there are "
            f"{', '.join(OVERVIEW_FORMATS)}); choose another, or give one review",
            id="overview.format",
        )


def overview_text(overview: Overview, format: str) -> str:
    """Return an overview in one of the formats text and json."""
    if format == "json":
        return render_overview(overview)
    from cliffguard.report.overview.terminal import render_matrix

    return render_matrix(overview)


def write_overview(overview: Overview, folder: Path) -> tuple[Path, ...]:
    """Write every file of `OVERVIEW_FILES` into `folder` and return their paths.

    All is rendered before the first file is touched. Raises UsageError where the place cannot be
    written to, InfrastructureError where it is full.
    """
    texts = {
        folder / name: overview_text(overview, format) for name, format in OVERVIEW_FILES.items()
    }
    for path, text in texts.items():
        write_whole(path, text)
    return tuple(texts)
