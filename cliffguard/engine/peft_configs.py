"""An adapter's config as this release of peft reads it, and what it would leave out in silence."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cliffguard.checkpoints.files import read_json
from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import IntegrityError
from cliffguard.core.libraries import is_newer
from cliffguard.core.texts import cut_middle

_ROUNDS = re.compile(r"pissa_niter_[0-9]+")
# Not of the method: what peft itself writes beside it, and reads apart.
_BESIDE = {"peft_version", "auto_mapping", "runtime_config"}


def read_config(name: str, folder: Path) -> tuple[Any, tuple[Caveat, ...]]:
    """Return peft's config of the adapter in `folder`, set for inference, and caveats.

    Raises IntegrityError for a kind and for keys that this peft does not know.
    """
    from peft import PeftConfig
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    saved = read_json(folder / "adapter_config.json")
    kind = saved.get("peft_type")
    if kind not in PEFT_TYPE_TO_CONFIG_MAPPING:
        meant = str(kind).strip().upper().replace("-", "_")
        mend = f'write "{meant}" there' if meant in PEFT_TYPE_TO_CONFIG_MAPPING else _mend(saved)
        raise IntegrityError(
            f"{name}: its adapter_config.json says peft_type {cut_middle(str(kind))}, which "
            f"{_this(saved)}; {mend}",
            id="adapter.unknown-type",
        )
    unknown = sorted(saved.keys() - _known(PEFT_TYPE_TO_CONFIG_MAPPING[kind]))
    if strange := [key for key in unknown if _says_something(saved[key])]:
        raise IntegrityError(
            f"{name}: its adapter_config.json sets {', '.join(strange[:5])}, which {_this(saved)} "
            f"and would leave out; {_mend(saved)}, or take the key out if it changes nothing",
            id="adapter.unknown-keys",
        )
    config = PeftConfig.from_pretrained(str(folder), local_files_only=True)
    config.inference_mode = True
    if _ROUNDS.fullmatch(str(saved.get("init_lora_weights"))):
        config.init_lora_weights = True  # the shapes are the same, and found at once
    if not unknown:
        return config, ()
    left_out = f"{name}: its adapter_config.json has keys without a value that {_this(saved)}"
    return config, (Caveat(id="adapter.empty-keys", text=f"{left_out}: {', '.join(unknown)}."),)


def _this(saved: Mapping[str, Any]) -> str:
    by = saved.get("peft_version")
    made = f" (it was saved by {by})" if isinstance(by, str) else ""
    return f"this peft, {version('peft')}, does not know{made}"


def _mend(saved: Mapping[str, Any]) -> str:
    """Return what to do: a newer peft helps where the adapter was not saved by one as old."""
    by = saved.get("peft_version")
    if isinstance(by, str) and not is_newer(by, version("peft")):
        return "save the adapter again with the program that trained it"
    return "upgrade it (pip install -U peft)"


def _known(kind: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)} | _BESIDE


def _says_something(value: Any) -> bool:
    return value is not None and value is not False and value not in ({}, [], "")
