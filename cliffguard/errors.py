"""What can go wrong, by who can mend it.

Every message says what happened, where, and what to do next, in one line.

    CliffguardError                   exit 1
     ├── UsageError                   exit 2   what the user wrote: a flag, a path, a name
     │    ├── ConfigError             exit 2   a plan or a policy
     │    └── SuiteError              exit 2   a suite file or its items
     ├── IntegrityError               exit 12  the comparison itself cannot be trusted
     │    └── StoreError              exit 12  a damaged entry in the store of answers
     └── InfrastructureError          exit 20  worth a retry: memory, disk, device, hub
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CliffguardError(Exception):
    """Any failure that cliffguard explains in one line.

    What cannot be printed (line breaks, colours, marks of direction) is shown escaped: messages
    quote names and files that nobody has checked.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__("".join(c if c.isprintable() else ascii(c).strip("'\"") for c in message))


class UsageError(CliffguardError, ValueError):
    """Something the user wrote (text, path or name) is wrong."""

    exit_code = 2


class ConfigError(UsageError):
    """A plan or a policy cannot be read."""


class SuiteError(UsageError):
    """A suite or its items cannot be read."""


class IntegrityError(CliffguardError):
    """The content of a checkpoint, adapter or answer cannot be trusted."""

    exit_code = 12


class StoreError(IntegrityError):
    """An entry of the store is damaged."""


class InfrastructureError(CliffguardError):
    """Resources are missing; the same call may succeed later."""

    exit_code = 20


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean X?" for the known name closest to `name`, or an empty string."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {found[0]!r}?" if found else ""
