"""Two sets of weights in one folder: which one is read, and whether they are the same.

A trainer that saves into a folder again leaves what lay there: an old model.safetensors beside new
shards, an old pytorch_model.bin beside a new model.safetensors. transformers reads the first, and
a server that goes by the index, or by all files, the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cliffguard.checkpoints.files import read_json
from cliffguard.checkpoints.tensors import are_same
from cliffguard.checkpoints.weights import pickled_files
from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import IntegrityError

_WHOLE = "model.safetensors"
_INDEX = f"{_WHOLE}.index.json"


def refuse_two_sets(name: str, folder: Path) -> None:
    """Raise IntegrityError where model.safetensors lies beside shards of other weights.

    The files are known to be whole. They are read until the first difference.
    """
    whole, shards = folder / _WHOLE, _shards(folder)
    if not whole.is_file() or not shards or are_same([whole], shards):
        return
    raise IntegrityError(
        f"{name}: holds two models: {_WHOLE}, and other weights in {shards[0].name}"
        f"{' and on' * (len(shards) > 1)}; which of them is served depends on the program: remove "
        f"{_WHOLE}, or the shards and {_INDEX}, whichever is older",
        id="weights.two-sets",
    )


def _shards(folder: Path) -> list[Path]:
    """Return the shards that an index names, or that lie there without one; never the whole."""
    index = folder / _INDEX
    if index.is_file():
        names = set(read_json(index)["weight_map"].values()) - {_WHOLE}
        return [folder / name for name in sorted(names)]
    return sorted(folder.glob("model-*-of-*.safetensors"))


def pickled_beside(
    name: str, folder: Path, files: Sequence[Path], pattern: str
) -> tuple[Caveat, ...]:
    """Return the caveat that pickled weights lie beside `files`, the safetensors that are read.

    `pattern`: "*.safetensors" or "adapter_model.safetensors". Whether they hold the same shows only
    when they are unpickled.
    """
    pickled = pickled_files(folder, pattern)
    if not pickled or pickled[0] in files:
        return ()
    text = (
        f"{name} holds {pickled[0].name} beside {files[0].name}: the safetensors are read, and "
        "whether both hold the same weights is not known; remove the one that is older."
    )
    return (Caveat(id="weights.pickled-beside", text=text),)
