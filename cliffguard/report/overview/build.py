"""An overview from reviews: columns, rows, the front of gain against loss, where training fell."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cliffguard.core.errors import UsageError
from cliffguard.core.overviews import (
    OVERVIEW_FORMAT,
    CandidateOverview,
    CapabilityTrajectory,
    CheckpointTrajectory,
    Overview,
    OverviewCapability,
    OverviewCell,
    Uncompared,
)
from cliffguard.core.reviews import Finding, Outcome, Review, SuiteStamp
from cliffguard.core.settings import Policy
from cliffguard.report.figures.several import is_on_front, onset, step_of
from cliffguard.report.overview import refusals
from cliffguard.report.overview.broken import broken_items
from cliffguard.report.overview.sources import REPORT, NamedReview

Key = tuple[str, SuiteStamp | None]
"""A capability, and the content of the suite that it is of (None: no suite measures it)."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A review with its findings and cells by column."""

    source: NamedReview
    review: Review
    findings: Mapping[Key, Finding]
    cells: Mapping[Key, OverviewCell]


def build(sources: Sequence[NamedReview], folder: Path, *, by_suite: bool = False) -> Overview:
    """Return the overview of reviews; `folder` is where it will lie, and links begin.

    Raises UsageError where the reviews make no one table, IntegrityError where the items beside
    one are not its own.
    """
    reviews = refusals.compared(sources)
    if not reviews:
        raise UsageError(
            f"{', '.join(str(source.file) for source in sources)}: no verdict to show; run the "
            "check again",
            id="overview.no-review",
        )
    refusals.refuse_unlike(reviews, by_suite=by_suite)
    choice = refusals.choice_of(reviews[0].review)
    # In the order in which they were tested, where that is what decides which may ship.
    sources = list(sources) if choice == "last" else _in_order(sources)
    read = [_read(source, source.review) for source in sources if source.review is not None]
    keys = _columns(read)
    names = dict(zip(keys, _names(keys), strict=True))
    candidates = _on_front([_candidate(row, keys, folder, choice is not None) for row in read])
    broken, without_items = broken_items(sources)
    stamps = [stamp for row in read for stamp in row.review.provenance.suites]
    base = read[0].review.comparison.base
    return Overview(
        format=OVERVIEW_FORMAT,
        base=base.label,
        base_fingerprint=base.fingerprint,
        suites=tuple(dict.fromkeys(stamps)),
        choice=choice,
        capabilities=tuple(_capability(key, names[key], read) for key in keys),
        candidates=tuple(candidates),
        uncompared=tuple(_uncompared(source) for source in sources if source.review is None),
        trajectory=_trajectory(sources, read, names),
        broken=broken,
        without_items=without_items,
        caveats=tuple(refusals.protocols(reviews)),
    )


def steps_of(names: Sequence[str]) -> tuple[int, ...] | None:
    """Return the steps at the ends of names; None unless each has one, and none has another's."""
    steps = [step for name in names if (step := step_of(name)) is not None]
    return tuple(steps) if len(set(steps)) == len(names) else None


def _in_order(sources: Sequence[NamedReview]) -> list[NamedReview]:
    """Return candidates by their step, where each has one of its own, else as they were given."""
    steps = steps_of([source.name for source in sources])
    if steps is None:
        return list(sources)
    return [source for _, source in sorted(zip(steps, sources, strict=True), key=lambda p: p[0])]


def _read(source: NamedReview, review: Review) -> _Read:
    findings: dict[Key, Finding] = {
        (finding.capability, refusals.stamp_of(review, finding.suite)): finding
        for finding in review.verdict.findings
    }
    measured = {row.capability: row for row in review.comparison.capabilities}
    cells = {}
    for key, finding in findings.items():
        row = measured.get(finding.capability)
        cells[key] = OverviewCell(
            outcome=finding.outcome,
            drop=row.evidence.drop if row else None,
            drop_interval=row.evidence.drop_interval if row else None,
            margin=finding.margin,
            counts=finding.counts,
            n_items=row.counts.n_items if row else 0,
            n_broken=row.counts.n_broken if row else 0,
            n_fixed=row.counts.n_fixed if row else 0,
        )
    return _Read(source, review, findings, cells)


# --- columns -------------------------------------------------------------------------------------


def _is_target(finding: Finding) -> bool:
    return finding.role == "target" or finding.ring == "target"


def _columns(read: Sequence[_Read]) -> list[Key]:
    """Return the columns: targets, what gates, what is monitored; of each the worst first.

    Worst is what is REGRESSED of the most candidates, then what has the largest drop.
    """
    findings = {key: finding for row in read for key, finding in row.findings.items()}
    each = {key: [row.cells[key] for row in read if key in row.cells] for key in findings}

    def rank(key: Key) -> tuple[bool, bool, int, float]:
        lost = sum(cell.outcome is Outcome.REGRESSED for cell in each[key])
        drop = max((cell.drop for cell in each[key] if cell.drop is not None), default=-1.0)
        finding = findings[key]
        return not _is_target(finding), finding.role == "monitored", -lost, -drop

    return sorted(findings, key=rank)


