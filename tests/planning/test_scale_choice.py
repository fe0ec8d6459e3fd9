"""Which scale is judged: by proofs first, then by gain or scale, and never one that is out."""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest

from cliffguard.core.rescues import Fitness, ScalePoint
from cliffguard.planning.scale_choice import SURE, checked_grid, chosen_point, least_gain, read_grid
from tests import support


def point(
    scale: float, fitness: Fitness, *p_values: float, gain: float | None = None
) -> ScalePoint:
    """Return a scale that fared so."""
    return ScalePoint(
        scale=scale,
        worst="reasoning",
        drop=0.0,
        margin=0.05,
        gain=gain,
        p_values=p_values or (SURE,),
        fitness=fitness,
        reason="",
    )


class Case(NamedTuple):
    """A curve, and the scale that is chosen."""

    points: tuple[ScalePoint, ...]
    chosen: float | None


CASES = {
    "all are out": Case((point(0.0, "out"), point(0.5, "out"), point(1.0, "out")), None),
    "the base is never chosen": Case(
        (point(0.0, "out", gain=0.0), point(1.0, "open", gain=0.1)), 1.0
    ),
    "of sure ones the largest scale": Case(
        (point(0.25, "passes", 1e-9), point(0.5, "passes", SURE), point(0.75, "passes", 2 * SURE)),
        0.5,
    ),
    "of sure ones the largest gain": Case(
        (
            point(0.25, "passes", SURE, gain=0.2),
            point(0.5, "passes", 1e-9, gain=0.1),
            point(0.75, "open", 1e-9, gain=0.3),
        ),
        0.25,
    ),
    "of equal gains the smaller change": Case(
        (point(0.25, "passes", gain=0.2), point(0.5, "passes", gain=0.2)), 0.25
    ),
    "of unsure ones the nearest proof": Case(
        (
            point(0.25, "open", 0.2, gain=0.1),
            point(0.5, "passes", 0.03, gain=0.1),
            point(0.75, "passes", 0.04, gain=0.5),
        ),
        0.5,
    ),
    "of proofs that are alike the next one counts": Case(
        (point(0.25, "open", 1.0, 0.1), point(0.5, "open", 1.0, 0.3), point(1.0, "out", 0.0)), 0.25
    ),
    "of proofs that are all alike the larger scale": Case(
        (point(0.25, "open", 1.0, 0.1), point(0.5, "open", 1.0, 0.1)), 0.5
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_rule(name: str) -> None:
    """As the module says it."""
    points, scale = CASES[name]
    picked = chosen_point(points)

    assert (None if picked is None else picked.scale) == scale


def test_a_sure_scale_is_proven_again_three_times_of_four() -> None:
    """By the normal distribution of the difference of two halves."""
    from scipy.special import ndtr, ndtri

    again = ndtr((ndtri(1 - SURE) - ndtri(0.95)) / math.sqrt(2))

    assert again == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize(
    ("text", "grid"),
    [
        ("0.5", (0.0, 0.5, 1.0)),
        ("1,0.5,0,0.5", (0.0, 0.5, 1.0)),
        (" 0.75, 0.25", (0.0, 0.25, 0.75, 1.0)),
        ("5e-1,-0.0", (0.0, 0.5, 1.0)),
    ],
)
def test_base_and_candidate_are_always_on_the_grid(text: str, grid: tuple[float, ...]) -> None:
    """Each scale once, rising, however it was written."""
    assert read_grid(text) == grid


@pytest.mark.parametrize("text", ["", "a", "0.5,,0.7", "0.5;0.7", "inf,0.5", "-0.1", "1.01", "1,0"])
def test_what_is_no_grid_is_refused(text: str) -> None:
    """In a line that repeats it."""
    with support.refused("rescue.grid", 2, "--grid"):
        read_grid(text)


def test_five_scales_between_are_the_most() -> None:
    """They cost one and a half checks."""
    tenths = [n / 10 for n in range(1, 7)]
    assert len(checked_grid(tenths[:5])) == 7

    with support.refused("rescue.grid", 2):
        checked_grid(tenths)


@pytest.mark.parametrize(
    ("losses", "gain"),
    [((), None), ((-0.3,), 0.3), ((-0.3, 0.1), -0.1), ((0.1, -0.3), -0.1), ((-0.3, None), None)],
)
def test_of_several_targets_the_least_gain_counts(
    losses: tuple[float | None, ...], gain: float | None
) -> None:
    """PASS takes a proof of each, in whatever order they come."""
    assert least_gain(losses) == gain
