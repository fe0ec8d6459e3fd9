"""Where words may stand in a figure: their width, and a place on nothing that is there already."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

_WIDE, _WIDEST, _NARROW = 0.64, 1.0, 0.36  # of the size of the font: DejaVu Sans, and no wider one
_STRONG = 1.12
_MOST_WRAPPED = 2000  # characters
_GAP = 7.0  # between a mark's middle and its words
_STEP = 4.0  # by which words move up or down until they have room
_MOST_STEPS = 40


def width_of(text: str, size: float, *, is_strong: bool = False) -> float:
    """Return about how wide a text is, in the unit of `size`; few are wider in any font."""
    return sum(map(_share, text)) * size * (_STRONG if is_strong else 1.0)


def _share(character: str) -> float:
    """Return about how wide a character is, as a share of the size of the font."""
    if unicodedata.combining(character):
        return 0.0
    is_wide = unicodedata.east_asian_width(character) in "WF" or character in "MWmw@%—…→"
    return _WIDEST if is_wide else _NARROW if character in " .,:;'|!iljtfI[]()·" else _WIDE


def fitted(text: str, width: float, size: float, *, is_strong: bool = False) -> str:
    """Return a text, cut with an ellipsis where it is wider than `width`."""
    room = width / size / (_STRONG if is_strong else 1.0)
    total, n_kept = 0.0, 0
    for number, character in enumerate(text, start=1):
        total += _share(character)
        if total > room:
            return f"{text[:n_kept]}…"
        n_kept = number if total + _share("…") <= room else n_kept
    return text


def wrapped(text: str, width: float, size: float) -> list[str]:
    """Return a text in lines that are no wider than `width`; a word that is wider is cut."""
    lines: list[str] = []
    for word in text[:_MOST_WRAPPED].split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(fitted(word, width, size))
    return lines


def spread(heights: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Push rising heights apart to `gap` inside of `low` to `high`, as far as there is room."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + gap if placed else low))
    ceiling = high
    for index in range(len(placed) - 1, -1, -1):
        placed[index] = min(placed[index], ceiling)
        ceiling = placed[index] - gap
    return placed


def place_label(
    at: Sequence[float], width: float, height: float, taken: Sequence[Box], whole: Box
) -> Box:
    """Return the box, beside the mark at `at`, that covers least of what is `taken`.

    Of several that cover equally little it is the one nearest to the mark's level; inside `whole`
    where there is such a one.
    """
    boxes = list(_around(at, width, height))
    inside = [box for box in boxes if _is_inside(box, whole)]
    choices = inside or boxes[:1]
    lefts, tops, rights, bottoms = zip(*choices, strict=True)
    reach = (min(lefts), min(tops), max(rights), max(bottoms))
    # Of a thousand candidates' lines nearly all are out of reach.
    near = [other for other in taken if _covered(reach, other)]
    return min(choices, key=lambda box: sum(_covered(box, other) for other in near))


def _around(at: Sequence[float], width: float, height: float) -> Iterator[Box]:
    """Return boxes to the right and to the left of a mark, the nearest first."""
    for step in range(_MOST_STEPS):
        for shift in (-step * _STEP, step * _STEP) if step else (0.0,):
            top = at[1] + shift - height / 2
            for left in (at[0] + _GAP, at[0] - _GAP - width):
                yield left, top, left + width, top + height


def _is_inside(box: Box, whole: Box) -> bool:
    across = whole[0] <= box[0] and box[2] <= whole[2]
    return across and whole[1] <= box[1] and box[3] <= whole[3]


def _covered(box: Box, other: Box) -> float:
    """Return the area of `other` that a box covers."""
    across = min(box[2], other[2]) - max(box[0], other[0])
    down = min(box[3], other[3]) - max(box[1], other[1])
    return max(across, 0.0) * max(down, 0.0)
