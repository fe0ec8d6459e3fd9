"""Digests of nested values and tensors: what two runs must have in common, in few bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any


def sha(value: Any) -> str:
    """Return a digest of values and tensors, however they are nested."""
    running = hashlib.sha256()
    for part in _flat(value):
        running.update(part + b"\0")
    return running.hexdigest()


def _flat(value: Any) -> Iterator[bytes]:
    import torch

    if isinstance(value, dict):
        for name in sorted(value, key=str):
            yield str(name).encode()
            yield from _flat(value[name])
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _flat(part)
    elif isinstance(value, torch.Tensor):
        yield value.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    else:
        yield repr(value).encode()
