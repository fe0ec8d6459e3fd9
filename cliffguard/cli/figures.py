"""figures: the figures of reviews as files for papers and slides."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cliffguard.cli.console import explained
from cliffguard.core.errors import CliffguardError, UsageError
from cliffguard.core.files import user_path, write_whole

if TYPE_CHECKING:
    from cliffguard.core.reviews import Review
    from cliffguard.report.labels import BesideReview
    from cliffguard.report.overview.sources import NamedReview


@explained
def figures(
    reviews: Annotated[
        list[Path],
        typer.Argument(
            metavar="REVIEW...",
            help="A review.json each, or a folder with it, or one with folders of several.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder for the files.")],
    output_format: Annotated[
        Literal["svg", "png", "pdf"], typer.Option("--format", "-f", help="Of the files.")
    ] = "svg",
    only: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES", help="Some of forest,ladder,calibration,distance,gain,trajectory."
        ),
    ] = None,
) -> None:
    """Draw the figures of reviews, the same bytes every time; print the files that were written.

    Of several reviews that an overview would hold together also the target's gain against the
    largest loss, and, where their folders' names end in a step of training, the drops along it.
    """
    from cliffguard.report.figures.catalog import charts_of, kinds_of
    from cliffguard.report.figures.files import draw
    from cliffguard.report.figures.layout import lay_out_chart
    from cliffguard.report.figures.several import pages_of

    kinds = kinds_of(only)
    sources = _read(reviews)
    read, there = _by_name(sources)
    try:
        charts, lacks = charts_of(pages_of(read, there), kinds, _unlike(sources))
        files = {
            f"{name}.{output_format}": draw(lay_out_chart(chart), output_format)
            for name, chart in charts.items()
        }
    except CliffguardError:
        raise
    except (ValueError, LookupError, TypeError, ArithmeticError) as failure:
        raise UsageError(
            f"{', '.join(map(str, reviews))}: cannot be drawn, since a review holds what no check "
            f"writes ({type(failure).__name__}: {failure}); take it as it was written",
            id="review.impossible",
        ) from failure
    if not files:
        raise UsageError(f"nothing can be drawn: {'; '.join(lacks)}", id="figures.nothing")
    folder = user_path(str(out), UsageError)
    for name, content in files.items():
        write_whole(folder / name, content, follows=False)
        print(folder / name)
    for line in lacks:
        print(f"cliffguard: left out: {line}", file=sys.stderr)


def _read(paths: Sequence[Path]) -> list[NamedReview]:
    """Return those of the candidates that have a review. Raises UsageError for one given twice."""
    from cliffguard.report.overview.sources import FAILURE, read_named, review_files

    return read_named([file for file in review_files(paths) if file.name != FAILURE])


def _by_name(
    sources: Sequence[NamedReview],
) -> tuple[dict[str, Review], dict[str, BesideReview]]:
    """Return the reviews by the shortest path that tells them apart, and what lies beside each."""
    from cliffguard.report.labels import beside

    read = {source.name: source.review for source in sources if source.review is not None}
    folders = {source.name: source.folder for source in sources}
    return read, {name: beside(review, folders[name]) for name, review in read.items()}


def _unlike(sources: Sequence[NamedReview]) -> str:
    """Return what keeps reviews out of one figure, as it keeps them out of one overview."""
    from cliffguard.report.overview.refusals import compared, refuse_unlike

    try:
        refuse_unlike(compared(sources), by_suite=False)
    except UsageError as failure:
        return str(failure)
    return ""
