"""Run a command for as long as who started this lives: a program, which imports nothing of ours.

    python leash.py COMMAND WORD …

Its standard input is a pipe that nobody writes to. It ends where its other end is closed, which
the system does for a process that is killed, too. Then the command is asked to end, and ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

_GRACE_SECONDS = 30.0  # a check that is asked to end stores what it has in hand
_NOT_STARTED = 127  # as shells have it


def main(command: list[str]) -> int:
    """Return the command's exit code; 128 + n where signal n ended it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the training
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as failure:
        print(f"{command[0]} cannot be started: {failure}", file=sys.stderr)
        return _NOT_STARTED
    threading.Thread(target=_end_with_the_other, args=(child,), daemon=True).start()
    code = child.wait()
    return 128 - code if code < 0 else code


def _end_with_the_other(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1):
        pass
    for is_last in (False, True):
        with suppress(OSError):
            _end(child, is_last=is_last)
        with suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_SECONDS)
            return


def _end(child: subprocess.Popen[bytes], *, is_last: bool) -> None:
    """Ask a command, or force it, to end with all of its processes, of which it may have ended."""
    if hasattr(os, "killpg"):
        os.killpg(child.pid, signal.SIGKILL if is_last else signal.SIGTERM)
    elif is_last:
        child.kill()
    else:
        child.terminate()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
