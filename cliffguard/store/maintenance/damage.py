"""Verifies a store, and moves what is damaged aside (`store verify --repair`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cliffguard.core.errors import StoreError
from cliffguard.core.items import Item
from cliffguard.core.reviews import TakenLooks
from cliffguard.store.answers import Store
from cliffguard.store.entry import Entry
from cliffguard.store.item_lists import all_lists, is_list
from cliffguard.store.looks import all_looks, read_looks
from cliffguard.store.maintenance.questions import describe
from cliffguard.store.pairs import pair_files, read_pair_file
from cliffguard.store.shards import in_shards
from cliffguard.store.types import are


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A file of a question, or all of them, that cannot be trusted, and why, in one line."""

    path: Path
    what: str


def examine(entry: Entry) -> list[Damage]:
    """Return what is damaged in a question: every file is read, and checked against its seal."""
    damages: list[Damage] = []
    items: Sequence[Item] | None = None
    try:
        describe(entry)
        items = entry.read_items()
    except StoreError as failure:
        is_shared = failure.id == "store.list-damaged"  # the answers stay: a run brings it back
        path = entry.items_file() if is_shared else entry.folder
        damages.append(Damage(path=path, what=_reason(path, failure)))
    for number in entry.shard_numbers():
        try:
            _check_shard(entry, number, items)
        except StoreError as failure:
            path = entry.shards_folder / f"{number:04d}.jsonl"
            damages.append(Damage(path=path, what=_reason(entry.folder, failure)))
    try:
        entry.read_noise()
    except StoreError as failure:
        path = entry.folder / "noise.json"
        damages.append(Damage(path=path, what=_reason(entry.folder, failure)))
    return damages


def examine_lists(store: Store) -> list[Damage]:
    """Return the lists of items that are damaged."""
    return [
        Damage(path=path, what="does not match its name")
        for path in all_lists(store.root)
        if not is_list(path, path.stem)
    ]


def examine_looks(store: Store) -> list[Damage]:
    """Return the files of looks that were taken which are damaged."""
    damages: list[Damage] = []
    for path in all_looks(store):
        try:
            is_whole = are(TakenLooks, read_looks(path).runs)
        except StoreError:
            is_whole = False
        if not is_whole:
            damages.append(Damage(path=path, what="does not hold the looks that were taken"))
    return damages


def examine_pairs(store: Store) -> list[Damage]:
    """Return the files of pairs that were measured which are damaged."""
    damages: list[Damage] = []
    for path in pair_files(store):
        try:
            read_pair_file(path)
        except StoreError:
            damages.append(Damage(path=path, what="does not hold a pair that was measured"))
    return damages


def _check_shard(entry: Entry, number: int, items: Sequence[Item] | None) -> None:
    if items is None:
        stored = entry.read_sealed(number)
    else:
        shards = in_shards(items)
        if number >= len(shards):
            raise _damaged(entry, f"shard {number} answers no items")
        stored = entry.read_shard(number, shards[number].items)
    if not all(isinstance(note, (str, int)) for note in stored.notes.values()):
        raise _damaged(entry, f"shard {number} does not say how it was measured")


def _damaged(entry: Entry, what: str) -> StoreError:
    return StoreError(f"{entry.folder}: {what}", id="store.damaged")


def _reason(path: Path, failure: StoreError) -> str:
    """Return what is wrong, without the path before it and the advice behind it."""
    return str(failure).removeprefix(f"{path}: ").partition("; `cliffguard")[0]


def move_aside(store: Store, damages: Sequence[Damage]) -> list[Path]:
    """Move what is damaged below `<root>/damaged`; return where it lies now.

    A question without a readable question.json, or whose items are missing, goes as a whole. Of
    a damaged list of items only that goes: whoever asks them again writes it again. With a file
    of looks it is forgotten what was spent at them.
    """
    return [store.move_aside(damage.path) for damage in outermost(damages)]


def outermost(damages: Sequence[Damage]) -> list[Damage]:
    """Return the damages but for those inside of a folder that is itself one of them."""
    by_path = {damage.path: damage for damage in damages}  # many questions share a list
    return [damage for path, damage in by_path.items() if not by_path.keys() & set(path.parents)]
