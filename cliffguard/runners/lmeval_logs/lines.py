"""A file of samples as rows with their lines: JSON Lines, one JSON list, or Parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from cliffguard.core.canonical_json import (
    TwoKeysError,
    parse_single,
    refuse_two_keys,
)
from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.runners.lmeval_logs.packing import DAMAGE, PACKED, opened, torn

_LONGEST = 1 << 26
"""Characters of one line, and of a list as a whole 8 times as many: a small compressed file can
unpack to any length."""


_AGAIN = "run lm-eval again"


def rows_in(path: Path, again: str = _AGAIN) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the objects of a file, each with its line; of a list, with its number in it.

    `again` says in a message how the file is had anew.
    Raises IntegrityError for damage, naming its place, and UsageError for what cannot be opened.
    """
    try:
        if path.suffix.lower() == ".parquet":
            yield from _of_table(path)
            return
        with opened(path) as stream, io.TextIOWrapper(stream, encoding="utf-8") as text:
            lines = _bounded(path, text) if path.suffix.lower() in PACKED else _decoded(stream)
            for number, row in _values(path, lines, again):
                if not isinstance(row, dict):
                    raise IntegrityError(
                        f"{path}:{number}: not an object; {again}",
                        id="samples.not-an-object",
                    )
                yield number, row
    except DAMAGE as failure:
        raise torn(path, failure) from None
    except UnicodeDecodeError as failure:
        raise IntegrityError(
            f"{path}: torn or no JSON Lines (byte {failure.start} is no UTF-8); save it as "
            f"UTF-8, or {again}",
            id="samples.not-utf8",
        ) from None
    except UsageError:  # which is a ValueError, too
        raise
    except ValueError as failure:
        raise _torn(str(path), failure, again) from None
    except OSError as failure:
        raise UsageError(
            f"{path}: {failure.strerror or failure}", id="samples.unreadable"
        ) from None


def _of_table(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the rows of a Parquet file, without what its columns added.

    There every row has all the keys that any has, with nothing in those it never had.
    """
    import pyarrow
    from pyarrow import parquet

    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches():
                batch.validate(full=True)  # a damaged one may point outside its own memory
                for row in batch.to_pylist():
                    number += 1
                    if "arguments" in row:
                        row["arguments"] = _without_nothing(row["arguments"])
                    yield number, row
    except pyarrow.ArrowException as failure:
        raise torn(path, failure) from None


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nothing(inner) for key, inner in value.items() if inner is not None}
    return [_without_nothing(inner) for inner in value] if isinstance(value, list) else value


def _values(path: Path, lines: Iterator[str | bytes], again: str) -> Iterator[tuple[int, Any]]:
    """Yield what stands on each line, or each member of the list that the file is."""
    numbered = ((number, line) for number, line in enumerate(lines, start=1) if not line.isspace())
    number, first = next(numbered, (0, ""))
    line = _as_text(first).removeprefix("\ufeff")  # a byte-order mark
    if line.startswith("version https://git-lfs"):
        raise IntegrityError(
            f"{path}: a pointer of Git LFS, not the file; run git lfs pull",
            id="samples.lfs-pointer",
        )
    if line.lstrip().startswith("["):
        try:
            listed = _listed(path, line, lines)
        except TwoKeysError as failure:
            raise two_keys(str(path), failure, again) from None
        yield from enumerate(listed, start=1)
        return
    if line.strip():
        yield number, _parsed(path, number, line, again)
    for number, each in numbered:
        yield number, _parsed(path, number, each, again)


def _as_text(line: str | bytes) -> str:
    return line if isinstance(line, str) else line.decode("ascii")


def _parsed(path: Path, number: int, line: str | bytes, again: str) -> Any:
    try:
        return parse_single(line)
    except TwoKeysError as failure:
        raise two_keys(f"{path}:{number}", failure, again) from None
    except ValueError as failure:
        raise _torn(f"{path}:{number}", failure, again) from None


def two_keys(where: str, failure: TwoKeysError, again: str) -> UsageError:
    """Return the error that a place has a key twice, of which a reader takes one or the other."""
    return UsageError(
        f"{where}: {failure.msg}; leave out the one that is not meant, or {again}",
        id="samples.two-keys",
    )


def _torn(where: str, failure: ValueError, again: str) -> IntegrityError:
    what = getattr(failure, "msg", None) or str(failure)[:100]
    return IntegrityError(f"{where}: torn or no JSON Lines ({what}); {again}", id="samples.torn")


def _decoded(stream: IO[bytes]) -> Iterator[str | bytes]:
    """Yield the lines of a plain file, with any system's ends; objects of ASCII as they are.

    Their reader takes bytes, and most lines are such: lm-eval escapes all else. The others, as
    blank ones, are texts: what a blank is they know.
    """
    position = 0
    for line in stream:
        if line.startswith(b"{") and line.isascii() and b"\r" not in line:
            position += len(line)
            yield line
            continue
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as failure:
            failure.start += position
            raise
        position += len(line)
        if "\r" in text:
            yield from io.StringIO(text, newline=None)
        else:
            yield text


def _bounded(path: Path, lines: IO[str]) -> Iterator[str | bytes]:
    """Yield the lines of a compressed file, none beyond `_LONGEST`."""
    while line := lines.readline(_LONGEST + 1):
        if len(line) > _LONGEST:
            raise IntegrityError(
                f"{path}: unpacks to a line of more than {_LONGEST:,} characters, which no sample "
                "has; run lm-eval again",
                id="samples.too-long",
            )
        yield line


def _listed(path: Path, line: str, rest: Iterator[str | bytes]) -> list[Any]:
    """Return the list that a file is, of which `line` is the first line with something on it."""
    parts, n_more = [line], 0
    for part in map(_as_text, rest):
        parts.append(part)
        n_more += len(part)
        if n_more > 8 * _LONGEST:
            raise IntegrityError(
                f"{path}: a list of more than {8 * _LONGEST:,} characters; write it as JSON Lines, "
                "one sample a line",
                id="samples.too-long",
            )
    text = "".join(parts)
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    refuse_two_keys(text, value)
    assert isinstance(value, list), "a JSON text that starts with [ is a list"
    return value
