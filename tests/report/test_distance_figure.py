"""The figure of drops against distances: what is drawn, and that it can be read."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from cliffguard.core.diagnostics import Distance
from cliffguard.core.reviews import Outcome
from cliffguard.report.distance import TITLE, distance_description, distance_figure, distance_svg
from cliffguard.report.palette import MARKERS
from cliffguard.report.reach import Reach
from cliffguard.stats.interval import Interval


def reach(
    name: str = "reading",
    *,
    at: float = 0.7,
    drop: float | None = 0.02,
    outcome: Outcome = Outcome.HELD,
    margin: float | None = 0.05,
) -> Reach:
    """Return a row of a capability, its bars of ordinary length."""
    return Reach(
        capability=name,
        ring="adjacent",
        outcome=outcome,
        distance=Distance(median=at, low=at - 0.04, high=at + 0.05, n_items=200),
        drop=drop,
        drop_interval=None if drop is None else Interval(drop - 0.03, drop + 0.03),
        margin=margin,
    )


def demo() -> list[Reach]:
    """Return rows as of an over-trained fine-tune: what is near and what is far is lost."""
    return [
        reach("support_tickets", at=0.41, drop=-0.31, outcome=Outcome.HELD),
        reach("multi_step_reasoning", at=1.07, drop=0.225, outcome=Outcome.REGRESSED),
        reach("reading_in_context", at=1.0, drop=0.16, outcome=Outcome.REGRESSED),
        reach("out_of_domain_qa", at=0.94, drop=0.045, outcome=Outcome.INCONCLUSIVE),
        reach("control", at=1.02, drop=0.005, outcome=Outcome.HELD),
    ]


def crowd(n: int) -> list[Reach]:
    """Return `n` rows close together, their names long."""
    random = np.random.default_rng(n)
    outcomes = [Outcome.HELD, Outcome.REGRESSED, Outcome.INCONCLUSIVE]
    return [
        reach(
            f"capability_{number}_with_a_name_of_some_length",
            at=float(random.uniform(0.6, 1.0)),
            drop=float(random.normal(0.03, 0.06)),
            outcome=outcomes[number % 3],
        )
        for number in range(n)
    ]


def texts(figure: Figure) -> list[str]:
    """Return every word of a figure but the ticks'."""
    inside = [text.get_text() for axes in figure.axes for text in axes.texts]
    return [text for text in inside + [text.get_text() for text in figure.texts] if text]


def boxes(figure: Figure) -> list[Bbox]:
    """Return where the names and their details stand, in pixels."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    return [t.get_window_extent(renderer) for t in figure.axes[0].texts if t.get_text()]


def test_every_capability_is_named_with_its_outcome() -> None:
    """Names, rings and outcomes stand beside the marks: nothing is told by colour alone."""
    shown = texts(distance_figure(demo()))

    assert {"support_tickets", "multi_step_reasoning", "adjacent · REGRESSED"} <= set(shown)
    assert TITLE in shown


def test_outcomes_have_marks_of_their_own() -> None:
    """The shape of a mark tells its outcome, and it stands at distance and drop."""
    rows = demo()

    marks = [line for line in distance_figure(rows).axes[0].lines if len(line.get_xdata()) == 1]

    assert [mark.get_marker() for mark in marks] == [MARKERS[row.outcome].shape for row in rows]
    assert [float(mark.get_xdata()[0]) for mark in marks] == [row.distance.median for row in rows]
    assert [float(mark.get_ydata()[0]) for mark in marks] == pytest.approx(
        [-31.0, 22.5, 16.0, 4.5, 0.5]
    )


def test_bars_reach_as_far_as_intervals_and_quartiles() -> None:
    """The upright bar is the drop's interval, the level one the distance's quartiles."""
    axes = distance_figure([reach(at=0.7, drop=0.02)]).axes[0]

    ends = [segment for bars in axes.collections for segment in bars.get_segments()]

    assert np.array(ends) == pytest.approx(
        np.array([[[0.7, -1.0], [0.7, 5.0]], [[0.66, 2.0], [0.75, 2.0]]])
    )


def test_a_common_margin_is_a_zone() -> None:
    """Where all share a margin the figure is shaded up to it; where they do not, nowhere."""
    common = distance_figure(demo()).axes[0]
    unlike = distance_figure([*demo(), reach("other", margin=0.1)]).axes[0]

    (zone,) = common.patches
    assert zone.get_y() + zone.get_height() == pytest.approx(5.0)
    assert len(unlike.patches) == 0


def test_rows_without_a_margin_leave_the_zone() -> None:
    """A target, or a capability that is only watched, has no margin and takes none away."""
    figure = distance_figure([*demo(), reach("target", margin=None)])

    assert len(figure.axes[0].patches) == 1


def test_what_was_not_measured_is_named() -> None:
    """A capability without a drop has no place, but it is not dropped in silence."""
    rows = [*demo(), reach("lost", drop=None, outcome=Outcome.NOT_MEASURED)]

    assert any("not measured: lost" in text for text in texts(distance_figure(rows)))


@pytest.mark.parametrize("n", [1, 5, 8, 9, 20])
def test_words_do_not_overlap(n: int) -> None:
    """However many marks stand close together, all words are readable and inside the figure."""
    figure = distance_figure(demo() if n == 5 else crowd(n))

    rectangles = boxes(figure)

    met = [Bbox.intersection(*pair) for pair in combinations(rectangles, 2)]
    assert not [box for box in met if box is not None and min(box.width, box.height) > 2]
    whole = figure.bbox
    assert all(box.x0 >= 0 and box.x1 <= whole.x1 for box in rectangles)
    assert all(box.y0 >= 0 and box.y1 <= whole.y1 for box in rectangles)


def test_many_capabilities_are_numbered() -> None:
    """Of nine or more each mark has a number, the largest drop the first, and a key names them."""
    rows = crowd(9)

    figure = distance_figure(rows)

    shown = texts(figure)
    assert all(shown.count(str(number)) == 2 for number in range(1, 10))
    worst = max(rows, key=lambda row: row.drop or 0.0)
    assert shown[shown.index("1", shown.index("1") + 1) + 1] == worst.capability[:29] + "…"


@pytest.mark.parametrize("rows", [[], [reach(drop=None)], [reach()] * 3], ids=["0", "none", "same"])
def test_any_rows_can_be_drawn(rows: list[Reach]) -> None:
    """No row, none measured, or three in one place."""
    assert ElementTree.fromstring(distance_svg(rows)).tag.endswith("svg")


def test_the_bytes_are_the_same_every_time() -> None:
    """The same rows give the same SVG."""
    assert distance_svg(demo()) == distance_svg(demo())


def test_names_are_no_formulas_and_no_markup() -> None:
    """A hostile name is drawn as it is written, without what could repaint a page."""
    drawn = distance_svg([replace(reach(), capability="$x^{$<b>\x1b[31m")])

    assert "$x^{$&lt;b&gt;" in drawn
    assert "\x1b" not in drawn


def test_the_figure_is_told_in_words() -> None:
    """The description says distance, drop and outcome of every row."""
    (description,) = distance_description([reach()]).split("; ")

    assert description == (
        "reading (adjacent): distance 0.70 [0.66, 0.75], drop +2.0 pp [−1.0, +5.0], HELD"
    )
