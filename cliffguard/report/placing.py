"""Where words may stand in a figure: beside their mark, on nothing that is there already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.transforms import Bbox


_GAP = 9.0  # pixels between a mark's middle and its words
_STEP = 4.0  # by which words move up or down until they have room
_MOST_STEPS = 40


def place_label(
    at: Sequence[float], width: float, height: float, taken: Sequence[Bbox], whole: Bbox
) -> Bbox:
    """Return the box, beside the mark at `at`, that covers least of what is `taken`.

    All in pixels, upwards. Of several that cover equally little it is the one nearest to the
    mark's level; inside `whole` where there is such a one.
    """
    boxes = list(_around(at, width, height))
    inside = [box for box in boxes if _is_inside(box, whole)]
    return min(inside or boxes[:1], key=lambda box: _covered(box, taken))


def _around(at: Sequence[float], width: float, height: float) -> Iterator[Bbox]:
    """Return boxes to the right and to the left of a mark, the nearest first."""
    from matplotlib.transforms import Bbox

    for step in range(_MOST_STEPS):
        for shift in (step * _STEP, -step * _STEP) if step else (0.0,):
            for left in (at[0] + _GAP, at[0] - _GAP - width):
                yield Bbox.from_bounds(left, at[1] + shift - height / 2, width, height)


def _is_inside(box: Bbox, whole: Bbox) -> bool:
    across = whole.x0 <= box.x0 and box.x1 <= whole.x1
    return bool(across and whole.y0 <= box.y0 and box.y1 <= whole.y1)


def _covered(box: Bbox, taken: Sequence[Bbox]) -> float:
    """Return how many square pixels of what is there a box covers."""
    area = 0.0
    for other in taken:
        across = min(box.x1, other.x1) - max(box.x0, other.x0)
        up = min(box.y1, other.y1) - max(box.y0, other.y0)
        area += max(across, 0.0) * max(up, 0.0)
    return area
