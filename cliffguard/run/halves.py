"""A run's items in two halves: on one of them a scale is chosen, on the other it is judged.

What is tied stays together, so that neither half knows of the other: copies of a question, what is
asked about one document, what a cluster of the suite or the policy names. In all else the halves
are drawn by lot, alike in every task and at every level, from the seed of the plan and the content
of the items: the same items have the same halves, in whatever order they come.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from cliffguard.compare.clusters import bare_prompts, connected, question_of, tie_of
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
    rows = [_AskedItem(task, item) for task in tasks for item in in_order(task, protocol)]
    groups: defaultdict[int, list[_AskedItem]] = defaultdict(list)
    for row, group in zip(rows, connected(len(rows), _ties(rows, policy)), strict=True):
        groups[group].append(row)
    selected = _drawn(list(groups.values()), protocol)
    parts: dict[tuple[str, bool], list[Item]] = defaultdict(list)
    for row in rows:
        parts[row.task.name, (row.task.name, row.item.id) in selected].append(row.item)
    return Halves(
        selection=tuple(_with(task, parts[task.name, True]) for task in tasks),
        judged=tuple(_with(task, parts[task.name, False]) for task in tasks),
    )


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
    n_kept, n_all = (
        sum(len(task.items) for task in some)
        for some in (halves.tasks(part), (*halves.selection, *halves.judged))
    )
    how = "by these" if part == "selection" else "by the others"
    text = (
        f"One half of the items, {n_kept:,} of {n_things(n_all, 'item', ',')}: {how} the scale of "
        "the candidate was chosen."
    )
    return halves.tasks(part), (Caveat(id="half.judged", text=text),)


class _AskedItem(NamedTuple):
    """An item that a run may ask, with its task."""

    task: Task
    item: Item

    @property
    def stratum(self) -> Hashable:
        """Of what either half has as many items: of a task, at a level, that count or do not."""
        return (self.task.name, self.item.level, self.task.would_gate(self.item))


def _ties(rows: Sequence[_AskedItem], policy: Policy) -> Iterator[Iterator[Hashable]]:
    """Yield, for each kind of tie, what every item is tied by; None: by nothing.

    Names of clusters are those of a capability; what is asked is the same wherever it stands.
    """
    bare = bare_prompts([(row.task.name, row.item.prompt) for row in rows])
    yield (row.item.digest for row in rows)
    yield (question_of(row.item) for row in rows)
    yield (_document(row.item, bare) for row in rows)
    yield (_named(row, row.item.cluster) for row in rows)
    yield (_named(row, tie_of(row.task, row.item, policy)) for row in rows)


def _document(item: Item, bare: set[Hashable]) -> Hashable:
    return None if not item.prompt.strip() or item.prompt in bare else item.prompt


def _named(row: _AskedItem, name: str | None) -> Hashable:
    return None if name is None else (row.task.capability, name)


def _drawn(groups: Sequence[Sequence[_AskedItem]], protocol: EvalSettings) -> set[tuple[str, str]]:
    """Return which items, by task and id, the selection gets: group by group, large ones first.

    Each goes where fewer of its kind are, by lot where there are as many.
    """
    lots = [digest([protocol.seed, sorted(row.item.digest for row in group)]) for group in groups]
    ahead: Counter[Hashable] = Counter()  # of each stratum, how many more the selection has
    selected: set[tuple[str, str]] = set()
    for lot, group in sorted(
        zip(lots, groups, strict=True), key=lambda drawn: (-len(drawn[1]), drawn[0])
    ):
        counts = Counter(row.stratum for row in group)
        lead = sum(ahead[stratum] * n for stratum, n in counts.items())
        if lead < 0 or (lead == 0 and int(lot[-1], 16) % 2):
            selected.update((row.task.name, row.item.id) for row in group)
            ahead.update(counts)
        else:
            ahead.subtract(counts)
    # The smaller half selects: what it asks is asked of several scales.
    everything = {(row.task.name, row.item.id) for group in groups for row in group}
    return min(selected, everything - selected, key=len)


def _with(task: Task, items: Sequence[Item]) -> Task:
    kept = sorted([item.id, item.digest] for item in items)
    # As many as there are, so that nobody takes its answers for those of the whole task.
    return replace(
        task, items=tuple(items), limit=len(items), digest=digest([task.digest, "half", kept])
    )


def _digest_of(tasks: Sequence[Task]) -> str:
    return digest([[task.name, sorted(item.digest for item in task.items)] for task in tasks])
