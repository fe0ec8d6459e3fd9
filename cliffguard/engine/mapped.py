"""Copies memory-mapped weights into memory, so that later changes of files cannot reach a model."""

from __future__ import annotations

from typing import Any

from cliffguard.core.errors import InfrastructureError


def into_memory(model: Any) -> None:
    """Copy every tensor on the CPU, which may be a view of a mapped file, into memory of its own.

    One after the other: beside what the model takes there is one tensor's copy at a time, and the
    pages of the file, which the system takes back when it needs them. What is tied stays tied.
    """
    copies: dict[tuple[int, Any, Any, Any], Any] = {}
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.device.type != "cpu":
            continue
        detached = tensor.detach()
        key = (detached.data_ptr(), detached.dtype, detached.shape, detached.stride())
        if key not in copies or detached.data_ptr() == 0:
            copies[key] = detached.clone()
        tensor.data = copies[key]


def refuse_on_disk(name: str, model: Any) -> None:
    """Refuse a model of which parts stay on the disk, and are read at every pass."""
    places = getattr(model, "hf_device_map", None) or {}
    on_disk = [module for module, device in places.items() if device == "disk"]
    if on_disk:
        raise InfrastructureError(
            f"{name}: {len(on_disk)} of its modules, the first {on_disk[0]}, do not fit into "
            "memory and would be read from the disk at every pass; use a larger device, or "
            "--quantization",
            id="loading.on-disk",
        )
