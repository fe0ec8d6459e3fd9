"""What came of trying a checkpoint, kept so that it is not tried again.

    <root>/trials/ab12….json        whether prefixes can be shared (`evaluate.packing`)
    <root>/rehearsals/ab12….json    what a look at its files remarked, before it is loaded

All of it can be had anew: what is damaged is as good as not there.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from cliffguard.core.canonical_json import digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.files import write_whole
from cliffguard.core.validation import adapter_of
from cliffguard.store.answers import Store

T = TypeVar("T", bound="PackingTrial | FileRemarks")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackingTrial:
    """Why the checkpoint of this fingerprint must run plain (None: it is packed).

    The engine calls `plain_because` the fallback reason; files in stores have the older name.
    `about` says, for a reader, in which dtype and on which device it was tried.
    """

    checkpoint: str
    plain_because: str | None
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRemarks:
    """What a look at the files of the checkpoint of this fingerprint remarked."""

    checkpoint: str
    remarks: tuple[Caveat, ...]


_FOLDERS: dict[type, str] = {PackingTrial: "trials", FileRemarks: "rehearsals"}
FOLDERS = tuple(_FOLDERS.values())


def outcome(store: Store, kind: type[T], key: str) -> T | None:
    """Return what came of a try, or None where none is there whole."""
    return read_outcome(_path(store, kind, key), kind)


def read_outcome(path: Path, kind: type[T]) -> T | None:
    """Return what a file says came of a try, or None where it is not whole."""
    try:
        sealed = json.loads(path.read_text(encoding="utf-8"))
        seal = sealed.pop("seal")
        whole: T = adapter_of(kind).validate_python(sealed)
        return whole if seal == digest(sealed) else None
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return None


def keep_outcome(store: Store, key: str, kept: PackingTrial | FileRemarks) -> None:
    """Keep what came of a try; the last one counts. Raises StoreError where it cannot be kept."""
    store.begin()
    value = adapter_of(type(kept)).dump_python(kept, mode="json")
    text = json.dumps({**value, "seal": digest(value)}, indent=2, sort_keys=True)
    write_whole(_path(store, type(kept), key), text + "\n")


def outcomes(store: Store, kind: type[T], of: Collection[str] | None = None) -> list[Path]:
    """Return the files of one kind at these fingerprints (None: all, damaged ones too)."""
    paths = sorted((store.root / _FOLDERS[kind]).glob("*.json"))
    if of is None:
        return paths
    there = [(path, read_outcome(path, kind)) for path in paths]
    return [path for path, kept in there if kept is not None and kept.checkpoint in of]


def _path(store: Store, kind: type, key: str) -> Path:
    return store.root / _FOLDERS[kind] / f"{key[:16]}.json"
