"""Where a run computes, told without torch where there is no GPU: importing torch takes seconds."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path

from cliffguard.engine.devices import cpu_model


def pick_device(wanted: str) -> str:
    """Return the torch device that `wanted` ("auto", "cpu", "cuda", …) stands for."""
    if wanted == "cpu" or (wanted == "auto" and not _may_have_gpu()):
        return "cpu"
    from cliffguard.engine import loading

    return loading.pick_device(wanted)


def pick_dtype(wanted: str, device: str) -> str:
    """Return the dtype of the weights that `wanted` stands for on the device that is wanted."""
    if wanted != "auto":
        return wanted
    return "float32" if pick_device(device) == "cpu" else "bfloat16"


def describe_device(wanted: str) -> str:
    """Return the device that answers by its model, whichever of its kind."""
    if pick_device(wanted) == "cpu":
        return f"cpu ({cpu_model()})"
    from cliffguard.engine import loading

    return loading.describe_device(wanted)


def _may_have_gpu() -> bool:
    """Return whether torch is to be asked for a GPU: it is loaded, or there is a driver for one."""
    return "torch" in sys.modules or sys.platform == "win32" or _has_driver()


@cache
def _has_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")  # which torch would load
    except OSError:
        return Path("/dev/kfd").exists()  # that of AMD's cards
    return True
