"""Pairs that were measured, on disk beside their answers: what a verdict takes beside these.

    <root>/pairs/ab12….json    both fingerprints, what `run.measured` notes, and a seal

A pair that is measured again under the same plan has the same file, and the last one counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cliffguard.core.canonical_json import digest, parse_json
from cliffguard.core.errors import StoreError
from cliffguard.core.files import read_error, write_whole
from cliffguard.store.answers import Store

PAIRS = re.compile(r"pairs/[0-9a-f]{16}\.json")
"""Where what was noted of a pair lies below the root of a store."""


@dataclass(frozen=True, slots=True)
class PairFile:
    """What was noted of a pair, in the types of JSON, and both sides' fingerprints."""

    sides: tuple[str, str]
    noted: Mapping[str, Any]


def keep_pair_file(store: Store, key: str, pair: PairFile) -> Path:
    """Keep what is to be noted of a pair; the last one counts."""
    store.begin()
    value = {"sides": list(pair.sides), "noted": dict(pair.noted)}
    path = pair_path(store, key)
    write_whole(path, json.dumps({**value, "seal": digest(value)}, sort_keys=True) + "\n")
    return path


def pair_path(store: Store, key: str) -> Path:
    """Return where a pair is noted; of its key only the beginning matters."""
    return store.root / "pairs" / f"{key[:16]}.json"


def pair_files(store: Store) -> list[Path]:
    """Return the files of all pairs of a store."""
    return sorted(
        path
        for path in (store.root / "pairs").glob("*.json")
        if PAIRS.fullmatch(path.relative_to(store.root).as_posix())
    )


def read_pair_file(path: Path) -> PairFile:
    """Return what was noted of a pair. Raises StoreError, with the file, where it is damaged."""
    try:
        value = parse_json(path.read_text(encoding="utf-8"))
        is_whole = value.pop("seal") == digest(value)
        base, candidate = value["sides"]
        pair = PairFile((str(base), str(candidate)), dict(value["noted"]))
    except OSError as failure:
        raise read_error(path, failure) from failure
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        is_whole = False
    if not is_whole:
        raise StoreError(
            f"{path}: does not match its seal; `cliffguard store verify --store "
            f"{path.parent.parent} --repair` moves it aside, and `cliffguard measure` of the pair "
            "writes it again",
            id="pair.damaged",
        )
    return pair
