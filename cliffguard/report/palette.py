"""Colours and markers of the figures: Okabe–Ito, darkened where they must carry words on white.

No status is told by colour alone: each has its own marker and its word beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cliffguard.core.reviews import Outcome

INK = "#1f2328"
MUTED = "#59636e"
FAINT = "#c9d1d9"
TOLERATED = "#e6f1ee"
BASE = "#6b7280"
CANDIDATE = "#0072b2"
BREAK = "#b34700"
GRID = "#eceff2"
SHADE, HATCH = "#f3f4f6", "#d3d9e0"


@dataclass(frozen=True, slots=True)
class Marker:
    """A marker of matplotlib."""

    shape: str
    is_filled: bool

    def drawn_in(self, color: str) -> dict[str, Any]:
        """Return what `plot` is told of a marker of this colour."""
        return {
            "marker": self.shape,
            "markersize": 8,
            "markerfacecolor": color if self.is_filled else "white",
            "markeredgecolor": color,
            "markeredgewidth": 1.8,
            "zorder": 5,
        }


WORDS = {
    Outcome.HELD: "#00735a",
    Outcome.REGRESSED: BREAK,
    Outcome.INCONCLUSIVE: "#8a5a00",
    Outcome.NOT_MEASURED: MUTED,
}

MARKERS = {
    Outcome.HELD: Marker("o", True),
    Outcome.REGRESSED: Marker("D", True),
    Outcome.INCONCLUSIVE: Marker("s", False),
    Outcome.NOT_MEASURED: Marker("_", False),
}

VARIABLES = {
    INK: "ink", MUTED: "muted", FAINT: "line", TOLERATED: "zone", BASE: "base", BREAK: "bad",
    CANDIDATE: "candidate", WORDS[Outcome.HELD]: "good", WORDS[Outcome.INCONCLUSIVE]: "open",
    "#ffffff": "card", GRID: "soft", SHADE: "soft", HATCH: "line",
}  # fmt: skip
"""Colour → the CSS variable of the page that takes its place, since a page can be dark."""
