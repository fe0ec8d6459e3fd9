"""Words stand where they cover least of what is drawn already."""

from __future__ import annotations

import random

from cliffguard.report.figures.placing import Box, place_label

WHOLE = (0.0, 0.0, 400.0, 200.0)


def covered(box: Box, taken: list[Box]) -> float:
    """Return the area of all that is taken that a box covers."""
    each = [
        (min(box[2], o[2]) - max(box[0], o[0]), min(box[3], o[3]) - max(box[1], o[1]))
        for o in taken
    ]
    return sum(across * down for across, down in each if across > 0 and down > 0)


def beside(at: tuple[float, float], width: float, height: float) -> list[Box]:
    """Return the places beside a mark that are inside, the nearest first."""
    boxes: list[Box] = []
    for step in range(40):
        for shift in (-4.0 * step, 4.0 * step) if step else (0.0,):
            top = at[1] + shift - height / 2
            for left in (at[0] + 7.0, at[0] - 7.0 - width):
                boxes.append((left, top, left + width, top + height))
    return [b for b in boxes if b[0] >= 0 and b[1] >= 0 and b[2] <= 400 and b[3] <= 200]


def test_a_label_covers_least_wherever_the_rest_is() -> None:
    """Also of what is far away, and of so much that there is no free place."""
    draw = random.Random(5)
    for n_taken in (0, 3, 60, 900):
        taken: list[Box] = []
        for _ in range(n_taken):
            left, top = draw.uniform(-20, 400), draw.uniform(-20, 200)
            taken.append((left, top, left + draw.uniform(1, 30), top + draw.uniform(1, 9)))
        at = (draw.uniform(40, 360), draw.uniform(20, 180))

        box = place_label(at, 12.0, 11.0, taken, WHOLE)

        assert box == min(beside(at, 12.0, 11.0), key=lambda b: covered(b, taken))
