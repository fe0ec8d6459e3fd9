"""Which of a capability's answers count: copies once, ties as clusters, empty levels not."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, groupby
from typing import NamedTuple

from cliffguard.compare.chance import chance_of, mean_chance
from cliffguard.compare.clusters import with_groups, without_copies
from cliffguard.compare.diagnostics.surface import points_by, surface_caveats
from cliffguard.compare.pairs import LevelKey, Pair, level_of
from cliffguard.compare.strata import split_levels
from cliffguard.core.caveats import Caveat
from cliffguard.core.comparisons import CapabilityComparison, Shared
from cliffguard.core.diagnostics import SurfaceLevel
from cliffguard.core.texts import in_points, n_things, plural

_N_NAMED = 5
_CEILING = 0.97
_MUCH_OF_IT = 0.5  # of what the base has beyond guessing; a margin above it excludes little


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """The answers to one capability, as its statistics count them.

    `rows` are all answers, item by item, and `counted` those of them that count, with their groups;
    `gating` are the same, one a question, of `n_planned` questions. `n_copies` rows, `n_empty`
    questions, at levels where the base has nothing to lose, and `n_surface`, at levels of `surface`
    that do not gate, are left out. With `is_surface` no level is left that gates, and all are here.
    """

    rows: tuple[Pair, ...]
    counted: tuple[Pair, ...]
    gating: tuple[Pair, ...]
    n_planned: int
    n_copies: int
    n_empty: int
    n_surface: int = 0
    surface: tuple[SurfaceLevel, ...] = ()
    is_surface: bool = False

    @property
    def surface_levels(self) -> set[LevelKey]:
        """The levels that measure how their items look, where others are left."""
        return set() if self.is_surface else _unfit(self.surface)

    @cached_property
    def scored(self) -> tuple[Pair, ...]:
        """Those that count and have both scores."""
        return tuple([pair for pair in self.gating if pair.is_scored])

    @cached_property
    def changes(self) -> tuple[float, ...]:
        """The change of each of those that are `scored`."""
        return tuple([pair.change for pair in self.scored])

    @cached_property
    def answered(self) -> tuple[Pair, ...]:
        """Those that count and that the base has a score for, whether or not the candidate has."""
        return tuple([pair for pair in self.gating if pair.base.score is not None])

    @cached_property
    def base_mean(self) -> float | None:
        """Mean score of the base on all that it answered; no answer of the candidate enters."""
        scores = [pair.base.score or 0.0 for pair in self.answered]
        return math.fsum(scores) / len(scores) if scores else None

    @cached_property
    def chance(self) -> float | None:
        """What guessing earns on the mean of these; None where it is known of none."""
        return mean_chance(self.answered)

    @property
    def skill(self) -> float:
        """What the base has beyond guessing on all that it answered; at least 0."""
        return max(0.0, (self.base_mean or 0.0) - (self.chance or 0.0))


class Questions(NamedTuple):
    """The pairs that gate, `grouped`, and the `single` one of each question among them."""

    grouped: list[Pair]
    single: list[Pair]

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> Questions:
        """Return those of these pairs."""
        grouped = with_groups([pair for pair in pairs if pair.gates])
        return cls(grouped, without_copies(grouped))


def gather(
    pairs: Sequence[Pair],
    *,
    margin: float,
    n_planned: int,
    stands_alone: bool,
    n_at_level: Mapping[LevelKey, int] | None = None,
    surface: Sequence[SurfaceLevel] = (),
    questions: Questions | None = None,
) -> Gathered:
    """Return what counts of these answers; `questions` are those of them, where somebody has them.

    `n_planned` questions are planned, `n_at_level` at each level (None: those that were asked).
    With `stands_alone` rows count as they are, as they do where the suite itself is the contract.
    Of the `surface` levels those that do not gate are left out, unless they are all there is.
    """
    if stands_alone:
        counted = gating = [pair for pair in pairs if pair.gates]
    else:
        counted, gating = Questions.of(pairs) if questions is None else questions
    n_copies = len(counted) - len(gating)
    unfit = _unfit(surface)
    fit = [pair for pair in gating if level_of(pair) not in unfit] if unfit else gating
    is_surface = bool(gating) and not fit
    if is_surface:
        unfit, fit = set(), gating
    n_asked = Counter(filter(unfit.__contains__, map(level_of, gating))) if unfit else Counter()
    n_surface = sum(max(n, (n_at_level or {}).get(level, 0)) for level, n in n_asked.items())
    gating, n_planned, empty = fit, n_planned - n_surface, list[Pair]()
    if len(gating) >= n_planned:  # before the end a level may only seem to be empty
        gating, empty = split_levels(gating, margin)
    away = unfit | {level_of(pair) for pair in empty}
    return Gathered(
        rows=tuple(pairs),
        counted=tuple([pair for pair in counted if not away or level_of(pair) not in away]),
        gating=tuple(gating),
        n_planned=max(n_planned - len(empty), len(gating)),
        n_copies=n_copies,
        n_empty=len(empty),
        n_surface=n_surface,
        surface=tuple(surface),
        is_surface=is_surface,
    )


def _unfit(surface: Sequence[SurfaceLevel]) -> set[LevelKey]:
    return {(level.task, level.level) for level in surface if not level.gates}


def shared_documents(capabilities: Sequence[tuple[str, Gathered]]) -> tuple[Shared, ...]:
    """Return which capabilities ask about the same documents, and how that ties their drops.

    The covariance of two mean drops, if neither dropped, is ``Σ_documents S_a S_b / (n_a n_b)`` for
    the sums S of a document's changes in either.
    """
    all_pairs = [pair for _, items in capabilities for pair in items.scored]
    n_items = {name: len(items.scored) for name, items in capabilities}
    sums: defaultdict[int, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for pair in with_groups(all_pairs):
        if pair.group is not None:
            sums[pair.group][pair.task.capability] += pair.change
    n_documents: defaultdict[tuple[str, str], int] = defaultdict(int)
    covariance: defaultdict[tuple[str, str], float] = defaultdict(float)
    order = {name: at for at, (name, _) in enumerate(capabilities)}
    for of_document in sums.values():
        for a, b in combinations(sorted(of_document, key=order.__getitem__), 2):
            n_documents[a, b] += 1
            covariance[a, b] += of_document[a] * of_document[b] / (n_items[a] * n_items[b])
    return tuple(
        Shared(capabilities=pair, n_documents=n, covariance=covariance[pair])
        for pair, n in n_documents.items()
    )


def unknown_chance(gathered: Sequence[Gathered]) -> Iterator[Caveat]:
    """Say of which tasks nobody knows what guessing earns."""
    names = {
        pair.task.name: None
        for items in gathered
        for pair in items.gating
        if chance_of(pair) is None
    }
    if names:
        named = ", ".join(list(names)[:_N_NAMED]) + (" and others" if len(names) > _N_NAMED else "")
        text = f"What guessing earns is not known of {named}, and taken to be 0."
        yield Caveat(id="chance.unknown", text=text)


def remarks(capability: CapabilityComparison, items: Gathered) -> Iterator[Caveat]:
    """Say what of a capability's items a reader would not expect."""
    name = capability.capability
    if items.n_copies:
        yield Caveat(
            id="items.copies",
            text=f"{name}: {n_things(items.n_copies, 'row', ',')} "
            f"{plural(items.n_copies, 'is a copy', 'are copies')} of the {len(items.gating):,} "
            "that count; copies count once.",
        )
    declared = {pair.item.cluster for pair in items.gating} - {None}
    n_groups = capability.counts.n_clusters or 0
    if n_groups and n_groups < len(items.gating) and not declared:
        yield Caveat(
            id="items.clustered",
            text=f"{name}: {n_things(len(items.gating), 'item', ',')} ask about "
            f"{n_things(n_groups, 'document', ',')}; what belongs together counts as a cluster.",
        )
    n_without = sum(pair.tie is None for pair in items.gating)
    if 0 < n_without < len(items.gating):
        yield Caveat(
            id="items.without-cluster",
            text=f"{name}: {n_things(n_without, 'item', ',')} "
            f"{plural(n_without, 'lacks', 'lack')} the field that `cluster` names, and "
            f"{plural(n_without, 'stands', 'stand')} alone.",
        )
    if items.n_empty:
        yield Caveat(
            id="items.nothing-to-lose",
            text=f"{name}: {n_things(items.n_empty, 'item', ',')} "
            f"{plural(items.n_empty, 'does', 'do')} not count, at levels where the base has "
            f"nothing to lose ({_empty_levels(items)}).",
        )
    if items.n_surface:
        yield Caveat(
            id="items.surface",
            text=f"{name}: {n_things(items.n_surface, 'item', ',')} "
            f"{plural(items.n_surface, 'does', 'do')} not count, at levels that measure how items "
            f"look on this base: {_by_surface(items)}.",
        )
    yield from surface_caveats(name, items.surface)
    yield from _base(capability)


