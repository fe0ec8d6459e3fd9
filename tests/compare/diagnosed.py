"""Counted items for tests of the diagnosis: of a file of items, or written by hand."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.compare.pairs import Pair
from cliffguard.core.answers import Answer
from cliffguard.core.items import Item, Task
from tests import support

OVERTRAINED = Path(__file__).parent / "fixtures" / "overtrained.items.jsonl.gz"


def counted_of(path: Path) -> dict[str, list[CountedItem]]:
    """Return the items that count of a compressed items.jsonl, by capability."""
    by_capability: dict[str, list[CountedItem]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["counted"]:
                by_capability.setdefault(row["capability"], []).append(_counted(row))
    return by_capability


def _counted(row: dict[str, Any]) -> CountedItem:
    item = Item(
        id=row["item"],
        digest=row["digest"],
        prompt=row["prompt"]["text"],
        choices=tuple(choice["text"] for choice in row["choices"]),
        answer=row["right"][0]["text"],
        answers=tuple(right["text"] for right in row["right"]),
        level=row["level"],
        cluster=row["cluster"],
    )
    base, candidate = (
        replace(
            support.answer(item, side["score"], text=side["answer"]["text"]),
            confidence=side["confidence"],
            finish_reason=side["finish_reason"],
        )
        for side in (row["base"], row["candidate"])
    )
    return counted(
        item,
        base,
        candidate,
        drop=row["drop"],
        task=task_called(row["task"]),
        cluster=row["cluster"] or row["item"],
    )


def task_called(name: str) -> Task:
    """Return a task of this name without items."""
    return replace(support.task(()), name=name)


def counted(
    item: Item,
    base: Answer,
    candidate: Answer,
    *,
    task: Task,
    cluster: str,
    drop: float | None = None,
) -> CountedItem:
    """Return an item that counts with both answers; its drop is what the scores say."""
    pair = Pair(task=task, item=item, base=base, candidate=candidate, look=0)
    return CountedItem(
        pair=pair, drop=pair.change if drop is None else drop, cluster=(task.name, cluster)
    )


def drops(items: Sequence[CountedItem]) -> list[float]:
    """Return the drop of every item."""
    return [item.drop for item in items]
