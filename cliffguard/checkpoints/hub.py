"""Checkpoints on a model hub: name and revision → folder.

A name is looked up there only where it is written `hf:org/name[@revision]`, or with --hub: who
misspells `runs/ft` must not be handed the model of whoever owns the name `runs`. A plain name may
be a copy that was fetched before.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from cliffguard.core.errors import UsageError
from cliffguard.core.hub_names import (
    _PART,
    _not_here,
    _unreachable,
    is_hub_id,
    is_looked_up,
    is_offline,
    without_prefix,
)
from cliffguard.core.libraries import is_there
from cliffguard.core.progress import doing
from cliffguard.core.texts import cut_middle

_TEXTS = ["*.json", "*.jinja", "*.model", "*.tiktoken", "merges.txt", "vocab.txt"]
_WANTED = ["*.safetensors", *_TEXTS]


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
    if is_there("huggingface_hub"):  # nothing else can have fetched it
        with contextlib.suppress(UsageError):
            return download(spec, offline=True)
    raise _not_here(spec, "directory", "model")


_ADDRESS = re.compile(
    rf"https?://[^/]+/({_PART}/{_PART})(?:/(?:tree|blob)/([^/?#]+))?/?(?:[?#].*)?"
)


def _no_directory(spec: str) -> UsageError:
    if match := _ADDRESS.fullmatch(spec):
        name = f"hf:{match[1]}" + (f"@{match[2]}" if match[2] else "")
        return UsageError(
            f"{cut_middle(spec)}: is an address, and neither a directory nor a name; if it is one "
            f"of a hub, write {name}",
            id="hub.address",
        )
    if "://" in spec:
        return UsageError(
            f"{cut_middle(spec)}: is an address; fetch the checkpoint, and give its directory",
            id="hub.address",
        )
    return UsageError(f"{spec}: no such directory; check the path", id="checkpoint.no-folder")


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
            f"{cut_middle(spec)}: no such directory, and not a name that a model hub can have",
            id="hub.bad-name",
        ) from None
    except GatedRepoError:
        raise UsageError(
            f"{spec}: access to this model is gated; ask for it on the hub and log in",
            id="hub.gated",
        ) from None
    except (RepositoryNotFoundError, RevisionNotFoundError):
        raise UsageError(
            f"{spec}: no such directory, and no such model or revision on the hub",
            id="checkpoint.no-folder",
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