def _names(keys: Sequence[Key]) -> list[str]:
    """Return what columns are called: a capability of two suites with the suite."""
    several = Counter(capability for capability, _ in keys)
    names = []
    for capability, stamp in keys:
        of = "of no suite" if stamp is None else f"{stamp.name} {stamp.version}, {stamp.digest[:6]}"
        names.append(capability if several[capability] == 1 else f"{capability} ({of})")
    return names


def _capability(key: Key, name: str, read: Sequence[_Read]) -> OverviewCapability:
    finding = next(row.findings[key] for row in read if key in row.findings)
    role = "target" if _is_target(finding) else finding.role
    return OverviewCapability(
        name=name, capability=finding.capability, suite=finding.suite, role=role
    )


# --- rows ----------------------------------------------------------------------------------------


def _candidate(row: _Read, keys: Sequence[Key], folder: Path, is_choice: bool) -> CandidateOverview:
    verdict, policy = row.review.verdict, row.review.plan.policy or Policy()
    judged = [(row.findings[key], row.cells[key]) for key in row.findings]
    gains = [-c.drop for f, c in judged if _is_target(f) and c.drop is not None]
    bounds = [
        c.drop_interval.high
        for f, c in judged
        if f.role == "gating" and f.behaviour is None and c.drop_interval
    ]
    return CandidateOverview(
        name=row.source.name,
        candidate=row.review.comparison.candidate.label,
        step=step_of(row.source.name),
        report=_report(row.source, folder),
        outcome=verdict.outcome,
        exit_code=verdict.exit_code,
        alpha=policy.alpha,
        may_ship=verdict.outcome is Outcome.PASS if is_choice else None,
        gain=min(gains, default=None),
        largest_drop=max(bounds, default=None),
        is_on_front=None,
        together=verdict.pooled,
        cells=tuple(row.cells.get(key) for key in keys),
    )


def _report(source: NamedReview, folder: Path) -> str:
    """Return the relative path of a candidate's page; empty where it has none."""
    page = source.folder / REPORT
    if not page.is_file():
        return ""
    return Path(os.path.relpath(os.path.abspath(page), os.path.abspath(folder))).as_posix()


def _on_front(candidates: Sequence[CandidateOverview]) -> list[CandidateOverview]:
    """Return candidates with whether any other is better in gain or loss, and no worse in both."""
    known = [
        (row.gain, row.largest_drop)
        for row in candidates
        if row.gain is not None and row.largest_drop is not None
    ]

    def on_front(row: CandidateOverview) -> bool | None:
        if row.gain is None or row.largest_drop is None:
            return None
        return is_on_front((row.gain, row.largest_drop), known)

    return [replace(row, is_on_front=on_front(row)) for row in candidates]


def _uncompared(source: NamedReview) -> Uncompared:
    return Uncompared(
        name=source.name,
        step=step_of(source.name),
        exit_code=source.exit_code,
        reason=source.reason,
    )


# --- along the training --------------------------------------------------------------------------


def _trajectory(
    sources: Sequence[NamedReview], read: Sequence[_Read], names: Mapping[Key, str]
) -> CheckpointTrajectory | None:
    """Return where capabilities fell; None unless the names all end in numbers that differ.

    A step without a verdict proves nothing: no fall begins before it.
    """
    steps = steps_of([source.name for source in sources])
    if steps is None or len(steps) < 2:
        return None
    rows = {row.source.name: row for row in read}
    by_step = {step: rows.get(source.name) for step, source in zip(steps, sources, strict=True)}
    is_target = {key: _is_target(f) for row in read for key, f in row.findings.items()}
    verdicts = {step: row.review.verdict.outcome for step, row in by_step.items() if row}
    return CheckpointTrajectory(
        steps=steps,
        last_pass=max((s for s, o in verdicts.items() if o is Outcome.PASS), default=None),
        first_fail=min((s for s, o in verdicts.items() if o is Outcome.FAIL), default=None),
        capabilities=tuple(
            _fall(name, key, by_step) for key, name in names.items() if not is_target[key]
        ),
    )


def _fall(name: str, key: Key, by_step: Mapping[int, _Read | None]) -> CapabilityTrajectory:
    outcomes = {
        step: row.cells[key].outcome if row and key in row.cells else Outcome.NOT_MEASURED
        for step, row in by_step.items()
    }
    n_regressed = sum(outcome is Outcome.REGRESSED for outcome in outcomes.values())
    return CapabilityTrajectory(name=name, onset=onset(outcomes), n_regressed=n_regressed)
