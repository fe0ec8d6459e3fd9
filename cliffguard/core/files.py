"""Reading texts and JSON Lines that people write; writing files whole or not at all."""

from __future__ import annotations

import codecs
import contextlib
import errno
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from cliffguard.core.canonical_json import parse_single
from cliffguard.core.errors import InfrastructureError, UsageError, with_id
from cliffguard.core.texts import cut_middle


def user_path(name: str, error: Callable[[str], UsageError]) -> Path:
    """Return the path that a person wrote, its ~ expanded; an impossible one is `error`."""
    if not name.strip():
        raise with_id(error, "path.empty")(
            "an empty name is no path; leave the key out, or name a file or folder"
        )
    if "\0" in name:
        raise with_id(error, "path.impossible")(f"{name}: a path cannot hold a null character")
    try:
        path = Path(name).expanduser()
        path.exists()
        name.encode("utf-8")  # no report, plan or line of ours can hold a name that is not UTF-8
    except RuntimeError:
        raise with_id(error, "path.no-user")(
            f"{name}: no such user, so no such home folder"
        ) from None
    except (OSError, ValueError) as failure:
        is_utf8 = not isinstance(failure, UnicodeError)
        reason = (
            getattr(failure, "strerror", None) or str(failure) if is_utf8 else "it is not UTF-8"
        )
        raise with_id(error, "path.impossible")(
            f"{cut_middle(name)}: not a possible path: {reason}"
        ) from None
    return path


def is_path(name: str) -> bool:
    """Return True for a name that stands for a file of ours, and not for a suite of the package."""
    return "/" in name or name.endswith((".yaml", ".yml"))


def read_text(path: Path, error: Callable[..., UsageError], *, advice: str = "") -> str:
    """Return the text of a file, UTF-8 or what its first bytes name; a failure is `error`.

    `advice` is what to do where there is no such file.
    """
    path = user_path(str(path), error)
    try:
        return decoded(path.read_bytes(), path, error)
    except FileNotFoundError:
        raise with_id(error, "file.missing")(f"{path}: no such file{advice}") from None
    except IsADirectoryError:
        raise with_id(error, "file.is-folder")(f"{path}: is a directory, not a file") from None
    except OSError as failure:
        raise with_id(error, "file.unreadable")(f"{path}: {failure.strerror}") from None


_MARKS = (  # of byte order, as editors on Windows write them; the longer one first
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)


_BEGUN = 4  # characters
_UNMARKED = ("UTF-16LE", "UTF-16BE")  # whose second, or first, bytes are null in Latin text


def decoded(content: bytes, path: Path, error: Callable[..., UsageError]) -> str:
    """Return the text of a file's bytes: UTF-8, or UTF-16 and UTF-32 by their byte-order mark.

    The mark is no part of the text, and line ends of any system are line feeds.
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    named = "UTF-8" if encoding.startswith("utf-8") else encoding.upper()
    try:
        text = content.decode(encoding)
        where = text[:_BEGUN].find("\0")
    except UnicodeDecodeError as failure:
        text, where = "", failure.start
    if where >= 0:  # a null character at once is of UTF-16 without its mark, or of no text
        begun = content[: 2 * _BEGUN]
        unmarked = [name for n, name in enumerate(_UNMARKED) if not any(begun[1 - n :: 2])]
        likely = unmarked[0] if unmarked and len(begun) > 1 else None
        other = "" if likely else ", or from the encoding that it has, such as SHIFT_JIS"
        raise error(
            f"{path}: not {named} text (byte {where}); save it as UTF-8, in Excel as "
            f'"CSV UTF-8", or by `iconv -f {likely or "WINDOWS-1252"} -t UTF-8`{other}',
            id="text.not-utf-8",
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_jsonl(path: Path, error: type[UsageError]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) for every non-blank line of a JSON Lines file."""
    for number, line in enumerate(read_text(path, error).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = parse_single(line)
        except ValueError as failure:
            reason = getattr(failure, "msg", None) or str(failure)
            raise with_id(error, "file.not-json")(
                f"{path}:{number}: not valid JSON: {reason}"
            ) from None
        if not isinstance(value, dict):
            raise with_id(error, "file.not-json")(
                f"{path}:{number}: expected an object, found a {type(value).__name__}"
            )
        if has_half_characters(value):
            raise with_id(error, "text.half-character")(f"{path}:{number}: {HALF_CHARACTERS}")
        yield number, value


HALF_CHARACTERS = "holds half a surrogate pair, which is no character; write it as UTF-8 text"


_SPELLER = json.JSONEncoder(ensure_ascii=False, default=str, skipkeys=True)


def has_half_characters(value: Any) -> bool:
    """Return whether a text has what JSON can spell and neither UTF-8 nor a tokenizer can hold."""
    try:
        _SPELLER.encode(value).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def write_whole(path: Path, text: str | bytes, *, follows: bool = True) -> None:
    """Write `text` so that a reader finds the old file or the new one, never a part.

    Bytes are written as they are. What a link points to is written, and the link stays, and who may
    read and write a file that is there already, unless `follows` is false: a folder may be a
    stranger's, and a link in it lead anywhere. Into a device or a pipe it is written as it comes.
    Raises UsageError when the place cannot be written to,
    InfrastructureError when it is full.
    """
    if path.is_symlink() and not follows:
        pass  # it is replaced, whatever it leads to
    elif is_special(path):
        try:
            path.write_bytes(_encoded(text))
        except OSError as failure:
            raise write_error(path, failure) from failure
        return
    elif path.is_symlink():
        path = Path(os.path.realpath(path))
    with _beside(path, [text]) as temporary:
        if follows:
            _make_like(temporary, path)
        os.replace(temporary, path)


def write_lines(path: Path, lines: Iterable[str]) -> tuple[str, int]:
    """Write a file of lines as `write_whole` does, of which memory holds a few at a time.

    A link is replaced, and what it leads to stays as it is.
    The lines come without their ends. Return the hexadecimal SHA-256 of the file, and how many
    lines it has.
    """
    written, n_lines = hashlib.sha256(), 0

    def ended() -> Iterator[bytes]:
        nonlocal n_lines
        rest = iter(lines)
        while some := list(islice(rest, _LINES)):
            n_lines += len(some)
            encoded = "\n".join([*some, ""]).encode()
            written.update(encoded)
            yield encoded

    with _beside(path, ended()) as temporary:
        os.replace(temporary, path)
    return written.hexdigest(), n_lines


_LINES = 64  # that are encoded, hashed and written at once

LFS_POINTERS = (b"version https://git-lfs.github.com", b"# xet version")
"""What a file begins with that a clone without Git LFS has in place of one."""


def is_special(path: Path) -> bool:
    """Return whether a path is a device, a pipe or a socket, which no file may replace."""
    # Unlike Path's, these take a name that is too long for one.
    return os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path))


