"""The members of an `.eval` log, a zip archive that may be packed by zstd: each read within limits.

Nothing is written to a disk: a name inside, whatever it spells, is no path.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.runners.lmeval_logs.packing import DAMAGE, Zstd, torn

MOST_MEMBERS = 1 << 20
MOST_BYTES = 1 << 29
"""Unpacked, of one member: a sample with all that happened while it was answered."""
_SMALL = 1 << 24  # bytes, which may be packed as tightly as they like
MOST_RATIO = 1000
"""Unpacked bytes for a packed one, of a member that is not small."""

_ZSTD = 93
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, _ZSTD)
_LOCAL = struct.Struct("<4s22xHH")  # a member's own header: mark, and the lengths of two fields
_ZIP_DAMAGE: tuple[type[Exception], ...] = (
    *DAMAGE,
    *(struct.error, ValueError, OverflowError, KeyError, RuntimeError),
)


class Members:
    """What is in an archive, by name. Raises IntegrityError for damage, and what is too large."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with zipfile.ZipFile(path) as zipped:
                listed = zipped.infolist()
        except OSError as failure:
            raise _unreadable(path, failure) from None
        except _ZIP_DAMAGE as failure:
            raise torn(path, failure) from None
        self._refuse(listed)
        self._members = {member.filename: member for member in listed}

    @property
    def names(self) -> Collection[str]:
        """The names of all members, in the order of the archive."""
        return self._members.keys()

    def read(self, name: str) -> bytes:
        """Return a member, unpacked: as many bytes as it says, of the sum that it says."""
        member = self._members[name]
        try:
            with self._path.open("rb") as file:
                content = self._unpacked(file, member)
        except UsageError:  # which is a ValueError, too
            raise
        except OSError as failure:
            raise _unreadable(self._path, failure) from None
        except _ZIP_DAMAGE as failure:
            raise torn(self._path, failure) from None
        if len(content) != member.file_size or zlib.crc32(content) != member.CRC:
            raise torn(self._path, ValueError(f"{name} is not what its archive says of it"))
        return content

    def _unpacked(self, file: IO[bytes], member: zipfile.ZipInfo) -> bytes:
        """Return what a member holds, and no more than a byte beyond what it says."""
        file.seek(member.header_offset)
        mark, n_name, n_extra = _LOCAL.unpack(file.read(_LOCAL.size))
        if mark != b"PK\3\4":
            raise zipfile.BadZipFile(f"{member.filename} is not where its archive says")
        file.seek(n_name + n_extra, io.SEEK_CUR)
        packed = file.read(member.compress_size)
        most = member.file_size + 1
        if member.compress_type == zipfile.ZIP_STORED:
            return packed
        if member.compress_type == zipfile.ZIP_DEFLATED:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, most)
        with io.BufferedReader(Zstd(self._zstandard(), io.BytesIO(packed))) as stream:
            return stream.read(most)

    def _zstandard(self) -> Any:
        try:
            return import_module("zstandard")
        except ImportError:
            raise UsageError(
                f"{self._path}: is packed by zstd, and the library for it is not installed; pip "
                "install 'cliffguard[inspect]', or give the log as JSON (`inspect log convert "
                "--to json`)",
                id="install.missing",
            ) from None

    def _refuse(self, members: list[zipfile.ZipInfo]) -> None:
        """Refuse an archive whose directory shows already that it is no log, or a trap."""
        why = None
        if len(members) > MOST_MEMBERS:
            why = f"has {len(members):,} members; no log has more than {MOST_MEMBERS:,}"
        elif len({member.filename for member in members}) < len(members):
            why = "names one of its members twice"
        elif sum(member.compress_size for member in members) > self._path.stat().st_size:
            why = "has members that overlap"
        for member in members:
            why = why or _trap(member)
        if why is not None:
            raise IntegrityError(f"{self._path}: {why}; copy it again", id="samples.unsafe-archive")


def _trap(member: zipfile.ZipInfo) -> str | None:
    """Return what forbids to unpack a member; None: nothing."""
    name, size = ascii(member.filename)[:80], member.file_size
    if member.flag_bits & 1:
        return f"has a member that is locked by a password ({name})"
    if member.compress_type not in _METHODS:
        return f"has a member packed by a method that no log uses ({name})"
    if size > MOST_BYTES:
        return f"has a member of {size:,} bytes unpacked ({name}); at most {MOST_BYTES:,} are read"
    if size > max(_SMALL, MOST_RATIO * member.compress_size):
        return (
            f"has a member of {member.compress_size:,} bytes that unpack to {size:,} ({name}), "
            f"more than {MOST_RATIO:,} times as many"
        )
    return None


def _unreadable(path: Path, failure: OSError) -> UsageError:
    return UsageError(f"{path}: {failure.strerror or failure}", id="samples.unreadable")
