"""Reports to trackers, each in a child process with a limit of time: none of them can do harm."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from cliffguard.core.errors import HIDDEN, UsageError, redacted
from cliffguard.core.texts import clip, cut_middle, n_things
from cliffguard.integrations.trackers import Promotion, Reported, TrackerName
from cliffguard.report.clean import one_line

SECONDS = 120.0
"""That a tracker may take for each comparison."""

SECONDS_VARIABLE = "CLIFFGUARD_TRACK_SECONDS"
"""Sets another limit."""
_MOST_SECONDS = 86_400.0


class Sent(NamedTuple):
    """What a tracker did: where its runs are, the alias that was set, and why it did no more.

    `failure` is one line without secrets, None where all was done.
    """

    runs: tuple[str, ...]
    alias: str | None
    failure: str | None


def send(
    tracker: TrackerName,
    reports: Sequence[Reported],
    *,
    group: str | None = None,
    promotion: Promotion | None = None,
) -> Sent:
    """Let a tracker log comparisons as runs, in their order, then promote; return what it did.

    `group` names what several comparisons belong to (None: there is one). Nothing a tracker does is
    raised: it may print, fail, exit or hang. What ends this process ends the tracker's. Raises
    UsageError for a limit of time that is none.
    """
    seconds = seconds_each() * max(1, len(reports))
    task = {
        "tracker": tracker,
        "runs": [(name, os.path.abspath(where)) for name, where in reports],
        "group": group,
        "promotion": None if promotion is None else asdict(promotion),
    }
    try:
        with TemporaryDirectory(prefix="cliffguard-", ignore_cleanup_errors=True) as folder:
            answers = Path(folder) / "answers.jsonl"
            task["answers"] = str(answers)
            ended = _run(json.dumps(task).encode(), Path(folder) / "printed.txt", seconds)
            return _sent(_lines(answers), ended)
    except OSError as failure:  # a disk that is full, a process that cannot be started
        return Sent((), None, _harmless(f"could not be started: {failure}"))


def seconds_each() -> float:
    """Return the seconds of a tracker for a comparison. Raises UsageError for what is no time."""
    given = os.environ.get(SECONDS_VARIABLE, "")
    try:
        seconds = float(given or SECONDS)
    except ValueError:
        seconds = -1.0
    if not 0.0 < seconds <= _MOST_SECONDS:
        raise UsageError(
            f"{SECONDS_VARIABLE}={cut_middle(given)}: is no number of seconds from 0 to "
            f"{_MOST_SECONDS:,.0f}; correct it, or unset it for {SECONDS:g}",
            id="track.seconds",
        )
    return seconds


_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from cliffguard.integrations.trackers.child import main; main()"
)


def _run(task: bytes, printed: Path, seconds: float) -> str:
    """Run the child to its end, and return how it ended where it says nothing itself.

    What it prints goes to a file: a pipe would be held open by whatever it has started.
    """
    path = json.dumps([folder or os.getcwd() for folder in sys.path])
    with printed.open("wb") as file:
        child = subprocess.Popen(
            # Libraries print signs that the locale may not have.
            [sys.executable, "-I", "-X", "utf8", "-c", _START, path],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a signal to all of us is for the parent to judge
        )
        try:
            child.communicate(task, timeout=seconds)
        except subprocess.TimeoutExpired:
            return f"it took more than {n_things(seconds, 'second', 'g')}"
        finally:
            _end(child)
    lines = printed.read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    return f"its process ended with code {child.returncode}{': ' if last else ''}{last}"


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child, and what it has started, if it has not ended."""
    if child.poll() is None:
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(child.pid, signal.SIGKILL)
            else:
                child.kill()
        child.wait()


def _lines(answers: Path) -> list[dict[str, Any]]:
    """Return what the child wrote; of a line that it had no time to end, nothing."""
    if not answers.exists():
        return []
    whole = answers.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in whole]


def _sent(lines: Sequence[dict[str, Any]], ended: str) -> Sent:
    runs = tuple(_harmless(line["at"]) for line in lines if "at" in line)
    alias = next((line["promoted"] for line in lines if "promoted" in line), None)
    last = lines[-1] if lines else {}
    failure = None if "done" in last else last.get("failed", ended)
    return Sent(runs, alias, None if failure is None else _harmless(failure))


# Beside what no message of ours may hold: how addresses are signed, and W&B's keys.
_SIGNED = re.compile(
    r"(?<=[\w/])\?[^\s'\"]+|\b(?:local-)?[0-9a-f]{40}\b|(?<=[Bb]asic )[\w+/]{8,}=*"
)
_MOST_CHARACTERS = 300


def _harmless(text: str) -> str:
    """Return what a library wrote on one line, without secrets."""
    return clip(one_line(_SIGNED.sub(HIDDEN, redacted(text))), _MOST_CHARACTERS)
