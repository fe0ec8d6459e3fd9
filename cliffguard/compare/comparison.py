"""Compares two sets of answers to the same items: statistics, contamination, diagnostics."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace

from cliffguard.compare.behaviours import compare_behaviours
from cliffguard.compare.capability import compare_capability
from cliffguard.compare.case import Case
from cliffguard.compare.clusters import question_of, tied_by
from cliffguard.compare.counts import (
    Gathered,
    Questions,
    gather,
    remarks,
    shared_documents,
    unknown_chance,
)
from cliffguard.compare.diagnostics.surface import surface_levels
from cliffguard.compare.mean_margin import Measured, mean_of
from cliffguard.compare.pairs import LevelKey, Pair, counted
from cliffguard.core.caveats import Caveat
from cliffguard.core.comparisons import Comparison, Shared
from cliffguard.core.diagnostics import SurfaceLevel
from cliffguard.core.items import Capability, Suite
from cliffguard.core.reviews import SAMPLES
from cliffguard.core.settings import Policy
from cliffguard.evaluate.answer_checks import instrument_moved
from cliffguard.evaluate.capability_runs import TOGETHER
from cliffguard.evaluate.ledger import Level
from cliffguard.evaluate.looks import Look
from cliffguard.suites.contamination import contamination_caveats

Counting = tuple[Suite, Capability, Gathered]
"""A capability of a suite, and which of its answers count."""


def compare(
    pairs: Sequence[Pair],
    case: Case,
    *,
    look: Look,
    levels: Mapping[str, Level] | None = None,
    caveats: Sequence[Caveat] = (),
    after: Comparison | None = None,
    items: Sequence[Counting] | None = None,
) -> Comparison:
    """Return the paired statistics of every capability of the suites, in their order.

    Intervals are two-sided at 1 - 2 alpha, so that each end is a one-sided test at alpha: what this
    run may spend of it, by `levels` (None: as a first run). Of the policy only what was asked
    enters: margins, alpha, the estimand. `caveats` are those of these answers. Of what came `after`
    these answers, with them, it takes which levels count; `items` are what is `gathered` of them,
    where somebody else needs it, too. The comparison is complete: nothing is added to it once it is
    judged.
    """
    levels, policy = levels or {}, case.policy
    if items is None:
        items = tuple(gathered(pairs, case, look, after))
    measured = _measured(items, case, look, levels)
    gating = [
        (row, items) for row, items in measured if policy.role(row.capability, row.ring) == "gating"
    ]
    shared: tuple[Shared, ...] = ()
    if policy.estimand != "suite":
        shared = shared_documents([(row.capability, items) for row, items in gating])
    together = levels.get(TOGETHER)
    pooled_level = None if together is None else together.now
    behaviours = compare_behaviours(
        [(row.capability, row.ring, items) for row, items in measured],
        case,
        look,
        levels.get(gating[0][0].capability) if len(gating) == 1 else together,
    )
    return Comparison(
        base=case.base,
        candidate=case.candidate,
        confidence=policy.confidence,
        capabilities=(*(row for row, _ in measured), *behaviours),
        caveats=tuple(_caveats(case, measured, caveats, look)),
        overlaps=case.overlaps,
        shared=shared,
        pooled_level=pooled_level,
        mean=mean_of(
            gating,
            policy,
            level=gating[0][0].evidence.level if len(gating) == 1 else pooled_level,
            are_tied=bool(shared),
        ),
    )


def _measured(
    gathered: Sequence[Counting], case: Case, look: Look, levels: Mapping[str, Level]
) -> list[Measured]:
    """Return every capability's statistics, with the answers that they were made of."""
    _, excluded = _planned(look)
    measured = []
    for suite, capability, items in gathered:
        row = compare_capability(
            suite,
            capability,
            items,
            case,
            look=look,
            n_excluded=excluded[capability.name],
            level=levels.get(capability.name),
        )
        measured.append((row, items))
    return measured


def gathered(
    pairs: Sequence[Pair], case: Case, look: Look, comparison: Comparison | None = None
) -> Iterator[Counting]:
    """Yield which of these answers count, for each capability of the suites, in their order.

    Of a `comparison` of the same answers what it found out about levels need not be found again.
    """
    by_capability: dict[str, list[Pair]] = {}
    known = (
        {}
        if comparison is None
        else {row.capability: row.diagnostics.surface for row in comparison.capabilities}
    )
    for pair in tied_by(case.policy, map(counted, pairs)):
        by_capability.setdefault(pair.task.capability, []).append(pair)
    planned, _ = _planned(look)
    for suite in case.suites:
        for capability in suite.capabilities:
            rows = by_capability.get(capability.name, [])
            questions = Questions.of(rows)
            surface = known.get(capability.name)
            n_planned = planned[capability.name].total()
            if surface is None:
                surface = _surface(capability, questions.single, n_planned, case.policy)
            items = gather(
                rows,
                margin=_level_margin(case.policy, capability.name),
                n_planned=n_planned,
                stands_alone=case.policy.estimand == "suite",
                n_at_level=planned[capability.name],
                surface=surface,
                questions=questions,
            )
            yield suite, capability, items


def _caveats(
    case: Case, measured: Sequence[Measured], caveats: Sequence[Caveat], look: Look
) -> Iterator[Caveat]:
    """Yield all that a reader must know: of the sides, the items, the answers, the instrument."""
    yield from (*case.base.notes, *case.candidate.notes)
    yield from unknown_chance([items for _, items in measured])
    for row, items in measured:
        yield from remarks(row, items)
    yield from (*case.caveats, *caveats)
    yield from instrument_moved(row for row, _ in measured)
    yield from contamination_caveats(
        case.overlaps, {series.task.name: len(series.planned) for series in look}
    )


def _level_margin(policy: Policy, capability: str) -> float:
    """Return how much beyond guessing a level has to show; of a relative margin, anything."""
    is_relative = policy.rules(capability).relative_margin is not None
    return 0.0 if is_relative else policy.margin(capability)


def _surface(
    capability: Capability, gating: Sequence[Pair], n_planned: int, policy: Policy
) -> tuple[SurfaceLevel, ...]:
    """Return the levels that hang on how items look, and before all is asked those that may.

    What a target's answers hang on is its job.
    """
    if capability.ring == "target":
        return ()
    levels = surface_levels(gating)
    lets_gate = policy.rules(capability.name).surface == "caveat"
    if lets_gate or len(gating) >= n_planned:
        levels = tuple(level for level in levels if level.is_proven)
    if lets_gate:
        return tuple(replace(level, gates=True) for level in levels)
    return levels


def _planned(look: Look) -> tuple[Mapping[str, Counter[LevelKey]], Counter[str]]:
    """Return how many questions gate at every level, and how many items a capability excludes.

    A question that is asked twice counts at the level at which it is asked first.
    """
    questions: dict[str, dict[Hashable, LevelKey]] = defaultdict(dict)
    excluded: Counter[str] = Counter()
    for series in look:
        name = series.task.capability
        gating = [item for item in series.planned if series.task.gates(item)]
        if series.task.suite != SAMPLES:  # of which all that there is was asked
            for item in gating:
                questions[name].setdefault(question_of(item), (series.task.name, item.level))
        excluded[name] += sum(map(series.task.would_gate, series.planned)) - len(gating)
    at_level = {name: Counter(levels.values()) for name, levels in questions.items()}
    return defaultdict(Counter, at_level), excluded
