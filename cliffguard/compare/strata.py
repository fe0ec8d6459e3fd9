"""Strata of a capability: tasks, levels, classes and named values, in which a cliff could hide.

A capability of fifty subjects holds its mean while one of them falls from 80 to 25 %. So every part
is asked one question of its own, "is its drop the margin or less?"; the judge tests all of them
together (Holm), once nothing more of their capability is asked.

Reference: Holm (1979), Scandinavian Journal of Statistics 6:65-70.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from cliffguard.compare.clusters import without_copies
from cliffguard.compare.diagnostics.classes import are_labels
from cliffguard.compare.pairs import LevelKey, Pair, by_task
from cliffguard.core.diagnostics import StratumComparison
from cliffguard.evaluate.looks import Look

LEAST_ITEMS = 10
"""With fewer scored items a part is named, and not tested."""

BEFORE_HELD = 25
"""Items that every part has had, or all it has, before its capability is stopped as HELD."""

_ROUNDING = 1e-9

Kind = Literal["task", "level", "class", "field"]
PBeyond = Callable[[Sequence[Pair], float], "float | None"]
"""From the scored pairs of a part and a margin to a p-value; None: their clusters are too few."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """The pairs of one part, and how many items of it are planned."""

    kind: Kind
    name: str
    n_planned: int
    pairs: tuple[Pair, ...]


def strata_of(
    pairs: Sequence[Pair],
    look: Look,
    capability: str,
    field: str | None = None,
    away: Collection[LevelKey] = (),
) -> list[Stratum]:
    """Return the parts of a capability by every division that has two of them or more.

    `pairs` are those that count; `field` is what the policy's `strata` names. Of the levels that
    are `away` nothing counts.
    """
    names = {(pair.task.name, pair.item.id): pair for pair in pairs}
    strata: list[Stratum] = []
    for kind, division in _divisions(look, capability, field, away).items():
        parts = Counter(division.values())
        if len(parts) < 2:
            continue
        rows: dict[str, list[Pair]] = {part: [] for part in parts}
        for key, part in division.items():
            if key in names:
                rows[part].append(names[key])
        strata += [
            Stratum(kind, part, n_planned=n, pairs=tuple(rows[part])) for part, n in parts.items()
        ]
    return strata


Key = tuple[str, str]


def _divisions(
    look: Look, capability: str, field: str | None, away: Collection[LevelKey]
) -> dict[Kind, dict[Key, str]]:
    """Return, for each way of dividing, the part of every planned item that counts."""
    divisions: dict[Kind, dict[Key, str]] = {"task": {}, "level": {}, "class": {}, "field": {}}
    all_series = [series for series in look if series.task.capability == capability]
    for series in all_series:
        task = series.task
        items = [
            item
            for item in series.planned
            if task.gates(item) and (task.name, item.level) not in away
        ]
        is_classifier = are_labels(item.choices for item in items)
        is_classifier = is_classifier and len({item.answer for item in items}) > 1
        for item in items:
            key = (task.name, item.id)
            if len(all_series) > 1:
                divisions["task"][key] = task.name
            if task.level is not None:
                divisions["level"][key] = f"{task.name} {task.level} = {item.level}"
            if is_classifier:
                divisions["class"][key] = f"{task.name}: {item.answer}"
            value = None if field is None else task.fields.get(item.id, {}).get(field)
            if value is not None:
                divisions["field"][key] = f"{field} = {value}"
    return divisions


def compared(stratum: Stratum, margin: float, p_beyond: PBeyond) -> StratumComparison:
    """Return what became of one part, with its p-value where it can be tested."""
    pairs = without_copies(stratum.pairs)
    scored = [pair for pair in pairs if pair.is_scored]
    p_value, why = None, f"fewer than {LEAST_ITEMS} scored items"
    if len(scored) >= LEAST_ITEMS:
        p_value = p_beyond(scored, margin)
        why = "" if p_value is not None else "too few clusters"
    base = fmean([float(pair.base.score or 0.0) for pair in scored]) if scored else None
    candidate = fmean([float(pair.candidate.score or 0.0) for pair in scored]) if scored else None
    return StratumComparison(
        kind=stratum.kind,
        name=stratum.name,
        n_planned=stratum.n_planned,
        n_asked=len(pairs),
        n_items=len(scored),
        base_mean=base,
        candidate_mean=candidate,
        drop=fmean([pair.change for pair in scored]) if scored else None,
        margin=margin,
        p_beyond=p_value,
        why=why,
    )


def split_levels(pairs: Sequence[Pair], margin: float) -> tuple[list[Pair], list[Pair]]:
    """Return the pairs that can show a loss, and those of levels at which the base has none.

    A level counts where the base's mean beyond guessing exceeds the margin. Where that is so of no
    level, or of tasks without levels, nothing is taken away.
    """
    empty: set[tuple[str, int | None]] = set()
    for rows in by_task(pairs):
        if rows[0].task.level is not None:
            empty |= {(rows[0].task.name, level) for level in _empty_levels(rows, margin)}
    if not empty:
        return list(pairs), []
    left = [pair for pair in pairs if (pair.task.name, pair.item.level) not in empty]
    if not left:
        return list(pairs), []
    return left, [pair for pair in pairs if (pair.task.name, pair.item.level) in empty]


def _empty_levels(rows: Sequence[Pair], margin: float) -> Iterator[int | None]:
    levels: dict[int | None, list[Pair]] = {}
    for pair in rows:
        levels.setdefault(pair.item.level, []).append(pair)
    for level, pairs in levels.items():
        scores = [pair.base.score for pair in pairs if pair.base.score is not None]
        if scores and fmean(scores) - (rows[0].task.chance or 0.0) <= margin + _ROUNDING:
            yield level
