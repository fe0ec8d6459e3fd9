"""Reports: pure functions of a review. No store, no model, no clock, no terminal.

Importing this room loads neither matplotlib nor Jinja2: a format loads what it needs when it is
asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

from cliffguard.errors import UsageError, nearest
from cliffguard.files import write_whole
from cliffguard.records import Review

RENDERERS = {
    "text": "cliffguard.report.text:render_text",
    "markdown": "cliffguard.report.markdown:render_markdown",
    "html": "cliffguard.report.html:render_html",
    "junit": "cliffguard.report.junit:render_junit",
    "json": "cliffguard.report.json:render_json",
}
"""Format → the function that renders it, loaded on first use."""

FILES = {
    "review.json": "json",
    "report.html": "html",
    "report.md": "markdown",
    "junit.xml": "junit",
}
"""File → its format: what `write_reports` leaves in a folder."""


def render(review: Review, format: str) -> str:
    """Return `review` as text in one of the formats of `RENDERERS`.

    The same review gives the same bytes. Raises UsageError for a format that does not exist.
    """
    if format not in RENDERERS:
        known = ", ".join(RENDERERS)
        raise UsageError(
            f"no report format is called {format!r}{nearest(format, RENDERERS)} (known: {known})"
        )
    module, name = RENDERERS[format].split(":")
    renderer = cast(Callable[[Review], str], getattr(import_module(module), name))
    return renderer(review)


def write_reports(review: Review, directory: Path) -> tuple[Path, ...]:
    """Write every file of `FILES` into `directory` and return their paths.

    Everything is rendered before the first file is touched, and each file appears whole or not
    at all. Raises UsageError where the place cannot be written to, InfrastructureError where it
    is full.
    """
    texts = {Path(directory) / name: render(review, format) for name, format in FILES.items()}
    for path, text in texts.items():
        write_whole(path, text)
    return tuple(texts)
