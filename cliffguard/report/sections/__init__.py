"""The sections of a report, a file each: every format writes the same ones, in the same order."""

from __future__ import annotations

from cliffguard.core.timing import Timings
from cliffguard.report import next_steps
from cliffguard.report.blocks import Document, Head, Pointer
from cliffguard.report.headline import headline_numbers
from cliffguard.report.page import Page
from cliffguard.report.reasons import first_lines
from cliffguard.report.sections import (
    behaviour,
    broken,
    calibration,
    capabilities,
    caveats,
    classes,
    distance,
    ladders,
    parts,
    reproduce,
    why,
)


def document(page: Page, spent: Timings | None = None, *, n_items: int = 0) -> Document:
    """Return the whole report of one review; `spent` is what a clock said of the run.

    It quotes `n_items` that broke; a page has a browser of them, and a terminal no room.
    """
    sections = (
        capabilities.section(page),
        parts.section(page),
        why.section(page),
        broken.section(page, n_items),
        ladders.section(page),
        classes.section(page),
        calibration.section(page),
        distance.section(page),
        behaviour.section(page),
        caveats.health(page),
        caveats.section(page),
        reproduce.section(page),
        reproduce.timings(spent),
        reproduce.reading(page),
    )
    return Document(
        title=f"{page.outcome}: {page.candidate} against {page.base}",
        head=_head(page),
        sections=tuple(section for section in sections if section is not None),
    )


_MOST_WHY = 5
"""Capabilities of which the first screen says why they broke."""


def _first(lines: tuple[Pointer, ...]) -> tuple[Pointer, ...]:
    """Return as many lines as a screen holds; the section has all."""
    n_more = len(lines) - _MOST_WHY
    if n_more <= 1:
        return lines
    more = Pointer(text=f"{n_more:,} more capabilities", see=why.TITLE, href=f"#{why.ANCHOR}")
    return (*lines[:_MOST_WHY], more)


def _head(page: Page) -> Head:
    return Head(
        outcome=page.outcome,
        aside=f"exit code {page.exit_code}",
        sentence=page.sentence,
        facts=(("base", page.base), ("candidate", page.candidate), *headline_numbers(page)),
        doubts=page.doubts,
        why=_first(first_lines(page)),
        steps=next_steps.next_steps(page),
    )