def write_new(path: Path, text: str) -> bool:
    """Write `text` as `write_whole` does unless the file is there; return whether it was written.

    Of several processes that write the same file at once, one is told True.
    """
    with _beside(path, [text]) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError as failure:
            if failure.errno not in _NO_HARD_LINKS:
                raise
            if path.exists():
                return False
            os.replace(temporary, path)
    return True


_NO_HARD_LINKS = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK}
_NO_FLUSHED_FOLDERS = {errno.EACCES, errno.EINVAL, errno.EPERM, errno.ENOTSUP}


def _encoded(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8")


@contextlib.contextmanager
def _beside(path: Path, parts: Iterable[str | bytes]) -> Iterator[str]:
    """Lend a flushed temporary file with these texts beside `path`, to be put in its place."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as stream:
            for part in parts:
                stream.write(_encoded(part))
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        yield temporary
        _flush_folder(path.parent)
    except OSError as failure:
        raise write_error(path, failure) from failure
    finally:  # also when the run is interrupted
        if temporary is not None:
            with contextlib.suppress(OSError):  # it is not there any more, as a rule
                os.unlink(temporary)


def _make_like(temporary: str, path: Path) -> None:
    """Give a file the owner, as far as we may, and the mode of the one that it will replace."""
    try:
        old = os.lstat(path)
    except OSError:
        return
    if not stat.S_ISREG(old.st_mode):
        return
    new = os.lstat(temporary)
    for uid, gid in ((-1, old.st_gid), (old.st_uid, -1)) if hasattr(os, "chown") else ():
        if uid not in (-1, new.st_uid) or gid not in (-1, new.st_gid):
            with contextlib.suppress(OSError):
                os.chown(temporary, uid, gid)
    os.chmod(temporary, stat.S_IMODE(old.st_mode) & 0o777)  # behind chown, which takes bits away


def _flush_folder(folder: Path) -> None:
    """Flush the names in a folder, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as failure:
        if failure.errno not in _NO_FLUSHED_FOLDERS:
            raise


def write_error(path: Path, failure: OSError) -> UsageError | InfrastructureError:
    """Translate a failed write: no room is worth a retry, no permission is for the user."""
    if failure.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO}:
        return InfrastructureError(
            f"{path}: {failure.strerror}; free some space and run again, what is stored is kept",
            id="file.no-room",
        )
    return UsageError(
        f"{path}: cannot be written: {failure.strerror}; choose another place",
        id="file.not-written",
    )


_UNREACHABLE = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE, errno.ENFILE, errno.ENOMEM}


def is_unreachable(failure: OSError) -> bool:
    """Return whether a failed read tells nothing of the file: no permission, or no disk."""
    return isinstance(failure, PermissionError) or failure.errno in _UNREACHABLE


def read_error(path: Path, failure: OSError) -> UsageError | InfrastructureError:
    """Translate a failed read of a file of ours that may well be whole."""
    if isinstance(failure, PermissionError):
        return UsageError(
            f"{path}: cannot be read: {failure.strerror}; choose another place",
            id="file.unreadable",
        )
    return InfrastructureError(
        f"{path}: cannot be read: {failure.strerror}; run again when it can, what is stored is "
        "kept",
        id="file.unreadable",
    )
