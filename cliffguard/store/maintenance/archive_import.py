"""Import of an archive: unpacked beside the store, read and verified as a whole, then placed."""

from __future__ import annotations

import contextlib
import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cliffguard.core.errors import (
    CliffguardError,
    InfrastructureError,
    IntegrityError,
    StoreError,
    UsageError,
)
from cliffguard.core.files import read_error, user_path, write_error, write_new
from cliffguard.core.hashing import sha256_now
from cliffguard.core.reviews import TakenLooks
from cliffguard.core.texts import cut_middle
from cliffguard.store.answers import Store
from cliffguard.store.entry import Entry
from cliffguard.store.item_lists import BESIDE, all_lists, keep_list
from cliffguard.store.looks import Looks, add_looks, all_looks, read_looks, turn
from cliffguard.store.maintenance.archive import MANIFEST, QUESTION, WITH_PAIRS, is_of_a_store
from cliffguard.store.maintenance.damage import examine
from cliffguard.store.maintenance.pruning import STAGING
from cliffguard.store.outcomes import PackingTrial, outcomes, read_outcome
from cliffguard.store.pairs import (
    PairFile,
    keep_pair_file,
    pair_files,
    pair_path,
    read_pair_file,
)
from cliffguard.store.shards import in_shards
from cliffguard.store.types import are

_OLDEST = 1  # format that is read
MOST_BYTES = 2**30
"""Of one file in an archive; the items of a suite, or a shard of long answers, are far smaller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    """What became of an archive: its questions, shards that are new, shards that were there."""

    n_questions: int
    n_new: int
    n_known: int


def read_archive(store: Store, path: Path) -> ImportSummary:
    """Put the questions of an archive into a store; what is there already stays.

    Raises UsageError where the file is no archive of ours, IntegrityError where it is damaged,
    holds what no export writes, or has other answers to a question that the store holds. The
    store is then as it was.
    """
    path = user_path(str(path), UsageError)
    with _staging(store) as folder:
        keys = _unpack(path, Store(folder))
        staged = {key: Store(folder).entry(key) for key in keys}
        for entry in staged.values():
            if damages := examine(entry):
                where = damages[0].path.relative_to(folder).as_posix()
                raise IntegrityError(
                    f"{path}: {where}: {damages[0].what}; write it again", id="archive.damaged"
                )
        _refuse_unneeded(path, folder, staged.values())
        looks = [_whole_looks(path, file) for file in all_looks(Store(folder))]
        trials = _whole_trials(path, Store(folder))
        pairs = [_whole_pair(path, file) for file in pair_files(Store(folder))]
        for key, entry in staged.items():
            _refuse_conflict(path, entry, store.entry(key))
        for name, pair in pairs:
            _refuse_other_pair(path, store, name, pair)
        store.begin()
        for pair_looks in looks:
            with turn(store, pair_looks.base, pair_looks.candidate):
                add_looks(store, pair_looks)
        for trial in trials:
            write_new(store.root / "trials" / trial.name, _text(trial))
        for name, pair in pairs:
            keep_pair_file(store, name, pair)
        new = [_placed(entry, store.entry(key)) for key, entry in staged.items()]
        n_shards = sum(len(entry.shard_numbers()) for entry in staged.values())
    return ImportSummary(n_questions=len(staged), n_new=sum(new), n_known=n_shards - sum(new))


@contextlib.contextmanager
def _staging(store: Store) -> Iterator[Path]:
    """Lend a folder beside the questions, which is gone afterwards."""
    try:
        store.root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=store.root, prefix=STAGING[0]))
    except OSError as failure:
        raise write_error(store.root, failure) from failure
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_NO_TAR = (tarfile.TarError, MemoryError)  # a header may promise a name of any length


def _unpack(path: Path, staged: Store) -> list[str]:
    """Unpack an archive into a store of its own; return the keys of its questions."""
    try:
        with tarfile.open(path, mode="r:") as tar:
            try:
                return _unpacked(path, tar, staged)
            except CliffguardError:  # some are ValueErrors as well
                raise
            except (*_NO_TAR, ValueError, OverflowError, RecursionError, EOFError) as failure:
                reason = str(failure) or type(failure).__name__
                raise _refused(path, f"cannot be read to its end ({reason})") from None
    except _NO_TAR as failure:
        raise UsageError(
            f"{path}: is no archive of `cliffguard store export`, which is a plain tar file "
            f"({str(failure) or 'a header promises more than memory holds'})",
            id="archive.none",
        ) from None
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file", id="archive.no-file") from None
    except IsADirectoryError:
        raise UsageError(f"{path}: is a directory, not an archive", id="archive.none") from None
    except OSError as failure:
        raise read_error(path, failure) from failure


def _unpacked(path: Path, tar: tarfile.TarFile, staged: Store) -> list[str]:
    digests = _manifest(path, tar)
    left = dict(digests)
    while (member := tar.next()) is not None:
        name = cut_middle(member.name)
        if not _is_plain(member):
            raise _refused(path, f"{name} is a link, a device or a folder")
        if member.size > MOST_BYTES:
            raise _refused(path, f"{name} has {member.size:,} bytes, which no answers have")
        if (digest := left.pop(member.name, None)) is None:
            why = "in it twice" if member.name in digests else "not in its list"
            raise _refused(path, f"{name} is {why}")
        target = staged.root / member.name
        _copy(tar, member, target)
        if sha256_now(target) != digest:
            raise _refused(path, f"{name} does not match its digest")
    if left:
        raise _refused(path, f"{min(left)} is missing, with {len(left) - 1} more")
    questions = (name for name in digests if QUESTION.fullmatch(name))
    return list(dict.fromkeys(PurePosixPath(name).parts[2] for name in questions))


def _manifest(path: Path, tar: tarfile.TarFile) -> dict[str, str]:
    """Return the digest of every file that an archive of this format says it holds.

    Each is named as a file of a store is: nothing else has a place to go to.
    """
    first = tar.next()
    stream = tar.extractfile(first) if first is not None and _is_plain(first) else None
    if first is None or stream is None or first.name != MANIFEST or first.size > MOST_BYTES:
        raise UsageError(f"{path}: is no archive of `cliffguard store export`", id="archive.none")
    try:
        about = json.loads(stream.read())
    except (ValueError, RecursionError):
        raise _refused(path, f"{MANIFEST} cannot be read") from None
    if not isinstance(about, dict) or about.get("format") not in range(_OLDEST, WITH_PAIRS + 1):
        raise UsageError(
            f"{path}: is of another format than {_OLDEST} to {WITH_PAIRS}, which this version "
            "reads; write it again with this version",
            id="archive.format",
        )
    files = about.get("files")
    if not isinstance(files, dict) or not all(
        isinstance(file_digest, str) for file_digest in files.values()
    ):
        raise _refused(path, f"{MANIFEST} does not list files")
    for name in files:
        if not is_of_a_store(name):
            raise _refused(path, f"{cut_middle(name)} is no place of a store")
    return files


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Return whether a member is a whole file: no link, device, folder or sparse file."""
    return member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()


