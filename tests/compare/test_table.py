"""The table of all findings in docs/decisions-explained.md: what each does to the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cliffguard.compare.verdict import EXIT_CODES
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.diagnostics import Readable, StratumComparison, SurfaceLevel
from cliffguard.core.reviews import Cause, Finding, Outcome, Verdict
from cliffguard.core.settings import CapabilityPolicy, Policy
from tests import support
from tests.compare.test_verdict import capability, finding, judged, unmeasured

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "decisions-explained.md"
HEADER = "| finding | exit code, alone | beside one that HELD | said where |"

NAME = "reading"
ALL_HELD = capability("other", 10, 10)


def held() -> CapabilityComparison:
    """A few flips either way on 500 items."""
    return capability(NAME, 10, 10)


def lost() -> CapabilityComparison:
    """A drop of 20 points."""
    return capability(NAME, 110, 10)


def lost_by_format() -> CapabilityComparison:
    """The same drop, all of it in answers that nobody can read."""
    readable = Readable(n_items=400, base_mean=0.7, candidate_mean=0.7, drop=0.0, p_drop=0.5)
    return support.changed(lost(), readable=readable, n_unreadable_candidate=100)


def lost_in_one_part() -> CapabilityComparison:
    """A mean that holds, over a task that fell from 80 to 25 %."""
    part = StratumComparison(
        kind="task",
        name="law",
        n_planned=100,
        n_asked=100,
        n_items=100,
        base_mean=0.8,
        candidate_mean=0.25,
        drop=0.55,
        margin=0.05,
        p_beyond=1e-20,
    )
    return support.changed(held(), strata=(part,))


def undecided() -> CapabilityComparison:
    """Too few items for the margin."""
    return capability(NAME, 2, 2, n_items=40)


def nothing_asked() -> CapabilityComparison:
    """A capability without any item."""
    return support.changed(unmeasured(NAME), n_planned=0, n_asked=0)


def all_missing() -> CapabilityComparison:
    """No item has an answer of both sides."""
    return support.changed(unmeasured(NAME), n_unscored=500, n_missing_candidate=500)


def all_in_training() -> CapabilityComparison:
    """The fine-tune saw every item."""
    return support.changed(unmeasured(NAME), n_planned=0, n_asked=0, n_excluded=500)


def nothing_to_lose() -> CapabilityComparison:
    """A base at 4 %: a margin of 5 points holds, whatever becomes of it."""
    return support.changed(capability(NAME, 6, 0), base_mean=0.04, candidate_mean=0.028)


def by_place() -> CapabilityComparison:
    """A loss of half, of a base whose only level hangs on the place of the answer."""
    level = SurfaceLevel(
        task="ball", level=2, feature="the place", effect=0.5, p_value=0.001, gates=False
    )
    return support.changed(lost(), is_surface=True, surface=(level,))


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table, and a comparison that is judged so; None: no suite has it."""

    finding: str
    alone: int
    beside_held: int
    made: Callable[[], CapabilityComparison] | None
    outcome: Outcome
    reason: str
    cause: Cause | None = None
    counts: bool = True


ROWS = (
    Row("HELD", 0, 0, held, Outcome.HELD, "a drop beyond the margin is excluded"),
    Row(
        "REGRESSED by loss", 10, 10, lost, Outcome.REGRESSED,
        "a drop beyond the margin is proven", "loss",
    ),
    Row(
        "REGRESSED by format", 10, 10, lost_by_format, Outcome.REGRESSED,
        "by answers that nobody can read", "format",
    ),
    Row(
        "REGRESSED by stratum", 10, 10, lost_in_one_part, Outcome.REGRESSED,
        "is proven in law, one of 1 (80.0 → 25.0 %)", "stratum",
    ),
    Row(
        "INCONCLUSIVE", 11, 11, undecided, Outcome.INCONCLUSIVE,
        "neither a drop nor its absence is proven",
    ),
    Row(
        "NOT_MEASURED: nothing asked", 11, 11, nothing_asked, Outcome.NOT_MEASURED,
        "no items ran",
    ),
    Row(
        "NOT_MEASURED: named but in no suite", 11, 11, None, Outcome.NOT_MEASURED,
        "the policy names it, but no suite measures it",
    ),
    Row(
        "NOT_MEASURED: all unscored", 11, 11, all_missing, Outcome.NOT_MEASURED,
        "all 500 items lack an answer of a side",
    ),
    Row(
        "NOT_MEASURED: all in the training data", 11, 11, all_in_training, Outcome.NOT_MEASURED,
        "all 500 items are in the training data",
    ),
    Row(
        "NOT_MEASURED: nothing to lose", 11, 0, nothing_to_lose, Outcome.NOT_MEASURED,
        "nothing to lose on this base (4.0 %, margin 5 points)", counts=False,
    ),
    Row(
        "NOT_MEASURED: not the skill", 11, 0, by_place, Outcome.NOT_MEASURED,
        "does not measure the skill on this base: the score in ball, level 2, depends on the place "
        "(50 points between the best and the worst third of items)", counts=False,
    ),
)  # fmt: skip

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.finding)


def verdict_on(row: Row, *others: CapabilityComparison, gate: bool | None = None) -> Verdict:
    """Return the real judge's verdict on such a capability and others."""
    subjects = () if row.made is None else (row.made(),)
    is_named = row.made is None or gate is not None
    named = {NAME: CapabilityPolicy(gate=gate)} if is_named else {}
    return judged(*subjects, *others, policy=Policy(capabilities=named))


def essence(finding: Finding) -> tuple[Outcome, Cause | None, bool]:
    """Return what a finding says, but for its reason."""
    return finding.outcome, finding.cause, finding.counts


@each_row
def test_a_finding_does_to_the_gate_what_its_row_says(row: Row) -> None:
    """Its word, cause and reason; and the exit code, alone and beside one that HELD."""
    alone, beside = verdict_on(row), verdict_on(row, ALL_HELD)

    for verdict in (alone, beside):
        assert essence(finding(verdict, NAME)) == (row.outcome, row.cause, row.counts)
        assert row.reason in finding(verdict, NAME).reason
    assert finding(beside, "other").outcome is Outcome.HELD
    assert (EXIT_CODES[alone.outcome], EXIT_CODES[beside.outcome]) == (row.alone, row.beside_held)


@each_row
def test_what_is_monitored_does_nothing_to_the_gate(row: Row) -> None:
    """With `gate: false` no finding passes or fails it."""
    assert EXIT_CODES[verdict_on(row, ALL_HELD, gate=False).outcome] == 0
    assert EXIT_CODES[verdict_on(row, gate=False).outcome] == 11


@pytest.mark.parametrize("row", ROWS[-2:], ids=lambda row: row.finding)
def test_what_must_be_measured_is_open_where_nothing_can_be_lost(row: Row) -> None:
    """With `gate: true` it is INCONCLUSIVE, and counts."""
    verdict = verdict_on(row, ALL_HELD, gate=True)

    assert essence(finding(verdict, NAME)) == (Outcome.INCONCLUSIVE, None, True)
    assert EXIT_CODES[verdict.outcome] == 11


def test_the_document_has_exactly_these_rows() -> None:
    """Finding and exit codes, in this order."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    start = lines.index(HEADER) + 2
    end = next(index for index in range(start, len(lines)) if not lines[index].startswith("|"))
    cells = [[cell.strip() for cell in line.split("|")[1:4]] for line in lines[start:end]]

    assert cells == [[row.finding, str(row.alone), str(row.beside_held)] for row in ROWS]
