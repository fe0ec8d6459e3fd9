"""Compressed files: which kind of data lies inside, and its bytes, up to a limit."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cliffguard.core.errors import UsageError
from cliffguard.core.files import decoded, read_text

MOST_BYTES = 2**31
"""A compressed file may hold so many bytes: a few kilobytes can be made to fill any memory."""

_OPENERS: Mapping[str, Callable[[Path], Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}
PACKED = tuple(_OPENERS)


def kind_of(path: Path) -> str:
    """Return the ending that says what kind of data a file holds, whether compressed or not."""
    suffix = path.suffix.lower()
    return path.with_suffix("").suffix.lower() if suffix in _OPENERS else suffix


def read_packed(path: Path) -> str:
    """Return the text of a file that may be compressed. Raises UsageError with the path."""
    opener = _OPENERS.get(path.suffix.lower())
    if opener is None:
        return read_text(path, UsageError)
    try:
        with opener(path) as stream:
            content = stream.read(MOST_BYTES + 1)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as failure:
        raise UsageError(
            f"{path}: cannot be decompressed ({failure}); copy it again, or unpack it first",
            id="rows.packed",
        ) from None
    if len(content) > MOST_BYTES:
        raise UsageError(
            f"{path}: holds more than {MOST_BYTES // 2**30} GiB; unpack it and name the file",
            id="rows.packed",
        )
    return decoded(content, path, UsageError)
