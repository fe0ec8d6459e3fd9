"""SHA-256 of files, cached as long as a file stays what it is.

Digests of large files are remembered in the user's cache by path, size, times of change and inode.
Among the times is that of the inode's change (ctime): unlike mtime, no tool can set it back.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, cast

from platformdirs import user_cache_path

from cliffguard.core.errors import CliffguardError, InfrastructureError
from cliffguard.core.files import write_whole
from cliffguard.core.progress import doing
from cliffguard.core.texts import n_things

Stamp = tuple[int, int, int, int]
"""Size in bytes, mtime and ctime in nanoseconds, inode."""

_WORTH_BYTES = 8 << 20  # what is smaller is hashed sooner than looked up
_BLOCK_BYTES = 1 << 20
_SETTLED_NS = 2_000_000_000  # a file that changed just now may change again within one tick
_N_THREADS = 8


def sha256_of_files(paths: Sequence[Path]) -> dict[Path, str]:
    """Return the digests of files, read side by side: hashing leaves the interpreter alone."""
    if len(paths) < 2:
        return {path: sha256_of_file(path) for path in paths}
    with (
        doing(f"hashing {n_things(len(paths), 'file')}"),
        ThreadPoolExecutor(min(_N_THREADS, os.cpu_count() or 1, len(paths))) as pool,
    ):
        return dict(zip(paths, pool.map(sha256_of_file, paths), strict=True))


def sha256_of_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file.

    Raises InfrastructureError when it cannot be read, or changes while it is.
    """
    try:
        real = path.resolve()
        stamp = _stamp(real)
        sha256 = _hashed(real, stamp)
        if _stamp(real) != stamp:
            raise InfrastructureError(
                f"{path}: changed while it was read; wait until whoever writes it is done",
                id="file.being-written",
            )
        return sha256
    except OSError as failure:
        raise InfrastructureError(
            f"{path}: cannot be read: {failure.strerror}", id="file.unreadable"
        ) from None


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


_known: dict[tuple[Path, Stamp], str] = {}


def _hashed(path: Path, stamp: Stamp) -> str:
    if (known := _known.get((path, stamp))) is not None:
        return known
    is_worth = stamp[0] >= _WORTH_BYTES
    if is_worth and (noted := _remembered(path, stamp)) is not None:
        _known[path, stamp] = noted
        return noted
    with doing(f"hashing {path.name}, {stamp[0] / 1e9:,.1f} GB"):
        sha256 = sha256_now(path)
    if time.time_ns() - max(stamp[1:3]) > _SETTLED_NS:
        _known[path, stamp] = sha256
        if is_worth:
            _remember(path, stamp, sha256)
    return sha256


def unbuffered(path: Path) -> IO[bytes]:
    """Return the bytes of a file as they lie there."""
    return path.open("rb", buffering=0)


def sha256_now(*paths: Path, opened: Callable[[Path], IO[bytes]] = unbuffered) -> str:
    """Return the SHA-256 of files one after the other, read whatever is remembered of them.

    Raises OSError as it comes, and what else `opened` does.
    """
    running = hashlib.sha256()
    for path in paths:
        with opened(path) as stream:
            for block in blocks(stream):
                running.update(block)
    return running.hexdigest()


def sha256_of_text(text: str) -> str:
    """Return the SHA-256 of a text, half characters and all."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def blocks(stream: IO[bytes]) -> Iterator[memoryview]:
    """Yield the bytes of a stream in pieces, each to be used before the next is asked for."""
    block = memoryview(bytearray(_BLOCK_BYTES))
    while n_bytes := cast(io.RawIOBase, stream).readinto(block):
        yield block[:n_bytes]


# --- across runs ---------------------------------------------------------------------------------


def _note(path: Path) -> Path:
    name = hashlib.sha256(os.fsencode(path)).hexdigest()
    return user_cache_path("cliffguard") / "digests" / f"{name}.json"


def _remembered(path: Path, stamp: Stamp) -> str | None:
    """Return what was noted of the file as it is now; a note that cannot be read is none."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        known = json.loads(_note(path).read_text(encoding="utf-8"))
        if known.get("path") == str(path) and known.get("stamp") == list(stamp):
            sha256 = known.get("sha256")
            return sha256 if isinstance(sha256, str) and len(sha256) == 64 else None
    return None


def _remember(path: Path, stamp: Stamp, sha256: str) -> None:
    # Where nothing can be noted it is hashed again the next time.
    with contextlib.suppress(CliffguardError, OSError):
        note = {"path": str(path), "stamp": stamp, "sha256": sha256}
        write_whole(_note(path), json.dumps(note) + "\n")
