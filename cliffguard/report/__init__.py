"""Reports: pure functions of a review. No store, no model, no clock, no terminal.

What a clock said is handed in beside the review, and shown by those who can.

Importing this room loads neither matplotlib nor Jinja2: a format loads what it needs when it is
asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cliffguard.core.errors import UsageError, nearest
from cliffguard.core.files import write_whole
from cliffguard.core.item_results import ITEMS_FILE
from cliffguard.core.reviews import Review
from cliffguard.report.timings import TimingsOrLater

if TYPE_CHECKING:
    from cliffguard.report.comment_options import CommentOptions
    from cliffguard.report.labels import BesideReview

RENDERERS = {
    "text": "cliffguard.report.text:render_text",
    "markdown": "cliffguard.report.markdown:render_markdown",
    "html": "cliffguard.report.html:render_html",
    "junit": "cliffguard.report.junit:render_junit",
    "json": "cliffguard.report.json:render_json",
    "comment": "cliffguard.report.comment:render_comment",
    "github": "cliffguard.report.github:render_github",
}
"""Format → the function that renders it, loaded on first use."""

_WITH_TIMINGS = ("html", "markdown", "junit")

FILES = {
    "review.json": "json",
    "report.html": "html",
    "report.md": "markdown",
    "junit.xml": "junit",
    "comment.md": "comment",
}
"""File → its format: what `write_reports` leaves in a folder."""


def render(
    review: Review,
    format: str,
    timings: TimingsOrLater = None,
    beside: BesideReview | None = None,
    comment: CommentOptions | None = None,
) -> str:
    """Return `review` as text in one of the formats of `RENDERERS`.

    The same review gives the same bytes; HTML, Markdown and JUnit show `timings`, of a clock. Every
    format but JSON knows what lies `beside` the review (None: its items, where it names any);
    `comment` is what a comment shows beside its review.
    Raises UsageError for a format that does not exist.

    >>> from cliffguard import Plan, guard, render
    >>> review = guard(Plan(candidate="runs/ft/adapter", suites=("adjacent",)))
    >>> print(render(review, "markdown").split("\\n")[0])
    # ? INCONCLUSIVE
    """
    if format not in RENDERERS:
        known = ", ".join(RENDERERS)
        raise UsageError(
            f"no report format is called {format!r}{nearest(format, RENDERERS)} (known: {known})",
            id="report.unknown-format",
        )
    module, name = RENDERERS[format].split(":")
    renderer = cast(Callable[..., str], getattr(import_module(module), name))
    more: dict[str, object] = {"timings": timings} if format in _WITH_TIMINGS else {}
    more |= {"beside": beside} if format != "json" else {}
    more |= {"options": comment} if format == "comment" else {}
    return renderer(review, **more)


def write_reports(
    review: Review,
    directory: Path,
    timings: TimingsOrLater = None,
    comment: CommentOptions | None = None,
) -> tuple[Path, ...]:
    """Write every file of `FILES` into `directory` and return their paths.

    `comment` is what comment.md shows beside the review. Plan and policy lie beside them, for the
    command that repeats the comparison, and the items that `write_items` wrote before. Everything
    is rendered before the first file is touched, and each file appears whole or not at all. Raises
    UsageError where the place cannot be written to, InfrastructureError where it is full,
    IntegrityError where other items lie there.
    """
    from cliffguard.compare.repeat_command import (  # reads suites, which no renderer needs
        placed,
        write_plan,
    )
    from cliffguard.report.labels import beside

    review = placed(review, Path(directory))
    there = beside(review, Path(directory))
    texts = {
        Path(directory) / name: render(review, format, timings, there, comment)
        for name, format in FILES.items()
    }
    for path, text in texts.items():
        write_whole(path, text, follows=False)
    items = [Path(directory) / ITEMS_FILE] if there.items is not None else []
    return (*texts, *items, *write_plan(review, Path(directory)))
