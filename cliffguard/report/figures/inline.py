"""A figure as an `<svg>` element of a page, whose style sheet has its classes."""

from __future__ import annotations

from xml.etree import ElementTree

from cliffguard.core.texts import clip
from cliffguard.report.figures.scene import WIDTH, Element, Mark, Scene, Stroke, Words

NAMESPACE = "http://www.w3.org/2000/svg"
_MOST_TITLE, _MOST_DESCRIBED = 400, 20_000  # characters


def inline_svg(scene: Scene, prefix: str) -> str:
    """Return a figure as an element with a title and a description.

    Its ids begin with `prefix`, which keeps them apart from those of other figures. Every text is
    escaped; there is no style but by class.
    """
    described = f"{prefix}-description"
    title = clip(scene.title, _MOST_TITLE)
    root = ElementTree.Element("svg", {
        "xmlns": NAMESPACE, "viewBox": f"0 0 {WIDTH:g} {scene.height:.1f}", "class": "chart",
        "role": "img", "aria-label": title, "aria-describedby": described,
    })  # fmt: skip
    ElementTree.SubElement(root, "title").text = title
    ElementTree.SubElement(root, "desc", id=described).text = clip(
        scene.description, _MOST_DESCRIBED
    )
    for element in scene.elements:
        root.append(_drawn(element))
    return ElementTree.tostring(root, encoding="unicode")


def _drawn(element: Element) -> ElementTree.Element:
    if isinstance(element, Words):
        classes = f"{element.tone} strong" if element.is_strong else element.tone
        x, y = element.at
        drawn = ElementTree.Element("text", {"x": f"{x:.1f}", "y": f"{y:.1f}", "class": classes})
        if element.anchor != "start":
            drawn.set("text-anchor", element.anchor)
        drawn.text = element.text
        return drawn
    classes = f"{element.look} {element.tone}".strip()
    if isinstance(element, Mark) and element.shape == "circle":
        (x, y), r = element.at, element.radius
        return ElementTree.Element(
            "circle", {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": f"{r:g}", "class": classes}
        )
    return ElementTree.Element("path", {"d": _path(element), "class": classes})


def _path(element: Stroke | Mark) -> str:
    if isinstance(element, Mark):
        places, is_closed = element.outline, True
    else:
        places, is_closed = element.places, element.is_closed
    steps = " L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    return f"M{steps}{'Z' if is_closed else ''}" if places else "M0 0"