def _refused(path: Path, what: str) -> IntegrityError:
    return IntegrityError(
        f"{path}: {what}; nothing of it was taken, write it again", id="archive.damaged"
    )


def _copy(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    """Write a member's bytes, and nothing else that its header says."""
    stream = tar.extractfile(member)
    assert stream is not None, "a plain file has bytes"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as out:
            shutil.copyfileobj(stream, out)
    except OSError as failure:
        raise write_error(target, failure) from failure


def _whole_looks(path: Path, looks: Path) -> Looks:
    """Return looks of an archive, which must match their seal."""
    try:
        whole = read_looks(looks)
    except StoreError:
        whole = None
    if whole is None or not are(TakenLooks, whole.runs):
        raise _refused(path, f"{looks.name} does not hold the looks that were taken")
    return whole


def _whole_trials(path: Path, staged: Store) -> list[Path]:
    """Return the trials of an archive, which must match their seals."""
    for trial in (trials := outcomes(staged, PackingTrial)):
        if read_outcome(trial, PackingTrial) is None:
            raise _refused(path, f"{trial.name} does not hold what came of a trial")
    return trials


def _whole_pair(path: Path, file: Path) -> tuple[str, PairFile]:
    """Return the name of a pair's file in an archive, and what it notes, which match its seal."""
    try:
        return file.stem, read_pair_file(file)
    except StoreError:
        raise _refused(path, f"{file.name} does not hold a pair that was measured") from None


def _refuse_unneeded(path: Path, folder: Path, staged: Iterable[Entry]) -> None:
    """Refuse lists of items that no question of the archive asks: no export writes them."""
    needed = {entry.items_file() for entry in staged}
    if unneeded := [items for items in all_lists(folder) if items not in needed]:
        raise _refused(path, f"{unneeded[0].name} belongs to no question")


def _refuse_conflict(path: Path, new: Entry, old: Entry) -> None:
    """Refuse answers that differ from those of the store to the same question."""
    if not (old.folder / "question.json").is_file():
        return
    if old.read_question()["items"] != new.read_question()["items"]:
        raise _conflict(path, old, "other items")
    shards = in_shards(new.read_items())
    for number in new.shard_numbers():
        items = shards[number].items
        if not old.has_shard(number):
            continue
        if old.read_shard(number, items).answers != new.read_shard(number, items).answers:
            raise _conflict(path, old, f"other answers in shard {number}")


def _refuse_other_pair(path: Path, store: Store, name: str, new: PairFile) -> None:
    """Refuse a pair that the store notes otherwise: by its policy and caveats it is judged."""
    there = pair_path(store, name)
    if there.is_file() and read_pair_file(there).noted != new.noted:
        raise IntegrityError(
            f"{path}: has another record of the pair {there}; nothing of it was imported. It was "
            "measured twice, under another policy or version: `cliffguard compare` judges the file "
            "itself, and --store imports it into a store of its own",
            id="archive.conflict",
        )


def _conflict(path: Path, old: Entry, what: str) -> IntegrityError:
    return IntegrityError(
        f"{path}: has {what} than {old.folder}; nothing of it was imported. The same question was "
        "measured twice and differs: import into a store of its own (--store), or prune one",
        id="archive.conflict",
    )


def _placed(new: Entry, old: Entry) -> int:
    """Put a question's files in their place where none is; return how many shards are new."""
    shards = [f"shards/{number:04d}.jsonl" for number in new.shard_numbers()]
    noise = ["noise.json"] if (new.folder / "noise.json").is_file() else []
    # What was asked first: answers without their question look damaged to whoever looks now.
    if not (old.folder / BESIDE).exists():
        keep_list(old.root, _text(new.items_file()), new.read_question()["items"])
    names = ["question.json", *shards, *noise]
    is_new = {name: write_new(old.folder / name, _text(new.folder / name)) for name in names}
    return sum(is_new[name] for name in shards)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as failure:
        raise InfrastructureError(
            f"{path}: {failure.strerror}; run it again, what was imported is kept",
            id="archive.unreadable",
        ) from failure
