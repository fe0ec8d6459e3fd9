"""Files of samples as they are stored: plain, packed, or as the only file of an archive."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.core.hashing import sha256_now
from cliffguard.core.texts import n_things

DAMAGE: tuple[type[Exception], ...] = (
    EOFError,
    zlib.error,
    lzma.LZMAError,
    gzip.BadGzipFile,
    zipfile.BadZipFile,
    NotImplementedError,  # a method of packing that zipfile does not know
)
"""What reading raises of a file that is torn, or not packed as its name says."""


_BUFFER_BYTES = 1 << 18  # many lines; with fewer, reading them takes three times as long


def opened(path: Path) -> IO[bytes]:
    """Return the bytes of a file, unpacked while they are read if its name ends as in `PACKED`.

    Raises UsageError for an archive of several files, and where a library is missing.
    """
    unpack = PACKED.get(path.suffix.lower())
    return path.open("rb", buffering=_BUFFER_BYTES) if unpack is None else unpack(path)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of what a file holds, unpacked."""
    try:
        return sha256_now(path, opened=opened)
    except DAMAGE as failure:
        raise torn(path, failure) from None
    except OSError as failure:
        raise UsageError(
            f"{path}: {failure.strerror or failure}", id="samples.unreadable"
        ) from None


def torn(path: Path, failure: Exception) -> IntegrityError:
    """Return the error of a packed file that is damaged."""
    return IntegrityError(
        f"{path}: torn, or not compressed as its name says ({failure}); copy it again",
        id="samples.torn-archive",
    )


def not_unpacked(name: str, path: Path) -> UsageError:
    """Return the error of a file in `name` that is packed in a way nothing here unpacks."""
    file, end = path.name, path.suffix[1:].lower()
    if end in _UNFINISHED:
        return UsageError(
            f"{name}: {file} is a download that did not end; fetch it again",
            id="samples.unfinished-download",
        )
    command = _COMMANDS.get(end, "").format(file=_word(path))
    return UsageError(
        f"{name}: {file} is not of a kind that is unpacked here ({', '.join(PACKED)}); "
        + (f"run `{command}`, and give what it writes" if command else "unpack it to .jsonl"),
        id="samples.unknown-compression",
    )


def archive(name: str, path: Path) -> UsageError:
    """Return the error of an archive of several files, or of a kind that nothing here opens."""
    file, to = _word(path), _word(path.with_name(path.name.partition(".")[0]))
    commands = {
        ".zip": f"unzip {file} -d {to}",
        **dict.fromkeys((".7z", ".rar"), f"7z x {file} -o{to}"),
    }
    command = commands.get(path.suffix.lower(), f"mkdir {to} && tar -xf {file} -C {to}")
    return UsageError(
        f"{name}: an archive; run `{command}`, and give that folder", id="samples.archive"
    )


def _word(path: Path) -> str:
    """Return a path as one word of a shell, in quotes whatever it holds."""
    return "'" + str(path).replace("'", "'\\''") + "'"


_UNFINISHED = {"part", "partial", "crdownload", "download", "opdownload", "tmp"}
_COMMANDS = {
    "zst": "zstd -d {file}",
    "lz4": "lz4 -d {file}",
    "br": "brotli -d {file}",
    "z": "uncompress {file}",
    "7z": "7z x {file}",
    "rar": "unrar x {file}",
}


def name_inside(path: Path) -> str:
    """Return the name of the only file of a zip archive, without its folders; else an empty text.

    Raises as `opened` does.
    """
    if path.suffix.lower() != ".zip":
        return ""
    with opened(path) as stream:
        return str(getattr(stream, "name", "")).rpartition("/")[2]


def _unzipped(path: Path) -> IO[bytes]:
    with zipfile.ZipFile(path) as zipped:  # open for as long as its member is
        inside = [
            member
            for member in zipped.infolist()
            # macOS puts a shadow of every file into an archive.
            if not member.is_dir() and not member.filename.startswith("__MACOSX/")
        ]
        if not inside:
            raise zipfile.BadZipFile("no file is in it")
        if len(inside) > 1:
            raise UsageError(
                f"{path}: an archive of {n_things(len(inside), 'file')}; run `unzip {_word(path)} "
                f"-d {_word(path.with_suffix(''))}`, and give that folder",
                id="samples.archive",
            )
        if inside[0].flag_bits & 1:
            raise UsageError(
                f"{path}: is locked by a password; run `unzip {_word(path)}`, and give "
                "what it writes",
                id="samples.archive",
            )
        return zipped.open(inside[0])


def _decompressed(path: Path) -> IO[bytes]:
    try:
        zstandard = import_module("zstandard")  # no library that we ask for
    except ImportError:
        raise UsageError(
            f"{path}: is packed by zstd, and the library for it is not installed; run `zstd -d "
            f"{_word(path)}`, or `pip install zstandard`",
            id="samples.unknown-compression",
        ) from None
    return io.BufferedReader(Zstd(zstandard, path.open("rb")))


_FEW = 1 << 12  # bytes, which may unpack to some 100 MB


class Zstd(io.RawIOBase):
    """What is packed by zstd in a stream, of one frame or several, as a raw stream.

    `library` is zstandard. Reading raises EOFError for damage.
    """

    def __init__(self, library: Any, packed: IO[bytes]) -> None:
        self._library = library
        self._file = packed
        self._frame: Any = None
        self._packed, self._unpacked = b"", memoryview(b"")

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; return how many bytes came, 0 at the end. Raises EOFError for damage."""
        while not self._unpacked:
            self._packed = self._packed or self._file.read(_FEW)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError("ends within a frame")
                return 0
            self._unpack()
        part, self._unpacked = self._unpacked[: len(buffer)], self._unpacked[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)

    def _unpack(self) -> None:
        frame = self._frame or self._library.ZstdDecompressor().decompressobj()
        try:
            self._unpacked = memoryview(frame.decompress(self._packed))
        except self._library.ZstdError as failure:
            raise EOFError(str(failure)) from None
        self._packed = frame.unused_data if frame.eof else b""
        self._frame = None if frame.eof else frame

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


PACKED: dict[str, Callable[[Path], IO[bytes]]] = {
    ".gz": gzip.GzipFile,  # type: ignore[dict-item]  # it reads as one, and is not declared so
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".lzma": lzma.LZMAFile,
    ".zip": _unzipped,
    ".zst": _decompressed,
}
"""What is unpacked while it is read, by the end of a file's name."""
