"""What a store holds: its questions, each with how far it is answered."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any

from cliffguard.core.errors import StoreError, UsageError, nearest
from cliffguard.core.files import read_error
from cliffguard.core.hub_names import without_prefix
from cliffguard.core.settings import EvalSettings
from cliffguard.store.answers import Store
from cliffguard.store.entry import Entry
from cliffguard.store.shards import SHARD_ITEMS
from cliffguard.store.types import fits

KEY = re.compile(r"[0-9a-f]{64}")
"""How the folder of a question is called."""

_FEWEST_DIGITS = 6  # of a fingerprint that stands for a checkpoint
_USUAL = asdict(EvalSettings(chat_template="none"))  # a question never says auto


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredQuestion:
    """One question of a store, as far as it is answered.

    `checkpoint` is the name under which it was first measured, `fingerprint` its identity;
    `written` is the time of the newest answer, in seconds since 1970.
    """

    key: str
    checkpoint: str
    fingerprint: str
    suite: str
    task: str
    protocol: Mapping[str, Any]
    runner: str
    replicate: int
    n_answers: int
    n_items: int
    n_bytes: int
    written: float

    @property
    def how(self) -> str:
        """The protocol in short: the dtype, and what is not as usual."""
        unusual = {
            name: value
            for name, value in sorted(self.protocol.items())
            if name != "dtype" and value != _USUAL.get(name)
        }
        parts = [str(self.protocol.get("dtype")), *(f"{n} {v}" for n, v in unusual.items())]
        return ", ".join([*parts, *([f"replicate {self.replicate}"] if self.replicate else [])])

    def is_of(self, checkpoint: str) -> bool:
        """Return whether a checkpoint is meant: by name, the last part of it, or fingerprint."""
        names = (self.checkpoint, PurePath(self.checkpoint).name)
        is_long = len(checkpoint) >= _FEWEST_DIGITS
        return without_prefix(checkpoint) in names or (
            is_long and self.fingerprint.startswith(checkpoint)
        )


def entries_of(store: Store) -> list[Entry]:
    """Return every question of a store, also those that lack their question.json."""
    try:
        folders = sorted(path for path in (store.root / "questions").glob("*/*") if path.is_dir())
    except OSError as failure:
        raise read_error(store.root, failure) from failure
    entries = [Entry(path) for path in folders if KEY.fullmatch(path.name)]
    return [e for e in entries if e.shard_numbers() or (e.folder / "question.json").exists()]


def describe(entry: Entry) -> StoredQuestion:
    """Return what a question is and how far it is answered; raises StoreError on damage."""
    question = entry.read_question()
    identity, about = question["asked"], question["about"]
    if (
        not isinstance(identity, dict)
        or not _has(identity, _FIELD_TYPES)
        or not _has(about, _ABOUT)
    ):
        raise StoreError(
            f"{entry.folder}: question.json does not hold a question", id="store.damaged"
        )
    n_items = len(entry.read_items(question))
    stats = list(_files(entry.folder))
    return StoredQuestion(
        key=entry.folder.name,
        checkpoint=about["name"],
        fingerprint=identity["checkpoint"],
        suite=about["suite"],
        task=identity["task"],
        protocol=identity["protocol"],
        runner=identity["runner"],
        replicate=identity["replicate"],
        n_answers=sum(
            max(0, min(SHARD_ITEMS, n_items - SHARD_ITEMS * number))
            for number in entry.shard_numbers()
        ),
        n_items=n_items,
        n_bytes=sum(stat.st_size for stat in stats),
        written=max(stat.st_mtime for stat in stats),
    )


def _files(folder: Path | str) -> Iterator[os.stat_result]:
    """Yield size and time of every file below a folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _files(entry.path)
            elif entry.is_file():
                yield entry.stat()


_FIELD_TYPES = {
    "format": int,
    "checkpoint": str,
    "task": str,
    "task_digest": str,
    "protocol": dict,
    "runner": str,
    "replicate": int,
}
_ABOUT: dict[str, Any] = {
    "name": str,
    "suite": str,
    "entry": str,
    "metric": str | None,
    "filter": str | None,
    "shots": int | None,
}


def _has(value: Mapping[str, Any], kinds: Mapping[str, Any]) -> bool:
    """Return whether a mapping has values of these types under these names."""
    return all(name in value and fits(value[name], kind) for name, kind in kinds.items())


def select(
    store: Store,
    *,
    checkpoint: str | None = None,
    suite: str | None = None,
    task: str | None = None,
) -> list[StoredQuestion]:
    """Return the questions that a checkpoint, a suite and a task name, each where it is given.

    Raises StoreError where one of the store cannot be read, UsageError where nothing fits.
    """
    rows = [describe(entry) for entry in entries_of(store)]
    tests: list[tuple[str | None, Callable[[StoredQuestion, str], bool], list[str]]] = [
        (checkpoint, StoredQuestion.is_of, [row.checkpoint for row in rows]),
        (suite, lambda row, name: row.suite == name, [row.suite for row in rows]),
        (task, lambda row, name: row.task == name, [row.task for row in rows]),
    ]
    for wanted, is_meant, known in tests:
        if wanted is None:
            continue
        rows = [row for row in rows if is_meant(row, wanted)]
        if not rows:
            raise UsageError(
                f"{store.root}: holds no answers of {wanted}{nearest(wanted, known)}; "
                "`cliffguard store ls` shows what it holds",
                id="store.no-answers",
            )
    return rows
