"""A model that somebody is training, run and left as it was found.

What running it for answers would leave behind: modules in eval mode, other adapters active, their
parameters frozen or not, moved sources of randomness, a cache switched on.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch


@contextmanager
def left_as_found(model: Any) -> Iterator[None]:
    """Put everything back when the block is left, however it is left.

    Of every module its training flag; of every parameter whether it takes a gradient; which
    adapters are active and on; `use_cache`; the state of Python's, NumPy's and torch's sources of
    randomness, on every CUDA device too. Autocast is off inside.
    """
    training = [(module, module.training) for module in model.modules()]
    gradients = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    adapters = _adapters(model)
    config: Any = getattr(model, "config", None)
    uses_cache = getattr(config, "use_cache", None)
    with ExitStack() as stack:
        stack.enter_context(_randomness_kept())
        for kind in {parameter.device.type for parameter in model.parameters()}:
            stack.enter_context(torch.autocast(kind, enabled=False))
        try:
            yield
        finally:
            for layer, active, is_off in adapters:
                layer._active_adapter = active
                layer._disable_adapters = is_off
            if uses_cache is not None:
                config.use_cache = uses_cache
            for parameter, takes_gradient in gradients:
                parameter.requires_grad_(takes_gradient)
            for module, is_training in training:
                module.training = is_training


def _adapters(model: Any) -> list[tuple[Any, Any, Any]]:
    """Return every layer with adapters, which of them are active, and whether all are off."""
    return [
        (module, module._active_adapter, module._disable_adapters)
        for module in model.modules()
        if hasattr(module, "_active_adapter") and hasattr(module, "_disable_adapters")
    ]


@contextmanager
def _randomness_kept() -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 (the global one)
    with torch.random.fork_rng():  # of the CPU and of every CUDA device
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002


def is_sharded(model: Any) -> bool:
    """Say whether parts of the weights lie in other processes (FSDP, DeepSpeed ZeRO-3)."""
    for parameter in model.parameters():
        if hasattr(parameter, "ds_id") or type(parameter).__name__ in ("DTensor", "FlatParameter"):
            return True
        if type(parameter.data).__name__ == "DTensor":
            return True
    return any("FullyShardedDataParallel" in type(one).__name__ for one in model.modules())


def unwrapped(model: Any) -> Any:
    """Return the model inside DistributedDataParallel, or the model."""
    is_wrapped = type(model).__name__ in ("DistributedDataParallel", "DataParallel")
    return model.module if is_wrapped else model


def digest_of_tensors(tensors: Iterable[tuple[str, Any]]) -> str:
    """Return a digest of names, types, shapes and bytes, in order of the names."""
    found = hashlib.sha256(b"in memory")
    for name, tensor in sorted(tensors, key=lambda one: one[0]):
        found.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        flat = tensor.detach().contiguous().cpu().reshape(-1)
        found.update(flat.view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
