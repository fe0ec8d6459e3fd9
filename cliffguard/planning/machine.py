"""What a machine has for a comparison: devices, memory, disks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cliffguard.core.hub_names import cache_folder
from cliffguard.core.sandbox import CAN_LIMIT_MEMORY
from cliffguard.store.answers import Store

if TYPE_CHECKING:
    from cliffguard.engine.devices import Device

_LEAST_FREE_BYTES = 1 << 30  # of a disk that answers and weights are written to
_ROOM = 1.2  # times the weights: activations, logits, keys and values


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One thing that was looked at. `exit_code` is what a run would end with; 0 of a remark.

    `advice` says what to do; it is empty where all is well. `id` is the stable one of a fault, as
    a run's own error line has it.
    """

    kind: Literal["good", "remark", "fault"]
    about: str
    text: str
    advice: str = ""
    exit_code: int = 0
    id: str | None = None

    @property
    def line(self) -> str:
        """What is printed of it: text, advice, and the id at the end."""
        advice = f"; {self.advice}" if self.advice else ""
        return f"{self.text}{advice}" + ("" if self.id is None else f" [{self.id}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFolder:
    """A folder that is written to, with the free space of its disk in bytes."""

    name: str
    folder: str
    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A checkpoint that would be loaded: its weights, and what they take in memory."""

    side: Literal["base", "candidate"]
    name: str
    what: str
    n_parameters: int | None
    dtype: str
    device: str
    n_bytes: int | None


def places_of(store: Store) -> tuple[OutputFolder, ...]:
    """Return the folders that a run writes to."""
    folders = {"store of answers": store.root, "hub cache": cache_folder()}
    return tuple(
        OutputFolder(
            name=name, folder=str(folder), free_bytes=shutil.disk_usage(_first(folder)).free
        )
        for name, folder in folders.items()
    )


def _first(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there and can be looked into."""
    # Unlike Path's, it takes a name that is too long for one.
    return next(path for path in (folder, *folder.absolute().parents) if os.path.isdir(path))


def about_machine(there: Sequence[Device], places: Sequence[OutputFolder]) -> Iterator[Observation]:
    """Yield what is to be said of devices, limits of processes, and disks."""
    yield from _about_devices(there)
    yield from _about_limits()
    yield from _about_places(places)


def _about_devices(there: Sequence[Device]) -> Iterator[Observation]:
    if len(there) == 1:
        yield Observation(
            kind="remark",
            about="devices",
            text="no CUDA device that torch can use: models run on the CPU",
            advice="for a card, install the torch build of its CUDA version",
        )


def _about_limits() -> Iterator[Observation]:
    if not CAN_LIMIT_MEMORY:
        yield Observation(
            kind="remark",
            about="limits",
            text="this system limits no process's memory: chat templates and patterns are held to "
            "time and output alone",
            advice="check strangers' checkpoints on Linux, with /proc",
        )


def _about_places(places: Sequence[OutputFolder]) -> Iterator[Observation]:
    for location in places:
        if location.free_bytes < _LEAST_FREE_BYTES:
            yield Observation(
                kind="remark",
                about=location.name,
                text=f"{location.folder}: {location.free_bytes / 2**20:,.0f} MiB free",
                advice="free some space; a full disk ends a run (exit 20), which goes on later",
            )
        if not os.access(_first(Path(location.folder)), os.W_OK):
            yield Observation(
                kind="fault",
                about=location.name,
                text=f"{location.folder}: cannot be written to",
                advice="choose another place (--store, HF_HOME)",
                exit_code=2 if location.name.startswith("store") else 0,
                id="store.unwritable" if location.name.startswith("store") else "hub.unwritable",
            )


def about_memory(loads: Sequence[Load], there: Sequence[Device]) -> Iterator[Observation]:
    """Yield whether the larger model fits into memory; two full ones are never held at once."""
    sizes = [load.n_bytes for load in loads if load.n_bytes is not None]
    if not sizes:
        return
    device = loads[0].device
    names = {device, f"{device}:0"}
    match = next((device for device in there if device.name in names), None)
    if match is None:
        yield Observation(
            kind="fault",
            about="memory",
            text=f"device {device}: this machine has no such device",
            advice="use --device cpu, or auto",
            exit_code=20,
            id="runner.no-device",
        )
    elif _ROOM * max(sizes) > match.free_bytes:
        yield Observation(
            kind="fault",
            about="memory",
            text=f"{max(sizes) / 2**30:.1f} GiB of weights, and {match.free_bytes / 2**30:.1f} GiB "
            f"free on {match.name}",
            advice="--dtype bfloat16, --quantization 8bit, --device-map auto, or a larger device",
            exit_code=20,
            id="runner.memory",
        )
