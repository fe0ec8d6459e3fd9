"""report: a review again, in any format."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cliffguard.cli import options as opt
from cliffguard.cli.console import explained
from cliffguard.core.errors import UsageError
from cliffguard.core.files import read_text, user_path, write_whole
from cliffguard.core.validation import validate

if TYPE_CHECKING:
    from cliffguard.core.timing import Timings


@explained
def report(
    review: Annotated[Path, typer.Argument(help="A review.json.")],
    output_format: Annotated[
        opt.Format,
        typer.Option(
            "--format",
            "-f",
            help="What to make of it. comment: for a pull request; github: annotations of a job.",
        ),
    ] = "text",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file, instead of stdout.")
    ] = None,
    comment_id: opt.CommentId = None,
    report_url: opt.ReportUrl = None,
) -> None:
    """Render a stored review; the same bytes every time.

    Where timings.json lies beside it, HTML, Markdown and JUnit show it; labels of its items are in
    HTML, Markdown and text. A comment quotes the items that lie beside it.
    """
    from cliffguard.report import render
    from cliffguard.report.comment_options import CommentOptions
    from cliffguard.report.json import read_review
    from cliffguard.report.labels import beside

    if output is not None and output.exists() and review.exists() and output.samefile(review):
        raise UsageError(
            f"{output}: is the review itself, which would be lost; name another file",
            id="out.is-review",
        )
    comment = CommentOptions(comment_id=comment_id, report_url=report_url, folder=review.parent)
    read = read_review(read_text(review, UsageError), str(review))
    timings = _timings_beside(review)
    there = beside(read, review.parent)
    try:
        text = render(read, output_format, timings, there, comment)
    except (ValueError, LookupError, TypeError) as failure:
        raise UsageError(
            f"{review}: cannot be shown, since it holds what no check writes "
            f"({type(failure).__name__}: {failure}); take the review as it was written",
            id="review.impossible",
        ) from failure
    if output is not None:
        write_whole(user_path(str(output), UsageError), text)
    else:
        sys.stdout.write(text)


def _timings_beside(review: Path) -> Timings | None:
    path = review.parent / "timings.json"
    if not path.is_file():
        return None
    from pydantic import TypeAdapter

    from cliffguard.core.canonical_json import parse_json
    from cliffguard.core.timing import Timings

    try:
        content = parse_json(read_text(path, UsageError))
    except ValueError:
        raise UsageError(
            f"{path}: not valid JSON; remove it, or run the check again", id="failure.not-json"
        ) from None
    return validate(TypeAdapter(Timings), content, str(path), UsageError)
