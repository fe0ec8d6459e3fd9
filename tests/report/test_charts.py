"""The data of the figures, against values computed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from cliffguard.core.diagnostics import Distance, Ladder
from cliffguard.core.reviews import Outcome, Review
from cliffguard.report.figures import several, single
from cliffguard.report.figures.catalog import charts_of, kinds_of
from cliffguard.report.figures.charts import Chart, axis
from cliffguard.report.page import Page, lay_out
from cliffguard.report.reach import Reach, reaches
from cliffguard.stats.interval import Interval
from tests import support
from tests.report import samples


def with_ladder(ladder: Ladder) -> Review:
    """Return a failed review with another ladder."""
    failed = samples.failed()
    capabilities = tuple(
        support.changed(c, ladders=(ladder,) if c.diagnostics.ladders else ())
        for c in failed.comparison.capabilities
    )
    return replace(failed, comparison=replace(failed.comparison, capabilities=capabilities))


def without_findings() -> Review:
    """Return a review of no capability."""
    review = samples.failed()
    comparison = replace(review.comparison, capabilities=())
    return replace(review, comparison=comparison, verdict=replace(review.verdict, findings=()))


def many(n: int) -> Review:
    """Return a review of `n` capabilities, the last of which lost most."""
    pairs = []
    for number in range(n):
        capability = samples.measured(
            f"capability_{number}", n_items=1000, n_right_base=900, n_broken=number, n_fixed=0,
            p_drop=0.5,
        )  # fmt: skip
        far = Distance(median=0.5 + number / 1000, low=0.45, high=1.2, n_items=9)
        capability = support.changed(capability, distance=far)
        pairs.append((capability, samples.finding(capability, Outcome.INCONCLUSIVE, "open")))
    return samples.review(Outcome.INCONCLUSIVE, "open.", pairs)


def chart(drawn: Chart | None) -> Chart:
    """Return a figure that is there."""
    assert drawn is not None
    return drawn


def pages(**reviews: Review) -> Mapping[str, Page]:
    """Return reviews arranged, by name."""
    return several.pages_of({name.replace("_", "-"): value for name, value in reviews.items()})


# --- forest --------------------------------------------------------------------------------------


def test_the_forest_has_drop_interval_and_margin() -> None:
    """49 of 200 broke, 4 were fixed: 22.5 points, the margin is 5; a gain is a drop below 0."""
    points = chart(single.forest(lay_out(samples.failed()))).series[0].points
    lost, *_, target, _ = points  # what can fail the gate first, the worst of it at the top

    assert (lost.label, lost.x, lost.limit, lost.outcome) == (
        "multi_step_reasoning", pytest.approx(22.5), 5.0, Outcome.REGRESSED,
    )  # fmt: skip
    assert lost.x_interval == pytest.approx((17.114, 27.886), abs=1e-3)
    assert lost.detail == "✗ +22.5 pp [+17.1, +27.9]"
    assert (target.x, target.limit) == (pytest.approx(-13.0), -2.0)


def test_what_was_not_measured_has_a_row_without_a_value() -> None:
    """It is named, with its mark."""
    rows = chart(single.forest(lay_out(samples.not_measured()))).series[0].points

    assert [(row.x, row.detail) for row in rows if row.x is None] == [(None, "–"), (None, "–")]


def test_of_many_rows_those_that_lost_most_are_drawn() -> None:
    """200 of 203, and a note counts the others."""
    forest = chart(single.forest(lay_out(many(203))))

    assert len(forest.series[0].points) == 200
    assert forest.series[0].points[0].label == "capability_202"
    assert "3 more capabilities, which lost less, are left out." in forest.notes


# --- ladder --------------------------------------------------------------------------------------


def test_a_ladder_has_both_sides_chance_and_edge() -> None:
    """Means in percent with their intervals, levels at equal distances, the edge at the third."""
    base, candidate = single.ladder(lay_out(samples.failed()).ladders[0]).series
    drawn = single.ladder(lay_out(samples.failed()).ladders[0])

    assert [point.y for point in base.points] == pytest.approx([98, 94, 88, 80, 44, 30])
    assert [point.y for point in candidate.points] == pytest.approx([96, 90, 48, 36, 32, 28])
    assert candidate.points[2].y_interval == pytest.approx((36.78, 59.42), abs=0.01)
    assert [text for _, text in drawn.x.ticks] == ["1", "2", "3", "4", "6", "8"]
    assert [(rule.kind, rule.at, rule.label) for rule in drawn.rules] == [
        ("chance", 25.0, "chance 25.0 %"),
        ("edge", 2.0, "cliff: 3 hops"),
    ]
    assert [(band.low, band.high, band.label) for band in drawn.bands] == [(3.5, 5.5, "shown only")]
    assert (base.name, candidate.name) == ("base 30.0 %", "candidate 28.0 %")


def test_the_easiest_levels_are_named() -> None:
    """A loss at the easiest levels has its line at the last of them; no loss has none."""
    drawn = single.ladder(lay_out(samples.lost_early()).ladders[0])
    calm = single.ladder(lay_out(samples.failed()).ladders[1])

    assert drawn.rules[1].label == "at the easiest levels: up to 2 hops"
    assert drawn.rules[1].at == 1.0
    assert [rule.kind for rule in calm.rules] == ["chance"]


@pytest.mark.parametrize(("n_levels", "n_ticks"), [(0, 0), (1, 1), (12, 12), (40, 10)])
def test_any_number_of_levels(n_levels: int, n_ticks: int) -> None:
    """No level, one or forty; of many not every one has a tick."""
    levels = tuple(samples.rung(level, 50, 40, 2, 1) for level in range(1, n_levels + 1))
    review = with_ladder(replace(samples.hops_ladder(), levels=levels))

    drawn = single.ladder(lay_out(review).ladders[0])

    assert [len(side.points) for side in drawn.series] == [n_levels, n_levels]
    assert len(drawn.x.ticks) == n_ticks


# --- distance ------------------------------------------------------------------------------------


def reach(name: str = "reading", *, at: float = 0.7, drop: float | None = 0.02,
          margin: float | None = 0.05) -> Reach:  # fmt: skip
    """Return a row of a capability, its bars of ordinary length."""
    return Reach(
        capability=name,
        ring="adjacent",
        outcome=Outcome.HELD,
        distance=Distance(median=at, low=at - 0.04, high=at + 0.05, n_items=200),
        drop=drop,
        drop_interval=None if drop is None else Interval(drop - 0.03, drop + 0.03),
        margin=margin,
    )


def test_drops_stand_against_distances() -> None:
    """With the interval of the drop and the quartiles of the distance, the largest drop first."""
    drawn = chart(single.distance([reach(), reach("far", at=1.0, drop=0.225)]))

    first, second = drawn.series[0].points
    assert (first.label, first.x, first.y) == ("far", 1.0, 22.5)
    assert second.x_interval == pytest.approx((0.66, 0.75))
    assert second.y_interval == pytest.approx((-1.0, 5.0))


def test_a_common_margin_is_a_zone() -> None:
    """Where all share a margin; one that has none takes it not away, another margin does."""
    common = chart(single.distance([reach(), reach("target", margin=None)]))
    unlike = chart(single.distance([reach(), reach("other", margin=0.1)]))

    assert [(band.kind, band.high) for band in common.bands] == [("zone", 5.0)]
    assert unlike.bands == ()


def test_without_a_drop_there_is_no_place_but_a_name() -> None:
    """Neither is a capability dropped in silence."""
    drawn = chart(single.distance([reach("lost", drop=None)]))

    assert drawn.series[0].points == ()
    assert "Not measured: lost." in drawn.notes


def test_the_distances_are_told_in_words() -> None:
    """The description says distance, drop and outcome of every row."""
    assert chart(single.distance([reach()])).description == (
        "reading (adjacent): distance 0.70 [0.66, 0.75], drop +2.0 pp [−1.0, +5.0], HELD"
    )


# --- several reviews -----------------------------------------------------------------------------


def test_gain_stands_against_the_largest_bound_of_a_gating_drop() -> None:
    """What is only monitored does not count; a review without a target is named in a note."""
    drawn = chart(several.gain(pages(a=samples.passed(), b=samples.failed(), c=samples.causes())))

    (mild, bad) = drawn.series[0].points
    assert (mild.x, bad.x) == (pytest.approx(3.24, abs=0.01), pytest.approx(27.89, abs=0.01))
    assert (mild.y, bad.y) == (pytest.approx(13.0), pytest.approx(13.0))
    assert mild.y_interval == pytest.approx((9.04, 16.96), abs=0.1)
    assert (mild.outcome, bad.outcome) == (Outcome.PASS, Outcome.FAIL)
    assert drawn.notes == ("Without target or gate: c.",)


def test_the_front_of_gain_is_numbered_first() -> None:
    """Of forty points twenty have a number; those that decide are among them."""
    many = {f"worse-{n}": samples.failed() for n in range(3)}
    drawn = chart(several.gain(pages(**many, best=samples.passed())))

    assert drawn.series[0].points[0].label == "best"


def test_one_review_has_no_gain_to_compare() -> None:
    """Nor have two of which one has no target."""
    assert several.gain(pages(a=samples.failed(), b=samples.causes())) is None


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("checkpoint-300", 300),
        ("007", 7),
        ("runs/checkpoint-1200/adapter", 1200),
        ("run2/final", 2),
        ("final", None),
        ("step-" + "9" * 400, None),
    ],
)
def test_a_step_is_the_number_at_the_end_of_a_name(name: str, step: int | None) -> None:
    """Of the last part that has one; what is longer than any step is none."""
    assert several.step_of(name) == step


@pytest.mark.parametrize(
    ("letters", "step"),
    [("HRRR", 2), ("RHRR", 3), ("RRRR", 1), ("RRRH", None), ("HHHR", 4), ("RNRR", 3), ("", None)],
)
def test_the_onset_is_where_all_that_follows_regressed(letters: str, step: int | None) -> None:
    """A step that held, or was not measured, begins it anew."""
    words = {"H": Outcome.HELD, "R": Outcome.REGRESSED, "N": Outcome.NOT_MEASURED}
    outcomes = {number: words[letter] for number, letter in enumerate(letters, start=1)}

    assert several.onset(outcomes) == step


def test_a_trajectory_has_a_line_a_capability() -> None:
    """In the order of steps; what one step lacks has no point there; the worst comes first."""
    runs = pages(ft_300=samples.failed(), ft_20=samples.passed(), ft_100=samples.failed())

    drawn = chart(several.trajectory(runs))

    lines = {line.name: line for line in drawn.series}
    assert drawn.series[0].name == "multi_step_reasoning"
    assert [point.x for point in lines["multi_step_reasoning"].points] == [100.0, 300.0]
    assert [point.x for point in lines["ticket_routing"].points] == [20.0, 100.0, 300.0]
    assert lines["multi_step_reasoning"].detail == "REGRESSED from 100 on"
    assert lines["ticket_routing"].detail == "HELD at 300"
    assert [point.y for point in lines["multi_step_reasoning"].points] == pytest.approx([22.5] * 2)


@pytest.mark.parametrize(
    ("steps", "ticks"),
    [
        ((1, 2), ["1", "2"]),
        ((100, 200, 300), ["100", "200", "300"]),
        ((1000, 1001, 2000), ["1000", "1200", "1400", "1600", "1800", "2000"]),
    ],
)
def test_steps_have_ticks_where_there_is_room(steps: tuple[int, ...], ticks: list[str]) -> None:
    """Else round numbers have."""
    runs = several.pages_of({f"ft-{step}": samples.failed() for step in steps})

    assert [text for _, text in chart(several.trajectory(runs)).x.ticks] == ticks


@pytest.mark.parametrize("names", [("a-1",), ("a-1", "final"), ("a-1", "b-1")])
def test_no_trajectory_without_steps(names: tuple[str, ...]) -> None:
    """One step, a name without one, or the same step twice."""
    assert several.trajectory(several.pages_of(dict.fromkeys(names, samples.failed()))) is None


# --- all of them ---------------------------------------------------------------------------------


def test_what_is_lacking_is_said() -> None:
    """Of each kind, and of which review; what there is has names of files."""
    charts, lacks = charts_of(pages(a=samples.failed(), b=samples.inconclusive()))

    assert set(charts) == {
        "a-forest", "b-forest", "a-ladder-ball_passing", "a-ladder-digit_sums", "a-distance",
        "gain",
    }  # fmt: skip
    assert [lack.split(":")[0] for lack in lacks] == [
        "ladder of b",
        "calibration of a, b",
        "distance of b",
        "trajectory",
    ]


def test_nothing_judged_is_nothing_drawn() -> None:
    """Each kind says why."""
    charts, lacks = charts_of(pages(a=without_findings()))

    assert (charts, len(lacks)) == ({}, 6)


def test_names_of_files_are_plain_and_differ() -> None:
    """Hostile tasks that come to one name are told apart."""
    ladder = replace(samples.hops_ladder(), task="../../Ä|<b>")
    review = samples.failed()
    capability = support.changed(
        review.comparison.capabilities[1], ladders=(ladder, replace(ladder, task="../../ä|<B>"))
    )
    capabilities = (capability,)
    review = replace(review, comparison=replace(review.comparison, capabilities=capabilities))

    charts, _ = charts_of(pages(a=review), kinds_of("ladder"))

    assert list(charts) == ["ladder-..-..-b", "ladder-..-..-B-2"]


def test_an_unknown_figure_names_the_nearest() -> None:
    """In one line, with all that are known."""
    with support.refused("figures.unknown", 2, "'forrest'", "'forest'", "trajectory"):
        kinds_of("ladder,forrest")


@pytest.mark.parametrize("values", [[], [0.0], [3.0, 3.0], [-0.31, 0.4], [1e-9, 2e-9], [1e14]])
def test_an_axis_has_a_few_round_ticks_inside(values: list[float]) -> None:
    """Whatever the values are; all of them lie on it."""
    drawn = axis("x", values, least=0.05)

    assert all(drawn.low <= value <= drawn.high for value in values)
    assert 2 <= len(drawn.ticks) <= 7
    assert all(drawn.low <= value <= drawn.high for value, _ in drawn.ticks)


def test_distances_of_a_review() -> None:
    """Two capabilities of the sample were screened."""
    drawn = chart(single.distance(reaches(lay_out(samples.failed()))))

    assert [point.x for point in drawn.series[0].points] == [0.96, 0.42]
