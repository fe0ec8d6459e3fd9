"""Small stores for tests of what looks after them."""

from __future__ import annotations

import shutil
from pathlib import Path

from cliffguard.core.answers import Question
from cliffguard.core.settings import EvalSettings
from cliffguard.store.answers import Store
from cliffguard.store.entry import Entry
from cliffguard.store.maintenance.questions import entries_of
from tests import support

ITEMS = tuple(support.item(number) for number in range(70))


def question(name: str = "base", task: str = "ball", **fields: object) -> Question:
    """Return a question about 70 items, which are two shards."""
    from dataclasses import replace

    default = Question(
        checkpoint=support.checkpoint(name),
        task=replace(support.task(ITEMS), name=task, entry=task),
        protocol=EvalSettings(),
        dtype="float32",
        runner="hf: torch 2.6",
        replicate=0,
    )
    return replace(default, **fields)  # type: ignore[arg-type]


def answered(store: Store, question: Question, *, score: float = 1.0, n_shards: int = 2) -> Entry:
    """Store the answers to a question, or to its first shards."""
    entry = store.open(question, ITEMS)
    for number in range(n_shards):
        part = ITEMS[64 * number : 64 * (number + 1)]
        answers = [support.answer(item, score) for item in part]
        entry.write_shard(number, answers, {"device": "cpu"})
    return entry


def filled(root: Path) -> Store:
    """Return a store with three questions: a base's two, one of a candidate half answered."""
    store = Store(root)
    answered(store, question())
    answered(store, question(task="bowl"))
    answered(store, question("runs/tuned"), n_shards=1)
    return store


def as_earlier(store: Store) -> Store:
    """Lay a store out as earlier versions did: with each question a copy of its items."""
    for entry in entries_of(store):
        text = entry.items_file().read_text(encoding="utf-8")
        (entry.folder / "items.jsonl").write_text(text, encoding="utf-8")
    shutil.rmtree(store.root / "items")
    return store


def content(root: Path) -> dict[str, bytes]:
    """Return every file below a folder, by its place there."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
