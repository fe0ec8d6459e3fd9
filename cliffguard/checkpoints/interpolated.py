"""Full weights between those of a base and of its fine-tune, tensor by tensor, a part at a time.

Files, headers and dtypes are the candidate's; memory holds some megabytes of either side.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cliffguard.checkpoints.tensors import Tensor, tensors_of
from cliffguard.core.errors import UsageError
from cliffguard.core.texts import n_things

Floats = NDArray[np.floating[Any]]

_PART_ITEMS = 1 << 21
_UNITS: dict[str, Any] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": np.uint16,
}
_HALF_WORD = 16  # bits of a float32 that bfloat16 leaves out


def refuse_unlike(name: str, base: Path, candidate: Path) -> None:
    """Raise UsageError unless both folders hold tensors of the same names and shapes, of numbers.

    What is no float, such as packed integers, has nothing between two of its values.
    """
    left, right = (_tensors(name, folder) for folder in (base, candidate))
    if others := sorted(left.keys() ^ right.keys()):
        side = "the base" if others[0] in left else "the candidate"
        raise UsageError(
            f"{name}: {n_things(len(others), 'tensor')} of one side alone ({others[0]}, of "
            f"{side}): nothing lies between; save both with the same program, or give its adapter",
            id="scale.weights",
        )
    for tensor_name, tensor in right.items():
        if tensor.shape != left[tensor_name].shape:
            shapes = f"{list(left[tensor_name].shape)} and {list(tensor.shape)}"
            raise UsageError(
                f"{name}: {tensor_name} has the shapes {shapes}: nothing lies between; give a "
                "fine-tune of the same shape",
                id="scale.weights",
            )
        if {tensor.dtype, left[tensor_name].dtype} - _UNITS.keys():
            raise UsageError(
                f"{name}: {tensor_name} is {tensor.dtype}, and {left[tensor_name].dtype} in the "
                "base: only floats can be interpolated; give weights that are not quantised",
                id="scale.weights",
            )


def write_between(base: Path, candidate: Path, scale: float, folder: Path) -> None:
    """Write base + scale · (candidate - base) into `folder`, in files like the candidate's.

    Raises OSError where it cannot be written.
    """
    left, right = _tensors(str(base), base), _tensors(str(candidate), candidate)
    for path in sorted({tensor.path for tensor in right.values()}):
        inside = sorted(
            ((tensor, left[name]) for name, tensor in right.items() if tensor.path == path),
            key=lambda pair: pair[0].start,
        )
        with path.open("rb") as source, (folder / path.name).open("wb") as target:
            target.write(source.read(min(tensor.start for tensor, _ in inside)))
            for tensor, other in inside:
                with other.path.open("rb") as of_base:
                    _write_tensor(of_base, other, source, tensor, scale, target)


def _tensors(name: str, folder: Path) -> dict[str, Tensor]:
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise UsageError(
            f"{name}: weights are pickled; save them as safetensors", id="scale.weights"
        )
    return tensors_of(files)


def _write_tensor(
    of_base: IO[bytes], base: Tensor, of_candidate: IO[bytes], candidate: Tensor, scale: float,
    target: IO[bytes],
) -> None:  # fmt: skip
    assert target.tell() == candidate.start, "safetensors files have no gaps"
    of_base.seek(base.start)
    of_candidate.seek(candidate.start)
    n_left = candidate.n_bytes // np.dtype(_UNITS[candidate.dtype]).itemsize
    while n_left > 0:
        n = min(n_left, _PART_ITEMS)
        left, right = _read(of_base, base.dtype, n), _read(of_candidate, candidate.dtype, n)
        target.write(_written(left + scale * (right - left), candidate.dtype))
        n_left -= n


def _read(stream: IO[bytes], dtype: str, n_items: int) -> Floats:
    """Return values in double precision, in which a difference of singles is exact enough."""
    unit = np.dtype(_UNITS[dtype])
    raw = np.frombuffer(stream.read(n_items * unit.itemsize), unit)
    if dtype == "BF16":
        raw = (raw.astype(np.uint32) << _HALF_WORD).view(np.float32)
    return raw.astype(np.float64)


def _written(values: Floats, dtype: str) -> bytes:
    """Return values as a tensor of a dtype holds them, rounded to the nearest, ties to even."""
    if dtype != "BF16":
        return values.astype(_UNITS[dtype]).tobytes()
    bits = values.astype(np.float32).view(np.uint32)
    rounded = bits + 0x7FFF + ((bits >> _HALF_WORD) & 1)
    kept = np.where(np.isfinite(values), rounded, bits) >> _HALF_WORD
    return kept.astype(np.uint16).tobytes()
