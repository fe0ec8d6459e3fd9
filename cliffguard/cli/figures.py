"""figures: the figures of reviews as files for papers and slides."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cliffguard.cli.console import explained
from cliffguard.core.errors import UsageError
from cliffguard.core.files import read_text, user_path, write_whole

if TYPE_CHECKING:
    from cliffguard.core.reviews import Review
    from cliffguard.report.labels import BesideReview


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

    Of several reviews also the target's gain against the largest loss, and, where their folders'
    names end in a step of training, the drops along it.
    """
    from cliffguard.report.figures.catalog import charts_of, kinds_of
    from cliffguard.report.figures.files import draw
    from cliffguard.report.figures.layout import lay_out_chart
    from cliffguard.report.figures.several import pages_of

    kinds = kinds_of(only)
    read, there = _read(reviews)
    try:
        charts, lacks = charts_of(pages_of(read, there), kinds)
        files = {
            f"{name}.{output_format}": draw(lay_out_chart(chart), output_format)
            for name, chart in charts.items()
        }
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


def _read(paths: list[Path]) -> tuple[dict[str, Review], dict[str, BesideReview]]:
    """Return the reviews by the shortest path that tells them apart, and what lies beside each.

    Raises UsageError for one that is given twice.
    """
    from cliffguard.report.json import read_review
    from cliffguard.report.labels import beside
    from cliffguard.report.overview.sources import (
        FAILURE,
        names_of_files,
        refuse_twice,
        review_files,
    )

    files = [file for file in review_files(paths) if file.name != FAILURE]
    refuse_twice(files)
    read = [read_review(read_text(file, UsageError), str(file)) for file in files]
    there = [beside(review, file.parent) for review, file in zip(read, files, strict=True)]
    names = names_of_files(files)
    return dict(zip(names, read, strict=True)), dict(zip(names, there, strict=True))
