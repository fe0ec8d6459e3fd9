"""The sections of a report, a file each: every format writes the same ones, in the same order."""

from __future__ import annotations

from cliffguard.core.timing import Timings
from cliffguard.report import next_steps
from cliffguard.report.blocks import Document, Head
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


def document(page: Page, spent: Timings | None = None) -> Document:
    """Return the whole report of one review; `spent` is what a clock said of the run."""
    sections = (
        capabilities.section(page),
        parts.section(page),
        why.section(page),
        broken.section(page),
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


def _head(page: Page) -> Head:
    return Head(
        outcome=page.outcome,
        aside=f"exit code {page.exit_code}",
        sentence=page.sentence,
        facts=(("base", page.base), ("candidate", page.candidate)),
        doubts=page.doubts,
        why=first_lines(page),
        steps=next_steps.next_steps(page),
    )
