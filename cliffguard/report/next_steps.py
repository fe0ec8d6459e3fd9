"""What to do with a verdict, in the one wording that every format shows."""

from __future__ import annotations

from collections.abc import Sequence

from cliffguard.core.reviews import Outcome
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.clean import one_line
from cliffguard.report.page import Page

TITLE = "What next"


def next_steps(page: Page) -> tuple[str, ...]:
    """What to do with this verdict, most urgent first."""
    counted = [row for row in page.rows if row.finding.role != "monitored"]
    steps = []
    lost = [row for row in counted if row.finding.outcome is Outcome.REGRESSED]
    if lost:
        names = ", ".join(_lost(row) for row in lost)
        steps.append(
            f"Do not ship this candidate: {names}. The items that broke are in the report."
        )
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
            steps.append(_more_items(row))
        if row.finding.outcome is Outcome.NOT_MEASURED:
            steps.append(_measure(row))
    steps += _enough(page, counted)
    if page.outcome is Outcome.PASS:
        steps.append("Nothing to do. Keep review.json with the checkpoint.")
    return tuple(steps)


def _enough(page: Page, counted: Sequence[CapabilityRow]) -> list[str]:
    """What to add where nothing gates, or nothing but the target."""
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


def _measure(row: CapabilityRow) -> str:
    if row.finding.counts:
        return f"Measure {row.capability}: {row.reason}."
    return f"Ask {row.capability} by items that this base can answer: {row.reason}."


def _more_items(row: CapabilityRow) -> str:
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
    about = f" (about {needed:,} would decide)" if needed else ""
    return (
        f"Measure more items of {row.capability}{about}: raise or drop the limit, or add items "
        "to the suite."
    )
