"""matplotlib figures as inline SVG: the same bytes every time, and nothing fetched."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from io import StringIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from cliffguard.report.palette import VARIABLES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


NAMESPACE = "http://www.w3.org/2000/svg"

_STYLE = {
    "svg.hashsalt": "cliffguard",  # the seed of the ids; random without it
    "svg.fonttype": "none",  # text stays text: sharp, searchable, in the reader's own font
    "font.family": ["DejaVu Sans"],
    "hatch.linewidth": 0.6,
}

# Layout is measured in DejaVu Sans, one of the widest of all, so that no substitute overflows.
_FONTS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
_MATPLOTLIB_FONTS = re.compile(r"'DejaVu Sans'[^;]*")
_COLOR = re.compile("|".join(VARIABLES))
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


def draw_svg(draw: Callable[[], Figure], *, title: str, description: str, prefix: str) -> str:
    """Return the figure that `draw` makes as an `<svg>` element for use inside HTML.

    `title` names it and `description` tells it to those who do not see it; `prefix` keeps its
    ids apart from those of other figures on the page. Settings of the user are not read.
    """
    from matplotlib import style

    stream = StringIO()
    with style.context(["default", _STYLE]), warnings.catch_warnings():
        # The reader's font draws the glyphs, so that one missing from ours is no loss.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = draw()
        figure.savefig(stream, format="svg", metadata={"Date": None}, transparent=True)
    root = ElementTree.fromstring(stream.getvalue())
    _strip(root)
    _rename(root, prefix)
    _label(root, title, description, prefix)
    return ElementTree.tostring(root, encoding="unicode")


def _strip(root: ElementTree.Element) -> None:
    """Drop metadata and the style that would leak into the page; flatten the namespaces."""
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in {"metadata", "style"}:
                parent.remove(child)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {_local(name): value for name, value in element.attrib.items()}
        style = element.attrib.get("style")
        if _COLOR.fullmatch(element.attrib.get("fill", "")):  # a variable stands only in a style
            style = f"fill: {element.attrib.pop('fill')}; {style or ''}"
        if style is not None:
            style = _MATPLOTLIB_FONTS.sub(_FONTS, style)
            element.set("style", _COLOR.sub(_variable, style))
    # Its size is that of the place it is put in; the view box keeps the proportions.
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("xmlns", NAMESPACE)
    root.set("style", "stroke-linejoin: round; stroke-linecap: butt")


def _variable(color: re.Match[str]) -> str:
    return f"var(--{VARIABLES[color[0]]}, {color[0]})"


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _rename(root: ElementTree.Element, prefix: str) -> None:
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "id":
                element.set(name, f"{prefix}-{value}")
            elif name == "href" and value.startswith("#"):
                element.set(name, f"#{prefix}-{value[1:]}")
            else:
                element.set(name, _REFERENCE.sub(rf"url(#{prefix}-\1)", value))


def _label(root: ElementTree.Element, title: str, description: str, prefix: str) -> None:
    root.set("role", "img")
    root.set("aria-label", title)
    root.set("aria-describedby", f"{prefix}-description")
    element = ElementTree.Element("desc", id=f"{prefix}-description")
    element.text = description
    root.insert(0, element)
    element = ElementTree.Element("title")
    element.text = title
    root.insert(0, element)
