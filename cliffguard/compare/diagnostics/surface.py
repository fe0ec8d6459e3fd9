"""How far a base's score depends on where the right answer stands, and how it looks.

A level that the base answers by place ("the last one named") measures the place on this base, and
what a fine-tune does to it says little of the skill. One at which the base is provably below
guessing has a strategy of its own there, which is no difficulty either.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from cliffguard.compare.chance import mean_chance
from cliffguard.compare.diagnostics.answer_places import listed_place, mentioned, prompt_facts
from cliffguard.compare.diagnostics.classes import are_labels
from cliffguard.compare.pairs import LevelKey, Pair, level_of
from cliffguard.core.caveats import Caveat
from cliffguard.core.diagnostics import SurfaceLevel
from cliffguard.core.items import Item
from cliffguard.core.prompt_facts import mentions
from cliffguard.core.words import bare
from cliffguard.stats.multiplicity import holm
from cliffguard.stats.thirds import effect_of_thirds, p_of_thirds

LEAST_EFFECT = 0.10
"""Of a score; less is no remark."""

MUCH = 0.20
"""Of a score; beyond it a level measures the feature as much as the skill, and does not gate."""

LEAST_ITEMS = 24
"""Fewer items at a level have no thirds to speak of."""

BELOW_GUESSING = "a strategy that does worse than guessing"

_LEVEL = 0.05
_MOST_LABELS = 10
_LONGER = 1.25  # the long prompts than the short ones, at the least
_SEED = 20261130


class Surface(NamedTuple):
    """A feature on which the base's scores of one level depend: `effect` in points of the score.

    `p_value` is after Holm's correction over the features of all levels.
    """

    task: str
    level: int | None
    feature: str
    effect: float
    p_value: float


Levels = Mapping[LevelKey, Sequence[Pair]]


def surface_levels(pairs: Sequence[Pair]) -> tuple[SurfaceLevel, ...]:
    """Return the levels at which the base's score depends on a feature: the strongest of each.

    A level gates where that effect is at most 20 points. So it does where all items have one set of
    labels: how well a classifier knows each class is what it is asked, and classes are tested.
    """
    levels = _levels_of(pairs)
    strongest: dict[LevelKey, SurfaceLevel] = {}
    for task, level, feature, effect, p_value in (*surfaces_of(pairs), *_below_guessing(levels)):
        rows = levels[task, level]
        gates = feature != BELOW_GUESSING and (effect <= MUCH or _is_class(feature, rows))
        row = SurfaceLevel(
            task=task, level=level, feature=feature, effect=effect, p_value=p_value, gates=gates
        )
        before = strongest.get((task, level))
        if before is None or (before.gates, effect) > (gates, before.effect):
            strongest[task, level] = row
    return tuple(strongest.values())


def _is_class(feature: str, rows: Sequence[Pair]) -> bool:
    return feature in (_LABEL, _LISTED) and are_labels({frozenset(r.item.choices) for r in rows})


def surfaces_of(pairs: Sequence[Pair]) -> list[Surface]:
    """Return the features on which the base's scores provably depend, of each task and level.

    All that can be read off the items of a level are tested, and corrected for together; one whose
    effect is small needs no permutation.
    """
    rows = [
        row
        for (task, level), rows in _levels_of(pairs).items()
        for row in _tested(task, level, rows)
    ]
    p_values = holm([row.p_value for row in rows])
    proven = zip(rows, p_values, strict=True)
    return [
        row._replace(p_value=p) for row, p in proven if p <= _LEVEL and row.effect >= LEAST_EFFECT
    ]


def _levels_of(pairs: Sequence[Pair]) -> Levels:
    """Return the pairs that the base has a score of, by level; levels of a few items are left."""
    levels: dict[LevelKey, list[Pair]] = {}
    for pair in pairs:
        if pair.base.score is not None:
            levels.setdefault(level_of(pair), []).append(pair)
    return {level: rows for level, rows in levels.items() if len(rows) >= LEAST_ITEMS}


def _tested(task: str, level: int | None, rows: Sequence[Pair]) -> Iterator[Surface]:
    """Yield every feature of the items of one level, each with a p-value of its own.

    Of generated answers none is: there the length of a prompt is work, and a place no choice.
    """
    if any(len(pair.item.choices) < 2 for pair in rows):
        return
    for name, read in _FEATURES.items():
        features = read([pair.item for pair in rows])
        if features is None or len(set(features)) < 2:
            continue
        scores, features = _by_group(rows, features)
        effect = effect_of_thirds(scores, features)
        rng = np.random.default_rng(_SEED)
        p_value = p_of_thirds(scores, features, rng) if effect >= LEAST_EFFECT else 1.0
        yield Surface(task, level, name, effect, p_value)


def _below_guessing(levels: Levels) -> Iterator[Surface]:
    """Yield the levels at which the base does provably worse than guessing."""
    rows = []
    for (task, level), pairs in levels.items():
        if (chance := mean_chance(pairs)) is not None and 0.0 < chance < 1.0:
            scores, _ = _by_group(pairs, [0] * len(pairs))
            # The variance of a guess is the largest that a mean of guesses can have.
            error = max(float(np.var(scores)), chance * (1.0 - chance)) ** 0.5 / len(scores) ** 0.5
            lacks = chance - fmean(scores)
            rows.append(Surface(task, level, BELOW_GUESSING, lacks, float(ndtr(-lacks / error))))
    for row, p_value in zip(rows, holm([row.p_value for row in rows]), strict=True):
        if p_value <= _LEVEL:
            yield row._replace(p_value=p_value)


def _by_group(
    rows: Sequence[Pair], features: Sequence[Hashable]
) -> tuple[list[float], list[Hashable]]:
    """Return the mean score of each group's items of one feature: they stand or fall together."""
    cells: dict[tuple[object, Hashable], list[float]] = {}
    for number, (pair, feature) in enumerate(zip(rows, features, strict=True)):
        group = ("alone", number) if pair.group is None else pair.group
        cells.setdefault((group, feature), []).append(pair.base.score or 0.0)
    return [fmean(scores) for scores in cells.values()], [feature for _, feature in cells]


