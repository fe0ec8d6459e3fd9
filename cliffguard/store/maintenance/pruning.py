"""What may go from a store. Nothing is removed that was not named."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cliffguard.core.errors import StoreError
from cliffguard.core.files import write_error
from cliffguard.core.texts import n_things
from cliffguard.store.answers import Store
from cliffguard.store.entry import Entry
from cliffguard.store.item_lists import all_lists, list_path
from cliffguard.store.looks import all_looks, pairs_with
from cliffguard.store.maintenance.damage import examine, examine_looks, examine_pairs, outermost
from cliffguard.store.maintenance.questions import KEY, StoredQuestion, describe, entries_of
from cliffguard.store.outcomes import FOLDERS, FileRemarks, PackingTrial, outcomes, read_outcome
from cliffguard.store.pairs import pair_files, read_pair_file

_A_DAY_S = 86_400.0


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

    With a checkpoint's questions go the looks that were taken at it, what came of trying it, and
    what is noted of its pairs;
    with the last question that asks them a list of items. `is_unreadable` means what of these is
    damaged, and with it what lies about: what was moved aside, and what killed runs left a day
    ago or earlier. `now` is in seconds since 1970.
    """
    now = time.time() if now is None else now
    removals: list[Removable] = []
    fingerprints: set[str] = set()
    for entry in entries_of(store):
        row = _described(entry)
        if checkpoint is not None and (row is None or not row.is_of(checkpoint)):
            continue
        if row is not None:
            fingerprints.add(row.fingerprint)
        written = entry.folder.stat().st_mtime if row is None else row.written
        if older_than_s is not None and now - written < older_than_s:
            continue
        shown = {removal.path for removal in removals}  # questions share lists of items
        of_entry = _damaged(entry) if is_unreadable else [_whole(entry, row)]
        removals += [removal for removal in of_entry if removal.path not in shown]
    removals += _lists(store, {removal.path for removal in removals})
    if is_unreadable and checkpoint is None:
        removals += _leftovers(store, now, older_than_s or 0.0)
    looks = _looks(store, None if checkpoint is None else fingerprints, is_unreadable)
    tried = _outcomes(store, None if checkpoint is None else fingerprints, is_unreadable)
    pairs = _pairs(store, None if checkpoint is None else fingerprints, is_unreadable)
    beside = [*looks, *tried, *pairs]
    removals += [
        file for file in beside if now - file.path.stat().st_mtime >= (older_than_s or 0.0)
    ]
    return removals


def _damaged(entry: Entry) -> list[Removable]:
    return [_removable(damage.path, damage.what) for damage in outermost(examine(entry))]


def _whole(entry: Entry, row: StoredQuestion | None) -> Removable:
    if row is None:
        return _removable(entry.folder, "cannot be read")
    what = f"{row.checkpoint}, {row.task}, {n_things(row.n_answers, 'answer')}"
    return _removable(entry.folder, what)


def _lists(store: Store, removed: set[Path]) -> list[Removable]:
    """Return the lists of items that no question asks any more once these are removed."""
    needed: set[str] = set()
    freed: set[str] = set()
    for entry in entries_of(store):
        try:
            digest = entry.read_question()["items"]
        except StoreError:
            if entry.folder not in removed:
                return []  # nobody knows what it asks
            continue
        (freed if entry.folder in removed else needed).add(digest)
    paths = [list_path(store.root, digest) for digest in sorted(freed - needed)]
    return [
        _removable(path, "items that no other question asks") for path in paths if path.exists()
    ]


def _unneeded_lists(store: Store) -> list[Path]:
    """Return the lists of items that no question asks, as a run leaves that was killed early."""
    try:
        needed = {entry.read_question()["items"] for entry in entries_of(store)}
    except StoreError:
        return []
    return [path for path in all_lists(store.root) if path.stem not in needed]


def _looks(store: Store, of: set[str] | None, is_unreadable: bool) -> list[Removable]:
    """Return the files of looks at these fingerprints (None: at any), or those that are damaged."""
    damaged = examine_looks(store)
    if is_unreadable:
        return (
            [] if of is not None else [_removable(damage.path, damage.what) for damage in damaged]
        )
    whole = sorted({*all_looks(store)} - {damage.path for damage in damaged})
    kept = whole if of is None else pairs_with(whole, of)
    return [_removable(path, "looks that were taken, and what they spent") for path in kept]


_TRIED: dict[type, str] = {
    PackingTrial: "a trial of packing",
    FileRemarks: "what a look at its files remarked",
}


def _outcomes(store: Store, of: set[str] | None, is_unreadable: bool) -> list[Removable]:
    """Return what came of trying these checkpoints (None: any), or what of it is damaged."""
    removals = []
    for kind, what in _TRIED.items():
        if not is_unreadable:
            removals += [_removable(path, what) for path in outcomes(store, kind, of)]
        elif of is None:
            damaged = [p for p in outcomes(store, kind) if read_outcome(p, kind) is None]
            removals += [_removable(path, f"{what}, damaged") for path in damaged]
    return removals


def _pairs(store: Store, of: set[str] | None, is_unreadable: bool) -> list[Removable]:
    """Return what is noted of these checkpoints' pairs (None: any), or what of it is damaged."""
    damaged = {damage.path: damage.what for damage in examine_pairs(store)}
    if is_unreadable:
        return [] if of is not None else [_removable(path, damaged[path]) for path in damaged]
    whole = [path for path in pair_files(store) if path not in damaged]
    kept = [path for path in whole if of is None or {*read_pair_file(path).sides} & of]
    return [_removable(path, "a pair that was measured") for path in kept]


def _described(entry: Entry) -> StoredQuestion | None:
    try:
        return describe(entry)
    except StoreError:
        return None


def _leftovers(store: Store, now: float, older_than_s: float) -> list[Removable]:
    """Return what was moved aside, and what runs that were killed a day ago have left.

    Only what is called as we call it: a store may be given as a folder that holds other things.
    """
    aside = [path for path in store.root.glob("damaged/*") if KEY.match(path.name)]
    known = {entry.folder for entry in entries_of(store)}
    left = [
        *(path for path in store.root.glob("*-*") if _STAGED.fullmatch(path.name)),
        *(
            path
            for folder in ("questions", "looks", "items", "pairs", *FOLDERS)
            for path in (store.root / folder).rglob(".*")
            if _PART.fullmatch(path.name)
        ),
        *(
            path
            for path in store.root.glob("questions/*/*")
            if KEY.fullmatch(path.name) and path not in known
        ),
        *_unneeded_lists(store),
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
_PART = re.compile(
    r"\.(?:question\.json|items\.jsonl|noise\.json|\d+\.jsonl"
    r"|[0-9a-f]{16}\.json|[0-9a-f]{64}\.jsonl?)\.[a-z0-9_]{8}"
)


def remove(store: Store, removals: Sequence[Removable]) -> None:
    """Remove files and folders of a store; each vanishes at once or stays as it is."""
    for removal in removals:
        try:
            if removal.path.is_dir():
                grave = Path(tempfile.mkdtemp(dir=store.root, prefix=STAGING[1]))
                os.replace(removal.path, grave / removal.path.name)
                shutil.rmtree(grave)
            else:
                removal.path.unlink(missing_ok=True)
        except OSError as failure:
            raise write_error(removal.path, failure) from failure


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
