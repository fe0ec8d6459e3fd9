"""Linear layers below float32 on a processor that has no instructions for them.

There torch multiplies bfloat16 and float16 in a loop, some eight times slower than float32.
Products in float32 of the same weights, rounded afterwards, are what such instructions compute:
they add up in float32 as well, in another order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional

_LOW = (torch.bfloat16, torch.float16)


@contextmanager
def widened_products() -> Iterator[None]:
    """Let linear layers of low precision multiply in float32, and round what comes out.

    Weights are widened at each call, and not kept.
    """
    sound = nn.Linear.forward

    def forward(self: nn.Linear, values: torch.Tensor) -> torch.Tensor:
        if values.dtype not in _LOW:  # the reference, which is float32
            return sound(self, values)
        bias = None if self.bias is None else self.bias.float()
        return functional.linear(values.float(), self.weight.float(), bias).to(values.dtype)

    nn.Linear.forward = forward  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Linear.forward = sound  # type: ignore[method-assign]


def main() -> None:
    """Run `cliffguard` so: `python -m scripts.studies.engine.widened noise DIR …`."""
    from cliffguard.cli import main as run

    with widened_products():
        run()


if __name__ == "__main__":
    main()
