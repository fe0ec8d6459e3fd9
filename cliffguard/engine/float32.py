"""A model in float32 for a while, layer by layer: the reference of low precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

_HELD = (torch.bfloat16, torch.float16, torch.float32)


def can_be_had(model: Any) -> bool:
    """Return True if float32 holds all weights exactly: none is quantised, or left on a disk."""
    return all(
        weight.dtype in _HELD and weight.device.type != "meta" for weight in model.parameters()
    )


@contextmanager
def in_float32(model: Any) -> Iterator[None]:
    """Let `model` compute in float32.

    A block of layers is widened when it is reached and narrowed again behind it, so that no more
    than one is in memory twice. Widening loses nothing, and the weights' own tensors are put
    back: afterwards the model is to the last bit what it was.
    """
    blocks = list(_blocks(model))
    inside = {id(part) for block in blocks for part in block.modules()}
    with ExitStack() as stack:
        for part in model.modules():
            if id(part) not in inside:  # embedding, last norm, LM head; tied ones are one tensor
                stack.enter_context(_widened(part, recurse=False))
        for block in blocks:
            opened: list[Any] = []

            def widen(module: nn.Module, _: Any, opened: list[Any] = opened) -> None:
                opened.append(_widened(module, recurse=True))
                opened[-1].__enter__()

            def narrow(module: nn.Module, *_: Any, opened: list[Any] = opened) -> None:
                opened.pop().__exit__(None, None, None)

            stack.callback(block.register_forward_pre_hook(widen).remove)
            stack.callback(block.register_forward_hook(narrow, always_call=True).remove)
        yield


def _blocks(model: Any) -> Iterator[nn.Module]:
    """Yield the layers: the list of modules with most of the weights."""
    lists = [part for part in model.modules() if isinstance(part, nn.ModuleList)]
    yield from max(lists, key=lambda part: sum(map(torch.numel, part.parameters())), default=())


@contextmanager
def _widened(module: nn.Module, *, recurse: bool) -> Iterator[None]:
    tensors = [*module.parameters(recurse), *module.buffers(recurse)]
    narrow = [
        (tensor, tensor.data)
        for tensor in tensors
        if tensor.dtype in (torch.bfloat16, torch.float16)
    ]
    try:
        for tensor, data in narrow:
            tensor.data = data.float()
        yield
    finally:
        for tensor, data in narrow:
            tensor.data = data
