"""When a candidate's turn comes: all at once, in order as long as they pass, or as they appear."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from cliffguard.sweep.candidates import Candidate, Watched

_LOOK_SECONDS = 1.0  # between two looks at the folders


class InTurn:
    """The numbers of candidates that are all there; `one_by_one`, the next after one that passed.

    `codes` has the exit code of each that was judged, or None of one that could not be.
    """

    def __init__(self, n: int, codes: Mapping[int, int | None], *, one_by_one: bool) -> None:
        self._n = n
        self._codes = codes
        self._one_by_one = one_by_one
        self._next = 0

    def __call__(self) -> Sequence[int] | None:
        """Return the numbers whose turn it is; None: there will be no more."""
        if self._next == self._n or self._has_ended():
            return None
        if not self._one_by_one:
            numbers = range(self._n)
        elif self._next > 0 and self._next - 1 not in self._codes:
            return ()
        else:
            numbers = range(self._next, self._next + 1)
        self._next = numbers.stop
        return numbers

    def _has_ended(self) -> bool:
        return self._one_by_one and any(code not in (0, None) for code in self._codes.values())


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
        self._active = self._looked = -float("inf")
        self._has_begun = False

    def __call__(self) -> Sequence[int] | None:
        """Return the numbers of those that are new; None: there will be no more."""
        now = self._clock()
        if not self._has_begun:
            self._has_begun, self._active = True, now
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
