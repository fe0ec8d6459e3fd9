"""The figures of a report: matplotlib Figure objects, never pyplot, and their inline SVG."""

from __future__ import annotations

from cliffguard.core.reviews import Review
from cliffguard.report.forest import forest_description, forest_figure
from cliffguard.report.ladder_view import LadderView
from cliffguard.report.ladders import draw_ladder, ladder_figure
from cliffguard.report.page import Page
from cliffguard.report.svg import draw_svg

__all__ = ["forest_figure", "forest_svg", "ladder_figure", "ladder_svg"]


def forest_svg(page: Page) -> str:
    """Return the forest of a page as an `<svg>` element."""
    review: Review = page.review
    return draw_svg(
        lambda: forest_figure(review),
        title=f"Drop of every capability with its {page.confidence} interval and margin",
        description=forest_description(page),
        prefix="forest",
    )


def ladder_svg(view: LadderView, prefix: str) -> str:
    """Return one ladder of a page as an `<svg>` element with ids that begin with `prefix`."""
    return draw_svg(
        lambda: draw_ladder(view),
        title=f"Scores of base and candidate: {view.title}",
        description=view.summary,
        prefix=prefix,
    )
