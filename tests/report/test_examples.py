"""The committed examples: of their reviews this version makes the very pages beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from cliffguard.core.overviews import BrokenItems
from cliffguard.core.reviews import Outcome
from cliffguard.report import FILES, render
from cliffguard.report.json import read_review
from cliffguard.report.labels import beside
from cliffguard.report.overview.files import OVERVIEW_FILES, OverviewReport
from cliffguard.report.overview.sources import read_named, review_files

FOLDER = Path(__file__).parent.parent.parent / "reports" / "examples"
REVIEWS = sorted(FOLDER.rglob("review.json"))
VERDICTS = {
    "healthy": Outcome.PASS,
    "cliff": Outcome.FAIL,
    "inconclusive": Outcome.INCONCLUSIVE,
}


@pytest.mark.parametrize("path", REVIEWS, ids=lambda path: path.parent.name)
def test_an_example_is_what_this_version_makes_of_its_review(
    path: Path, check_golden: Callable[[str, str], None]
) -> None:
    """In every format that lies beside it; and it names no folder of the machine that made it."""
    review = read_review(path.read_text(encoding="utf-8"), str(path))
    there = beside(review, path.parent)

    assert len(REVIEWS) >= len(VERDICTS)
    assert review.verdict.outcome is VERDICTS.get(path.parent.name, review.verdict.outcome)
    for name, format in FILES.items():
        file = path.parent / name
        if file.is_file() and file != path:
            text = render(review, format, beside=there)
            assert not any(folder in text for folder in ("/root/", "/home/", "/tmp/"))
            check_golden(str(file), text)


@pytest.mark.parametrize("name", OVERVIEW_FILES)
def test_the_overview_is_what_this_version_makes_of_its_reviews(
    name: str, check_golden: Callable[[str, str], None]
) -> None:
    """As `cliffguard report` of the folder writes it, but for items, which are not kept here.

    What was counted of them when they lay there stays as it was.
    """
    folder = FOLDER / "checkpoints"
    made = OverviewReport(sources=read_named(review_files([folder])), folder=folder)
    kept = json.loads((folder / "overview.json").read_text(encoding="utf-8"))
    broken = TypeAdapter(tuple[BrokenItems, ...]).validate_python(kept["broken"])
    vars(made)["overview"] = replace(made.overview, broken=broken, without_items=())

    check_golden(str(folder / name), made.render(OVERVIEW_FILES[name]))


def test_the_examples_are_small() -> None:
    """Six megabytes in all, and no file above two."""
    sizes = [path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()]

    assert max(sizes) < 2_000_000
    assert sum(sizes) < 6_000_000
