"""report: a review again, in any format."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from cliffguard.cli.console import explained
from cliffguard.errors import UsageError
from cliffguard.files import read_text, user_path, write_whole


@explained
def report(
    review: Annotated[Path, typer.Argument(help="A review.json.")],
    output_format: Annotated[
        Literal["text", "markdown", "html", "json", "junit"],
        typer.Option("--format", "-f", help="What to make of it."),
    ] = "text",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file, instead of stdout.")
    ] = None,
) -> None:
    """Render a stored review; the same bytes every time."""
    from cliffguard.report import render
    from cliffguard.report.json import read_review

    text = render(read_review(read_text(review, UsageError), str(review)), output_format)
    if output is not None:
        write_whole(user_path(str(output), UsageError), text)
    else:
        sys.stdout.write(text)
