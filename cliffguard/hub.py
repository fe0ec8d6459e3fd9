"""Checkpoints on a model hub: resolve a name and revision to a local folder."""

from __future__ import annotations

import re
from pathlib import Path

from cliffguard.errors import InfrastructureError, UsageError
from cliffguard.files import shortened

_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?$")
_WANTED = ["*.safetensors", "*.json", "*.jinja", "*.model", "merges.txt", "vocab.txt"]


def is_hub_id(spec: str) -> bool:
    """Say whether `spec` reads as org/model or org/model@revision rather than as a path."""
    first = spec.partition("/")[0]
    return bool(_HUB_ID.match(spec)) and not Path(first).is_dir()


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
        folder = snapshot_download(
            name, revision=revision or None, local_files_only=offline, allow_patterns=_WANTED
        )
    except HFValidationError:
        raise UsageError(
            f"{shortened(spec)}: no such directory, and not a name that a model hub can have"
        ) from None
    except GatedRepoError:
        raise UsageError(
            f"{spec}: access to this model is gated; ask for it on the hub and log in"
        ) from None
    except (RepositoryNotFoundError, RevisionNotFoundError):
        raise UsageError(
            f"{spec}: no such directory, and no such model or revision on the hub"
        ) from None
    except LocalEntryNotFoundError:
        if offline:
            raise UsageError(
                f"{spec}: no such directory, and not on this machine; drop --offline to fetch it"
            ) from None
        raise _unreachable(spec) from None
    except (HfHubHTTPError, HTTPError, OSError):
        raise _unreachable(spec) from None
    return Path(folder), Path(folder).name


def _unreachable(spec: str) -> InfrastructureError:
    return InfrastructureError(
        f"{spec}: no such directory, and the hub cannot be reached; check the path or try again"
    )
