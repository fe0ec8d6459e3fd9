"""Item saturation: stored answers of many checkpoints, and which items never change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.items import Task
from cliffguard.store.answers import Store
from cliffguard.store.entry import Entry
from cliffguard.store.shards import in_shards

LEAST_CHECKPOINTS = 3
"""Of fewer, an item that did not change says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSaturation:
    """Of `n_items` that `n_checkpoints` all answered, how many had one score under all of them."""

    task: str
    n_checkpoints: int
    n_items: int
    n_always_right: int
    n_always_wrong: int

    @property
    def share(self) -> float:
        """The share of items that never changed."""
        return (self.n_always_right + self.n_always_wrong) / self.n_items


def item_saturation(store: Store, tasks: Sequence[Task]) -> tuple[ItemSaturation, ...]:
    """Return it for each of a suite's own tasks that enough checkpoints were asked.

    Only checkpoints that were asked in the same way are put together; of several ways the one
    with most of them. Raises StoreError for answers that are damaged.
    """
    by_digest = {task.digest: task for task in tasks if not task.stock}
    entries: dict[str, dict[str, dict[str, Entry]]] = defaultdict(lambda: defaultdict(dict))
    for entry in store.entries():
        question = entry.read_question()["asked"]
        if question["task_digest"] in by_digest and question["replicate"] == 0:
            how = canonical_json([question["protocol"], question["runner"]])
            entries[question["task_digest"]][how][question["checkpoint"]] = entry
    results = []
    for key, task in by_digest.items():
        groups = sorted(entries[key].items(), key=lambda group: (-len(group[1]), group[0]))
        if groups and len(groups[0][1]) >= LEAST_CHECKPOINTS:
            results += _still(task, list(groups[0][1].values()))
    return tuple(results)


def _still(task: Task, entries: Sequence[Entry]) -> list[ItemSaturation]:
    scores = [_scores(entry) for entry in entries]
    shared = [name for name in scores[0] if all(name in by_item for by_item in scores)]
    columns = [{by_item[name] for by_item in scores} for name in shared]
    if not columns:
        return []
    return [
        ItemSaturation(
            task=task.name,
            n_checkpoints=len(entries),
            n_items=len(columns),
            n_always_right=sum(column == {1.0} for column in columns),
            n_always_wrong=sum(column == {0.0} for column in columns),
        )
    ]


def _scores(entry: Entry) -> dict[str, float | None]:
    return {
        answer.item_id: answer.score
        for shard in in_shards(entry.read_items())
        if entry.has_shard(shard.number)
        for answer in entry.read_shard(shard.number, shard.items).answers
    }
