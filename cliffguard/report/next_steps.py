"""What to do with a verdict, in the one wording that every format shows."""

from __future__ import annotations

from collections.abc import Sequence

from cliffguard.core.item_results import ITEMS_FILE
from cliffguard.core.reviews import Outcome
from cliffguard.core.texts import n_things
from cliffguard.report import numbers
from cliffguard.report.advice import first_advice
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.clean import one_line
from cliffguard.report.page import Page

TITLE = "What next"


def next_steps(page: Page) -> tuple[str, ...]:
    """What to do with this verdict, most urgent first."""
    if page.outcome is Outcome.PASS:
        return _passed(page)
    counted = [row for row in page.rows if row.finding.role != "monitored"]
    steps = []
    lost = [row for row in counted if row.finding.outcome is Outcome.REGRESSED]
    if lost or page.outcome is Outcome.FAIL:
        names = ", ".join(_lost(row) for row in lost) or _lost_together(page)
        steps.append(f"Do not ship this candidate: {names}. {_where(page)}")
        steps += filter(None, [first_advice(page)])
    for view in page.ladders:
        if view.edge is not None and view.row.finding.role != "monitored":
            steps.append(f"Look first at {view.title}, where it falls: {view.edge_level}.")
        if view.until is not None and view.row.finding.role != "monitored":
            steps.append(
                f"Look first at {view.title}: it is worse at the easiest levels, "
                f"{view.edge_level}, than past them."
            )
    for row in counted:
        if row.finding.outcome is Outcome.INCONCLUSIVE:
            steps.append(_more_items(row, of="samples" if page.is_of_samples else "answers"))
        if row.finding.outcome is Outcome.NOT_MEASURED:
            steps.append(_measure(row, of_samples=page.is_of_samples))
    steps += _enough(page, counted)
    if page.review.verdict.mean_held is False and page.outcome is Outcome.INCONCLUSIVE:
        steps.append(_mean(page))
    return tuple(steps)


def _passed(page: Page) -> tuple[str, ...]:
    """What is left to do after PASS: what is only monitored may have regressed."""
    keep = "Keep review.json with the checkpoint."
    lost = [_lost(row) for row in page.rows if row.finding.outcome is Outcome.REGRESSED]
    if not lost:
        return (f"Nothing to do. {keep}",)
    return (
        f"Look at {', '.join(lost)}: regressed, but only monitored; cannot fail the gate.",
        keep,
    )


def _lost_together(page: Page) -> str:
    """Return why a verdict is FAIL that no capability alone explains."""
    pooled = page.review.verdict.pooled
    if pooled is None:
        return page.sentence.rstrip(".")
    return (
        f"all gating capabilities together have dropped ({numbers.points(pooled.drop)} on average)"
    )


def _where(page: Page) -> str:
    """Return where the items that broke are to be read."""
    if page.review.items is None:
        return f"A run with --out keeps the items that broke, in {ITEMS_FILE}."
    if not page.has_items:
        return f"The items that broke were written to {ITEMS_FILE}, which does not lie here."
    return "The items that broke: `cliffguard flips`, with the folder of this report."


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


def _measure(row: CapabilityRow, *, of_samples: bool) -> str:
    if row.comparison is None and of_samples:
        return (
            f"Name a `metric` of {row.capability} that is a score an item in the policy, measure "
            f"it on both sides, or leave it out of the policy: {row.reason}."
        )
    if row.finding.counts:
        return f"Measure {row.capability}: {row.reason}."
    return f"Ask {row.capability} by items that this base can answer: {row.reason}."


def _more_items(row: CapabilityRow, *, of: str) -> str:
    capability = row.comparison
    if capability is not None and capability.has_nothing_to_lose and capability.is_finished:
        return f"{row.capability} is open: {row.reason}."
    if capability is not None and capability.counts.n_asked < capability.counts.n_planned:
        return (
            f"{row.capability} is open: {capability.counts.n_asked:,} of "
            f"{capability.counts.n_planned:,} planned items "
            "were asked before the run ended; --no-early-stop asks them all."
        )
    if capability is not None and 0.0 in (
        capability.evidence.level,
        capability.evidence.next_level,
    ):
        return f"No further run can decide {row.capability}: nothing of alpha is left for one."
    needed = row.finding.n_items_needed
    if capability is not None and capability.counts.n_unscored and not needed:
        return _complete(row, of)
    about = f" (about {needed:,} would decide)" if needed else ""
    return (
        f"Measure more items of {row.capability}{about}: raise or drop the limit, or add items "
        "to the suite."
    )


def _complete(row: CapabilityRow, of: str) -> str:
    """Say whose answers are incomplete: more items would lack as many."""
    assert row.comparison is not None
    counts = row.comparison.counts
    sides = {"base": counts.n_missing_base, "candidate": counts.n_missing_candidate}
    whose = " and the ".join(f"{side}'s" for side, n in sides.items() if n)
    return (
        f"Complete the {whose} {of} of {row.capability}: {counts.n_unscored:,} of "
        f"{n_things(counts.n_asked, 'item', ',')} have none of one side."
    )
