"""Progress of a run, for whoever watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol as Interface


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One side at one look: how many of its items have answers, and the task that is asked now.

    `task` is empty when nothing is asked any more; `look` None where there are no looks.
    """

    side: str
    task: str
    n_done: int
    n_items: int
    look: int | None = None


Progress = Callable[[Step], None]
"""Called before each shard is asked, and at the end of a side."""


def silent(step: Step) -> None:
    """Show no progress."""


class Watcher(Interface):
    """Is told what is being done besides asking: loading, reading, hashing."""

    def began(self, what: str) -> None:
        """Something was begun, inside of what was begun before and has not ended."""

    def ended(self) -> None:
        """What was begun last has ended."""


_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """Tell `watcher` what is being done in the block."""
    before = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(before)


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Say what the block does, as a person would: `loading models/base`. Nobody may listen."""
    watcher = _watcher.get()
    if watcher is None:
        yield
        return
    watcher.began(what)
    try:
        yield
    finally:
        watcher.ended()
