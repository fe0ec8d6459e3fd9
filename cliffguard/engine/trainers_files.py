"""Pickled weights as trainers save them: inside of an object, under a key beside other things."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from cliffguard.core.errors import IntegrityError

_KEYS = ("state_dict", "module", "model", "model_state_dict", "weights")
"""Of Lightning, DeepSpeed, and many scripts."""


def refuse_wrapped(name: str, folder: Path, extra: Collection[str]) -> None:
    """Raise IntegrityError where a key of a pickled file is of all weights, as `extra` names it.

    With the command that takes them out of it, and writes them beside it as safetensors.
    """
    key = next((key for key in _KEYS if key in extra), None)
    files = sorted(folder.glob("pytorch_model*.bin"))
    if key is None or len(files) != 1:
        return
    path, saved = str(files[0]), str(folder / "model.safetensors")
    if {*path} & {*"\"'$`\\!"} or not path.isprintable():
        path, saved = "pytorch_model.bin", "model.safetensors"
    raise IntegrityError(
        f"{name}: {files[0].name} holds its weights under {key!r}, as trainers save them; take "
        'them out of it: python -c "import torch; from safetensors.torch import save_file; '
        f"w = torch.load('{path}', map_location='cpu', weights_only=True)['{key}']; "
        f"save_file({{k: v.clone() for k, v in w.items()}}, '{saved}', {{'format': 'pt'}})\"",
        id="weights.wrapped",
    )
