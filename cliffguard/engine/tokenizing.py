"""Tokenizer calls guarded against panics of the library."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

from cliffguard.core.errors import IntegrityError


@contextlib.contextmanager
def panics_explained(name: str) -> Iterator[None]:
    """Turn a panic of the tokenizers library, which is no Exception, into an error of ours."""
    try:
        yield
    except BaseException as failure:
        if not _is_panic(failure):
            raise
        raise IntegrityError(
            f"{name}: its tokenizer gave up on a prompt: {failure}; save the tokenizer that the "
            "model was trained with",
            id="tokenizer.gave-up",
        ) from failure


def _is_panic(failure: BaseException) -> bool:
    return type(failure).__name__ == "PanicException"


_STDERR = 2
_PANIC = b"\nthread '"  # how Rust begins to tell of one


class _Held:
    """What goes to stderr for now, and whether it is held already."""

    file: BinaryIO | None = None
    is_on = False


@contextlib.contextmanager
def panics_held() -> Iterator[None]:
    """Keep from stderr what Rust writes of a panic, where it raises one; all else goes there late.

    For the short while of one call into the library: Rust knows no other stderr than descriptor 2,
    and what others write to it meanwhile waits as well.
    """
    if _Held.is_on:
        yield
        return
    try:
        real = os.dup(_STDERR)
    except OSError:  # closed by whoever started us
        yield
        return
    if _Held.file is None:
        _Held.file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (kept for the next call)
    os.dup2(_Held.file.fileno(), _STDERR)
    _Held.is_on, has_panicked = True, False
    try:
        yield
    except BaseException as failure:
        has_panicked = _is_panic(failure)
        raise
    finally:
        os.dup2(real, _STDERR)
        os.close(real)
        _Held.is_on = False
        _let_go(_Held.file, has_panicked)


def _let_go(held: BinaryIO, has_panicked: bool) -> None:
    """Write what was held to stderr, but for the words about a panic, and empty the file."""
    if not (size := held.tell()):
        return
    held.seek(0)
    text = held.read(size)
    held.seek(0)
    held.truncate()
    text = text.partition(_PANIC)[0] if has_panicked else text
    with contextlib.suppress(OSError):
        os.write(_STDERR, text)
