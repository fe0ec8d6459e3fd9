"""How numbers are rounded for people."""

from __future__ import annotations

import pytest

from cliffguard.report import numbers
from cliffguard.stats.interval import Interval


@pytest.mark.parametrize(
    ("score", "expected"), [(0.72, "72.0 %"), (1.0, "100.0 %"), (0.0, "0.0 %"), (None, "–")]
)
def test_percent(score: float | None, expected: str) -> None:
    """Scores are percent with one decimal; a missing one is a dash."""
    assert numbers.percent(score) == expected


@pytest.mark.parametrize(
    ("drop", "expected"),
    [(0.042, "+4.2 pp"), (-0.1, "−10.0 pp"), (0.0, "0.0 pp"), (-0.0001, "0.0 pp"), (None, "–")],
)
def test_points(drop: float | None, expected: str) -> None:
    """Drops carry their sign, and nothing that rounds to zero does."""
    assert numbers.points(drop) == expected


def test_points_range() -> None:
    """An interval has both signs."""
    assert numbers.points_range(Interval(-0.011, 0.073)) == "[−1.1, +7.3]"


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        (0.0009, "p < 0.001"),
        (0.00123, "p = 0.00123"),
        (0.0496, "p = 0.0496"),
        (0.2266, "p = 0.23"),
        (1.0, "p = 1.00"),
        (None, "–"),
    ],
)
def test_p_value(p: float | None, expected: str) -> None:
    """p-values keep two or three digits and are never zero."""
    assert numbers.p_value(p) == expected


@pytest.mark.parametrize(
    ("name", "level", "expected"),
    [("hops", 3, "3 hops"), ("hops", 1, "1 hop"), ("depth", 2, "depth 2"), ("", 4, "level 4")],
)
def test_level_words(name: str, level: int, expected: str) -> None:
    """A level reads well whether its unit is a plural or not."""
    assert numbers.level_words(name, level) == expected
