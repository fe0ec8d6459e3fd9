"""Figures as files for papers and slides: drawn by matplotlib, the same bytes every time."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from cliffguard.report.figures.looks import COLORS, LOOKS, SIZE
from cliffguard.report.figures.scene import WIDTH, Mark, Scene, Stroke, Words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Format = Literal["svg", "png", "pdf"]

_STYLE = {
    "svg.hashsalt": "cliffguard",  # the seed of the ids; random without it
    "svg.fonttype": "none",  # text stays text
    "pdf.fonttype": 42,  # fonts as journals take them
    "font.family": ["DejaVu Sans"],
}
_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
_DPI = 200
_VARIABLES = ("MPLBACKEND", "MATPLOTLIBRC", "SOURCE_DATE_EPOCH")
"""Settings of matplotlib's that nothing here takes from the user: one that it cannot read ends it.
"""


def draw(scene: Scene, format: Format) -> bytes:
    """Return the file of a figure. Settings of the user are not read, nor changed."""
    stream = BytesIO()
    with _unset(_VARIABLES), warnings.catch_warnings():
        from matplotlib import style  # which reads its variables already

        warnings.filterwarnings("ignore", message="Glyph")  # of a name that DejaVu Sans lacks
        with style.context(["default", _STYLE]):
            figure = figure_of(scene)
            figure.savefig(stream, format=format, metadata=_METADATA[format], dpi=_DPI)
    return stream.getvalue()


@contextlib.contextmanager
def _unset(names: Sequence[str]) -> Iterator[None]:
    """Take variables out of the environment for a while."""
    values = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(values)


def figure_of(scene: Scene) -> Figure:
    """Return a scene as a figure of matplotlib, a unit of the scene a point of paper."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / 72, scene.height / 72), dpi=72)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_xlim(0.0, WIDTH)
    axes.set_ylim(scene.height, 0.0)
    for order, element in enumerate(scene.elements):
        if isinstance(element, Words):
            _write(axes, element, order)
        else:
            _draw(axes, element, order)
    return figure


_ALIGNED = {"start": "left", "middle": "center", "end": "right"}


def _write(axes: Axes, words: Words, order: int) -> None:
    axes.text(
        *words.at, words.text, ha=_ALIGNED[words.anchor],
        va="baseline", fontsize=SIZE, fontweight=700 if words.is_strong else 400,
        color=COLORS[words.tone], parse_math=False, zorder=order,
    )  # fmt: skip


def _draw(axes: Axes, element: Stroke | Mark, order: int) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Circle, Polygon

    look = LOOKS[element.look]

    def color(name: str) -> str:
        return COLORS[element.tone if name == "tone" else name] if name else "none"

    line: dict[str, Any] = {"linewidth": look.width, "alpha": look.opacity, "zorder": order}
    line["linestyle"] = (0, look.dashes) if look.dashes else "-"
    face = {"facecolor": color(look.fill), "edgecolor": color(look.stroke)}
    if isinstance(element, Mark) and element.shape == "circle":
        axes.add_patch(Circle(element.at, element.radius, **face, **line))
    elif isinstance(element, Mark) or element.is_closed:
        places = element.outline if isinstance(element, Mark) else element.places
        if places:
            axes.add_patch(Polygon(places, closed=True, **face, **line))
    else:
        xs, ys = [x for x, _ in element.places], [y for _, y in element.places]
        axes.add_line(Line2D(xs, ys, color=color(look.stroke), **line))
