"""Throughput estimate from how fast this machine multiplies matrices, and does anything at all."""

from __future__ import annotations

import time
from statistics import median

from cliffguard.engine.loading import pick_device, pick_dtype

_TOKENS, _WIDTH = 256, 2048  # a pass of the size that the engine runs
_SECONDS = 0.3
_LEAST_RUNS = 3
_SMALL_WIDTH, _SMALL_RUNS, _SMALL_SECONDS = 64, 50, 0.05
# Of the matrix rate that whole runs reach: 0.8 seen on a CPU; of a card not measured yet.
_EFFICIENCY = {"cpu": 0.8, "cuda": 0.4}


# Small steps around the matrices that a token takes: of a model of a few thousand weights they are
# all of the time (27 seen on a CPU, over 0.6 million tokens; of a card not measured yet).
_SMALL_STEPS = {"cpu": 30.0, "cuda": 0.0}


def tokens_a_second(n_parameters: int, device: str, dtype: str) -> float:
    """Return about how many tokens a second are computed, at two operations a parameter.

    However small a model is, what stands around its matrices takes its time.
    """
    kind = "cpu" if pick_device(device) == "cpu" else "cuda"
    multiplying = 2.0 * n_parameters / (_EFFICIENCY[kind] * matmul_rate(device, dtype))
    return 1.0 / (multiplying + _SMALL_STEPS[kind] * small_step_seconds())


def small_step_seconds() -> float:
    """Return what a small tensor's one operation takes on the CPU, however little it computes."""
    import torch

    x = torch.ones(_SMALL_WIDTH)
    seconds: list[float] = []
    end = time.perf_counter() + _SMALL_SECONDS
    with torch.inference_mode():
        while len(seconds) < _LEAST_RUNS or time.perf_counter() < end:
            started = time.perf_counter()
            for _ in range(_SMALL_RUNS):
                x = x * 1.0
            seconds.append((time.perf_counter() - started) / _SMALL_RUNS)
    return median(seconds)


def bfloat16_gain() -> float:
    """Return how many times as fast this processor multiplies in bfloat16 as in float32."""
    return matmul_rate("cpu", "bfloat16") / matmul_rate("cpu", "float32")


def matmul_rate(device: str, dtype: str) -> float:
    """Return floating-point operations a second of a linear layer, the median of several.

    `device` and `dtype` are as a plan says them; float32 on a CPU is laid out as a model's is.
    """
    import torch

    from cliffguard.engine.prepacked import is_faster_here, prepack

    torch_device = pick_device(device)
    kind = getattr(torch, pick_dtype(dtype, torch_device))
    x = torch.ones(_TOKENS, _WIDTH, device=torch_device, dtype=kind)
    layer = torch.nn.Linear(_WIDTH, _WIDTH, bias=False, device=torch_device, dtype=kind)
    if is_faster_here():
        prepack(torch.nn.Sequential(layer))
    rates: list[float] = []
    end = time.perf_counter() + _SECONDS
    with torch.inference_mode():
        while len(rates) < _LEAST_RUNS + 1 or time.perf_counter() < end:
            started = time.perf_counter()
            layer(x)
            if torch_device != "cpu":
                torch.cuda.synchronize()
            rates.append(2.0 * _TOKENS * _WIDTH**2 / (time.perf_counter() - started))
    return median(rates[1:])  # the first one warms up
