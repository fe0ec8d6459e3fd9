"""The figures of one review: the forest of drops, the ladders, drops against distance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from cliffguard.core.diagnostics import LevelComparison
from cliffguard.core.texts import clip, first_and_more
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.clean import one_line
from cliffguard.report.figures.charts import Axis, Band, Chart, Point, Range, Rule, Series, axis
from cliffguard.report.ladder_view import LadderView
from cliffguard.report.numbers import points, points_range
from cliffguard.report.page import Page
from cliffguard.report.reach import Reach
from cliffguard.report.wording import MARKS
from cliffguard.stats.interval import Interval

DISTANCE_TITLE = "Drop against distance from the fine-tuning data"
DROP = "drop, percentage points"

_MOST_ROWS = 200
_MOST_TICKS = 12
_PERCENTS = tuple((float(n), f"{n} %") for n in range(0, 101, 25))


def percents(interval: Interval | None) -> Range | None:
    """Return both ends in percent or percentage points."""
    return None if interval is None else (100 * interval.low, 100 * interval.high)


def shared_margin(margins: Sequence[float | None]) -> float | None:
    """Return the margin that all share, of those that have one."""
    different = {margin for margin in margins if margin is not None}
    return different.pop() if len(different) == 1 else None


def margin_marks(margin: float | None) -> tuple[tuple[Band, ...], tuple[Rule, ...], list[str]]:
    """Return the zone up to a margin along y, its line, and the note that explains them."""
    if margin is None:
        return (), (), []
    at = 100 * margin
    band = Band(axis="y", low=float("-inf"), high=at, kind="zone")
    note = f"Shaded: up to the margin, {points(margin)}."
    return (band,), (Rule(axis="y", at=at, kind="margin"),), [note]


# --- forest --------------------------------------------------------------------------------------


def forest(page: Page) -> Chart | None:
    """Return each capability's drop with its interval and margin; None where none was judged.

    Rows stand in the order of the report; of more than 200, those that lost most.
    """
    rows = page.rows
    if len(rows) > _MOST_ROWS:
        rows = tuple(sorted(rows, key=_drop, reverse=True)[:_MOST_ROWS])
    if not rows:
        return None
    placed = tuple(_forest_point(row, number + 0.5) for number, row in enumerate(rows))
    ends = [end for point in placed for end in (point.x, *(point.x_interval or ()), point.limit)]
    kinds = dict.fromkeys(row.finding.outcome for row in rows)
    left_out = len(page.rows) - len(rows)
    signs = " · ".join(f"{MARKS[kind]} {kind}" for kind in kinds)
    notes = [f"{signs}. {page.intervals}; shaded: within the margin."]
    notes += [f"{left_out:,} more capabilities, which lost less, are left out."] if left_out else []
    return Chart(
        name="forest",
        title="Drop by capability",
        description="; ".join(f"{point.label}: {point.detail}" for point in placed),
        naming="rows",
        x=axis(f"{DROP} (right is worse)", [0.0, *(e for e in ends if e is not None)], least=1.0,
               is_signed=True),
        y=Axis(label="", low=float(len(rows)), high=0.0, ticks=()),
        series=(Series(name="", points=placed),),
        rules=(Rule(axis="x", at=0.0, kind="zero"),),
        notes=tuple(notes),
    )  # fmt: skip


def _drop(row: CapabilityRow) -> float:
    drop = row.evidence.drop if row.evidence else None
    return -1.0 if drop is None else drop


def _forest_point(row: CapabilityRow, y: float) -> Point:
    evidence = row.evidence
    drop = None if evidence is None else evidence.drop
    return Point(
        x=None if drop is None else 100 * drop,
        y=y,
        x_interval=None if evidence is None else percents(evidence.drop_interval),
        limit=None if row.finding.margin is None else 100 * row.finding.margin,
        outcome=row.finding.outcome,
        label=row.capability,
        detail=f"{row.mark} {row.drop} {row.interval}" if drop is not None else f"{row.mark}",
    )


# --- ladder --------------------------------------------------------------------------------------


def ladder(view: LadderView) -> Chart:
    """Return both sides' scores in percent by level, chance, and where the fall begins.

    Levels stand at equal distances in rising order; those that do not gate lie in a band.
    """
    levels = view.ladder.levels
    step = -(-len(levels) // _MOST_TICKS) or 1
    ticks = [
        (float(index), clip(str(levels[index].level), 6)) for index in range(0, len(levels), step)
    ]
    edge = next((index for index, rung in enumerate(view.rungs) if rung.is_edge), None)
    rules = [
        Rule(axis="y", at=100 * view.ladder.chance, kind="chance", label=f"chance {view.chance}")
    ]
    if edge is not None:
        rules.append(Rule(axis="x", at=float(edge), kind="edge", label=view.edge_words))
    last = view.rungs[-1] if view.rungs else None
    return Chart(
        name=f"ladder-{one_line(view.ladder.task)}",
        title=f"Base and candidate: {view.title}",
        description=view.summary,
        naming="ends",
        x=Axis(label=view.level_name, low=-0.5, high=max(len(levels), 1) - 0.5, ticks=tuple(ticks)),
        y=Axis(label="score", low=0.0, high=100.0, ticks=_PERCENTS),
        series=(
            _side(f"base {last.base}" if last else "base", levels, is_base=True),
            _side(f"candidate {last.candidate}" if last else "candidate", levels, is_base=False),
        ),
        bands=_shown_only(levels),
        rules=tuple(rules),
    )  # fmt: skip


def _side(name: str, levels: Sequence[LevelComparison], *, is_base: bool) -> Series:
    """Return one side's means and Wilson intervals."""
    sides = [
        (x.base_mean, x.base_interval) if is_base else (x.candidate_mean, x.candidate_interval)
        for x in levels
    ]
    return Series(
        name=name,
        points=tuple(
            Point(x=float(index), y=100 * mean, y_interval=percents(interval))
            for index, (mean, interval) in enumerate(sides)
        ),
        is_joined=True,
        tone="base" if is_base else "candidate",
    )


