"""The command line. `main` is the only place where an error becomes an exit code."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

# What the libraries below us read when they are imported: no telemetry, no bars of their own.
_QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}


def main() -> NoReturn:
    """Run the command line on sys.argv and exit with the code that the verbs return."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    signal.signal(signal.SIGTERM, _terminated)
    from cliffguard.cli.app import app

    app()
    sys.exit(0)


def _terminated(signal_number: int, frame: FrameType | None) -> NoReturn:
    """Leave as after ^C, with the code that shells give to a terminated program."""
    print("terminated; what is stored is kept, run again to go on", file=sys.stderr)
    sys.exit(128 + signal_number)
