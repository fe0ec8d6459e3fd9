"""`cliffguard check` as a process of its own: its words, what it knows, and how long it lives."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cliffguard.core.errors import UsageError
from cliffguard.integrations import leash

VARIABLE = "CLIFFGUARD_CMD"
"""Names the environment variable that says how cliffguard is started, such as `uvx cliffguard`."""

_LAUNCHERS = (
    "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "NODE_RANK", "CROSS_RANK", "CROSS_SIZE",
)  # fmt: skip
_OF_LAUNCHERS = (
    "GROUP_", "ROLE_", "MASTER_", "TORCHELASTIC_", "ACCELERATE_", "FSDP_", "OMPI_", "PMI_", "PMIX_",
)  # fmt: skip


def check_command(plan: str, candidate: str, *options: str) -> list[str]:
    """Return the words that check a candidate by a plan.

    Raises UsageError where CLIFFGUARD_CMD is not written as words are in a shell.
    """
    return [*_program(), "check", plan, "--candidate", candidate, *options]


def _program() -> list[str]:
    written = os.environ.get(VARIABLE, "")
    try:
        words = shlex.split(written)
    except ValueError as failure:
        raise UsageError(
            f"{VARIABLE}={written}: {failure}; write it as a shell takes it, such as "
            f"{VARIABLE}='uvx cliffguard'",
            id="command.words",
        ) from None
    # -P: what lies where somebody trains, such as a folder `datasets`, is not what we import.
    here = [sys.executable, *(["-P"] if sys.version_info >= (3, 11) else []), "-m", "cliffguard"]
    return words or here


def run_leashed(
    command: Sequence[str],
    *,
    folder: Path | None = None,
    env: Mapping[str, str] | None = None,
    captures: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, and end it with this process, whatever ends that.

    Also a signal that leaves no time for anything: see `leash`. A code of 128 + n is of a command
    that signal n ended. Raises OSError where there is no such program.
    """
    program = os.path.join(folder or "", command[0]) if os.path.dirname(command[0]) else command[0]
    if shutil.which(program) is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])
    pipe = subprocess.PIPE if captures else None
    leashed, held = os.pipe()
    with os.fdopen(held, "wb") as our_end:
        with os.fdopen(leashed, "rb") as its_end:
            child = subprocess.Popen(
                [sys.executable, leash.__file__, *command],
                cwd=folder,
                env=env,
                text=True,
                errors="replace",
                stdin=its_end,
                stdout=pipe,
                stderr=pipe,
            )
        try:
            stdout, stderr = child.communicate()
        except BaseException:  # what it is ended by takes time, in which it may write
            our_end.close()
            child.wait()
            raise
    return subprocess.CompletedProcess([*command], child.returncode, stdout, stderr)


def outside_of_training() -> Mapping[str, str]:
    """Return this environment without what a launcher says to the processes of a training.

    A check that read it would take itself for one of them, and wait for the others.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _LAUNCHERS and not name.startswith(_OF_LAUNCHERS)
    }
