"""A model in float32 for a while, layer by layer: the reference of low precision."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

_LOW = (torch.bfloat16, torch.float16)
_HELD = (*_LOW, torch.float32)


class ReferenceTooSlow(Exception):
    """The time for computing in float32 was up before it came to its end."""


def can_be_had(model: Any) -> bool:
    """Return True if float32 holds all weights exactly: none is quantised, or left on a disk."""
    return all(
        weight.dtype in _HELD and weight.device.type != "meta" for weight in model.parameters()
    )


def working_seconds(model: Any) -> float:
    """Return a clock's reading in seconds, by which work on the model's device is limited.

    On a CPU that of this process's own work: a machine that is busy otherwise would decide by
    chance, and a run on it takes longer in the same measure.
    """
    if model.device.type == "cpu":
        return time.process_time() / torch.get_num_threads()
    return time.monotonic()


def bytes_to_widen(model: Any) -> int:
    """Return the memory in bytes that `in_float32` takes beside the model's own weights."""
    blocks = [_bytes_wide(block.parameters()) for block in _blocks(model)]
    return _bytes_wide(model.parameters()) - sum(blocks) + max(blocks, default=0)


def _bytes_wide(weights: Iterable[torch.Tensor]) -> int:
    return sum(4 * weight.numel() for weight in weights if weight.dtype in _LOW)


@contextmanager
def in_float32(model: Any, until: float | None = None) -> Iterator[None]:
    """Let `model` compute in float32, whatever torch was told to round it to.

    A block of layers is widened when it is reached and narrowed again behind it, so that no more
    than one is in memory twice. Widening loses nothing. Widened weights take the places of the
    model's own, which are never written to: afterwards, however it ended, the model is to the last
    bit what it was, and so is all that hangs on its weights (an optimiser, hooks of gradients).

    A block that is reached after `until`, by `working_seconds`, raises ReferenceTooSlow (None: none
    is too late).
    """
    blocks = list(_blocks(model))
    inside = {id(part) for block in blocks for part in block.modules()}
    with _as_float32_is_meant(model), ExitStack() as stack:
        around = [part for part in model.modules() if id(part) not in inside]
        stack.enter_context(_widened(around))  # embedding, last norm, LM head
        for block in blocks:
            opened = stack.enter_context(ExitStack())  # an interrupt skips hooks, and not this

            def widen(module: nn.Module, _: Any, opened: ExitStack = opened) -> None:
                if until is not None and working_seconds(model) > until:
                    raise ReferenceTooSlow
                opened.enter_context(_widened(module.modules()))

            def narrow(*_: Any, opened: ExitStack = opened) -> None:
                opened.close()

            stack.callback(block.register_forward_pre_hook(widen).remove)
            stack.callback(block.register_forward_hook(narrow, always_call=True).remove)
        yield


def _blocks(model: Any) -> Iterator[nn.Module]:
    """Yield the layers: the list of modules with most of the weights."""
    lists = [part for part in model.modules() if isinstance(part, nn.ModuleList)]
    yield from max(lists, key=lambda part: sum(map(torch.numel, part.parameters())), default=())


@contextmanager
def _as_float32_is_meant(model: Any) -> Iterator[None]:
    """Switch off what computes float32 in less: autocast, TF32."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(model.device.type, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)


@contextmanager
def _widened(modules: Iterable[nn.Module]) -> Iterator[None]:
    wide: dict[int, Any] = {}  # tied weights stay one tensor
    places: list[tuple[Any, str, torch.Tensor]] = []
    try:
        for module in modules:
            slots: tuple[dict[str, Any], ...] = (module._parameters, module._buffers)
            for tensors in slots:
                for name, tensor in tensors.items():
                    if tensor is None or tensor.dtype not in _LOW:
                        continue
                    if id(tensor) not in wide:
                        wide[id(tensor)] = _wide(tensor)
                    places.append((tensors, name, tensor))
                    tensors[name] = wide[id(tensor)]
        yield
    finally:
        for tensors, name, tensor in places:
            tensors[name] = tensor


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    data = tensor.detach().float()
    is_weight = isinstance(tensor, nn.Parameter)
    return nn.Parameter(data, requires_grad=False) if is_weight else data
