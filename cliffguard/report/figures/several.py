"""The figures of several reviews: gain against loss, and drops along a run's checkpoints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise

from cliffguard.core.reviews import Outcome, Review
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.clean import one_line
from cliffguard.report.figures.charts import Axis, Chart, Point, Rule, Series, axis
from cliffguard.report.figures.single import DROP, margin_marks, percents, shared_margin
from cliffguard.report.labels import BesideReview
from cliffguard.report.numbers import points
from cliffguard.report.page import Page
from cliffguard.stats.interval import Interval

_MOST_STEPS = 8  # that have a tick of their own
_STEP = re.compile(r"(?:^|[^0-9])([0-9]{1,15})$")


# --- gain against loss ---------------------------------------------------------------------------


def gain(pages: Mapping[str, Page]) -> Chart | None:
    """Return each review's gain against the most that a gating capability may have lost.

    x is the largest upper bound of a gating drop, y the least gain of a target; those on the front
    stand first. None unless two reviews or more have both.
    """
    drawn = [point for name, page in pages.items() if (point := _gain_point(name, page))]
    if len(drawn) < 2:
        return None
    left_out = [name for name, page in pages.items() if _gain_point(name, page) is None]
    known = [(point.y, point.x or 0.0) for point in drawn]
    # The first points get the numbers, where there are more than numbers.
    drawn.sort(key=lambda p: (not is_on_front((p.y, p.x or 0.0), known), p.x or 0.0, -p.y))
    return Chart(
        name="gain",
        title="Gain of the target against loss elsewhere",
        description="; ".join(f"{point.label}: {point.detail}" for point in drawn),
        naming="numbers",
        x=axis("largest drop not excluded, percentage points (right is worse)",
               [0.0, *(point.x or 0.0 for point in drawn)], least=1.0, is_signed=True),
        y=axis("target's gain, percentage points",
               [0.0, *(end for p in drawn for end in (p.y, *(p.y_interval or ())))], least=1.0,
               is_signed=True),
        series=(Series(name="", points=tuple(drawn)),),
        rules=(Rule(axis="y", at=0.0, kind="zero"), Rule(axis="x", at=0.0, kind="zero")),
        notes=(f"Without target or gate: {', '.join(left_out)}.",) if left_out else (),
    )  # fmt: skip


def is_on_front(mine: tuple[float, float], known: Iterable[tuple[float, float]]) -> bool:
    """Return whether none of `known` has as much gain for as small a drop, and is another."""
    return not any(
        gain >= mine[0] and drop <= mine[1] and (gain, drop) != mine for gain, drop in known
    )


def _gain_point(name: str, page: Page) -> Point | None:
    bounds = [
        interval.high
        for row in page.rows
        if row.finding.role == "gating" and (interval := _interval(row))
    ]
    targets = [row for row in page.targets if row.evidence and row.evidence.drop is not None]
    if not bounds or not targets:
        return None
    target = max(targets, key=lambda row: (row.evidence and row.evidence.drop) or 0.0)
    assert target.evidence is not None
    drop, interval = target.evidence.drop, _interval(target)
    assert drop is not None
    turned = None if interval is None else Interval(-interval.high, -interval.low)
    return Point(
        x=100 * max(bounds),
        y=-100 * drop,
        y_interval=percents(turned),
        outcome=page.outcome,
        label=name,
        detail=f"gain {points(-drop)}, drop at most {points(max(bounds))}, {page.outcome}",
    )


def _interval(row: CapabilityRow) -> Interval | None:
    return row.evidence.drop_interval if row.evidence else None


# --- trajectory ----------------------------------------------------------------------------------


def step_of(name: str) -> int | None:
    """Return the step of a checkpoint: the whole number at the end of the last part with one.

    >>> step_of("runs/checkpoint-300/adapter"), step_of("final")
    (300, None)
    """
    matches = [_STEP.search(part) for part in name.split("/")]
    return next((int(match[1]) for match in reversed(matches) if match), None)


def earlier_of(name: str) -> str:
    """Return a checkpoint's name with EARLIER for its step; empty where it has none.

    >>> earlier_of("runs/checkpoint-300/adapter")
    'runs/checkpoint-EARLIER/adapter'
    """
    parts = name.split("/")
    for number in reversed(range(len(parts))):
        if match := _STEP.search(parts[number]):
            start, end = match.span(1)
            parts[number] = f"{parts[number][:start]}EARLIER{parts[number][end:]}"
            return "/".join(parts)
    return ""


def onset(outcomes: Mapping[int, Outcome]) -> int | None:
    """Return the first step from which on every step is REGRESSED; None where the last is not.

    `outcomes` are those of one capability by step; a step without one is none of REGRESSED.
    """
    first = None
    for step in sorted(outcomes, reverse=True):
        if outcomes[step] is not Outcome.REGRESSED:
            break
        first = step
    return first


def trajectory(pages: Mapping[str, Page]) -> Chart | None:
    """Return drops by step, a line a capability, those that lost most at the last step first.

    None unless the names of two reviews or more all end in whole numbers that differ.
    """
    steps = {step: page for name, page in pages.items() if (step := step_of(name)) is not None}
    if len(steps) < 2 or len(steps) < len(pages):
        return None
    by_step = {step: {row.capability: row for row in steps[step].rows} for step in sorted(steps)}
    names = dict.fromkeys(name for rows in by_step.values() for name in rows)
    lines = [_line(name, {s: rows.get(name) for s, rows in by_step.items()}) for name in names]
    lines = sorted((line for line in lines if line.points), key=lambda line: -line.points[-1].y)
    if not lines:
        return None
    rows = [row for known in by_step.values() for row in known.values()]
    margin = shared_margin([None if row.is_target else row.finding.margin for row in rows])
    bands, rules, notes = margin_marks(margin)
    ends = [0.0, *(rule.at for rule in rules)]
    ends += [end for line in lines for p in line.points for end in (p.y, *(p.y_interval or ()))]
    return Chart(
        name="trajectory",
        title="Drop by step of training",
        description="; ".join(f"{line.name}: {line.detail}" for line in lines),
        naming="numbers",
        x=_steps_axis(list(by_step)),
        y=axis(f"{DROP} (up is worse)", ends, least=1.0, is_signed=True),
        series=tuple(lines),
        bands=bands,
        rules=(*rules, Rule(axis="y", at=0.0, kind="zero")),
        notes=tuple(notes),
    )


def _steps_axis(steps: list[int]) -> Axis:
    """Return an axis of steps, with ticks at these where there is room, else at whole numbers."""
    drawn = axis("step", [float(step) for step in steps], least=0.0)
    least = min(b - a for a, b in pairwise(steps))
    ticks = tuple((float(step), str(step)) for step in steps)
    if least * _MOST_STEPS < drawn.high - drawn.low:
        ticks = tuple(tick for tick in drawn.ticks if tick[0] == round(tick[0]))
    return replace(drawn, ticks=ticks)


def _line(name: str, rows: Mapping[int, CapabilityRow | None]) -> Series:
    outcomes = {
        step: row.finding.outcome if row else Outcome.NOT_MEASURED for step, row in rows.items()
    }
    drops = [
        Point(
            x=float(step),
            y=100 * row.evidence.drop,
            y_interval=percents(row.evidence.drop_interval),
            outcome=row.finding.outcome,
        )
        for step, row in rows.items()
        if row is not None and row.evidence is not None and row.evidence.drop is not None
    ]
    first, last = onset(outcomes), max(rows)
    return Series(
        name=name,
        points=tuple(drops),
        is_joined=True,
        tone="muted" if first is None else "bad",
        detail=f"{outcomes[last]} at {last}" if first is None else f"REGRESSED from {first} on",
    )


def pages_of(
    reviews: Mapping[str, Review], there: Mapping[str, BesideReview] | None = None
) -> dict[str, Page]:
    """Arrange reviews by clean names, so that nothing of them can repaint a figure.

    `there` is what lies beside them, by name; without it no figure of their items is drawn.
    """
    from cliffguard.report.clean import cleaned
    from cliffguard.report.page import lay_out

    return {
        one_line(name): lay_out(cleaned(review), (there or {}).get(name))
        for name, review in reviews.items()
    }
