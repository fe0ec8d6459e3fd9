"""Two sets of answers to the same items → a comparison. Statistics, no thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from cliffguard.errors import SuiteError
from cliffguard.measure import Measurement
from cliffguard.plans import Policy
from cliffguard.records import (
    Answer,
    Capability,
    CapabilityComparison,
    Checkpoint,
    Comparison,
    Item,
    Ladder,
    LevelComparison,
    Suite,
    Task,
    TaskComparison,
)
from cliffguard.schedule import Look
from cliffguard.stats.interval import Interval, wilson_interval
from cliffguard.stats.paired import mcnemar_mid_p, tango_interval

METHOD = "McNemar mid-p; Tango score interval"

_TRUNCATED = ("length", "thinking")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One item with both answers."""

    task: Task
    item: Item
    base: Answer
    candidate: Answer

    @property
    def is_scored(self) -> bool:
        """Say whether both sides have a score."""
        return self.base.score is not None and self.candidate.score is not None

    @property
    def is_broken(self) -> bool:
        """Right under the base, wrong under the candidate."""
        return self.base.score == 1.0 and self.candidate.score == 0.0

    @property
    def is_fixed(self) -> bool:
        """Wrong under the base, right under the candidate."""
        return self.base.score == 0.0 and self.candidate.score == 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    """A paired table over the scored pairs, which must not be empty."""

    n_items: int
    n_broken: int
    n_fixed: int
    n_right_base: int
    n_right_candidate: int

    @property
    def drop(self) -> float:
        return (self.n_broken - self.n_fixed) / self.n_items

    def interval(self, confidence: float) -> Interval:
        return tango_interval(
            n_broken=self.n_broken,
            n_fixed=self.n_fixed,
            n_items=self.n_items,
            confidence=confidence,
        )


def pair_answers(look: Look, base: Measurement, candidate: Measurement) -> tuple[Pair, ...]:
    """Join both sides' answers on the items of the look; one pair an item."""
    pairs = []
    for series in look:
        items = {item.id: item for item in series.items}
        base_answers = base.answers[series.task.name]
        candidate_answers = {a.item_id: a for a in candidate.answers[series.task.name]}
        for answer in base_answers:
            pair = Pair(
                task=series.task,
                item=items[answer.item_id],
                base=answer,
                candidate=candidate_answers[answer.item_id],
            )
            _refuse_graded(pair)
            pairs.append(pair)
    return tuple(pairs)


def compare(
    pairs: Sequence[Pair],
    *,
    base: Checkpoint,
    candidate: Checkpoint,
    suites: Sequence[Suite],
    policy: Policy,
    caveats: Sequence[str] = (),
) -> Comparison:
    """Return the paired statistics of every capability of the suites, in their order.

    Intervals are two-sided at 1 - 2 alpha, so that each end is a one-sided test at alpha.
    """
    confidence = 1.0 - 2.0 * policy.alpha
    by_capability: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_capability.setdefault(pair.task.capability, []).append(pair)
    return Comparison(
        base=base,
        candidate=candidate,
        confidence=confidence,
        capabilities=tuple(
            _capability(suite, capability, by_capability.get(capability.name, []), confidence)
            for suite in suites
            for capability in suite.capabilities
        ),
        caveats=(*base.notes, *candidate.notes, *caveats),
    )


