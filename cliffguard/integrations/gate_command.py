"""`cliffguard check` as a process of its own: its words, and what it may know of a training."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping

from cliffguard.core.errors import UsageError

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


def outside_of_training() -> Mapping[str, str]:
    """Return this environment without what a launcher says to the processes of a training.

    A check that read it would take itself for one of them, and wait for the others.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _LAUNCHERS and not name.startswith(_OF_LAUNCHERS)
    }
