"""A task's ladder: its levels in rising difficulty, and how the drop runs along them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from cliffguard.compare.evidence import by_cluster, counts_of, mean_score
from cliffguard.compare.pairs import Pair
from cliffguard.core.answers import Answer
from cliffguard.core.diagnostics import Ladder, LevelComparison
from cliffguard.core.items import Task
from cliffguard.stats.graded import mean_interval
from cliffguard.stats.interval import Interval, wilson_interval
from cliffguard.stats.ladder_shapes import Onset
from cliffguard.stats.onset import find_onset, half_level
from cliffguard.stats.paired import PairedCounts, tango_interval


def ladder_of(task: Task, pairs: Sequence[Pair], confidence: float) -> Ladder:
    """Return a task's levels, of items with both scores, and intervals at this confidence."""
    by_level: dict[int, list[Pair]] = {}
    for pair in pairs:
        assert pair.item.level is not None, "a task with a level field has it on every item"
        if pair.is_scored:
            by_level.setdefault(pair.item.level, []).append(pair)
    assert task.chance is not None, "a suite with levels says what guessing earns"
    rows = [by_level[level] for level in sorted(by_level)]
    levels = tuple(_level(row, confidence) for row in rows)
    places = [level.level for level in levels]
    base_means = [level.base_mean for level in levels]
    candidate_means = [level.candidate_mean for level in levels]
    return Ladder(
        task=task.name,
        level_name=task.level or "",
        chance=task.chance,
        levels=levels,
        fall=_fall([row for row in rows if row[0].gates], task.chance),
        base_half=half_level(base_means, places),
        candidate_half=half_level(candidate_means, places),
        base_area=fmean(base_means),
        candidate_area=fmean(candidate_means),
    )


def _fall(rows: Sequence[Sequence[Pair]], chance: float) -> Onset | None:
    """Return how the drop differs over the gating levels; within seeds that all levels share.

    Items of a cluster at one level stand or fall together, and count as one, by their mean.
    """
    if len(rows) < 2:
        return None
    levels = [by_cluster(row, row) for row in rows]
    is_blocked = all(level.keys() == levels[0].keys() for level in levels)
    names = [sorted(level, key=str) if is_blocked else list(level) for level in levels]
    ordered = [
        [level[name] for name in level_names]
        for level, level_names in zip(levels, names, strict=True)
    ]
    changes = [[fmean(pair.change for pair in group) for group in level] for level in ordered]
    bases = [[mean_score(pair.base for pair in group) for group in level] for level in ordered]
    return find_onset(changes, bases, chance=chance, is_blocked=is_blocked)


def _level(scored: Sequence[Pair], confidence: float) -> LevelComparison:
    first = scored[0]
    assert first.item.level is not None
    counts = counts_of(scored)
    return LevelComparison(
        level=first.item.level,
        is_gating=first.gates,
        n_items=counts.n_items,
        n_broken=counts.n_broken,
        n_fixed=counts.n_fixed,
        base_mean=mean_score(pair.base for pair in scored),
        candidate_mean=mean_score(pair.candidate for pair in scored),
        base_interval=_wilson((pair.base for pair in scored), confidence),
        candidate_interval=_wilson((pair.candidate for pair in scored), confidence),
        drop=fmean(pair.change for pair in scored),
        drop_interval=_drop_interval(scored, counts, confidence),
    )


def _drop_interval(scored: Sequence[Pair], counts: PairedCounts, confidence: float) -> Interval:
    if any(pair.is_graded for pair in scored):
        return mean_interval([pair.change for pair in scored], confidence=confidence)
    return tango_interval(**counts._asdict(), confidence=confidence)


def _wilson(answers: Iterable[Answer], confidence: float) -> Interval:
    # Of graded scores it is wider than it need be: they vary less than right or wrong does.
    scores = [float(answer.score or 0.0) for answer in answers]
    return wilson_interval(n_right=sum(scores), n_items=len(scores), confidence=confidence)
