"""The figures: what is drawn, not how it looks."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from cliffguard.core.diagnostics import Ladder
from cliffguard.core.reviews import Review
from cliffguard.report.ladders import draw_ladder, ladder_svg
from cliffguard.report.page import lay_out
from tests import support
from tests.report import samples


def words(figure: Figure) -> list[str]:
    """Return every text of a figure but the ticks'."""
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def ladder_figure(review: Review, ladder: Ladder) -> Figure:
    """Return the figure of one of a review's ladders."""
    view = next(view for view in lay_out(review).ladders if view.ladder == ladder)
    return draw_ladder(view)


def with_ladder(ladder: Ladder) -> Review:
    """Return a failed review with another ladder."""
    failed = samples.failed()
    capabilities = tuple(
        support.changed(c, ladders=(ladder,) if c.diagnostics.ladders else ())
        for c in failed.comparison.capabilities
    )
    return replace(failed, comparison=replace(failed.comparison, capabilities=capabilities))


def test_the_edge_is_named() -> None:
    """The ladder says where it breaks."""
    drawn = ladder_figure(samples.failed(), samples.hops_ladder())

    assert "cliff: 3 hops" in words(drawn)


def test_the_easiest_levels_are_named() -> None:
    """A loss at the easiest levels has its mark at the last of them."""
    drawn = ladder_figure(samples.lost_early(), samples.hops_ladder())

    assert "at the easiest levels: up to 2 hops" in words(drawn)


def test_no_edge_no_words() -> None:
    """A ladder that holds names no level."""
    shown = words(ladder_figure(samples.failed(), samples.calm_ladder()))

    assert not any("breaks" in text for text in shown)


def test_levels_that_do_not_gate_are_named() -> None:
    """Levels outside the verdict are marked once a run."""
    shown = words(ladder_figure(samples.failed(), samples.hops_ladder()))

    assert shown.count("shown only") == 1


def test_lines_are_named_at_their_ends() -> None:
    """Both sides and chance are named without a legend."""
    shown = words(ladder_figure(samples.failed(), samples.hops_ladder()))

    assert {"base 30.0 %", "candidate 28.0 %", "chance 25.0 %"} <= set(shown)


def test_names_at_the_ends_do_not_overlap() -> None:
    """Names of lines that end together are pushed apart, and stay on the plot."""
    levels = tuple(samples.rung(level, 50, 50, 0, 0) for level in (1, 2))
    ladder = replace(samples.hops_ladder(), chance=0.99, levels=levels)
    axes = ladder_figure(with_ladder(ladder), ladder).axes[0]

    heights = sorted(text.get_position()[1] for text in axes.texts)[-3:]
    assert heights[2] <= 100.0
    assert min(heights[1] - heights[0], heights[2] - heights[1]) >= 6.9


@pytest.mark.parametrize("n_levels", [0, 1, 2, 40])
def test_any_number_of_levels(n_levels: int) -> None:
    """No level, one or forty can be drawn."""
    levels = tuple(samples.rung(level, 50, 40, 2, 1) for level in range(1, n_levels + 1))
    ladder = replace(samples.hops_ladder(), levels=levels)
    view = lay_out(with_ladder(ladder)).ladders[0]

    assert ElementTree.fromstring(ladder_svg(view, "one")).tag.endswith("svg")


def test_names_are_no_formulas() -> None:
    """A dollar sign in a name starts no formula of matplotlib."""
    ladder = replace(samples.hops_ladder(), level_name="$x^{$")
    view = lay_out(with_ladder(ladder)).ladders[0]

    assert "$x^{$" in ladder_svg(view, "one")


def test_settings_of_the_user_are_not_read() -> None:
    """A user's matplotlibrc does not change the bytes."""
    import matplotlib

    view = lay_out(samples.failed()).ladders[0]
    usual = ladder_svg(view, "one")
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30, "svg.hashsalt": None}):
        assert ladder_svg(view, "one") == usual


def test_settings_of_the_user_are_left_alone() -> None:
    """Drawing leaves matplotlib as it was."""
    import matplotlib

    before = dict(matplotlib.rcParams)
    ladder_svg(lay_out(samples.failed()).ladders[0], "one")

    assert dict(matplotlib.rcParams) == before


def test_a_figure_takes_the_colours_of_its_page() -> None:
    """Every colour is a variable, since a page may be dark; a fallback stands beside it."""
    svg = ladder_svg(lay_out(samples.failed()).ladders[0], "one")

    colors = re.findall(r"(?:fill|stroke): ([^;\"]+)", svg)
    assert len(colors) > 20
    assert {color for color in colors if not color.startswith(("var(--", "url(#"))} == {"none"}
    assert not re.findall(r'(?:fill|stroke)="#', svg)
