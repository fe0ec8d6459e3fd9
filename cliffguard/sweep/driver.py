"""The driver: walks several candidates at once, in threads of which one moves at a time."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Sequence

from cliffguard.core.errors import CliffguardError
from cliffguard.core.progress import watched_by
from cliffguard.core.signals import GRACE_SECONDS, Interrupted, finishing
from cliffguard.sweep.dealing import Dealer

_PAUSE_SECONDS = 0.1  # at most, between two looks at what else there is to do

Due = Callable[[], Sequence[int] | None]
"""Returns the numbers of the candidates that are new; None: there will be no more."""


class _Unwatched:
    """Hears of what candidates do beside each other, and shows nothing of it."""

    def began(self, what: str) -> None:
        """Show nothing."""

    def ended(self) -> None:
        """Show nothing."""


class Driver:
    """Lets `walk` take each candidate from its files to its reports.

    `walk` raises nothing but what ends the whole sweep. At most `n_at_once` candidates are under
    way, so that memory does not grow with their number.
    """

    def __init__(self, dealer: Dealer, walk: Callable[[int], None], *, n_at_once: int) -> None:
        self._dealer = dealer
        self._walk = walk
        self._n_at_once = n_at_once
        self._threads: list[threading.Thread] = []
        self._failures: list[BaseException] = []

    @property
    def is_at_work(self) -> bool:
        """Return whether any candidate is under way."""
        return any(thread.is_alive() for thread in self._threads)

    def run(self, due: Due, tick: Callable[[], None]) -> None:
        """Walk all candidates; `tick` is called over and over meanwhile.

        Raises what ended the sweep: a crash, a worker that is not fit for it, or Interrupted once
        what was in hand is stored, or had 20 seconds.
        """
        queue: list[int] = []
        try:
            while (new := due()) is not None or queue or self._threads:
                queue += new or ()
                with finishing():
                    self._step(queue)
                if self._failures:
                    raise self._failures[0]
                tick()
                came = self._dealer.executor.wait(_PAUSE_SECONDS)
                with finishing():
                    self._dealer.take(came)
                if self._dealer.ending is not None:
                    raise self._dealer.ending
        except BaseException as why:
            self._end(why)
            raise

    def _step(self, queue: list[int]) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        while queue and len(self._threads) < self._n_at_once:
            number = queue.pop(0)
            context = contextvars.copy_context()  # suites that were read are not read again
            thread = threading.Thread(target=context.run, args=(self._walked, number), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _walked(self, number: int) -> None:
        try:
            with self._dealer.turn(), watched_by(_Unwatched()):
                self._walk(number)
        except BaseException as failure:
            self._failures.append(failure)

    def _end(self, why: BaseException) -> None:
        """Store what is in hand, as long as there is time; then let everything go."""
        patience = GRACE_SECONDS if isinstance(why, Interrupted) else 0.0
        self._dealer.stop(why)
        until = time.monotonic() + patience
        while not self._dealer.is_idle and time.monotonic() < until:
            try:
                self._dealer.take(self._dealer.executor.wait(_PAUSE_SECONDS))
            except CliffguardError:  # the engine is gone, as where a signal ended both
                break
        self._dealer.abandon(why)
        for thread in self._threads:
            thread.join(timeout=max(5.0, until - time.monotonic()))