def _capability(
    suite: Suite, capability: Capability, pairs: Sequence[Pair], confidence: float
) -> CapabilityComparison:
    gating = [pair for pair in pairs if pair.task.gates(pair.item)]
    counts = _count(gating)
    # A task of the suite may stand for several of lm-eval's, so the pairs say which there are.
    by_task: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_task.setdefault(pair.task.name, []).append(pair)
    return CapabilityComparison(
        capability=capability.name,
        suite=suite.name,
        ring=capability.ring,
        n_items=counts.n_items if counts else 0,
        n_unscored=sum(not pair.is_scored for pair in gating),
        n_lost=sum(pair.base.score == 1.0 and pair.candidate.score is None for pair in gating),
        n_broken=counts.n_broken if counts else 0,
        n_fixed=counts.n_fixed if counts else 0,
        base_mean=counts.n_right_base / counts.n_items if counts else None,
        candidate_mean=counts.n_right_candidate / counts.n_items if counts else None,
        drop=counts.drop if counts else None,
        drop_interval=counts.interval(confidence) if counts else None,
        p_drop=(
            mcnemar_mid_p(n_broken=counts.n_broken, n_fixed=counts.n_fixed) if counts else None
        ),
        method=METHOD,
        tasks=tuple(_task(rows[0].task, rows) for rows in by_task.values()),
        ladders=tuple(
            _ladder(rows[0].task, rows, confidence)
            for rows in by_task.values()
            if rows[0].task.level is not None
        ),
    )


def _task(task: Task, pairs: Sequence[Pair]) -> TaskComparison:
    scored = [pair for pair in pairs if pair.is_scored]
    return TaskComparison(
        task=task.name,
        metric=task.metric or "",
        chance=task.chance,
        n_items=len(scored),
        n_unscored=len(pairs) - len(scored),
        n_truncated_base=sum(pair.base.finish_reason in _TRUNCATED for pair in pairs),
        n_truncated_candidate=sum(pair.candidate.finish_reason in _TRUNCATED for pair in pairs),
        base_mean=fmean(float(p.base.score or 0.0) for p in scored) if scored else None,
        candidate_mean=fmean(float(p.candidate.score or 0.0) for p in scored) if scored else None,
    )


def _ladder(task: Task, pairs: Sequence[Pair], confidence: float) -> Ladder:
    by_level: dict[int, list[Pair]] = {}
    for pair in pairs:
        assert pair.item.level is not None, "a task with a level field has it on every item"
        by_level.setdefault(pair.item.level, []).append(pair)
    counted = [(level, _count(by_level[level])) for level in sorted(by_level)]
    return Ladder(
        task=task.name,
        level_name=task.level or "",
        chance=task.chance,
        levels=tuple(_level(task, level, c, confidence) for level, c in counted if c),
    )


def _level(task: Task, level: int, counts: _Counts, confidence: float) -> LevelComparison:
    n_items = counts.n_items
    return LevelComparison(
        level=level,
        is_gating=task.gate_levels is None or level in task.gate_levels,
        n_items=n_items,
        n_broken=counts.n_broken,
        n_fixed=counts.n_fixed,
        base_mean=counts.n_right_base / n_items,
        candidate_mean=counts.n_right_candidate / n_items,
        base_interval=_wilson(counts.n_right_base, n_items, confidence),
        candidate_interval=_wilson(counts.n_right_candidate, n_items, confidence),
        drop=counts.drop,
        drop_interval=counts.interval(confidence),
    )


def _wilson(n_right: int, n_items: int, confidence: float) -> Interval:
    return wilson_interval(n_right=n_right, n_items=n_items, confidence=confidence)


def _count(pairs: Sequence[Pair]) -> _Counts | None:
    scored = [pair for pair in pairs if pair.is_scored]
    if not scored:
        return None
    return _Counts(
        n_items=len(scored),
        n_broken=sum(pair.is_broken for pair in scored),
        n_fixed=sum(pair.is_fixed for pair in scored),
        n_right_base=sum(pair.base.score == 1.0 for pair in scored),
        n_right_candidate=sum(pair.candidate.score == 1.0 for pair in scored),
    )


def _refuse_graded(pair: Pair) -> None:
    for score in (pair.base.score, pair.candidate.score):
        if score not in (None, 0.0, 1.0):
            raise SuiteError(
                f"{pair.task.name}: item {pair.item.id} has the graded score {score}; "
                "this version decides on right or wrong only: choose a metric of that kind"
            )
