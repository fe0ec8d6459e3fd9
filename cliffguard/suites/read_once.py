"""Suites and the data of targets, read once in a command that asks for them several times."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

_T = TypeVar("_T")
_known: ContextVar[dict[Hashable, Any] | None] = ContextVar("known", default=None)


@contextmanager
def read_once() -> Iterator[None]:
    """Read each suite and the data of each target once in the block, however often they are used.

    A block inside of another shares what that has read.
    """
    if _known.get() is not None:
        yield
        return
    before = _known.set({})
    try:
        yield
    finally:
        _known.reset(before)


def once(key: Hashable, read: Callable[[], _T]) -> _T:
    """Return what was read under a key in the block of `read_once`, else what `read` returns."""
    known = _known.get()
    if known is None:
        return read()
    if key not in known:
        known[key] = read()
    value: _T = known[key]
    return value
