"""How far a base's score depends on where the right answer stands, and how it looks.

A level that the base answers by place ("the last one named") measures the place on this base, and
what a fine-tune does to it says little of the skill. One at which the base is provably below
guessing has a strategy of its own there, which is no difficulty either.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple, TypeVar

import numpy as np
from scipy.special import ndtr

from cliffguard.compare.chance import chance_of, mean_chance
from cliffguard.compare.diagnostics.answer_places import (
    listed_place,
    mention_order,
    mentioned,
    prompt_facts,
)
from cliffguard.compare.diagnostics.classes import are_labels
from cliffguard.compare.pairs import LevelKey, Pair, level_of
from cliffguard.core.caveats import Caveat
from cliffguard.core.diagnostics import SURFACE_LEVEL, SurfaceLevel
from cliffguard.core.items import Item
from cliffguard.core.prompt_facts import mentions
from cliffguard.core.words import bare
from cliffguard.stats.multiplicity import holm
from cliffguard.stats.thirds import N_PERMUTATIONS, means_of_thirds, p_of_thirds

T = TypeVar("T")

LEAST_EFFECT = 0.10
"""Of a score; less is no remark."""

MUCH = 0.20
"""Of a score; beyond it a level may measure the feature and not the skill."""

CLEAR_OF_GUESSING = 0.15
"""Of a score: where the worst third of items lies so far above guessing, the skill is measured."""

LEAST_ITEMS = 24
"""Fewer items at a level have no thirds to speak of."""

BELOW_GUESSING = "a strategy that does worse than guessing"

_MOST_LABELS = 10
_LONGER = 1.25  # the long prompts than the short ones, at the least
_SEED = 20261130


class Surface(NamedTuple):
    """A feature on which the base's scores of one level depend: `effect` in points of the score.

    The third of items with its worst values has a mean of `worst`. `p_alone` is of this feature at
    this level, `p_value` after Holm's correction over the features of all levels.
    """

    task: str
    level: int | None
    feature: str
    effect: float
    worst: float
    p_alone: float
    p_value: float


Levels = Mapping[LevelKey, Sequence[Pair]]


def surface_levels(pairs: Sequence[Pair]) -> tuple[SurfaceLevel, ...]:
    """Return the levels at which the base's score depends on a feature: the strongest of each.

    Also those of which that is proven at 5 % without the correction only, if they would not gate:
    they may not with more items. A level does not gate where the effect is above 20 points and the
    worst third of items lies less than 15 above guessing: there the feature is most of what is
    measured. Nor does one that is below guessing. Where all items have one set of labels, which
    their prompts name in one order or not at all, every feature may be the label in disguise: how
    well a classifier knows each class is what it is asked, and classes are tested.
    """
    levels = _levels_of(pairs)
    strongest: dict[LevelKey, SurfaceLevel] = {}
    for surface in _all_surfaces(pairs):
        gates, is_proven = _gates(surface, levels[surface.task, surface.level]), _is_proven(surface)
        if not is_proven and (gates or surface.p_alone > SURFACE_LEVEL):
            continue
        row = SurfaceLevel(
            task=surface.task,
            level=surface.level,
            feature=surface.feature,
            effect=surface.effect,
            p_value=surface.p_value,
            gates=gates or not is_proven,
        )
        before = strongest.get((row.task, row.level))
        if before is None or _strength(row) > _strength(before):
            strongest[row.task, row.level] = row
    return tuple(strongest.values())


def _strength(level: SurfaceLevel) -> tuple[bool, bool, float]:
    return not level.gates, level.is_proven, level.effect


def _is_proven(surface: Surface) -> bool:
    return surface.p_value <= SURFACE_LEVEL and (
        surface.effect >= LEAST_EFFECT or surface.feature == BELOW_GUESSING
    )


def _gates(surface: Surface, rows: Sequence[Pair]) -> bool:
    if surface.feature == BELOW_GUESSING:
        return False
    is_clear = surface.worst >= (mean_chance(rows) or 0.0) + CLEAR_OF_GUESSING
    return surface.effect <= MUCH or is_clear or _is_of_classes(surface.feature, rows)


def _is_of_classes(feature: str, rows: Sequence[Pair]) -> bool:
    """Return whether a feature may be the class, of rows that have one set of labels.

    It may not where the prompts name all labels, now in this order and now in that.
    """
    if not are_labels(row.item.choices for row in rows):
        return False
    orders = {mentioned(row.item) for row in rows}
    is_shuffled = sum(len(order) == len(rows[0].item.choices) for order in orders) > 1
    return feature in (_LABEL, _OFTEN) or not is_shuffled


def surfaces_of(pairs: Sequence[Pair]) -> list[Surface]:
    """Return the features on which the base's scores provably depend, of each task and level."""
    return [surface for surface in _all_surfaces(pairs) if _is_proven(surface)]


def _all_surfaces(pairs: Sequence[Pair]) -> list[Surface]:
    """Return all that can be read off the items of each level, tested and corrected together.

    One whose effect is small needs no permutation.
    """
    tested = [
        (Surface(task, level, feature, best - worst, worst, p_value, 1.0), sample)
        for (task, level), rows in _levels_of(pairs).items()
        for feature, best, worst, p_value, sample in (*_tested(rows), *_below_guessing(rows))
    ]
    # As many permutations as the smallest p-value that Holm asks for.
    enough = math.ceil(2 * len(tested) / SURFACE_LEVEL)
    alone = [_p_value(row, sample, enough) for row, sample in tested]
    return [
        row._replace(p_alone=p, p_value=corrected)
        for (row, _), p, corrected in zip(tested, alone, holm(alone), strict=True)
    ]


