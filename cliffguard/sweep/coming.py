"""When a candidate's turn comes: all at once, in order as long as they pass, or as they appear."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence

from cliffguard.sweep.candidates import Candidate, Watched

_LOOK_SECONDS = 1.0  # between two looks at the folders


class InTurn:
    """The numbers of candidates that are all there; `one_by_one`, the next after each that passed.

    `codes` has the exit code of each that was judged, `vanished` those that could not be.
    """

    def __init__(
        self, n: int, codes: Mapping[int, int], vanished: Collection[int], *, one_by_one: bool
    ) -> None:
        self._n = n
        self._codes = codes
        self._vanished = vanished
        self._one_by_one = one_by_one
        self._next = 0

    def __call__(self) -> Sequence[int] | None:
        """Return the numbers whose turn it is; None: there will be no more."""
        if self._next == self._n or (self._one_by_one and any(self._codes.values())):
            return None
        begun = self._next
        if not self._one_by_one:
            self._next = self._n
        elif begun == 0 or begun - 1 in self._codes or begun - 1 in self._vanished:
            self._next += 1
        return range(begun, self._next)


class Coming:
    """The numbers of candidates as they appear and are whole; `take` gives each its number.

    It ends after `until` of them, and when for `idle_seconds` nothing changed in the folders and
    nobody was at work.
    """

    def __init__(
        self,
        watched: Watched,
        take: Callable[[Candidate], int],
        is_at_work: Callable[[], bool],
        *,
        until: int | None,
        idle_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watched = watched
        self._take = take
        self._is_at_work = is_at_work
        self._until = until
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._n_taken = 0
        self._looked = -float("inf")
        self._active: float | None = None  # when there was anything to do last

    def __call__(self) -> Sequence[int] | None:
        """Return the numbers of those that are new; None: there will be no more."""
        now = self._clock()
        if self._active is None:
            self._active = now
        if self._until is not None and self._n_taken >= self._until:
            return None
        if now - self._looked < _LOOK_SECONDS:
            return ()
        self._looked = now
        new = self._watched.due(now)
        if self._until is not None:
            new = new[: self._until - self._n_taken]
        self._n_taken += len(new)
        self._active = max(self._active, self._watched.changed)
        if new or self._is_at_work():
            self._active = now
        if now - self._active >= self._idle_seconds:
            return None
        return [self._take(candidate) for candidate in new]