Features = Sequence[Hashable] | None


def _places(items: Sequence[Item]) -> Features:
    """Return the place of the right answer among the choices that the prompt mentions."""
    orders = [mentioned(item) for item in items]
    if not all(orders):
        return None
    rights = [{bare(answer) for answer in item.right} for item in items]
    return [
        next((n for n, choice in enumerate(order) if choice in right), None)
        for order, right in zip(orders, rights, strict=True)
    ]


def _listed(items: Sequence[Item]) -> Features:
    return [listed_place(item) for item in items] if items[0].choices else None


def _recency(items: Sequence[Item]) -> Features:
    """Return the third of the distances from the right answer's last mention to the end."""
    places_of = [_mentions(item) for item in items]
    if not all(places_of):
        return None
    return _cut([len(i.prompt) - places[-1] for i, places in zip(items, places_of, strict=True)])


def _mentions(item: Item) -> list[int]:
    """Return where the prompt mentions the right answer; nowhere if the prompt is not there."""
    if item.prompt_sha256 is not None:
        return []
    return list(mentions(bare(item.answer), item.prompt.casefold()))


def _length(items: Sequence[Item]) -> Features:
    """Return the third of the prompts by length; none where those of a third are hardly longer."""
    facts = [prompt_facts(item) for item in items]
    lengths = [fact.n_characters for fact in facts if fact is not None]
    if len(lengths) < len(items):
        return None
    low, high = np.quantile(lengths, [1 / 3, 2 / 3])
    return _cut(lengths) if high >= _LONGER * low else None


def _label(items: Sequence[Item]) -> Features:
    labels = [bare(item.answer) for item in items]
    return labels if len(set(labels)) <= _MOST_LABELS else None


def _overlap(items: Sequence[Item]) -> Features:
    """Return how often the right answer stands in the prompt, up to twice."""
    if any(item.prompt_sha256 is not None for item in items):
        return None
    return [min(2, len(_mentions(item))) for item in items]


def _cut(values: Sequence[int]) -> list[int]:
    """Return which third of the values each belongs to."""
    low, high = np.quantile(values, [1 / 3, 2 / 3], method="lower")
    return [int(value > low) + int(value > high) for value in values]


_LISTED = "the place at which the right answer is listed"
_LABEL = "which answer is right"
_FEATURES: Mapping[str, Callable[[Sequence[Item]], Features]] = {
    "the place at which the right answer is mentioned": _places,
    _LISTED: _listed,
    "how near to the end the right answer is mentioned": _recency,
    "how long the prompt is": _length,
    _LABEL: _label,
    "how often the right answer is mentioned": _overlap,
}
"""By what a report calls it: what tells it of the items of one level (None: it cannot be told)."""


def surface_caveats(capability: str, levels: Sequence[SurfaceLevel]) -> Iterator[Caveat]:
    """Say at which levels that gate the base's score depends on a feature."""
    for level in levels:
        if level.gates:
            where = level.task + (f", level {level.level}" if level.level is not None else "")
            yield Caveat(
                id="base.surface",
                text=f"{capability}: the base's score in {where} depends on {points_by(level)}.",
            )


def points_by(level: SurfaceLevel) -> str:
    """Return on what a score depends, and by how much."""
    points = f"{100 * level.effect:.0f} points"
    if level.feature == BELOW_GUESSING:
        return f"{level.feature} ({points} below it)"
    return f"{level.feature} ({points} between the best and the worst third of items)"
