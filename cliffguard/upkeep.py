"""The store looked after: what is in it, whether it is whole, what may go.

Nothing is deleted unless it is named: what is damaged is moved aside, below `<root>/damaged`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path, PurePath
from typing import Any, Literal, get_args, get_origin, get_type_hints

from cliffguard.errors import StoreError, UsageError, nearest
from cliffguard.files import read_error, write_error
from cliffguard.plans import Protocol
from cliffguard.records import Answer, Item
from cliffguard.schedule import in_shards
from cliffguard.store import Entry, Store

_KEY = re.compile(r"[0-9a-f]{64}")
_A_DAY_S = 86_400.0
_FEWEST_DIGITS = 6  # of a fingerprint that stands for a checkpoint
_USUAL = {field.name: getattr(Protocol(), field.name) for field in fields(Protocol)}


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
        """Say whether a checkpoint is meant: its name, the last part of it, or its fingerprint."""
        names = (self.checkpoint, PurePath(self.checkpoint).name)
        is_long = len(checkpoint) >= _FEWEST_DIGITS
        return checkpoint in names or (is_long and self.fingerprint.startswith(checkpoint))


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A file of a question, or all of them, that cannot be trusted, and why, in one line."""

    path: Path
    what: str


# --- what there is -------------------------------------------------------------------------------


def entries_of(store: Store) -> list[Entry]:
    """Return every question of a store, also those that lack their question.json."""
    try:
        folders = sorted(path for path in (store.root / "questions").glob("*/*") if path.is_dir())
    except OSError as failure:
        raise read_error(store.root, failure) from failure
    entries = [Entry(path) for path in folders if _KEY.fullmatch(path.name)]
    return [e for e in entries if e.shard_numbers() or (e.folder / "question.json").exists()]


def describe(entry: Entry) -> StoredQuestion:
    """Return what a question is and how far it is answered; raises StoreError on damage."""
    question = entry.read_question()
    asked, about = question["asked"], question["about"]
    if not isinstance(asked, dict) or not _has(asked, _ASKED) or not _has(about, _ABOUT):
        raise _damaged(entry, "question.json does not hold a question")
    shards = in_shards(entry.read_items())
    files = [path for path in entry.folder.rglob("*") if path.is_file()]
    told = [path.stat() for path in files]
    return StoredQuestion(
        key=entry.folder.name,
        checkpoint=about["name"],
        fingerprint=asked["checkpoint"],
        suite=about["suite"],
        task=asked["task"],
        protocol=asked["protocol"],
        runner=asked["runner"],
        replicate=asked["replicate"],
        n_answers=sum(
            len(shards[number].items) for number in entry.shard_numbers() if number < len(shards)
        ),
        n_items=sum(len(shard.items) for shard in shards),
        n_bytes=sum(one.st_size for one in told),
        written=max(one.st_mtime for one in told),
    )


_ASKED = {
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
    """Say whether a mapping has values of these types under these names."""
    return all(name in value and _fits(value[name], kind) for name, kind in kinds.items())


def _fits(value: Any, kind: Any) -> bool:
    """Say whether a value is of a type as records declare it; True is no number."""
    inner = get_args(kind)
    if get_origin(kind) is Literal:
        return value in inner
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_fits(one, inner[0]) for one in value)
    if inner:
        return any(_fits(value, one) for one in inner)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


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
    for wanted, fits, known in tests:
        if wanted is None:
            continue
        rows = [row for row in rows if fits(row, wanted)]
        if not rows:
            raise UsageError(
                f"{store.root}: holds no answers of {wanted}{nearest(wanted, known)}; "
                "`cliffguard store ls` shows what it holds"
            )
    return rows


# --- whether it is whole -------------------------------------------------------------------------


def examine(entry: Entry) -> list[Damage]:
    """Return what is damaged in a question: every file is read, and checked against its seal."""
    found: list[Damage] = []
    items: Sequence[Item] | None = None
    try:
        describe(entry)
        items = entry.read_items()
        if not _are(Item, items):
            raise _damaged(entry, "items.jsonl does not hold items")
    except StoreError as failure:
        found.append(Damage(path=entry.folder, what=_reason(failure)))
    for number in entry.shard_numbers():
        try:
            _check_shard(entry, number, items)
        except StoreError as failure:
            path = entry.shards_folder / f"{number:04d}.jsonl"
            found.append(Damage(path=path, what=_reason(failure)))
    try:
        entry.read_noise()
    except StoreError as failure:
        found.append(Damage(path=entry.folder / "noise.json", what=_reason(failure)))
    return found


def _check_shard(entry: Entry, number: int, items: Sequence[Item] | None) -> None:
    if items is None:
        stored = entry.read_sealed(number)
    else:
        shards = in_shards(items)
        if number >= len(shards):
            raise _damaged(entry, f"shard {number} answers no items")
        stored = entry.read_shard(number, shards[number].items)
    if not _are(Answer, stored.answers):
        raise _damaged(entry, f"shard {number} does not hold answers")
    if not all(isinstance(note, (str, int)) for note in stored.notes.values()):
        raise _damaged(entry, f"shard {number} does not say how it was measured")


