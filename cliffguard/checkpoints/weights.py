"""The weight files of a checkpoint: which there are, whether they are whole, and their digests.

Nothing here loads weights: safetensors are checked by header and size, and hashed as bytes.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cliffguard.checkpoints.files import read_json, settings_of
from cliffguard.checkpoints.formats import refuse_no_weights
from cliffguard.checkpoints.tensors import tensors_of
from cliffguard.core.canonical_json import digest, parse_json
from cliffguard.core.errors import CliffguardError, InfrastructureError, IntegrityError, UsageError
from cliffguard.core.hashing import sha256_of_files
from cliffguard.core.texts import n_things, plural

_INDEX = "model.safetensors.index.json"
# What a trainer leaves beside them (optimizer.bin, training_args.bin, scheduler.bin) is no weights.
_PICKLED = {
    "*.safetensors": ("pytorch_model.bin", "pytorch_model-*.bin", "consolidated*.pth"),
    "adapter_model.safetensors": ("adapter_model.bin",),
}
_MAX_HEADER_BYTES = 100 * 1024 * 1024


def weight_files(name: str, folder: Path, pattern: str, allow_pickle: bool) -> list[Path]:
    """Return the files that hold the weights of the checkpoint `name`.

    Raises UsageError when there are none or only pickled ones, IntegrityError when a shard that
    the index names is missing.
    """
    files = sorted(folder.glob(pattern))
    if files:
        _refuse_missing_shards(name, folder)
        return files
    pickled = pickled_files(folder, pattern)
    if not pickled:
        if pattern == "*.safetensors":
            _refuse_missing_shards(name, folder)
        refuse_no_weights(name, folder, pattern)
    if not allow_pickle:
        raise UsageError(
            f"{name}: weights are pickled ({pickled[0].name}), which can run code when loaded; "
            "convert them to safetensors, or pass --allow-pickle if you trust their author",
            id="weights.pickled",
        )
    return pickled


def pickled_files(folder: Path, pattern: str) -> list[Path]:
    """Return the files of pickled weights in place of those of `pattern`."""
    return sorted(path for glob in _PICKLED[pattern] for path in folder.glob(glob))


def _refuse_missing_shards(name: str, folder: Path) -> None:
    index = folder / _INDEX
    if not index.is_file():
        return
    shards = read_json(index).get("weight_map")
    if not isinstance(shards, dict) or not all(isinstance(s, str) for s in shards.values()):
        raise IntegrityError(
            f"{index}: does not map weights to files; copy the checkpoint again", id="weights.index"
        )
    # A loader follows these names wherever they lead, and unpickles what is no safetensors.
    strange = sorted({s for s in shards.values() if not _is_shard(s)})
    if strange:
        raise IntegrityError(
            f"{index}: names {strange[0]!r}, which is no safetensors file beside it; save or copy "
            "the checkpoint again",
            id="weights.index",
        )
    missing = sorted({s for s in shards.values() if not os.path.isfile(folder / s)})
    if missing:
        raise IntegrityError(
            f"{name}: the shard {missing[0]} is missing; copy the checkpoint again",
            id="weights.missing-shard",
        )


def _is_shard(name: str) -> bool:
    return name.endswith(".safetensors") and not set("/\\\0") & set(name)


def adapter_digest(name: str, folder: Path, allow_pickle: bool) -> str:
    """Return the digest of an adapter's weights and of its own settings."""
    weights = weight_files(name, folder, "adapter_model.safetensors", allow_pickle)
    return digest([weights_digest(weights), settings_of(folder, "adapter_config.json")])


def weights_digest(files: list[Path]) -> str:
    """Return the digest of weight files by name and content, after a check that they are whole.

    Where an index says which of them are read, it counts as well.
    """
    whole = [path for path in files if path.suffix == ".safetensors"]
    for path in whole:
        check_safetensors(path)
    if whole:
        _refuse_empty(whole)
    hashes = sha256_of_files(files)
    digests: dict[str, Any] = {path.name: hashes[path] for path in files}
    index = files[0].with_name(_INDEX)
    if index.is_file():
        digests[_INDEX] = read_json(index).get("weight_map")
    return digest(digests)


def _refuse_empty(files: Sequence[Path]) -> None:
    """Refuse files without a number in them: what a sharded run saves that gathers nothing."""
    tensors = tensors_of(files)
    # Integers may be empty: an order of columns that a quantisation left as it was.
    empty = sorted(
        n for n, tensor in tensors.items() if 0 in tensor.shape and tensor.dtype in _FLOATS
    )
    where = files[0] if len(files) == 1 else files[0].parent
    if not tensors:
        n_bytes = sum(path.stat().st_size for path in files)
        raise IntegrityError(
            f"{where}: holds no tensors ({n_bytes:,} bytes); {_GATHER}", id="weights.no-tensors"
        )
    if empty:
        shape = list(tensors[empty[0]].shape)
        raise IntegrityError(
            f"{where}: {len(empty):,} of its {n_things(len(tensors), 'tensor', ',')} "
            f"{plural(len(empty), 'is', 'are')} empty, the first is {empty[0]} "
            f"(shape {shape}); {_GATHER}",
            id="weights.empty-tensors",
        )


_FLOATS = {"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"}
_GATHER = (
    "so saves DeepSpeed ZeRO-3 that gathers no weights: set "
    "stage3_gather_16bit_weights_on_model_save, or run its zero_to_fp32.py, and save again"
)


def check_safetensors(path: Path) -> None:
    """Raise IntegrityError unless header and size of a safetensors file agree.

    Layout: 8 bytes of header length (little endian), the JSON header, the data; every tensor's
    `data_offsets` are relative to the end of the header.
    """
    if not path.is_file():
        raise IntegrityError(
            f"{path}: not a file, or a link to nothing; copy it again", id="weights.no-file"
        )
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else -1
            fits = 2 <= length <= min(size - 8, _MAX_HEADER_BYTES)
            header_bytes = stream.read(length) if fits else b""
    except OSError as failure:
        raise InfrastructureError(
            f"{path}: cannot be read: {failure.strerror}", id="checkpoint.unreadable"
        ) from None
    if not fits:
        raise IntegrityError(
            f"{path}: torn or not a safetensors file; copy or save it again", id="weights.torn"
        )
    try:
        header = parse_json(header_bytes.decode("utf-8"))
        ends = [_end(about) for name, about in header.items() if name != "__metadata__"]
        expected = 8 + length + max(ends, default=0)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise IntegrityError(
            f"{path}: its safetensors header is damaged; copy or save it again", id="weights.torn"
        ) from None
    if expected != size:
        raise IntegrityError(
            f"{path}: torn: {size} bytes where its header promises {expected}; copy it again",
            id="weights.torn",
        )


def _end(about: Mapping[str, Any]) -> int:
    """Return where a tensor ends in the data; ValueError unless it is described as one."""
    start, end = about["data_offsets"]
    numbers = [start, end, *about["shape"]]
    if not isinstance(about["dtype"], str) or not all(type(n) is int and n >= 0 for n in numbers):
        raise ValueError("not a tensor")
    return int(end)


def n_parameters(folder: Path) -> int | None:
    """Return how many numbers the safetensors of a folder hold, read from their headers.

    None where there are none, or a header cannot be read.
    """
    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        try:
            check_safetensors(path)
            with path.open("rb") as stream:
                header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
            shapes = [v["shape"] for k, v in header.items() if k != "__metadata__"]
            total += sum(math.prod(shape) for shape in shapes)
        except (CliffguardError, OSError, ValueError, KeyError, TypeError, OverflowError):
            return None
    return total or None
