"""A figure laid out: every line, mark and word at its place, in units of a width of 400.

What draws it, on a page or on paper, measures and decides nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WIDTH = 400.0

Anchor = Literal["start", "middle", "end"]
Position = tuple[float, float]


_OUTLINES = {
    "diamond": ((0.0, -1.2), (1.2, 0.0), (0.0, 1.2), (-1.2, 0.0)),
    "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    "triangle": ((-1.0, -1.2), (1.0, -1.2), (0.0, 0.6)),
    "dash": ((-1.0, 0.0), (1.0, 0.0)),
}
"""Corners of a marker in units of its radius; y grows downwards."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through places, filled where it is closed; `look` is one of `LOOKS`."""

    look: str
    places: tuple[Position, ...]
    tone: str = ""
    is_closed: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A marker of a shape of `MARKERS` around its middle, `radius` wide to each side."""

    shape: str
    look: str
    at: Position
    tone: str
    radius: float = 4.0

    @property
    def outline(self) -> tuple[Position, ...]:
        """The corners of a marker that is no circle."""
        x, y = self.at
        return tuple((x + self.radius * a, y + self.radius * b) for a, b in _OUTLINES[self.shape])


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text of `SIZE`, its baseline at `at`."""

    text: str
    at: Position
    anchor: Anchor = "start"
    tone: str = "muted"
    is_strong: bool = False


Element = Stroke | Mark | Words


@dataclass(frozen=True, slots=True)
class Scene:
    """All elements of a figure, in the order in which they are drawn, on `WIDTH` × `height`."""

    title: str
    description: str
    height: float
    elements: tuple[Element, ...]