def _base(capability: CapabilityComparison) -> Iterator[Caveat]:
    evidence = capability.evidence
    if evidence.base_mean is None or evidence.skill is None or evidence.margin <= 0:
        return
    has = evidence.skill
    if evidence.base_mean >= _CEILING:
        shown = 100 * (capability.in_own_numbers(evidence.base_mean) or 0.0)
        yield Caveat(
            id="base.at-ceiling",
            text=f"{capability.capability}: the base is at the ceiling ({shown:.1f} %); what "
            "harder items would show is not seen.",
        )
    if evidence.margin < has and evidence.margin > _MUCH_OF_IT * has:
        yield Caveat(
            id="margin.most-of-skill",
            text=f"{capability.capability}: the margin of "
            f"{in_points(evidence.margin)} is more than half of what "
            f"the base has beyond guessing ({100 * has:.1f} points).",
        )


def _empty_levels(items: Gathered) -> str:
    kept = {level_of(pair) for pair in items.gating} | items.surface_levels
    away = {level_of(pair) for pair in items.rows if pair.gates} - kept
    return "; ".join(
        f"{task} {', '.join(str(level) for _, level in levels)}"
        for task, levels in groupby(sorted(away, key=str), key=lambda level: level[0])
    )


def _by_surface(items: Gathered) -> str:
    """Return which levels hang on which feature, those of one feature together."""
    rows = [level for level in items.surface if not level.gates]
    return "; ".join(
        f"{row.task}{'' if row.level is None else f' {row.level}'} by {points_by(row)}"
        f"{_change_at((row.task, row.level), items)}"
        for row in rows
    )


def _change_at(level: LevelKey, items: Gathered) -> str:
    """Return what became of a level that does not count: nobody is to overlook a loss there."""
    pairs = [p for p in items.rows if level_of(p) == level and p.gates and p.is_scored]
    if not pairs:
        return ""
    base = 100 * math.fsum(pair.base.score or 0.0 for pair in pairs) / len(pairs)
    candidate = 100 * math.fsum(pair.candidate.score or 0.0 for pair in pairs) / len(pairs)
    return f", {base:.1f} → {candidate:.1f} %"
