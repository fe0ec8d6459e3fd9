"""What lies on a hub, by name and revision: checkpoints → folders, data sets → rows.

A name is looked up there only where it is written `hf:org/name[@revision]`, or with --hub: who
misspells `runs/ft` must not be handed the model of whoever owns the name `runs`. A plain name may
be a copy that was fetched before.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from cliffguard.errors import InfrastructureError, UsageError, nearest
from cliffguard.files import shortened
from cliffguard.progress import doing
from cliffguard.rows import Row

HUB = "hf:"
"""What stands before a name that is to be looked up on a hub."""

_PART = r"[A-Za-z0-9][\w.-]*"
_REVISION = r"(@[\w./-]+)?"
_HUB_ID = re.compile(f"{_PART}/{_PART}{_REVISION}")
_SAID = re.compile(f"{HUB}{_PART}(/{_PART})?{_REVISION}")  # gpt2 has no owner
_TEXTS = ["*.json", "*.jinja", "*.model", "*.tiktoken", "merges.txt", "vocab.txt"]
_WANTED = ["*.safetensors", *_TEXTS]


def is_hub_id(spec: str) -> bool:
    """Say whether `spec` reads as org/model or org/model@revision rather than as a path."""
    return _HUB_ID.fullmatch(spec) is not None


def is_said(spec: str) -> bool:
    """Say whether `spec` is written as a name on a hub: hf:org/name[@revision].

    Raises UsageError where it begins so, and is no name that a hub can have.
    """
    if not spec.startswith(HUB):
        return False
    if _SAID.fullmatch(spec) is None:
        raise UsageError(
            f"{shortened(spec)}: no name that a hub can have; write hf:org/name, or "
            "hf:org/name@revision",
            id="hub.bad-name",
        )
    return True


def without_prefix(spec: str) -> str:
    """Return a name as the hub has it."""
    return spec.removeprefix(HUB)


def is_looked_up(spec: str, *, hub: bool) -> bool:
    """Say whether a name that is no path goes to a hub; `hub`: plain ones may, too."""
    is_below = Path(spec.partition("/")[0]).is_dir()  # a misspelt path below what is there
    return is_said(spec) or (hub and is_hub_id(spec) and not is_below)


_TRUE = {"1", "ON", "YES", "TRUE"}


def is_offline(wanted: bool = False) -> bool:
    """Say whether no connection is to be opened: by --offline, or by the hub's own variables."""
    told = (os.environ.get(name, "") for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
    return wanted or any(value.strip().upper() in _TRUE for value in told)


def cache_folder() -> Path:
    """Return where what is fetched from a hub is kept."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def locate(spec: str, *, offline: bool, hub: bool) -> tuple[Path, str]:
    """Return the local folder and the resolved commit of a name that is no path.

    `hub`: a plain name is looked up, too; otherwise it can only be a copy that is here. Raises
    UsageError for a name that does not exist (or is not on this machine), and InfrastructureError
    when the hub cannot be reached.
    """
    if is_looked_up(spec, hub=hub):
        return download(without_prefix(spec), offline=is_offline(offline))
    if not is_hub_id(spec):
        raise _no_directory(spec)
    with contextlib.suppress(UsageError):
        return download(spec, offline=True)
    raise _not_here(spec, "directory", "model")


_ADDRESS = re.compile(
    rf"https?://[^/]+/({_PART}/{_PART})(?:/(?:tree|blob)/([^/?#]+))?/?(?:[?#].*)?"
)


def _no_directory(spec: str) -> UsageError:
    if found := _ADDRESS.fullmatch(spec):
        name = f"hf:{found[1]}" + (f"@{found[2]}" if found[2] else "")
        return UsageError(
            f"{shortened(spec)}: is an address, and neither a directory nor a name; if it is one "
            f"of a hub, write {name}",
            id="hub.address",
        )
    if "://" in spec:
        return UsageError(
            f"{shortened(spec)}: is an address; fetch the checkpoint, and give its directory",
            id="hub.address",
        )
    return UsageError(f"{spec}: no such directory; check the path", id="checkpoint.not-found")


def _not_here(spec: str, place: str, kind: str) -> UsageError:
    return UsageError(
        f"{shortened(spec)}: no such {place}, and no {kind} of that name was fetched before; check "
        f"the path, or write hf:{shortened(spec)} to fetch it from the hub",
        id="hub.not-said",
    )


def download(spec: str, *, offline: bool) -> tuple[Path, str]:
    """Return the local folder and the resolved commit of org/model@revision.

    Raises UsageError for a name that does not exist (or, offline, is not on this machine), and
    InfrastructureError when the hub cannot be reached.
    """
    from huggingface_hub import errors, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    HTTPError: type[Exception] = vars(errors)["HTTPError"]  # of the HTTP library in use
    name, _, revision = spec.partition("@")
    try:
        with doing(f"fetching {spec}"):
            folder = snapshot_download(
                name, revision=revision or None, local_files_only=offline, allow_patterns=_WANTED
            )
    except HFValidationError:
        raise UsageError(
            f"{shortened(spec)}: no such directory, and not a name that a model hub can have",
            id="checkpoint.not-found",
        ) from None
    except GatedRepoError:
        raise UsageError(
            f"{spec}: access to this model is gated; ask for it on the hub and log in",
            id="hub.gated",
        ) from None
    except (RepositoryNotFoundError, RevisionNotFoundError):
        raise UsageError(
            f"{spec}: no such directory, and no such model or revision on the hub",
            id="checkpoint.not-found",
        ) from None
    except LocalEntryNotFoundError:
        if offline:
            raise UsageError(
                f"{spec}: no such directory, and not on this machine; drop --offline (and "
                "HF_HUB_OFFLINE) to fetch it",
                id="hub.offline",
            ) from None
        raise _unreachable(spec) from None
    except (HfHubHTTPError, HTTPError, OSError):
        raise _unreachable(spec) from None
    return Path(folder), Path(folder).name


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
    """Open none: the libraries are told, and whoever asks for one regardless is refused.

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


# --- data sets -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HubData:
    """One split of a data set; `label_names` are those of numbered labels, by column."""

    rows: tuple[Row, ...]
    label_names: dict[str, tuple[str, ...]]


def find_data(
    spec: str, *, subset: str | None, split: str | None, offline: bool, hub: bool
) -> HubData:
    """Return the rows of one split of a data set that is no file, as `locate` finds a model."""
    if is_looked_up(spec, hub=hub):
        name = without_prefix(spec)
        return download_data(name, subset=subset, split=split, offline=is_offline(offline))
    try:
        return download_data(spec, subset=subset, split=split, offline=True)
    except NotFetched:
        raise _not_here(spec, "file", "data set") from None


class NotFetched(UsageError):
    """A data set of that name is not on this machine."""


def download_data(spec: str, *, subset: str | None, split: str | None, offline: bool) -> HubData:
    """Return the rows of one split of org/name@revision; of several, `split` must name one.

    Nothing that is not data is run. Raises UsageError for what is not there, InfrastructureError
    when the hub cannot be reached.
    """
    import datasets

    name, _, revision = spec.partition("@")
    try:
        with no_connection() if offline else contextlib.nullcontext(), doing(f"fetching {spec}"):
            found = datasets.load_dataset(name, subset, revision=revision or None)
    except (datasets.exceptions.DatasetNotFoundError, ValueError, RuntimeError) as failure:
        reason = " ".join(str(failure).split()) or type(failure).__name__
        raise UsageError(
            f"{shortened(spec)}: no such file, and no data set that can be had: {reason[:300]}",
            id="rows.no-file",
        ) from None
    except (datasets.exceptions.DatasetsError, OSError) as failure:
        if offline:
            raise NotFetched(
                f"{spec}: no such file, and not on this machine; drop --offline (and "
                "HF_HUB_OFFLINE) to fetch it",
                id="hub.offline",
            ) from None
        reason = " ".join(str(failure).split())[:200]
        raise InfrastructureError(
            f"{spec}: no such file, and the hub cannot be reached ({reason}); check the path or "
            "try again",
            id="hub.unreachable",
        ) from None
    return _split_of(found, spec, split)


def _split_of(found: Any, spec: str, split: str | None) -> HubData:
    names = list(found)
    if split is None and len(names) > 1:
        raise UsageError(
            f"{spec}: has the splits {', '.join(names)}; name one (target.split)", id="rows.split"
        )
    if split is not None and split not in names:
        raise UsageError(
            f"{spec}: has no split {split!r}{nearest(split, names)} (it has {', '.join(names)})",
            id="rows.split",
        )
    table = found[split or names[0]]
    return HubData(
        rows=tuple(_rows(table, f"{spec} {split or names[0]}")),
        label_names={
            column: tuple(kind.names)
            for column, kind in table.features.items()
            if getattr(kind, "names", None) and hasattr(kind, "int2str")
        },
    )


def _rows(table: Any, source: str) -> Iterator[Row]:
    # As Arrow has them: pictures and sounds are not decoded.
    number = 0
    for batch in table.with_format("arrow").iter(batch_size=1000):
        for value in batch.to_pylist():
            number += 1
            yield Row(value=value, source=source, line=number)
