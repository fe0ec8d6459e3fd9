"""The committed examples: reviews that this version reads, and says the same of."""

from __future__ import annotations

from pathlib import Path

import pytest

from cliffguard.core.reviews import Outcome
from cliffguard.report import render
from cliffguard.report.json import read_review

FOLDER = Path(__file__).parent.parent.parent / "reports" / "examples"
REVIEWS = sorted(FOLDER.rglob("review.json"))
VERDICTS = {
    "healthy": Outcome.PASS,
    "cliff": Outcome.FAIL,
    "inconclusive": Outcome.INCONCLUSIVE,
}


@pytest.mark.parametrize("path", REVIEWS, ids=lambda path: path.parent.name)
def test_an_example_is_read_and_shown(path: Path) -> None:
    """In every format; and it names no folder of the machine that made it."""
    text = path.read_text(encoding="utf-8")
    review = read_review(text, str(path))

    assert len(REVIEWS) >= len(VERDICTS)
    assert review.verdict.outcome is VERDICTS.get(path.parent.name, review.verdict.outcome)
    assert review.verdict.sentence in render(review, "html").replace("&#39;", "'")
    for name in ("report.md", "report.html", "review.json"):
        written = (path.parent / name).read_text(encoding="utf-8")
        assert not any(folder in written for folder in ("/root/", "/home/", "/tmp/"))


def test_the_examples_are_small() -> None:
    """Six megabytes in all, and no file above two."""
    sizes = [path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()]

    assert max(sizes) < 2_000_000
    assert sum(sizes) < 6_000_000
