"""Linear layers over weights that oneDNN has laid out for the processor beforehand.

On an AMD processor with AVX-512 torch multiplies float32 matrices by MKL, which reaches half of
what oneDNN in the same torch does once a weight is in its own layout. That layout costs a second
copy of the weights, and one pass over them. `torch.utils.mkldnn`, the public way, converts every
input, too, and gains a third as much; so the operator beneath is called, which has no promise: the
version of torch is looked at, and each shape tried, and where either is not as known the layer
stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from cliffguard.core.errors import InfrastructureError
from cliffguard.engine.devices import cpu_flags, cpu_vendor, free_main_memory, total_main_memory

_KNOWN = ("2.13.",)  # releases of torch in which the operators below were tried
LEAST_WIDTH = 128  # an adapter's own matrices are narrower, and come and go
_TOLERANCE = 1e-4  # of the largest value of an output
_MOST = 0.25  # of the machine's memory, for the copies; the weights themselves take as much


def is_faster_here() -> bool:
    """Return True for a processor on which prepacked layers were measured to be faster.

    A table and no trial: base, candidate and a resumed run must choose alike. With AVX2 alone MKL
    is the faster one (`reports/engine/linear.md`); others are unmeasured.
    """
    return is_known() and cpu_vendor() == "AuthenticAMD" and "avx512f" in cpu_flags()


def is_known() -> bool:
    """Return True if this torch has the operators, as they were tried."""
    operators = ("_linear_pointwise", "_reorder_linear_weight")
    return torch.__version__.startswith(_KNOWN) and all(
        hasattr(torch.ops.mkldnn, name) for name in operators
    )


def prepack(model: Any, name: str = "model") -> int:
    """Lay out the linear layers of a float32 model on the CPU; return how many were.

    None is where the copies would take more than a quarter of the machine's memory, or this torch
    is not known. Neither changes while a run is away. Raises InfrastructureError where others hold
    the memory for them: a run that went on without would answer by other last bits.
    """
    layers = list(_layers(model))
    n_bytes = sum(layer.weight.nbytes for layer in layers)
    if not is_known() or n_bytes > _MOST * total_main_memory():
        return 0
    if n_bytes > (free := free_main_memory()):
        raise InfrastructureError(
            f"{name}: its linear layers, laid out for the processor, take another "
            f"{n_bytes / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free; end what holds the "
            "memory, or say --linear plain, for base and candidate alike",
            id="memory.linear-copies",
        )
    is_sound: dict[Any, bool] = {}
    return sum(_prepack(layer, is_sound) for layer in layers)


def _layers(model: Any) -> Iterator[nn.Linear]:
    for module in model.modules():
        if (
            type(module) is nn.Linear
            and module.weight.dtype is torch.float32
            and module.weight.device.type == "cpu"
            and min(module.weight.shape) >= LEAST_WIDTH
        ):
            yield module


class PrepackedLinear(nn.Linear):
    """A linear layer that multiplies by the copy, while its weight is the one that was copied.

    Whoever writes into the weight, puts another one there or copies the layer gets the plain layer
    again. A write through `weight.data` leaves no trace to be seen: merge no adapter into it.
    """

    _packed: torch.Tensor
    _source: torch.Tensor  # the weight that was copied; held, so that its address stays its own
    _version_then: int

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return the layer's output, of `input`'s shape but for the last dimension."""
        weight = self.weight
        if (
            weight.data_ptr() != self._source.data_ptr()
            or weight._version != self._version_then
            or input.dtype is not torch.float32
        ):
            return super().forward(input)
        return _multiplied(input, self._packed, self.bias)

    def __deepcopy__(self, memo: dict[int, Any]) -> nn.Linear:
        """Return a plain layer: the copy's weight is another tensor."""
        copied = nn.Linear.__new__(nn.Linear)
        memo[id(self)] = copied
        packs = PrepackedLinear.__annotations__
        plain = {name: value for name, value in vars(self).items() if name not in packs}
        vars(copied).update(deepcopy(plain, memo))
        return copied


def _prepack(layer: nn.Linear, is_sound: dict[Any, bool]) -> bool:
    """Lay out a layer, unless one of its shape computed otherwise (`is_sound`, added to)."""
    shape = (layer.weight.shape, layer.weight.stride(), layer.bias is None)
    if not is_sound.get(shape, True):
        return False
    with torch.inference_mode(mode=False), torch.no_grad():
        packed = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach())
        if shape not in is_sound:
            is_sound[shape] = _computes_alike(layer, packed)
    if not is_sound[shape]:
        return False
    layer.__class__ = PrepackedLinear
    vars(layer).update(
        _packed=packed, _source=layer.weight.detach(), _version_then=layer.weight._version
    )
    return True


def _computes_alike(layer: nn.Linear, packed: torch.Tensor) -> bool:
    tried = torch.randn(1, 8, layer.in_features, generator=torch.Generator().manual_seed(0))
    expected = nn.functional.linear(tried, layer.weight, layer.bias)
    moved = (_multiplied(tried, packed, layer.bias) - expected).abs().max()
    return bool(moved <= _TOLERANCE * expected.abs().max())


def _multiplied(
    input: torch.Tensor, packed: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(input, packed, bias, "none", [], "")
    return product
