"""How far a base's score depends on where the right answer stands, and how it looks.

A level that the base answers by place ("the last one named") measures the place on this base, and
what a fine-tune does to it says little of the skill.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np

from cliffguard.compare.diagnostics.slices import listed_place, mentioned, prompt_facts
from cliffguard.compare.pairs import Pair
from cliffguard.core.caveats import Caveat
from cliffguard.core.items import Item
from cliffguard.core.words import bare
from cliffguard.stats.multiplicity import holm
from cliffguard.stats.thirds import effect_of_thirds, p_of_thirds

LEAST_EFFECT = 0.10
"""Of a score; less is no remark."""

MUCH = 0.20
"""Of a score; from here on a level measures the feature as much as the skill."""

LEAST_ITEMS = 24
"""Fewer items at a level have no thirds to speak of."""

_LEVEL = 0.05
_MOST_LABELS = 10
_SEED = 20261130


class Surface(NamedTuple):
    """A feature on which the base's scores of one level depend: `effect` in points of the score.

    `p_value` is after Holm's correction over the features of the level.
    """

    task: str
    level: int | None
    feature: str
    effect: float
    p_value: float


def surfaces_of(pairs: Sequence[Pair]) -> Iterator[Surface]:
    """Yield the features on which the base's scores provably depend, of each task and level."""
    levels: dict[tuple[str, int | None], list[Pair]] = {}
    for pair in pairs:
        if pair.base.score is not None:
            levels.setdefault((pair.task.name, pair.item.level), []).append(pair)
    for (task, level), rows in levels.items():
        if len(rows) >= LEAST_ITEMS:
            for feature, effect, p_value in _tested(rows):
                yield Surface(task, level, feature, effect, p_value)


def _tested(rows: Sequence[Pair]) -> Iterator[tuple[str, float, float]]:
    """Yield the features of one level that are proven to matter, with effect and p-value.

    All that can be told of the items are tested; one whose effect is small needs no permutation.
    """
    effects: dict[str, float] = {}
    p_values: list[float] = []
    for name, read in _FEATURES.items():
        features = read([pair.item for pair in rows])
        if features is None or len(set(features)) < 2:
            continue
        scores, features = _by_group(rows, features)
        effects[name] = effect_of_thirds(scores, features)
        is_large = effects[name] >= LEAST_EFFECT
        rng = np.random.default_rng(_SEED)
        p_values.append(p_of_thirds(scores, features, rng) if is_large else 1.0)
    for (name, effect), p_value in zip(effects.items(), holm(p_values), strict=True):
        if p_value <= _LEVEL:
            yield name, effect, p_value


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
    if any(prompt_facts(item) is None or item.prompt_sha256 is not None for item in items):
        return None
    ends = [len(item.prompt) - item.prompt.casefold().rfind(bare(item.answer)) for item in items]
    return (
        None if any(end > len(i.prompt) for end, i in zip(ends, items, strict=True)) else _cut(ends)
    )


def _length(items: Sequence[Item]) -> Features:
    facts = [prompt_facts(item) for item in items]
    lengths = [fact.n_characters for fact in facts if fact is not None]
    return _cut(lengths) if len(lengths) == len(items) else None


def _label(items: Sequence[Item]) -> Features:
    labels = [bare(item.answer) for item in items]
    return labels if len(set(labels)) <= _MOST_LABELS else None


def _overlap(items: Sequence[Item]) -> Features:
    """Return how often the right answer stands in the prompt, up to twice."""
    if any(item.prompt_sha256 is not None for item in items):
        return None
    return [min(2, item.prompt.casefold().count(bare(item.answer))) for item in items]


def _cut(values: Sequence[int]) -> list[int]:
    """Return which third of the values each belongs to."""
    low, high = np.quantile(values, [1 / 3, 2 / 3], method="lower")
    return [int(value > low) + int(value > high) for value in values]


_FEATURES: Mapping[str, Callable[[Sequence[Item]], Features]] = {
    "the place at which the right answer is mentioned": _places,
    "the place at which the right answer is listed": _listed,
    "how near to the end the right answer is mentioned": _recency,
    "how long the prompt is": _length,
    "which answer is right": _label,
    "how often the right answer is mentioned": _overlap,
}
"""By what a report calls it: what tells it of the items of one level (None: it cannot be told)."""


def surface_caveats(capability: str, pairs: Sequence[Pair]) -> Iterator[Caveat]:
    """Say at which levels the base's score depends on a feature: the strongest of each level."""
    strongest: dict[tuple[str, int | None], Surface] = {}
    for surface in surfaces_of(pairs):
        before = strongest.get((surface.task, surface.level))
        if before is None or surface.effect > before.effect:
            strongest[surface.task, surface.level] = surface
    level_names = {pair.task.name: pair.task.level or "level" for pair in pairs}
    for surface in strongest.values():
        at_level = f", {level_names[surface.task]} {surface.level}"
        where = surface.task + (at_level if surface.level is not None else "")
        much = " as much as on the skill" if surface.effect > MUCH else ""
        yield Caveat(
            id="base.surface",
            text=f"{capability}: the base's score in {where} depends on {surface.feature}{much}: "
            f"between the best and the worst third of items lie {100 * surface.effect:.0f} points.",
        )
