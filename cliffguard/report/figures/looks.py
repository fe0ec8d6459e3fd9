"""How what is drawn looks: one table, of which the page makes CSS and matplotlib its arguments.

Colours are Okabe–Ito, darkened where they must carry words on white, and variables of the page,
since a page can be dark. No status is told by colour alone: each has its marker and its word.
"""

from __future__ import annotations

from typing import NamedTuple

from cliffguard.core.reviews import Outcome

COLORS = {
    "ink": "#1f2328", "muted": "#59636e", "line": "#c9d1d9", "soft": "#eceff2", "zone": "#e6f1ee",
    "card": "#ffffff", "base": "#6b7280", "candidate": "#0072b2", "good": "#00735a",
    "bad": "#b34700", "open": "#8a5a00", "none": "#59636e",
}  # fmt: skip
"""Variable of the page → the colour on white paper."""

TONES = {
    Outcome.HELD: "good", Outcome.PASS: "good", Outcome.REGRESSED: "bad", Outcome.FAIL: "bad",
    Outcome.INCONCLUSIVE: "open", Outcome.NOT_MEASURED: "none",
}  # fmt: skip

SIZE = 11.0
"""Of text, in units of a width of 400: more than 8 pixels where a figure is 300 wide."""


class Look(NamedTuple):
    """Colours (empty: none; "tone": the element's own), the line's width and dashes, opacity."""

    fill: str = ""
    stroke: str = ""
    width: float = 1.0
    dashes: tuple[float, ...] = ()
    opacity: float = 1.0


LOOKS = {
    "grid": Look(stroke="soft", width=0.8),
    "axis": Look(stroke="line"),
    "zero": Look(stroke="muted", width=0.8),
    "chance": Look(stroke="muted", dashes=(1.5, 2.5)),
    "margin": Look(stroke="ink", width=1.2),
    "edge": Look(stroke="bad", width=1.2, dashes=(4.0, 3.0)),
    "zone": Look(fill="zone"),
    "shown": Look(fill="soft"),
    "band": Look(fill="tone", opacity=0.15),
    "curve": Look(stroke="tone", width=1.8),
    "bar": Look(stroke="tone", width=1.6, opacity=0.75),
    "lead": Look(stroke="muted", width=0.6),
    "filled": Look(fill="tone", stroke="tone", width=1.6),
    "hollow": Look(fill="card", stroke="tone", width=1.6),
}
"""Kind of element → its look."""

MARKERS = {
    "good": ("circle", "filled"), "bad": ("diamond", "filled"), "open": ("square", "hollow"),
    "none": ("dash", "filled"), "base": ("circle", "hollow"), "candidate": ("diamond", "filled"),
    "muted": ("circle", "filled"),
}  # fmt: skip
"""Tone → the shape of its marker, and its look."""


def css() -> str:
    """Return the rules for elements of class `chart`, in the variables of the page."""
    rules = [f".chart text {{ font-size: {SIZE:g}px; fill: var(--tone); }}"]
    rules.append(".chart .strong { font-weight: 650; }")
    rules += [f".chart .{tone} {{ --tone: var(--{tone}); }}" for tone in COLORS]
    for name, look in LOOKS.items():
        parts = [f"fill: {_color(look.fill)}", f"stroke: {_color(look.stroke)}"]
        parts += [f"stroke-width: {look.width:g}"] if look.stroke else []
        parts += [f"stroke-dasharray: {' '.join(map('{:g}'.format, look.dashes))}"] * bool(
            look.dashes
        )
        parts += [f"opacity: {look.opacity:g}"] * (look.opacity < 1.0)
        rules.append(f".chart .{name} {{ {'; '.join(parts)}; }}")
    return "\n".join(rules)


def _color(name: str) -> str:
    return f"var(--{name})" if name else "none"
