"""report: a review again, in any format; of several reviews their overview."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cliffguard.cli import options as opt
from cliffguard.cli.console import explained, write_data
from cliffguard.cli.outcome import comment_options
from cliffguard.core.errors import CliffguardError, UsageError
from cliffguard.core.files import read_text, user_path, write_whole

if TYPE_CHECKING:
    from cliffguard.core.timing import Timings
    from cliffguard.report.comment_options import CommentOptions


@explained
def report(
    reviews: Annotated[
        list[Path],
        typer.Argument(
            metavar="REVIEW...",
            help="A review.json each, or a folder with it, or one with folders of several.",
        ),
    ],
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
    out: Annotated[Path | None, typer.Option(help="Folder for every file of an overview.")] = None,
    by: Annotated[
        Literal["suite"] | None,
        typer.Option(help="suite: also reviews of other suites, each with its columns."),
    ] = None,
) -> None:
    """Render a stored review, or the overview of several; the same bytes every time.

    Where timings.json lies beside a review, HTML, Markdown and JUnit show it; labels of its items
    are in HTML, Markdown and text. A comment quotes the items that lie beside it.
    """
    from cliffguard.report.comment_options import CommentOptions
    from cliffguard.report.overview.sources import review_files

    files = review_files(reviews)
    output = None if output is None else user_path(str(output), UsageError)
    for file in files:
        if output is not None and output.exists() and file.exists() and output.samefile(file):
            raise UsageError(
                f"{output}: is the review itself, which would be lost; name another file",
                id="out.is-review",
            )
    is_shown = output_format == "text" and output is None and out is None and sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if is_shown else None
    if len(files) == 1:
        if out is not None or by is not None:
            raise UsageError(
                f"{files[0]}: is one review, and --out and --by are for several; name a file "
                "with --output, or give more reviews",
                id="overview.one-review",
            )
        is_wanted = output_format == "comment"  # else its settings are nobody's
        comment = comment_options(comment_id, report_url) if is_wanted else CommentOptions()
        _written(_of_review(files[0], output_format, comment, width), output, output_format)
        return
    _overview(files, output_format, output, out, by_suite=by is not None, width=width)


def _of_review(
    review: Path, output_format: opt.Format, comment: CommentOptions, width: int | None
) -> str:
    """Return one review in a format, with what lies beside it; `width` is of a terminal."""
    from cliffguard.report import render
    from cliffguard.report.json import read_review
    from cliffguard.report.labels import beside
    from cliffguard.report.text import render_text

    read = read_review(read_text(review, UsageError), str(review))
    timings = _timings_beside(review)
    there = beside(read, review.parent)
    try:
        if output_format == "text":
            return render_text(read, there, width=width, folder=str(review.parent))
        return render(read, output_format, timings, there, comment)
    except CliffguardError:
        raise
    except (ValueError, LookupError, TypeError) as failure:
        raise _impossible([review], failure) from failure


def _overview(
    files: Sequence[Path],
    output_format: opt.Format,
    output: Path | None,
    out: Path | None,
    *,
    by_suite: bool,
    width: int | None,
) -> None:
    """Write the overview of several reviews: every file of it into `out`, or one format."""
    from cliffguard.report.overview.files import OverviewReport
    from cliffguard.report.overview.sources import for_table, read_named

    target = None if output is None else user_path(str(output), UsageError)
    folder = Path() if target is None else target.parent
    made = OverviewReport(
        sources=read_named(files, for_table),
        folder=folder if out is None else user_path(str(out), UsageError),
        by_suite=by_suite,
    )
    try:
        if out is None:
            _written(made.render(output_format, width=width), output, output_format)
        else:
            for path in made.write():
                print(path)
    except CliffguardError:
        raise
    except (ValueError, LookupError, TypeError, ArithmeticError) as failure:
        raise _impossible(files, failure) from failure


def _impossible(reviews: Sequence[Path], failure: Exception) -> UsageError:
    return UsageError(
        f"{', '.join(map(str, reviews))}: cannot be shown, since it holds what no check writes "
        f"({type(failure).__name__}: {failure}); take the review as it was written",
        id="review.impossible",
    )


def _written(text: str, output: Path | None, output_format: opt.Format) -> None:
    if output is not None:
        write_whole(user_path(str(output), UsageError), text)
    elif output_format == "text":
        sys.stdout.write(text)
    else:
        write_data(text)


def _timings_beside(review: Path) -> Timings | None:
    path = review.parent / "timings.json"
    if not path.is_file():
        return None
    from cliffguard.core.canonical_json import parse_json
    from cliffguard.core.timing import Timings
    from cliffguard.core.validation import adapter_of, validate

    text = read_text(path, UsageError)
    try:
        content = parse_json(text)
    except ValueError:
        raise UsageError(
            f"{path}: not valid JSON; remove it, or run the check again", id="failure.not-json"
        ) from None
    return validate(adapter_of(Timings), content, str(path), UsageError)
