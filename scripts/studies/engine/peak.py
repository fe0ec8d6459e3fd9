"""What the processor could do at most, and what a task does: operations of its linear layers."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cliffguard.engine.devices import cpu_flags, cpu_model
from cliffguard.engine.prepacked import LEAST_WIDTH, PrepackedLinear, is_known, prepack

ROWS = 1024
SHAPES = ((576, 1536), (1024, 1024), (2048, 2048))  # of a small model, and of larger ones
_SECONDS = 0.1
_LEVELS = {"amx_tile": "AMX", "avx512_bf16": "AVX-512 BF16", "avx512f": "AVX-512", "avx2": "AVX2"}


def machine_kind() -> str:
    """Return the processor and the widest instructions that it has."""
    flags = cpu_flags()
    level = next((name for flag, name in _LEVELS.items() if flag in flags), platform.machine())
    return f"{cpu_model()} ({level})"


def with_section(path: Path, head: str, kind: str, section: str) -> None:
    """Put a kind of machine's section into a report, or in place of the one it had there."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    others = [other.strip("\n") for other in text.split("\n## ")[1:]]
    kept = [other for other in others if other.partition("\n")[0] != kind]
    parts = sorted([*kept, f"{kind}\n\n{section}"])
    path.write_text("\n\n## ".join([head.strip("\n"), *parts]) + "\n", encoding="utf-8")


def lay_out(model: Any, *, is_packed: bool) -> None:
    """Make every linear layer a plain one, or lay those out that are wide enough for it."""
    for module in model.modules():
        if isinstance(module, PrepackedLinear):
            module.__class__ = nn.Linear
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    is_wide = any(min(layer.weight.shape) >= LEAST_WIDTH for layer in linear)
    if is_packed and not prepack(model) and is_wide:
        raise SystemExit("nothing is laid out here: another torch, or too little memory")


def matmul_peak(dtype: torch.dtype) -> float:
    """Return the GFLOP per CPU second of the fastest linear layer of `SHAPES`, plain or laid out.

    With one thread, CPU seconds are those in which it computed, whatever else the machine did.
    """
    ways = (False, True) if dtype is torch.float32 and is_known() else (False,)
    return max(_rate(dtype, *shape, is_packed=way) for shape in SHAPES for way in ways)


def _rate(dtype: torch.dtype, n_in: int, n_out: int, *, is_packed: bool) -> float:
    layer = nn.Sequential(nn.Linear(n_in, n_out, bias=False, dtype=dtype))
    if is_packed:
        lay_out(layer, is_packed=True)
    rows = torch.ones(1, ROWS, n_in, dtype=dtype)
    with torch.inference_mode():
        layer(rows)
        n_times, started = 0, time.process_time()
        while (seconds := time.process_time() - started) < _SECONDS:
            layer(rows)
            n_times += 1
    return 2e-9 * ROWS * n_in * n_out * n_times / seconds


@contextmanager
def linear_flops(model: Any) -> Iterator[Callable[[], float]]:
    """Count the GFLOP of a model's linear layers: two for each weight that a row meets.

    Attention, norms and softmax are left out, so that a share of the peak is said too low.
    """
    total = 0

    def count(module: nn.Linear, inputs: tuple[torch.Tensor, ...], _: Any) -> None:
        nonlocal total
        total += 2 * inputs[0].numel() * module.out_features

    hooks = [
        module.register_forward_hook(count)
        for module in model.modules()
        if isinstance(module, nn.Linear)
    ]
    try:
        yield lambda: total / 1e9
    finally:
        for hook in hooks:
            hook.remove()
