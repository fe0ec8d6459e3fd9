"""Tensors in safetensors files, compared and looked at as bytes: nothing is loaded."""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cliffguard.core.errors import IntegrityError

_PART_BYTES = 1 << 24
_NO_HEADER = (  # what reading one raises of something else, whatever its values are
    ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: in which file it lies, what it is, and its bytes there."""

    path: Path
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def n_bytes(self) -> int:
        """Its size."""
        return self.stop - self.start


def tensors_of(files: Sequence[Path]) -> dict[str, Tensor]:
    """Return the tensors of safetensors files by name, from the headers alone.

    Raises IntegrityError for a file that has no such header.
    """
    tensors: dict[str, Tensor] = {}
    for path in files:
        try:
            tensors |= _header(path)
        except _NO_HEADER as failure:
            raise IntegrityError(
                f"{path}: its safetensors header is damaged ({type(failure).__name__}); copy or "
                "save it again",
                id="weights.torn",
            ) from failure
    return tensors


def _header(path: Path) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > path.stat().st_size:
            raise ValueError("longer than the file")
        header: dict[str, Any] = json.loads(stream.read(length))
    for name, about in header.items():
        if name != "__metadata__":
            start, stop = (8 + length + offset for offset in about["data_offsets"])
            shape = tuple(int(size) for size in about["shape"])
            tensors[name] = Tensor(path, str(about["dtype"]), shape, start, stop)
    return tensors


def are_same(files: Sequence[Path], other: Sequence[Path]) -> bool:
    """Return whether files hold the same tensors bit for bit, however they are cut into files.

    Reads until the first difference, small tensors first: of a fine-tune, little.
    """
    left, right = tensors_of(files), tensors_of(other)
    if {n: (t.dtype, t.shape) for n, t in left.items()} != {
        n: (t.dtype, t.shape) for n, t in right.items()
    }:
        return False
    with ExitStack() as stack:
        views = {path: stack.enter_context(_opened(path)) for path in {*files, *other}}
        return all(
            _is_same(views, left[name], right[name])
            for name in sorted(left, key=lambda name: (left[name].n_bytes, name))
        )


def _opened(path: Path) -> mmap.mmap:
    with path.open("rb") as stream:
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)


def _is_same(views: dict[Path, mmap.mmap], tensor: Tensor, other: Tensor) -> bool:
    return all(
        left == right
        for left, right in zip(_bytes_of(views, tensor), _bytes_of(views, other), strict=True)
    )


def _bytes_of(views: dict[Path, mmap.mmap], tensor: Tensor) -> Iterator[bytes]:
    for start in range(tensor.start, tensor.stop, _PART_BYTES):
        yield views[tensor.path][start : min(start + _PART_BYTES, tensor.stop)]


def is_zero(tensor: Tensor) -> bool:
    """Return whether every value is zero, of either sign."""
    unit, without_sign = _UNITS.get(tensor.dtype, (np.uint8, 0xFF))
    with tensor.path.open("rb") as stream:
        stream.seek(tensor.start)
        return not any(
            (np.frombuffer(part, unit) & unit(without_sign)).any()
            for part in _parts(stream, tensor.n_bytes)
        )


_UNITS: dict[str, tuple[Any, int]] = {
    "F64": (np.uint64, 0x7FFF_FFFF_FFFF_FFFF),
    "F32": (np.uint32, 0x7FFF_FFFF),
    "F16": (np.uint16, 0x7FFF),
    "BF16": (np.uint16, 0x7FFF),
}


def _parts(stream: Any, n_bytes: int) -> Iterator[bytes]:
    while n_bytes > 0:
        part: bytes = stream.read(min(n_bytes, _PART_BYTES))
        if not part:
            return
        n_bytes -= len(part)
        yield part