Sample = tuple[Sequence[float], Sequence[Hashable]]
"""Scores and the feature of each."""


def _p_value(row: Surface, sample: Sample | None, enough: int) -> float:
    if sample is None or row.effect < LEAST_EFFECT:
        return row.p_alone
    p_value = p_of_thirds(*sample, np.random.default_rng(_SEED))
    if p_value * (N_PERMUTATIONS + 1) > 1 or enough <= N_PERMUTATIONS:
        return p_value
    return p_of_thirds(*sample, np.random.default_rng(_SEED), enough)


def _levels_of(pairs: Sequence[Pair]) -> Levels:
    """Return the pairs that the base has a score of, by level; levels of a few items are left."""
    levels: dict[LevelKey, list[Pair]] = {}
    for pair in pairs:
        if pair.base.score is not None:
            levels.setdefault(level_of(pair), []).append(pair)
    return {level: rows for level, rows in levels.items() if len(rows) >= LEAST_ITEMS}


_Tested = Iterator[tuple[str, float, float, float, Sample | None]]
"""A feature, the means of its best and worst third, a p-value if known, and what it is of."""


def _tested(rows: Sequence[Pair]) -> _Tested:
    """Yield every feature of the items of one level.

    Of generated answers none is: there the length of a prompt is work, and a place no choice.
    """
    if any(len(pair.item.choices) < 2 for pair in rows):
        return
    scores = [pair.base.score or 0.0 for pair in rows]
    for name, read in _FEATURES.items():
        features = read([pair.item for pair in rows])
        if features is not None and len(set(features)) > 1:
            sample = _by_group(rows, scores, features)
            yield (name, *means_of_thirds(*sample), 1.0, sample)


def _below_guessing(rows: Sequence[Pair]) -> _Tested:
    """Yield that the base does worse than guessing, by what each item lacks to it."""
    chances = [chance_of(pair) for pair in rows]
    known = [chance for chance in chances if chance is not None and 0.0 < chance < 1.0]
    if len(known) < len(rows):
        return
    lacks = [chance - (pair.base.score or 0.0) for chance, pair in zip(known, rows, strict=True)]
    of_groups, _ = _by_group(rows, lacks, [0] * len(rows))
    # The variance of a guess is the largest that a mean of guesses can have.
    spread = max(float(np.var(of_groups)), fmean(c * (1.0 - c) for c in known)) ** 0.5
    p_value = float(ndtr(-fmean(of_groups) * len(of_groups) ** 0.5 / spread))
    if fmean(lacks) > 0:  # of the items, too, and not of groups alone
        yield (BELOW_GUESSING, fmean(known), fmean(known) - fmean(lacks), p_value, None)


def _by_group(
    rows: Sequence[Pair], scores: Sequence[float], features: Sequence[Hashable]
) -> tuple[list[float], list[Hashable]]:
    """Return the mean score of each group's items of one feature: they stand or fall together."""
    if all([pair.group is None for pair in rows]):
        return [*scores], [*features]
    cells: dict[tuple[object, Hashable], list[float]] = {}
    for number, (pair, score, feature) in enumerate(zip(rows, scores, features, strict=True)):
        group = ("alone", number) if pair.group is None else pair.group
        cells.setdefault((group, feature), []).append(score)
    means = [fmean(of) if len(of) > 1 else of[0] for of in cells.values()]
    return means, [feature for _, feature in cells]


Features = Sequence[Hashable] | None


def _places(items: Sequence[Item]) -> Features:
    """Return the place of the right answer among the choices that the prompt mentions."""
    if not all(map(mention_order, items)):
        return None
    orders = [mentioned(item) for item in items]
    rights = [{bare(answer) for answer in item.right} for item in items]
    return [
        next((n for n, choice in enumerate(order) if choice in right), None)
        for order, right in zip(orders, rights, strict=True)
    ]


def _listed(items: Sequence[Item]) -> Features:
    return [listed_place(item) for item in items] if items[0].choices else None


def _recency(items: Sequence[Item]) -> Features:
    """Return the third of the distances from the right answer's last mention to the end."""
    if not _are_whole(items):
        return None
    places_of = []
    for item in items:
        if not (places := _mentions(item)):
            return None
        places_of.append(places)
    return _cut([len(i.prompt) - places[-1] for i, places in zip(items, places_of, strict=True)])


def _are_whole(items: Sequence[Item]) -> bool:
    return all(item.prompt_sha256 is None for item in items)


def _mentions(item: Item) -> list[int]:
    """Return where the prompt, of which all is there, mentions the right answer."""
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
    if not _are_whole(items):
        return None
    return [min(2, len(_mentions(item))) for item in items]


def _cut(values: Sequence[int]) -> list[int]:
    """Return which third of the values each belongs to."""
    low, high = np.quantile(values, [1 / 3, 2 / 3], method="lower")
    return [int(value > low) + int(value > high) for value in values]


_LISTED = "the place at which the right answer is listed"
_LABEL = "which answer is right"
_OFTEN = "how often the right answer is mentioned"
_FEATURES: Mapping[str, Callable[[Sequence[Item]], Features]] = {
    "the place at which the right answer is mentioned": _places,
    _LISTED: _listed,
    "how near to the end the right answer is mentioned": _recency,
    "how long the prompt is": _length,
    _LABEL: _label,
    _OFTEN: _overlap,
}
"""By what a report calls it: what tells it of the items of one level (None: it cannot be told)."""


def surface_caveats(capability: str, levels: Sequence[SurfaceLevel]) -> Iterator[Caveat]:
    """Say at which levels that gate the base's score provably depends on a feature."""
    for level in levels:
        if level.gates and level.is_proven:
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
