"""Signal handling (SIGINT, SIGTERM): finish what is soon done; a second signal ends at once."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

GRACE_SECONDS = 20.0
"""So long may what is in hand go on after a signal: many who send one wait 30 seconds."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_NOTICE = "\ncliffguard: finishing the answers in hand; once more ends at once\n"
_SHOW_CURSOR = "\x1b[?25h"  # which a progress bar has hidden, and cannot show after a hard end


class Interrupted(KeyboardInterrupt):
    """The run was told to stop. `kept` says what was stored by then, where that is known."""

    def __init__(self, signal_number: int, kept: str | None = None) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number
        self.kept = kept

    @property
    def exit_code(self) -> int:
        """The code that shells give to a program ended by this signal: 130 or 143."""
        return 128 + self.signal_number

    def __str__(self) -> str:
        word = "terminated" if self.signal_number == signal.SIGTERM else "interrupted"
        kept = f" ({self.kept})" if self.kept else ""
        return f"{word}; what is stored is kept{kept}, run again to go on"


class _InHand(threading.local):
    """Whether something is in hand that must not be dropped, and the signal that waits for it.

    Of each thread: signals come to the first alone, and no other one is ended by them.

    `look_up` raises what else may end the work in hand. `put_off` has ended what it could, and is
    yet to end the process.
    """

    is_full = False
    waiting: int | None = None
    put_off: Interrupted | None = None
    look_up: Callable[[], None] | None = None


_hand = _InHand()


def listen() -> None:
    """From now on, stop at SIGINT and SIGTERM as this module says; one that is ignored stays so."""
    _hand.is_full, _hand.waiting, _hand.put_off = False, None, None
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _received)


@contextlib.contextmanager
def finishing(look_up: Callable[[], None] | None = None) -> Iterator[None]:
    """Let a first signal wait until the block has ended, then raise Interrupted.

    Where the block takes longer than GRACE_SECONDS from then on, Interrupted is raised within it.

    Without `listen`, as in a notebook, a signal does there what it does anywhere. `look_up` is
    called by `drop_if_stopped`, and may raise.
    """
    _raise_if_stopped()
    outer = _hand.is_full, _hand.look_up
    _hand.is_full, _hand.look_up = True, look_up or _hand.look_up
    try:
        yield
    finally:
        _hand.is_full, _hand.look_up = outer
        if not _hand.is_full and _hand.waiting is not None:
            _wait_at_most(0)
    _raise_if_stopped()


@contextlib.contextmanager
def looking_up(look_up: Callable[[], None]) -> Iterator[None]:
    """Let `drop_if_stopped` call `look_up`, which may raise; a signal ends the block as ever."""
    outer, _hand.look_up = _hand.look_up, look_up
    try:
        yield
    finally:
        _hand.look_up = outer


@contextlib.contextmanager
def putting_off() -> Iterator[None]:
    """Let a first signal end the block alone: what came before it is to be written down first.

    The process ends where `raise_put_off` is called; a second signal ends it at once.
    """
    try:
        yield
    except Interrupted as stop:
        _hand.waiting, _hand.put_off = None, stop


def is_put_off() -> bool:
    """Return whether a signal waits for `raise_put_off`."""
    return _hand.put_off is not None


def raise_put_off() -> None:
    """Raise the Interrupted that was put off, if any."""
    stop, _hand.put_off = _hand.put_off, None
    if stop is not None:
        raise stop


def drop_if_stopped() -> None:
    """Raise Interrupted where a signal waits, whatever is in hand, or what `look_up` raises.

    For work that is not worth its end: while a stranger's program runs, which may have none, and
    before the first answer.
    """
    if _hand.waiting is not None:
        raise Interrupted(_hand.waiting)
    if _hand.look_up is not None:
        _hand.look_up()


def _raise_if_stopped() -> None:
    if not _hand.is_full and _hand.waiting is not None:
        raise Interrupted(_hand.waiting)


def _received(signal_number: int, frame: FrameType | None) -> None:
    for number in _SIGNALS:
        if signal.getsignal(number) is _received:  # by the system, which waits for no computation
            signal.signal(number, signal.SIG_DFL)
    _hand.waiting = signal_number
    if not _hand.is_full:
        raise Interrupted(signal_number)
    if sys.stderr is not None and sys.stderr.isatty():
        os.write(sys.stderr.fileno(), (_SHOW_CURSOR + _NOTICE).encode())
    _wait_at_most(GRACE_SECONDS)


def _wait_at_most(seconds: float) -> None:
    """Raise Interrupted after so many seconds; 0 takes that back."""
    if hasattr(signal, "setitimer"):  # not on Windows, where it waits for the end
        signal.signal(signal.SIGALRM, _dropped)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _dropped(signal_number: int, frame: FrameType | None) -> None:
    if _hand.is_full and _hand.waiting is not None:
        raise Interrupted(_hand.waiting)
