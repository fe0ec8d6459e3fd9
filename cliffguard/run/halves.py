"""A run's items in two halves: on one of them a scale is chosen, on the other it is judged.

What is tied stays together, so that neither half knows of the other: copies of a question, what is
asked about one document, what a cluster of the suite or the policy names. In all else the halves
are drawn by lot, alike in every task and at every level, from the content of the items alone: what
a task holds has the same halves under every seed and limit, in whatever order it comes and whatever
is asked beside it. What chose a scale once is never judged after it.

Of two unequal halves that judges which lies in more effective clusters, since it has to prove. The
selection asks at most half of what is asked of a task, since it is asked of several scales.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from cliffguard.compare.clusters import (
    connected,
    document_of,
    question_of,
    shared_documents,
    tie_of,
)
from cliffguard.core.canonical_json import digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import IntegrityError
from cliffguard.core.half import Half, HalfName
from cliffguard.core.items import Item, Task
from cliffguard.core.settings import EvalSettings, Plan, Policy
from cliffguard.core.texts import n_things
from cliffguard.store.shards import in_order


class Halves(NamedTuple):
    """The tasks of a run with each half of their items, and what names either in a plan."""

    selection: tuple[Task, ...]
    judged: tuple[Task, ...]

    def tasks(self, part: HalfName) -> tuple[Task, ...]:
        """Return the tasks with the items of one half."""
        return self.selection if part == "selection" else self.judged

    def half(self, part: HalfName) -> Half:
        """Return the name of a half: a digest of what lies in it."""
        return Half(part=part, digest=_digest_of(self.tasks(part)))


def halved(tasks: Sequence[Task], protocol: EvalSettings, policy: Policy) -> Halves:
    """Return both halves of what a run would ask of these tasks.

    A half is another question than the whole, under a key of its own; answers that are stored
    under the whole's are taken over.
    """
    rows = [_TaskItem(task, item) for task in tasks for item in task.items]
    groups: defaultdict[int, list[_TaskItem]] = defaultdict(list)
    for row, group in zip(rows, connected(len(rows), _ties(rows, policy)), strict=True):
        groups[group].append(row)
    judging = _drawn(list(groups.values()))
    ordered = [in_order(task, protocol) for task in tasks]
    parts: dict[tuple[str, bool], list[Item]] = defaultdict(list)
    for task, items in zip(tasks, ordered, strict=True):
        for item in items:
            parts[task.name, (task.name, item.id) in judging].append(item)
    selection = [parts[task.name, False] for task in tasks]
    kept = _cut_to_half([len(items) for items in selection], [len(items) for items in ordered])
    return Halves(
        selection=tuple(
            _with(task, items[:n]) for task, items, n in zip(tasks, selection, kept, strict=True)
        ),
        judged=tuple(_with(task, parts[task.name, True]) for task in tasks),
    )


def _cut_to_half(n_selection: Sequence[int], n_asked: Sequence[int]) -> list[int]:
    """Return how many items of each task select: together at most half of those that are asked.

    Several scales are asked these, and what they cost is foretold. Where more lie on this side of
    the lot (a large cluster does), those beyond are in neither half.
    """
    kept = list(n_selection)
    excess = sum(n_selection) - sum(n_asked) // 2
    beyond = [n - n_all // 2 for n, n_all in zip(n_selection, n_asked, strict=True)]
    for index in sorted(range(len(kept)), key=lambda index: -beyond[index]):
        n_out = max(0, min(excess, beyond[index], kept[index] - 1))
        kept[index] -= n_out
        excess -= n_out
    return kept


def kept_half(
    tasks: tuple[Task, ...], plan: Plan, policy: Policy
) -> tuple[tuple[Task, ...], tuple[Caveat, ...]]:
    """Return the tasks with the items that the plan's half names, and what a report tells of it.

    Raises IntegrityError where the half is not of these items.
    """
    if plan.half is None:
        return tasks, ()
    halves, part = halved(tasks, plan.protocol, policy), plan.half.part
    if halves.half(part) != plan.half:
        raise IntegrityError(
            "half: its digest is of other items; run it with the suites, target, limit and seed of "
            "the plan that `cliffguard rescue` wrote, or run rescue again",
            id="half.other-items",
        )
    n_kept = sum(len(task.items) for task in halves.tasks(part))
    n_all = sum(len(in_order(task, plan.protocol)) for task in tasks)
    how = "by these" if part == "selection" else "by the others"
    text = (
        f"One half of the items, {n_kept:,} of {n_things(n_all, 'item', ',')}: {how} a scale of "
        "a fine-tune was chosen."
    )
    return halves.tasks(part), (Caveat(id="half.judged", text=text),)


class _TaskItem(NamedTuple):
    """An item with its task."""

    task: Task
    item: Item

    @property
    def stratum(self) -> Hashable:
        """Of what either half has as many items: of a task, at a level, that count or do not."""
        return (self.task.name, self.item.level, self.task.would_gate(self.item))


def _ties(rows: Sequence[_TaskItem], policy: Policy) -> Iterator[Iterator[Hashable]]:
    """Yield, for each kind of tie, what every item is tied by; None: by nothing.

    Names of clusters are those of a capability; what is asked is the same wherever it stands.
    """
    yield (row.item.digest for row in rows)
    yield (question_of(row.item) for row in rows)
    yield iter(shared_documents([(row.task.name, document_of(row.item)) for row in rows]))
    yield (_named(row, row.item.cluster) for row in rows)
    yield (_named(row, tie_of(row.task, row.item, policy)) for row in rows)


def _named(row: _TaskItem, name: str | None) -> Hashable:
    return None if name is None else (row.task.capability, name)


_Group = Sequence[_TaskItem]
_Key = tuple[str, str]  # the names of a task and of an item in it


def _drawn(groups: Sequence[_Group]) -> set[_Key]:
    """Return which items are judged: group by group, large ones first.

    Each goes where fewer of its kind are, by lot where there are as many.
    """
    lots = [digest(sorted(row.item.digest for row in group)) for group in groups]
    ahead: Counter[Hashable] = Counter()  # of each stratum, how many more the first side has
    sides: tuple[list[_Group], list[_Group]] = ([], [])
    for lot, group in sorted(
        zip(lots, groups, strict=True), key=lambda drawn: (-len(drawn[1]), drawn[0])
    ):
        counts = Counter(row.stratum for row in group)
        lead = sum(ahead[stratum] * n for stratum, n in counts.items())
        if lead < 0 or (lead == 0 and int(lot[-1], 16) % 2):
            sides[0].append(group)
            ahead.update(counts)
        else:
            sides[1].append(group)
            ahead.subtract(counts)
    return {
        (row.task.name, row.item.id)
        for parts in _tied_tasks(sides)
        for group in max(parts, key=_provable)
        for row in group
    }


def _tied_tasks(
    sides: tuple[Sequence[_Group], Sequence[_Group]],
) -> Iterator[tuple[list[_Group], list[_Group]]]:
    """Yield both sides of each set of tasks that no item ties to another's."""
    everything = [*sides[0], *sides[1]]
    pairs = [(index, row.task.name) for index, group in enumerate(everything) for row in group]
    kinds = ((index for index, _ in pairs), (name for _, name in pairs))
    parts: defaultdict[int, tuple[list[_Group], list[_Group]]] = defaultdict(lambda: ([], []))
    placed: dict[int, int] = {}
    for (index, _), part in zip(pairs, connected(len(pairs), kinds), strict=True):
        placed[index] = part
    for index, group in enumerate(everything):
        parts[placed[index]][index >= len(sides[0])].append(group)
    yield from parts.values()


def _provable(side: Sequence[_Group]) -> tuple[float, int]:
    """Return what a side can prove: the least effective clusters of a capability, and its items."""
    sizes: defaultdict[str, list[int]] = defaultdict(list)
    for group in side:
        counts = Counter(row.task.capability for row in group if row.task.would_gate(row.item))
        for capability, n_items in counts.items():
            sizes[capability].append(n_items)
    effective = [sum(rows) ** 2 / sum(n * n for n in rows) for rows in sizes.values()]
    return min(effective, default=0.0), sum(map(len, side))


def _with(task: Task, items: Sequence[Item]) -> Task:
    kept = sorted([item.id, item.digest] for item in items)
    # As many as there are, so that nobody takes its answers for those of the whole task.
    return replace(
        task, items=tuple(items), limit=len(items), digest=digest([task.digest, "half", kept])
    )


def _digest_of(tasks: Sequence[Task]) -> str:
    return digest([[task.name, sorted(item.digest for item in task.items)] for task in tasks])
