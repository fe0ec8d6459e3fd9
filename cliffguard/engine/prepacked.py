"""Linear layers over weights that oneDNN has laid out for the processor beforehand.

On an AMD processor torch multiplies float32 matrices by MKL, which reaches half of what oneDNN in
the same torch does once a weight is in its own layout. That layout costs a second copy of the
weights, and one pass over them. `torch.utils.mkldnn`, the public way, converts every input, too,
and gains a third as much; so the operator beneath is called, which has no promise: the version of
torch is looked at, and each layer tried, and where either is not as known the layer stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import psutil
import torch
from torch import nn

from cliffguard.engine.devices import cpu_vendor

_KNOWN = ("2.13.",)  # releases of torch in which the operators below were tried
_LEAST_WIDTH = 128  # an adapter's own matrices are narrower, and come and go
_TOLERANCE = 1e-4  # of the largest value of an output
_SPARE = 2  # times the size of the copies: what must be free for them


def is_faster_here() -> bool:
    """Return True for a processor on which prepacked layers were measured to be faster.

    A table and no trial: base, candidate and a resumed run must choose alike.
    """
    return is_known() and cpu_vendor() == "AuthenticAMD"


def is_known() -> bool:
    """Return True if this torch has the operators, as they were tried."""
    operators = ("_linear_pointwise", "_reorder_linear_weight")
    return torch.__version__.startswith(_KNOWN) and all(
        hasattr(torch.ops.mkldnn, name) for name in operators
    )


def prepack(model: Any) -> int:
    """Lay out the linear layers of a float32 model on the CPU; return how many were.

    None is where memory does not hold the copies twice over, or this torch is not known.
    """
    layers = list(_layers(model))
    n_bytes = sum(layer.weight.nbytes for layer in layers)
    if not is_known() or psutil.virtual_memory().available < _SPARE * n_bytes:
        return 0
    return sum(map(_prepack, layers))


def _layers(model: Any) -> Iterator[nn.Linear]:
    for module in model.modules():
        if (
            type(module) is nn.Linear
            and module.weight.dtype is torch.float32
            and module.weight.device.type == "cpu"
            and min(module.weight.shape) >= _LEAST_WIDTH
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


def _prepack(layer: nn.Linear) -> bool:
    with torch.inference_mode(mode=False), torch.no_grad():
        packed = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach())
        source = torch.Generator().manual_seed(0)
        tried = torch.randn(1, 8, layer.in_features, generator=source)
        expected = nn.functional.linear(tried, layer.weight, layer.bias)
        moved = (_multiplied(tried, packed, layer.bias) - expected).abs().max()
        if not moved <= _TOLERANCE * expected.abs().max():
            return False
    layer.__class__ = PrepackedLinear
    vars(layer).update(
        _packed=packed, _source=layer.weight.detach(), _version_then=layer.weight._version
    )
    return True


def _multiplied(
    input: torch.Tensor, packed: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(input, packed, bias, "none", [], "")
    return product
