"""Export and import of stored answers as one tar file.

    cliffguard-answers.json               the format, and the SHA-256 of every other file
    items/cd34….jsonl                     what was asked
    questions/ab/ab12…/question.json      as they lie in the store
                      /noise.json
                      /shards/0000.jsonl
    looks/ab/ab12….json                   the looks that were taken at these checkpoints
    trials/ab12….json                     what came of their trials of packing
    pairs/ab12….json                      pairs that were measured (a bundle alone has them)

The same questions give the same bytes. Format 1, which is read, too, has the items of a question
beside it; an archive with pairs is of format 3. An archive comes from elsewhere: nothing of it is
put into a store before all of it is read and verified.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.errors import (
    StoreError,
    UsageError,
)
from cliffguard.core.files import is_special, user_path, write_error, write_whole
from cliffguard.core.hashing import sha256_now
from cliffguard.store.answers import Store
from cliffguard.store.item_lists import BESIDE, LISTS, list_path
from cliffguard.store.looks import LOOKS, all_looks, pairs_with
from cliffguard.store.maintenance.damage import examine
from cliffguard.store.maintenance.questions import StoredQuestion
from cliffguard.store.outcomes import PackingTrial, outcomes
from cliffguard.store.pairs import PAIRS

FORMAT, WITH_PAIRS = 2, 3
MANIFEST = "cliffguard-answers.json"
QUESTION = re.compile(
    r"questions/([0-9a-f]{2})/(\1[0-9a-f]{62})/"
    r"(question\.json|items\.jsonl|noise\.json|shards/(?:\d{4}|[1-9]\d{4,8})\.jsonl)"
)

_TRIAL = re.compile(r"trials/[0-9a-f]{16}\.json")


def is_of_a_store(name: str) -> bool:
    """Return whether a name in an archive is the place of a file of a store."""
    return any(kind.fullmatch(name) for kind in (QUESTION, LISTS, LOOKS, _TRIAL, PAIRS))


def write_archive(
    store: Store,
    rows: Sequence[StoredQuestion],
    out: Path,
    beside: Sequence[Path] | None = None,
) -> int:
    """Write questions of a store into a tar file; return its size in bytes.

    `beside` are files of the store that go with them (None: the looks and the trials of all their
    checkpoints). Raises StoreError where a question is damaged: nothing is written then.
    """
    out = user_path(str(out), UsageError)
    lists: dict[str, Path] = {}
    names: list[str] = []
    for row in sorted(rows, key=lambda row: row.key):
        entry = store.entry(row.key)
        if damages := examine(entry):
            raise StoreError(
                f"{damages[0].path}: {damages[0].what}; `cliffguard store verify --store "
                f"{store.root} --repair` moves it aside",
                id="store.damaged",
            )
        files = sorted(path for path in entry.folder.rglob("*") if path.is_file())
        names += [path.relative_to(store.root).as_posix() for path in files]
        items = list_path(store.root, entry.read_question()["items"]).relative_to(store.root)
        lists[items.as_posix()] = entry.items_file()
    if beside is None:
        fingerprints = {row.fingerprint for row in rows}
        beside = [
            *pairs_with(all_looks(store), fingerprints),
            *outcomes(store, PackingTrial, fingerprints),
        ]
    names += [path.relative_to(store.root).as_posix() for path in beside]
    # Each list once, also of questions that have it beside them.
    others = [n for n in names if is_of_a_store(n) and not n.endswith(f"/{BESIDE}")]
    paths = {**dict(sorted(lists.items())), **{name: store.root / name for name in others}}
    digests = {name: sha256_now(path) for name, path in paths.items()}
    version = WITH_PAIRS if any(map(PAIRS.fullmatch, paths)) else FORMAT
    about = canonical_json({"format": version, "files": digests}).encode("ascii")
    with _written_whole(out) as stream, tarfile.open(fileobj=stream, mode="w", format=_TAR) as tar:
        tar.addfile(_plain(MANIFEST, len(about)), io.BytesIO(about))
        for name, path in paths.items():
            with path.open("rb") as file:
                tar.addfile(_plain(name, os.fstat(file.fileno()).st_size), file)
    return out.stat().st_size


_TAR = tarfile.USTAR_FORMAT  # whose bytes have no room for what differs between machines


def _plain(name: str, n_bytes: int) -> tarfile.TarInfo:
    """Return a header without owner and time."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = n_bytes, 0o644
    return member


def make_room(out: Path) -> None:
    """Remove the archive of an earlier run, which a run that fails would leave to be judged.

    Refuses a path at which no archive could be written.
    """
    out = user_path(str(out), UsageError)
    _refuse_no_file(out)
    probe = out.with_name(f".{out.name}.part")
    write_whole(probe, "", follows=False)
    probe.unlink()
    out.unlink(missing_ok=True)


def _refuse_no_file(path: Path) -> None:
    if not path.name or is_special(path) or path.is_dir():
        raise UsageError(f"{path}: is no place for a file; name one", id="out.no-file")


@contextlib.contextmanager
def _written_whole(path: Path) -> Iterator[io.BufferedWriter]:
    """Lend a stream whose file is put in its place when all is written."""
    _refuse_no_file(path)
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as failure:
        raise write_error(path, failure) from failure
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
