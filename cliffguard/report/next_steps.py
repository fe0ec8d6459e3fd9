"""What to do with a verdict, in the one wording that every format shows."""

from __future__ import annotations

from collections.abc import Sequence

from cliffguard.compare.summary import change_in
from cliffguard.core.item_results import ITEMS_FILE
from cliffguard.core.reviews import Outcome
from cliffguard.core.texts import first_and_more, n_things
from cliffguard.report import numbers
from cliffguard.report.advice import behaviour_advice, first_advice
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.clean import one_line
from cliffguard.report.commands import FOLDER, broken_command
from cliffguard.report.open_steps import open_steps
from cliffguard.report.page import Page

TITLE = "What next"

_N_NAMED, _N_LADDERS = 5, 2
MOST_STEPS = 5


def next_steps(page: Page) -> tuple[str, ...]:
    """What to do with this verdict, most urgent first: `MOST_STEPS` at most, one a kind."""
    if page.outcome is Outcome.PASS:
        return _passed(page)
    counted = [row for row in page.rows if row.finding.role != "monitored"]
    steps = []
    lost = [row for row in counted if row.finding.outcome is Outcome.REGRESSED]
    if lost or page.outcome is Outcome.FAIL:
        names = first_and_more([_lost(row) for row in lost], _N_NAMED) or _lost_together(page)
        is_skill = not lost or any(row.finding.behaviour is None for row in lost)
        where = f" {where_broken(page)}" if is_skill else ""
        steps.append(f"Do not ship this candidate: {names}.{where}")
        steps += filter(None, [first_advice(page), *behaviour_advice(page)])
    steps += _look_first(page)
    steps += open_steps(page, counted)
    steps += _enough(page, counted)
    if page.review.verdict.mean_held is False and page.outcome is Outcome.INCONCLUSIVE:
        steps.append(_mean(page))
    n_more = len(steps) - MOST_STEPS + 1
    if n_more > 1:
        steps[MOST_STEPS - 1 :] = [f"Then {n_more} more: each open row of the table says why."]
    return tuple(steps)


def _look_first(page: Page) -> list[str]:
    """Return where along its ladders the candidate falls, in one step."""
    falls = []
    for view in page.ladders:
        if view.row.finding.role == "monitored":
            continue
        if view.edge is not None:
            falls.append(f"{view.title}, where it falls: {view.edge_level}")
        if view.until is not None:
            falls.append(
                f"{view.title}: it is worse at the easiest levels, {view.edge_level}, than past "
                "them"
            )
    n_more = len(falls) - _N_LADDERS
    more = f"; and {n_things(n_more, 'more ladder', ',')}" if n_more > 0 else ""
    return [f"Look first at {'; '.join(falls[:_N_LADDERS])}{more}."] if falls else []


def _passed(page: Page) -> tuple[str, ...]:
    """What is left to do after PASS: losses that were not tested, or are only monitored."""
    keep = "Keep review.json with the checkpoint."
    lost = [_lost(row) for row in page.rows if row.finding.outcome is Outcome.REGRESSED]
    steps = []
    if lost:
        names = first_and_more(lost, _N_NAMED)
        steps.append(f"Look at {names}: regressed, but only monitored; cannot fail the gate.")
    if untested := _untested_losses(page):
        names = first_and_more(untested, _N_NAMED)
        steps.append(
            f"Look at what was not tested and lost more than its margin: {names}. The verdict says "
            "nothing of it."
        )
    return (*steps, keep) if steps else (f"Nothing to do. {keep}",)


def _untested_losses(page: Page) -> list[str]:
    """Name the parts that lost more than their margin and were not tested, the largest drop first.

    Of what is only monitored none is named: it could not fail the gate either.
    """
    lost = [
        (
            part.drop,
            f"{one_line(part.name)} of {row.capability} ({change_in(part, row.comparison)})",
        )
        for row in page.rows
        if row.comparison is not None and row.finding.role != "monitored"
        for part in row.comparison.diagnostics.strata
        if part.p_beyond is None and part.drop is not None and part.drop > part.margin
    ]
    return [name for _, name in sorted(lost, key=lambda pair: -pair[0])]


def _lost_together(page: Page) -> str:
    """Return why a verdict is FAIL that no capability alone explains."""
    pooled = page.review.verdict.pooled
    if pooled is None:
        return page.sentence.rstrip(".")
    return (
        f"all gating capabilities together have dropped ({numbers.points(pooled.drop)} on average)"
    )


def where_broken(page: Page) -> str:
    """Where the items that broke are to be read."""
    if page.review.items is None:
        return f"A run with --out keeps the items that broke, in {ITEMS_FILE}."
    if not page.has_items:
        return f"The items that broke were written to {ITEMS_FILE}, which does not lie here."
    broke = f"The items that broke: `{broken_command(page.folder)}`"
    where = {
        ".": ", in the folder of this report",
        FOLDER: ", FOLDER being that of this report",
    }
    return f"{broke}{where.get(page.folder, '')}."


def _mean(page: Page) -> str:
    """Return what to do where the mean drop is not proven to be within its margin."""
    mean = page.review.comparison.mean
    if mean is None:
        return "Measure all gating capabilities: their mean drop (`mean_margin`) is not known."
    drop, margin = numbers.points(mean.drop), f"{100 * mean.margin:.1f} pp (`mean_margin`)"
    if mean.drop >= mean.margin:
        return f"Train one that loses less: the mean drop ({drop}) is not below {margin}."
    return (
        f"Measure more items of the gating capabilities: their mean drop ({drop}) is not proven to "
        f"be below {margin}."
    )


def _enough(page: Page, counted: Sequence[CapabilityRow]) -> list[str]:
    """What to add where nothing gates, or nothing but the target."""
    if not counted and page.lacks_gain:
        return ["Say in the policy which gain must be proven (`target: {min_gain: 0.0}`)."]
    if not counted:
        return ["Let the policy gate at least one capability that the suites measure."]
    if page.may_pass_alone or any(row.finding.role != "target" for row in counted):
        return []
    return [
        "Ask what lies around the target, too (`--suite adjacent`), or let its gain alone pass "
        "(`target_only: true` in the policy)."
    ]


def _lost(row: CapabilityRow) -> str:
    """Name what regressed, and where or how if not by its mean."""
    if row.finding.stratum is not None:
        return f"{row.capability} (in {one_line(row.finding.stratum)})"
    return f"{row.capability} (by format)" if row.finding.cause == "format" else row.capability
