"""stdout and stderr that let no reader who leaves decide with which code a verb ends."""

from __future__ import annotations

import io
import os
import sys
from typing import Any


class _Outlet(io.FileIO):
    """A stream's end: what it fails to write with one of these errors is for nobody."""

    def __init__(self, number: int, forgiven: type[OSError]) -> None:
        super().__init__(number, "w", closefd=False)
        self._forgiven = forgiven

    def write(self, data: Any, /) -> int:
        """Write bytes, or drop them."""
        try:
            return super().write(data)
        except self._forgiven:
            return memoryview(data).nbytes


def hold_streams() -> None:
    """Let a verb go on to its end, and its exit code, where nobody reads what it prints.

    A reader of stdout may leave (`| head`); a disk that is full is told, since data are lost. Of
    stderr nothing is: there is nowhere to say it.
    """
    sys.stdout = _held(sys.stdout, BrokenPipeError)
    sys.stderr = _held(sys.stderr, OSError)  # where it is None, print takes stdout


def _held(stream: Any, forgiven: type[OSError]) -> Any:
    if stream is None:  # closed by whoever started us
        return open(os.devnull, "w", encoding="utf-8")
    inner = getattr(stream, "buffer", None)
    if type(getattr(inner, "raw", inner)) is not io.FileIO:  # somebody else's, or Windows' console
        return stream
    outlet = _Outlet(stream.fileno(), forgiven)
    stream.flush()
    return io.TextIOWrapper(
        outlet if stream.write_through else io.BufferedWriter(outlet),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