def _are(record: type, found: Sequence[Any]) -> bool:
    """Say whether every field of these records has the type that it declares."""
    kinds = get_type_hints(record)
    return all(_fits(getattr(one, name), kind) for one in found for name, kind in kinds.items())


def _damaged(entry: Entry, what: str) -> StoreError:
    return StoreError(f"{entry.folder}: {what}")


def _reason(failure: StoreError) -> str:
    """Return what is wrong, without the folder before it and the advice behind it."""
    return str(failure).partition(": ")[2].partition("; `cliffguard")[0]


def move_aside(store: Store, damages: Sequence[Damage]) -> list[Path]:
    """Move what is damaged below `<root>/damaged`; return where it lies now.

    A question without a readable question.json or items.jsonl goes as a whole.
    """
    moved = []
    for damage in _outermost(damages):
        inside = damage.path.relative_to(store.root / "questions").parts[1:]
        target = _free(store.root.joinpath("damaged", *inside))
        with _moving(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(damage.path, target)
        moved.append(target)
    return moved


def _outermost(damages: Sequence[Damage]) -> list[Damage]:
    """Return the damages but for those inside of a folder that is itself one of them."""
    paths = {damage.path for damage in damages}
    return [one for one in damages if not paths & set(one.path.parents)]


def _free(path: Path) -> Path:
    """Return the path, or where it is taken another one with a number."""
    taken, number = path, 1
    while path.exists():
        path = taken.with_name(f"{taken.name}.{number}")
        number += 1
    return path


@contextlib.contextmanager
def _moving(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as failure:
        raise write_error(path, failure) from failure


# --- what may go ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Removable:
    """What may be removed from a store: a path below its root, what it is, and its bytes."""

    path: Path
    what: str
    n_bytes: int


def removable(
    store: Store,
    *,
    older_than_s: float | None = None,
    checkpoint: str | None = None,
    is_unreadable: bool = False,
    now: float | None = None,
) -> list[Removable]:
    """Return the questions that meet all of the conditions that are given.

    `is_unreadable` means damaged questions, and with them what lies about: what was moved aside,
    and what killed runs left a day ago or earlier. `now` is in seconds since 1970.
    """
    now = time.time() if now is None else now
    found: list[Removable] = []
    for entry in entries_of(store):
        row = _described(entry)
        written = entry.folder.stat().st_mtime if row is None else row.written
        if checkpoint is not None and (row is None or not row.is_of(checkpoint)):
            continue
        if older_than_s is not None and now - written < older_than_s:
            continue
        if is_unreadable:
            found += [_removable(one.path, one.what) for one in _outermost(examine(entry))]
        elif row is None:
            found.append(_removable(entry.folder, "cannot be read"))
        else:
            told = f"{row.checkpoint}, {row.task}, {row.n_answers} answers"
            found.append(_removable(entry.folder, told))
    if is_unreadable and checkpoint is None:
        found += _leftovers(store, now, older_than_s or 0.0)
    return found


def _described(entry: Entry) -> StoredQuestion | None:
    try:
        return describe(entry)
    except StoreError:
        return None


def _leftovers(store: Store, now: float, older_than_s: float) -> list[Removable]:
    """Return what was moved aside, and what runs that were killed a day ago have left.

    Only what is called as we call it: a store may be given as a folder that holds other things.
    """
    aside = [path for path in store.root.glob("damaged/*") if _KEY.match(path.name)]
    known = {entry.folder for entry in entries_of(store)}
    left = [
        *(path for path in store.root.glob("*-*") if _STAGED.fullmatch(path.name)),
        *(path for path in (store.root / "questions").rglob(".*") if _PART.fullmatch(path.name)),
        *(
            path
            for path in store.root.glob("questions/*/*")
            if _KEY.fullmatch(path.name) and path not in known
        ),
    ]
    ages = [
        *((path, "moved aside", older_than_s) for path in aside),
        *((path, "left by a killed run", max(_A_DAY_S, older_than_s)) for path in left),
    ]
    return [
        _removable(path, what)
        for path, what, age_s in sorted(ages)
        if now - path.stat().st_mtime >= age_s and not set(left) & set(path.parents)
    ]


def _removable(path: Path, what: str) -> Removable:
    return Removable(path=path, what=what, n_bytes=_size(path))


STAGING = ("incoming-", "removed-")
"""How folders below the root begin that live only while something is imported or removed."""
_STAGED = re.compile(r"(?:incoming|removed)-[a-z0-9_]{8}")
_PART = re.compile(r"\.(?:question\.json|items\.jsonl|noise\.json|\d+\.jsonl)\.[a-z0-9_]{8}")


def remove(store: Store, found: Sequence[Removable]) -> None:
    """Remove files and folders of a store; each vanishes at once or stays as it is."""
    for one in found:
        with _moving(one.path):
            if one.path.is_dir():
                grave = Path(tempfile.mkdtemp(dir=store.root, prefix=STAGING[1]))
                os.replace(one.path, grave / one.path.name)
                shutil.rmtree(grave)
            else:
                one.path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(one.stat().st_size for one in files)
