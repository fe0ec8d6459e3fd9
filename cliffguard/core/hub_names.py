"""Names on a hub, whether it may be asked, and a guard against asking."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from cliffguard.core.errors import InfrastructureError, UsageError
from cliffguard.core.texts import cut_middle

HUB = "hf:"
"""What stands before a name that is to be looked up on a hub."""

_PART = r"[A-Za-z0-9][\w.-]*"
_REVISION = r"(@[\w./-]+)?"
_HUB_ID = re.compile(f"{_PART}/{_PART}{_REVISION}")
_PREFIXED_ID = re.compile(f"{HUB}{_PART}(/{_PART})?{_REVISION}")  # gpt2 has no owner


def is_hub_id(spec: str) -> bool:
    """Return whether `spec` reads as org/model or org/model@revision rather than as a path."""
    return _HUB_ID.fullmatch(spec) is not None


def is_said(spec: str) -> bool:
    """Return whether `spec` is written as a name on a hub: hf:org/name[@revision].

    Raises UsageError where it begins so, and is no name that a hub can have.
    """
    if not spec.startswith(HUB):
        return False
    if _PREFIXED_ID.fullmatch(spec) is None:
        raise UsageError(
            f"{cut_middle(spec)}: no name that a hub can have; write hf:org/name, or "
            "hf:org/name@revision",
            id="hub.bad-name",
        )
    return True


def without_prefix(spec: str) -> str:
    """Return a name as the hub has it."""
    return spec.removeprefix(HUB)


def is_looked_up(spec: str, *, hub: bool) -> bool:
    """Return whether a name that is no path goes to a hub; `hub`: plain ones may, too."""
    is_below = Path(spec.partition("/")[0]).is_dir()  # a misspelt path below what is there
    return is_said(spec) or (hub and is_hub_id(spec) and not is_below)


_TRUE = {"1", "ON", "YES", "TRUE"}


def is_offline(wanted: bool = False) -> bool:
    """Return whether no connection is to be opened: by --offline, or by the hub's own variables."""
    values = (os.environ.get(name, "") for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
    return wanted or any(value.strip().upper() in _TRUE for value in values)


def cache_folder() -> Path:
    """Return where what is fetched from a hub is kept."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _not_here(spec: str, path_kind: str, kind: str) -> UsageError:
    return UsageError(
        f"{cut_middle(spec)}: no such {path_kind}, and no {kind} of that name was fetched before; "
        f"check the path, or write hf:{cut_middle(spec)} to fetch it from the hub",
        id="hub.not-said",
    )


def _unreachable(spec: str) -> InfrastructureError:
    return InfrastructureError(
        f"{spec}: no such directory, and the hub cannot be reached; check the path or try again",
        id="hub.unreachable",
    )


# --- no hub at all -------------------------------------------------------------------------------

_OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_EVALUATE_OFFLINE", "TRANSFORMERS_OFFLINE")
_SETTINGS = ("huggingface_hub.constants", "datasets.config")


@contextlib.contextmanager
def no_connection() -> Iterator[None]:
    """Block network access: sets the offline variables of the libraries, and connect() raises.

    They read the environment when they are imported, and their own modules after that. Sockets
    within the machine's file system, by which processes talk, are none.
    """
    with contextlib.ExitStack() as undo:
        for name in _OFFLINE:
            undo.callback(_set_variable, name, os.environ.get(name))
            os.environ[name] = "1"
        for module in filter(None, map(sys.modules.get, _SETTINGS)):
            undo.callback(setattr, module, "HF_HUB_OFFLINE", vars(module)["HF_HUB_OFFLINE"])
            vars(module)["HF_HUB_OFFLINE"] = True
        for owner, name in ((socket.socket, "connect"), (socket.socket, "connect_ex")):
            undo.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, _refused(getattr(owner, name)))
        undo.callback(setattr, socket, "getaddrinfo", socket.getaddrinfo)
        socket.getaddrinfo = _no_address
        yield


def _set_variable(name: str, value: str | None) -> None:
    os.environ.pop(name, None)
    if value is not None:
        os.environ[name] = value


def _refused(connect: Any) -> Any:
    def refuse(self: socket.socket, *address: Any) -> Any:
        if self.family == getattr(socket, "AF_UNIX", None):
            return connect(self, *address)
        raise OSError(errno.ENETUNREACH, "offline: no connection is opened")

    return refuse


def _no_address(*_: Any, **__: Any) -> NoReturn:
    raise socket.gaierror(socket.EAI_FAIL, "offline: no name is looked up")