def _shown_only(levels: Sequence[LevelComparison]) -> tuple[Band, ...]:
    bands = []
    for is_gating, run in groupby(enumerate(levels), key=lambda pair: pair[1].is_gating):
        at = [index for index, _ in run]
        if not is_gating:
            low, high = at[0] - 0.5, at[-1] + 0.5
            bands.append(Band(axis="x", low=low, high=high, kind="shown", label="shown only"))
    return tuple(bands)


# --- distance ------------------------------------------------------------------------------------


def distance(rows: Sequence[Reach]) -> Chart | None:
    """Return drops against distances, the largest first; None where no distance was measured.

    Intervals are that of the drop, and the quartiles of the distance. Where all rows share a
    margin, what lies below it is a zone. Capabilities without a drop are named in a note.
    """
    if not rows:
        return None
    drawn = sorted(
        (r for r in rows if r.drop is not None), key=lambda r: (-(r.drop or 0.0), r.distance.median)
    )
    margin = shared_margin([row.margin for row in drawn])
    bands, rules, notes = margin_marks(margin)
    missing = [clip(one_line(row.capability), 20) for row in rows if row.drop is None]
    notes += [f"Not measured: {first_and_more(missing, 3)}."] if missing else []
    placed = tuple(_reach_point(row) for row in drawn)
    across = [end for row in drawn for end in (row.distance.low, row.distance.high)]
    up = [0.0, *(100 * margin for _ in rules if margin is not None)]
    up += [end for point in placed for end in (point.y, *(point.y_interval or ()))]
    return Chart(
        name="distance",
        title=DISTANCE_TITLE,
        description=distance_description(rows),
        naming="numbers",
        x=axis("distance from the fine-tuning data (0: the same text)", across, least=0.05),
        y=axis(f"{DROP} (up is worse)", up, least=1.0, is_signed=True),
        series=(Series(name="", points=placed),),
        bands=bands,
        rules=(*rules, Rule(axis="y", at=0.0, kind="zero")),
        notes=("Bars: interval of the drop, quartiles of the distance over items.", *notes),
    )


def _reach_point(row: Reach) -> Point:
    return Point(
        x=row.distance.median,
        y=100 * (row.drop or 0.0),
        x_interval=(row.distance.low, row.distance.high),
        y_interval=percents(row.drop_interval),
        outcome=row.outcome,
        label=one_line(row.capability),
        detail=f"{row.ring} · {row.outcome}",
    )


def distance_description(rows: Sequence[Reach]) -> str:
    """The figure in words, for those who do not see it."""
    return "; ".join(
        f"{one_line(row.capability)} ({row.ring}): distance {row.distance.median:.2f} "
        f"[{row.distance.low:.2f}, {row.distance.high:.2f}], drop {points(row.drop)} "
        f"{points_range(row.drop_interval)}, {row.outcome}"
        for row in rows
    )
