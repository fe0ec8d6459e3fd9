"""The child's side: read a question, answer it within limits, until there are no more."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

MOST_CHARACTERS = 500  # characters of an error's message, which may quote anything
_CPU_SECONDS = 30  # of one answer: for the day that nobody is left to end us


def serve(program: str, memory_bytes: str, output_bytes: str) -> None:
    """Answer questions from stdin by the module `program` until stdin is closed.

    The limits are numbers as text, from the command line; "0" stands for none.
    """
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    try:
        work = importlib.import_module(program).start()
        if int(memory_bytes):
            _limit_memory(int(memory_bytes))
    except Exception as failure:
        _write(answers, {"failed": _message_of(failure)}, 0)
        return
    _write(answers, {"value": None}, 0)
    while (question := _next(sys.stdin.buffer)) is not None:
        if int(memory_bytes):
            _limit_time()
        _write(answers, _tried(work, question), int(output_bytes))


def _tried(work: Callable[[Any], Any], question: Any) -> dict[str, Any]:
    try:
        return {"value": work(question)}
    except MemoryError:
        return {"stopped": "memory"}
    except Exception as failure:  # of a program by anyone, whatever it raises
        return {"failed": _message_of(failure)}


def _message_of(failure: Exception) -> str:
    try:
        text = " ".join(str(failure).split())[:MOST_CHARACTERS]
    except Exception:  # the text of an error may be made by what failed
        text = ""
    name = type(failure).__name__
    return f"{name}: {text}" if text else name


def _next(stream: BinaryIO) -> Any:
    head = stream.read(8)
    return json.loads(stream.read(struct.unpack(">Q", head)[0])) if len(head) == 8 else None


def _write(stream: BinaryIO, answer: dict[str, Any], most_bytes: int) -> None:
    try:
        content = json.dumps(answer, ensure_ascii=False).encode("utf-8", "surrogatepass")
    except MemoryError:
        content = b'{"stopped": "memory"}'
    if most_bytes and len(content) > most_bytes:
        content = b'{"stopped": "output"}'
    stream.write(struct.pack(">Q", len(content)) + content)
    stream.flush()


def _limit_memory(n_bytes: int) -> None:
    """Let this process take `n_bytes` more than it has by now."""
    import resource

    pages = [int(word) for word in Path("/proc/self/statm").read_text().split()]
    for limit, n_pages in ((resource.RLIMIT_AS, pages[0]), (resource.RLIMIT_DATA, pages[5])):
        most = n_pages * resource.getpagesize() + n_bytes
        with contextlib.suppress(ValueError):  # whoever started us allows less
            resource.setrlimit(limit, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_time() -> None:
    """Let the system end this process where its next answer never comes and its parent is gone."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    most = int(used.ru_utime + used.ru_stime) + _CPU_SECONDS
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (most, hard))
