"""Which devices there are, and how much memory is free on them."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A place where a model can run: "cpu" or "cuda:N", with its memory in bytes."""

    name: str
    model: str
    total_bytes: int
    free_bytes: int


@cache
def cpu_model() -> str:
    """Return what the processor is called, or its kind where the system does not tell.

    Without commas, which part what is told of a measurement.
    """
    name = _cpuinfo("model name") or platform.processor() or platform.machine()
    return name.replace(",", "")


@cache
def cpu_vendor() -> str:
    """Return who made the processor, as it says itself ("AuthenticAMD"); empty where unknown."""
    return _cpuinfo("vendor_id")


@cache
def cpu_flags() -> frozenset[str]:
    """Return what the processor can do, as Linux calls it ("avx2", "avx512f"); empty elsewhere."""
    return frozenset(_cpuinfo("flags").split())


def total_main_memory() -> int:
    """Return the bytes of main memory that there are: a container's own, where it has a limit."""
    import psutil

    total = int(psutil.virtual_memory().total)
    limit = _of_container("memory.max")
    return total if limit is None else min(total, limit)


def free_main_memory() -> int:
    """Return the bytes of main memory that are free, by the machine and by a container's limit."""
    import psutil

    free = int(psutil.virtual_memory().available)
    allowed, used = _of_container("memory.max"), _of_container("memory.current")
    return free if allowed is None or used is None else max(0, min(free, allowed - used))


def _of_container(name: str) -> int | None:
    try:
        return int((Path("/sys/fs/cgroup") / name).read_text())
    except (OSError, ValueError):
        return None


def _cpuinfo(key: str) -> str:
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() == key), "")


def devices() -> tuple[Device, ...]:
    """Return the CPU, then every CUDA device that torch can use."""
    import psutil
    import torch

    memory = psutil.virtual_memory()
    n_cores = psutil.cpu_count() or 1
    listed = [
        Device(
            name="cpu",
            model=f"{cpu_model()}, {n_cores} cores",
            total_bytes=int(memory.total),
            free_bytes=int(memory.available),
        )
    ]
    for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, total = torch.cuda.mem_get_info(number)
        name = f"cuda:{number}"
        listed.append(
            Device(
                name=name,
                model=torch.cuda.get_device_name(number),
                total_bytes=int(total),
                free_bytes=int(free),
            )
        )
    return tuple(listed)


BYTES_A_WEIGHT = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "8bit": 1.0, "4bit": 0.5}
"""What a weight takes in memory; of quantised ones without their scales."""


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them.

    None of them is touched: a process that computes on one takes memory on it.
    """
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES", "").strip()
    names = [name.strip() for name in named.split(",") if name.strip()]
    n_there = torch.cuda.device_count()
    return names[:n_there] or [str(number) for number in range(n_there)]
