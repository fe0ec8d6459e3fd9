"""The exceptions with exit codes and ids, by who can mend them.

Every message says what happened, where, and what to do next, in one line.

    CliffguardError                   exit 1
     ├── UsageError                   exit 2   what the user wrote: a flag, a path, a name
     │    ├── ConfigError             exit 2   a plan or a policy
     │    └── SuiteError              exit 2   a suite file or its items
     ├── IntegrityError               exit 12  the comparison itself cannot be trusted
     │    ├── ChangedFiles            exit 12  a checkpoint is no longer what was hashed
     │    └── StoreError              exit 12  a damaged entry in the store of answers
     └── InfrastructureError          exit 20  worth a retry: memory, disk, device, hub

An error may carry an `id`, such as `metric.unknown-direction`: what it is about, then what is wrong
with that. Messages may be worded anew; an id, once released, keeps its meaning, so that programs
can go by it. On stderr it stands before the message (`cliffguard: error[policy.margin]: …`), in
failure.json under `id`. One about a key of a file that people write is the kind of file and the key
(`policy.margin`, `suite.chance`); about all of a file it is `policy.file`, about a key that is none
`policy.unknown-key`.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from cliffguard.core.texts import cut_middle, printable

_MOST_CHARACTERS = 1500
"""Of a message: what it quotes may be of any length, and what to do next stands at its end."""


class CliffguardError(Exception):
    """Any failure that cliffguard explains in one line.

    What cannot be printed (line breaks, colours, marks of direction) is shown escaped, what is too
    long is cut in its middle, and what is secret is left out: messages quote names, files and
    other programs' messages that nobody has checked. The message is `str(error)`, without the id.

    >>> from cliffguard import CliffguardError, load_plan
    >>> try:
    ...     load_plan("gone.yaml")
    ... except CliffguardError as error:
    ...     print(error.exit_code, error.id)
    2 plan.file
    """

    exit_code = 1

    def __init__(self, message: str, *, id: str | None = None) -> None:
        self.id = id
        text = redacted(message)
        super().__init__(cut_middle(printable(text), _MOST_CHARACTERS, mark=" […] "))

    @property
    def line(self) -> str:
        """The message as a report has it: with the id, where there is one, at its end."""
        return str(self) if self.id is None else f"{self} [{self.id}]"


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


class ChangedFiles(IntegrityError):
    """The files of a checkpoint are no longer what was hashed."""


class StoreError(IntegrityError):
    """An entry of the store is damaged."""


class InfrastructureError(CliffguardError):
    """Resources are missing; the same call may succeed later."""

    exit_code = 20


def with_id(error: Callable[..., UsageError], id: str) -> Callable[[str], UsageError]:
    """Return `error` with an id for those that have none of their own."""
    return error if isinstance(error, partial) else partial(error, id=id)


def key_id(kind: str, key: str) -> str:
    """Return the id of an error about a key of a kind of file: `policy.mean-margin`."""
    return f"{kind}.{key.replace('_', '-')}"


def bad_key(kind: str, key: str, what: str) -> UsageError:
    """Return the error that a key's value is not possible; `what` is said after the key."""
    return UsageError(f"{key} {what}", id=key_id(kind, key.partition(".")[0].rstrip(":")))


_LEAST_BEGUN = 3  # letters that tell what somebody began to write


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean X?" for the known name closest to `name`, or an empty string.

    That is the only one that begins with it, if there is one.
    """
    names = list(known)
    begun = [each for each in names if len(name) >= _LEAST_BEGUN and each.startswith(name)]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    matches = begun if len(begun) == 1 else close
    return f"; did you mean {matches[0]!r}?" if matches else ""


# --- secrets -------------------------------------------------------------------------------------

HIDDEN = "[hidden]"
"""What stands where a secret stood."""

_SECRET_NAME = re.compile(
    r"(?i)(?:^|_)(?:api_?key|access_?key|secret|secret_?key|passwords?|passwd|credentials?"
    r"|(?:auth|access|hf|hub|bearer)_?token|authorization)$|^(?:token|headers?|auth)$"
)
_SECRET_VARIABLE = re.compile(r"(?i)(?:^|_)token$")
_TELLTALE = re.compile(
    r"(?<=://)[^/\s@'\"]+@(?=[\w\[])"  # user:password@host
    r"|\b(?:hf|sk|ghp|glpat|xox[bp])[_-][A-Za-z0-9_-]{16,}"
    r"|(?<=[Bb]earer )[A-Za-z0-9._~+/-]{12,}=*"
)
_LEAST_SECRET = 8  # characters; a shorter value would be found in half of all texts


def is_secret_name(name: str) -> bool:
    """Return whether a name is one that secrets go by: api_key, auth_token, header, PASSWORD."""
    return _SECRET_NAME.search(name) is not None


def redacted(text: str) -> str:
    """Return `text` without the secrets of this process's environment, and what looks like one.

    Those of the environment are the values of variables such as HF_TOKEN and OPENAI_API_KEY; what
    looks like one is a password in an address, a bearer token, a key in its issuer's spelling.
    """
    return redactor()(text)


def redactor() -> Callable[[str], str]:
    """Return `redacted` over the environment as it is now, for many texts."""
    secrets = [
        spelled
        for name, value in os.environ.items()
        if (is_secret_name(name) or _SECRET_VARIABLE.search(name)) and len(value) >= _LEAST_SECRET
        for spelled in _spellings(value)
    ]
    return partial(_without, secrets)


def _spellings(secret: str) -> set[str]:
    """Return a secret as it is written in a text, in JSON, on a page and in its script."""
    page = secret
    for sign, entity in {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&#34;",
        "'": "&#39;",
    }.items():
        page = page.replace(sign, entity)
    script = json.dumps(secret, ensure_ascii=False)[1:-1]
    for sign in "&<>":
        script = script.replace(sign, f"\\u{ord(sign):04x}")
    return {secret, json.dumps(secret)[1:-1], page, script}


def _without(secrets: Sequence[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return _TELLTALE.sub(lambda match: HIDDEN + "@" * match[0].endswith("@"), text)
