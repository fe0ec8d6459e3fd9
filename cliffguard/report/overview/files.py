"""The overview as text in each of its formats, and as files beside the candidates' folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cliffguard.core.errors import UsageError
from cliffguard.core.files import write_whole
from cliffguard.core.overviews import Overview
from cliffguard.report.blocks import Document
from cliffguard.report.overview.build import build
from cliffguard.report.overview.sections import document, figures_of
from cliffguard.report.overview.sources import NamedReview

OVERVIEW_FORMATS = ("text", "markdown", "html", "json")
OVERVIEW_FILES = {"overview.html": "html", "overview.md": "markdown", "overview.json": "json"}
"""File → its format: what an overview leaves in a folder."""


@dataclass(frozen=True, kw_only=True)
class OverviewReport:
    """The overview of candidates in every format; `folder` is where it lies, and links begin."""

    sources: Sequence[NamedReview]
    folder: Path
    by_suite: bool = False

    @cached_property
    def overview(self) -> Overview:
        """The record. Raises as `build` does."""
        return build(self.sources, self.folder, by_suite=self.by_suite)

    @cached_property
    def document(self) -> Document:
        by_name = {source.name: source for source in self.sources}
        # Of many points only the first have a number: those on the front.
        rows = sorted(self.overview.candidates, key=lambda row: not row.is_on_front)
        return document(self.overview, figures_of([by_name[row.name] for row in rows]))

    @property
    def _names(self) -> list[str]:
        """What others named, and sentences repeat."""
        made = self.overview
        names = [made.base, *(capability.name for capability in made.capabilities)]
        return [*names, *(source.name for source in self.sources)]

    def render(self, format: str, *, width: int | None = None) -> str:
        """Return it in one of `OVERVIEW_FORMATS`, text `width` columns wide.

        Raises UsageError for another format.
        """
        if format == "json":
            from cliffguard.report.json import render_overview

            return render_overview(self.overview)
        if format == "markdown":
            from cliffguard.report.markdown import markdown_of

            return markdown_of(self.document, names=self._names)
        if format == "html":
            from cliffguard.report.html import html_of

            return html_of(self.document, names=self._names)
        if format == "text":
            from cliffguard.report.overview.terminal import render_matrix

            return render_matrix(self.overview, width)
        raise UsageError(
            f"--format {format}: there is no such overview of several reviews (there are "
            f"{', '.join(OVERVIEW_FORMATS)}); choose another, or give one review",
            id="overview.format",
        )

    def write(self) -> tuple[Path, ...]:
        """Write every file of `OVERVIEW_FILES` and return their paths.

        All is rendered before the first file is touched. Raises UsageError where the place cannot
        be written to, InfrastructureError where it is full.
        """
        texts = {self.folder / name: self.render(form) for name, form in OVERVIEW_FILES.items()}
        for path, text in texts.items():
            write_whole(path, text, follows=False)
        return tuple(texts)
