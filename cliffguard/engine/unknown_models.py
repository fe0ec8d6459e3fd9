"""A model_type that this transformers does not know: a newer model, or a slip of the pen."""

from __future__ import annotations

import re
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path

from cliffguard.checkpoints.files import read_json
from cliffguard.core.errors import InfrastructureError, IntegrityError
from cliffguard.core.libraries import is_newer
from cliffguard.core.texts import cut_middle


def refuse_unknown_type(name: str, folder: Path) -> None:
    """Refuse a config.json whose model_type transformers does not know.

    Raises IntegrityError for a known one with a slip in it, InfrastructureError for what a newer
    transformers may know. What brings code of its own is refused where it is read.
    """
    from transformers import CONFIG_MAPPING

    config = read_json(folder / "config.json")
    kind, by = config.get("model_type"), config.get("transformers_version")
    if not isinstance(kind, str) or not kind or kind in CONFIG_MAPPING or config.get("auto_map"):
        return
    this = version("transformers")
    says = f"{name}: its config.json says model_type {cut_middle(kind)}"
    upgrade = "pip install -U transformers"
    is_later = isinstance(by, str) and is_newer(by, this)
    if not is_later and (meant := _meant(kind, list(CONFIG_MAPPING))) is not None:
        raise IntegrityError(
            f"{says}, which transformers {this} does not know; did you mean {meant!r}? write that "
            f"there, or, of a newer model, {upgrade}",
            id="checkpoint.unknown-type",
        )
    made = f" (it was saved by {cut_middle(str(by))})" if isinstance(by, str) else ""
    raise InfrastructureError(
        f"{says}, which transformers {this} does not know{made}; if the model is newer than that, "
        f"{upgrade}",
        id="checkpoint.newer-type",
    )


def _meant(kind: str, known: list[str]) -> str | None:
    """Return the known type closest to a wrong one; of another number it is another model."""
    close = get_close_matches(kind.lower(), known, n=3, cutoff=0.8)
    return next((name for name in close if _numbers(name) == _numbers(kind)), None)


def _numbers(kind: str) -> list[str]:
    return re.findall(r"\d+", kind)
