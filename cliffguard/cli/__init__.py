"""The command line. `main` is the only place where an error becomes an exit code."""

from __future__ import annotations

import codecs
import gc
import os
import sys
import time
from io import TextIOWrapper
from typing import Any, NoReturn

from cliffguard.cli.streams import hold_streams
from cliffguard.core.signals import Interrupted, listen

# What the libraries below us read when they are imported: no bars and no remarks of their own.
_QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}


_SIGNS = {
    "✗": "x", "✓": "v", "→": ">", "−": "-", "–": "-", "…": "~", "▶": ">", "◀": "<", "▸": ">",
    "•": "*", "·": "-",
}  # fmt: skip
"""As wide as what they stand for; "?" is the mark of INCONCLUSIVE."""
_ENDING = ("strict", "surrogateescape")  # of the usual locales, and of C


_NO_ROOM = 20

OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""What Python's collector of cycles lets pass before it looks for some; by itself 700.

Nearly all that a verb makes is kept, modules of torch above all: to look through it took a sixth
of the time to the first item asked. Where memory runs out, `engine.budget` has cycles collected.
"""


def main() -> NoReturn:
    """Run the command line on sys.argv and exit with the code that the verbs return."""
    started = time.monotonic()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    os.environ.pop(
        "SOURCE_DATE_EPOCH", None
    )  # numpy ends at one that is no number; nothing is dated
    listen()
    hold_streams()
    _write_any_sign()
    code: object = 0
    try:
        from cliffguard.cli.app import app
        from cliffguard.cli.console import begin

        begin(started)
        app()
    except SystemExit as stop:
        code = stop.code
    except Interrupted as stop:  # before or after a verb's own work
        print(f"cliffguard: {stop}", file=sys.stderr)
        code = stop.exit_code
    sys.exit(_flushed(code))


def _write_any_sign() -> None:
    """Let a terminal that lacks a sign end no verb, nor show the mark of FAIL as another one."""
    codecs.register_error("cliffguard", _in_other_signs)
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors in _ENDING:
        sys.stdout.reconfigure(errors="cliffguard")


def _in_other_signs(failure: UnicodeError) -> tuple[str, int]:
    if not isinstance(failure, UnicodeEncodeError):
        raise failure
    lacking = failure.object[failure.start : failure.end]
    return "".join(_SIGNS.get(sign, "?") for sign in lacking), failure.end


def _flushed(code: object) -> Any:
    """Return the exit code after stdout has really been written, which a full disk prevents."""
    try:
        sys.stdout.flush()
    except OSError as failure:
        if code != _NO_ROOM:  # else it is said already
            why = f"stdout cannot be written: {failure.strerror}; free some space and run again"
            print(f"cliffguard: error[stdout.not-written]: {why}", file=sys.stderr)
        code = _NO_ROOM
    else:
        return code
    # The interpreter would flush again on its way out, and complain again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
