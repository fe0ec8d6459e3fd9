"""A capability as a test that passes, fails or is skipped, for who draws a gate as tests."""

from __future__ import annotations

from typing import Literal

from cliffguard.core.reviews import Finding, Outcome
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.clean import one_line

OutcomeKind = Literal["held", "skipped", "regression", "inconclusive", "not_measured"]

_FAILURES: dict[Outcome, OutcomeKind] = {
    Outcome.HELD: "held",
    Outcome.REGRESSED: "regression",
    Outcome.INCONCLUSIVE: "inconclusive",
    Outcome.NOT_MEASURED: "not_measured",
}
"""What fails a capability that counts. The gate is closed unless everything is proven."""


def kind_of(row: CapabilityRow) -> OutcomeKind:
    """Return what a capability is as a test.

    What is only monitored cannot fail, nor what does not count, since the base has nothing to lose
    there: where it did not hold it is skipped.
    """
    kind = _FAILURES[row.finding.outcome]
    can_fail = row.finding.role != "monitored" and row.finding.counts
    return kind if can_fail or kind == "held" else "skipped"


def outcome_line(row: CapabilityRow) -> str:
    """Return a finding in one line: its outcome, and why."""
    finding = row.finding
    line = f"{finding.outcome}{_by(finding)}: {row.reason}"
    if finding.role == "monitored":
        return f"monitored only, cannot fail the gate; {line}"
    return line if finding.counts else f"{row.standing}; {line}"


def outcome_lines(row: CapabilityRow, why: str) -> tuple[str, ...]:
    """Return a finding in a few lines, with its numbers and `why` its items broke, if known."""
    return (outcome_line(row), *_measured_lines(row), *filter(None, [why]))


def _measured_lines(row: CapabilityRow) -> tuple[str, ...]:
    """Return the numbers for people, a few lines; nothing of what was not measured."""
    if row.evidence is None or row.evidence.drop is None:
        return row.details
    lines = (
        f"base → candidate: {row.change}",
        row.in_words.replace(" ", ": ", 1),
        f"items: {row.n_items}, broken / fixed {row.flips}",
    )
    return (*lines, *([row.proof] if row.proof else []), *row.details)


def _by(finding: Finding) -> str:
    """Return by what it regressed, and in which part; empty where nobody has said."""
    if finding.stratum is not None:
        return f" by {finding.cause}, in {one_line(finding.stratum)}"
    return "" if finding.cause is None else f" by {finding.cause}"
