"""Interim looks taken at a pair of checkpoints, on disk beside their answers.

    <root>/looks/ab/ab12….json    both fingerprints, the looks of each run, and a seal

A file is rewritten whole, and only where it changes: judging the same answers again writes nothing.
Runs of one pair take turns (`turn`), from reading what is known to noting what was judged: none is
lost, and the later one knows of the earlier one's look.

Scales of one fine-tune (`cliffguard rescue`) share an account beside those of each pair: whoever
judges another of them on the same items looks again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cliffguard.core.canonical_json import digest, parse_json
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import InfrastructureError, StoreError
from cliffguard.core.files import read_error, write_whole
from cliffguard.core.reviews import TakenLooks

if TYPE_CHECKING:
    from cliffguard.store.answers import Store

LOOKS = re.compile(r"looks/([0-9a-f]{2})/(\1[0-9a-f]{62})\.json")
"""Where a file of looks lies below the root of a store."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """The looks at one pair: the fingerprints of base and candidate, and every run's looks.

    `is_past_lost`: there were looks before these, of which the store knows no more.
    """

    base: str
    candidate: str
    runs: tuple[TakenLooks, ...]
    is_past_lost: bool = False


def looks_path(store: Store, base: str, candidate: str) -> Path:
    """Return where the looks at a pair of fingerprints lie."""
    key = digest([base, candidate])
    return store.root / "looks" / key[:2] / f"{key}.json"


_MOST_SECONDS = 600.0
"""Of waiting: a verdict takes seconds, and who waits longer waits for a process that is stopped."""


@contextlib.contextmanager
def turn(
    store: Store, base: str, *candidates: str, most_seconds: float = _MOST_SECONDS
) -> Iterator[None]:
    """Wait until no other run judges such a pair of fingerprints, and keep others waiting.

    The lock is the system's, which releases it however its holder ends. Where there can be none (a
    store that may only be read, a file system without locks) nobody waits. Raises
    InfrastructureError after `most_seconds`.
    """
    # In one order, so that no two runs wait for each other; pairs may share a lock.
    locks = sorted({looks_path(store, base, side).with_name("lock") for side in candidates})
    with contextlib.ExitStack() as held:
        for path in locks:
            held.enter_context(_locked(path, most_seconds))
        yield


@contextlib.contextmanager
def _locked(path: Path, most_seconds: float) -> Iterator[None]:
    from filelock import FileLock, Timeout  # late: who compares samples takes no turns

    lock = FileLock(path, timeout=most_seconds, mode=0o666)  # whoever else uses the store
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise InfrastructureError(
            f"{path}: another run has been judging checkpoints of this store for more than "
            f"{most_seconds:g} seconds; end it, or wait for it, and run again",
            id="looks.in-use",
        ) from None
    except (OSError, NotImplementedError):
        yield
        return
    try:
        yield
    finally:
        lock.release()


def all_looks(store: Store) -> list[Path]:
    """Return every file of looks of a store."""
    return sorted(
        path
        for path in (store.root / "looks").glob("*/*.json")
        if LOOKS.fullmatch(path.relative_to(store.root).as_posix())
    )


def known_looks(store: Store, base: Checkpoint, candidate: Checkpoint) -> tuple[TakenLooks, ...]:
    """Return the looks at a pair that the store knows of, in the order of the runs."""
    path = looks_path(store, base.fingerprint, candidate.fingerprint)
    return read_looks(path).runs if path.is_file() else ()


def scales_of(origin: str) -> str:
    """Return what stands for a candidate in the account of all scales of a fine-tune."""
    return digest(["scales", origin])


def looks_at_scales(store: Store, base: Checkpoint, origin: str) -> tuple[TakenLooks, ...]:
    """Return the looks at scales of a fine-tune, in the order of the runs."""
    path = looks_path(store, base.fingerprint, scales_of(origin))
    return read_looks(path).runs if path.is_file() else ()


def is_past_lost(
    store: Store, base: Checkpoint, candidate: Checkpoint, questions: Iterable[str]
) -> bool:
    """Return whether looks at a pair were taken of which the store knows no more.

    So it is where answers to `questions`, the candidate's, bear the mark of a look and the file of
    looks is gone, and where they were stored by a version that kept no looks.
    """
    path = looks_path(store, base.fingerprint, candidate.fingerprint)
    if path.is_file():
        return read_looks(path).is_past_lost
    entries = [store.entry(key) for key in questions]
    return any(entry.was_judged(path.stem) or not entry.notes_terms() for entry in entries)


def note_looks(
    store: Store,
    base: Checkpoint,
    candidate: Checkpoint,
    taken: Iterable[TakenLooks],
    *,
    questions: Iterable[str],
    is_past_lost: bool,
) -> None:
    """Add looks that were taken at a pair to those that the store knows of.

    The candidate's answers to `questions` bear a mark of it, which outlives the file of looks.
    """
    looks = Looks(
        base=base.fingerprint,
        candidate=candidate.fingerprint,
        runs=(*taken,),
        is_past_lost=is_past_lost,
    )
    if not looks.runs:
        return
    path = looks_path(store, looks.base, looks.candidate)
    add_looks(store, looks)
    for key in questions:  # also of looks that were noted just before a run was killed
        store.entry(key).mark_judged(path.stem)


def add_looks(store: Store, looks: Looks) -> bool:
    """Add the looks at a pair to those that the store knows of; return whether anything was new.

    In a `turn` alone.
    """
    path = looks_path(store, looks.base, looks.candidate)
    known = read_looks(path) if path.is_file() else None
    runs = merged(() if known is None else known.runs, looks.runs)
    is_past_lost = looks.is_past_lost or (known is not None and known.is_past_lost)
    updated = dataclasses.replace(looks, runs=runs, is_past_lost=is_past_lost)
    if updated != known and runs:
        store.begin()
        write_whole(path, _as_text(updated))
    return updated != known


def read_looks(path: Path) -> Looks:
    """Return the looks in a file. Raises StoreError, with the file, where it is damaged."""
    try:
        value = parse_json(path.read_text(encoding="utf-8"))
        seal = value.pop("seal")
        looks = Looks(**{**value, "runs": tuple(_taken(row) for row in value["runs"])})
        is_whole = seal == digest(value)
        is_in_place = path.stem == digest([looks.base, looks.candidate])
    except OSError as failure:
        raise read_error(path, failure) from failure
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        is_whole = is_in_place = False
    if not (is_whole and is_in_place):
        raise StoreError(
            f"{path}: does not match its seal; `cliffguard store verify --store "
            f"{path.parent.parent.parent} --repair` moves it aside, and what was spent is "
            "forgotten",
            id="looks.damaged",
        )
    return looks


def _taken(row: dict[str, Any]) -> TakenLooks:
    lists = {name: tuple(row[name]) for name in ("sketch", "answers", "counted")}
    return TakenLooks(**{**row, **lists})


def _as_text(looks: Looks) -> str:
    value = json.loads(json.dumps(dataclasses.asdict(looks)))
    return json.dumps({**value, "seal": digest(value)}, indent=1, sort_keys=True) + "\n"


def pairs_with(looks: Sequence[Path], fingerprints: Iterable[str]) -> list[Path]:
    """Return the files of looks at pairs of which one side has one of these fingerprints."""
    wanted = set(fingerprints)
    read = [(path, read_looks(path)) for path in looks]
    return [path for path, pair_looks in read if wanted & {pair_looks.base, pair_looks.candidate}]


def further(first: TakenLooks, other: TakenLooks) -> TakenLooks:
    """Return the looks of one run of which two are told: of the one that came further."""
    ahead = max(first, other, key=lambda taken: (taken.counted[-1], len(taken.counted)))
    return replace(ahead, spent=max(first.spent, other.spent))


def merged(known: Sequence[TakenLooks], new: Iterable[TakenLooks]) -> tuple[TakenLooks, ...]:
    """Return what is known with what is new; of the same run, that which came further.

    Where another comparison came between, both stay, in their order: what was known before it was
    judged is known again when it is repeated.
    """
    runs = list(known)
    for taken in new:
        same = [index for index, old in enumerate(runs) if _is_same(old, taken)]
        if any(further(runs[index], taken) == runs[index] for index in same):
            continue
        tail = runs[same[-1] :] if same else []
        if tail and all(other.comparison == taken.comparison for other in tail):
            runs[same[-1]] = further(tail[0], taken)
        else:
            runs.append(further(tail[0], taken) if tail else taken)
    return tuple(runs)


def _is_same(first: TakenLooks, other: TakenLooks) -> bool:
    """Return whether two tell of one run: one of them has the looks of the other, and more."""
    same = (first.run, first.capability, first.alpha) == (other.run, other.capability, other.alpha)
    looks, others = set(first.counted), set(other.counted)
    return same and (looks <= others or others <= looks)
