"""The parent's side: one child process that answers one question after the other.

Questions and answers are JSON with its length in front. The child is ended as soon as an answer
takes longer, or is larger, than it may; it ends itself where an answer takes more memory, and when
we are gone.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import struct
import subprocess
import sys
import weakref
from threading import Lock
from typing import Any

from cliffguard.core.signals import drop_if_stopped


def can_limit_memory() -> bool:
    """Return whether the system has the limits, enforces them, and reports what a process uses."""
    if sys.platform != "linux":
        return False
    import resource

    return hasattr(resource, "RLIMIT_AS") and os.access("/proc/self/statm", os.R_OK)


CAN_LIMIT_MEMORY = can_limit_memory()
"""Whether the system holds a child to what it is allowed; elsewhere only time and output are."""

MEMORY_BYTES = 512 * 2**20
"""What a child may take beside what it has once it is ready."""

OUTPUT_BYTES = 4 * 2**20
"""The largest answer."""

_START_SECONDS = 120.0  # libraries come from a disk that may be far away and cold
_SLICE_SECONDS = 0.05  # how often a signal is looked for while the child works
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from cliffguard.core.sandbox.child import serve; serve(*sys.argv[2:])"
)
# What a library needs to be found and a date to be written; secrets are none of it.
_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "LC_TIME", "LD_LIBRARY_PATH", "PATH", "TZ")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Stopped(Exception):
    """The child was ended before it answered; the message says why, as "it took …"."""


class Failed(Exception):
    """The program failed by itself; the message is its error's."""


class Apart:
    """A child process that runs `start()` of the module `program`, and calls what that returns.

    It starts with the first question, and anew after it was ended. Raises OSError or RuntimeError
    where no child can be started.
    """

    def __init__(self, program: str) -> None:
        self.program = program
        self._lock = Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def __reduce__(self) -> tuple[type[Apart], tuple[str]]:
        return Apart, (self.program,)  # a copy has a child of its own

    def call(self, question: Any, *, seconds: float) -> Any:
        """Return the program's answer.

        Raises Stopped after `seconds` of the wall's clock, or past the limits of this module;
        Failed for an error of the program; and what `signals.drop_if_stopped` raises.
        """
        with self._lock:
            try:
                child = self._child or self._started()
                answer = _exchange(child, question, seconds)
            except BaseException:
                self._end()  # it may be in the middle of something
                raise
        if "failed" in answer:
            raise Failed(answer["failed"])
        return answer["value"]

    def _started(self) -> subprocess.Popen[bytes]:
        path = json.dumps([folder or os.getcwd() for folder in sys.path])
        limits = [str(MEMORY_BYTES), str(OUTPUT_BYTES)] if CAN_LIMIT_MEMORY else ["0", "0"]
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-c", _START, path, self.program, *limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={n: os.environ[n] for n in _ENVIRONMENT if n in os.environ} | _ONE_THREAD,
            start_new_session=True,  # a signal to all of us is for the parent to judge
        )
        weakref.finalize(self, _ended, self._child)
        ready = _answer(self._child, _START_SECONDS)
        if "failed" in ready:
            raise RuntimeError(f"{self.program}: {ready['failed']}")
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            _ended(child)


def _ended(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    for pipe in (child.stdin, child.stdout):
        with contextlib.suppress(OSError):  # of what it did not read
            if pipe is not None:
                pipe.close()
    child.wait()


def _exchange(child: subprocess.Popen[bytes], question: Any, seconds: float) -> dict[str, Any]:
    assert child.stdin is not None
    content = json.dumps(question).encode()
    with contextlib.suppress(BrokenPipeError):  # how it ended is told below
        child.stdin.write(struct.pack(">Q", len(content)) + content)
        child.stdin.flush()
    return _answer(child, seconds)


def _answer(child: subprocess.Popen[bytes], seconds: float) -> dict[str, Any]:
    """Return the child's next answer, which must come within `seconds`."""
    slices = _Slices(seconds)
    (length,) = struct.unpack(">Q", _read(child, 8, slices))
    if length > OUTPUT_BYTES:
        raise Stopped(f"it wrote more than {_mebibytes(OUTPUT_BYTES)}")
    answer: dict[str, Any] = json.loads(_read(child, length, slices))
    if why := answer.get("stopped"):
        limit = {"memory": MEMORY_BYTES, "output": OUTPUT_BYTES}[why]
        verb = "took" if why == "memory" else "wrote"
        raise Stopped(f"it {verb} more than {_mebibytes(limit)}" + " of memory" * (why == "memory"))
    return answer


class _Slices:
    """The time that is left, in slices: one in which we were all halted counts once."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.n_left = math.ceil(seconds / _SLICE_SECONDS)

    def wait(self, ready: select.poll) -> None:
        """Wait until the pipe can be read."""
        while not ready.poll(1000.0 * min(_SLICE_SECONDS, self.seconds)):
            drop_if_stopped()
            self.n_left -= 1
            if self.n_left <= 0:
                raise Stopped(f"it took more than {self.seconds:g} s")


def _read(child: subprocess.Popen[bytes], n_bytes: int, slices: _Slices) -> bytes:
    assert child.stdout is not None
    pipe = child.stdout.fileno()
    ready = select.poll()
    ready.register(pipe, select.POLLIN)
    parts: list[bytes] = []
    while n_bytes:
        slices.wait(ready)
        part = os.read(pipe, min(n_bytes, 1 << 20))
        if not part:
            raise Stopped(_cause_of_death(child))
        parts.append(part)
        n_bytes -= len(part)
    return b"".join(parts)


def _cause_of_death(child: subprocess.Popen[bytes]) -> str:
    code = child.wait()
    return f"it ended its process ({f'signal {-code}' if code < 0 else f'exit code {code}'})"


def _mebibytes(n_bytes: int) -> str:
    return f"{n_bytes / 2**20:g} MiB"
