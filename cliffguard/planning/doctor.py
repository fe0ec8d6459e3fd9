"""Preflight checks (`doctor`): libraries, devices, disk, and what would stop a comparison."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cliffguard.checkpoints.weights import n_parameters
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError
from cliffguard.core.hub_names import cache_folder
from cliffguard.core.libraries import versions
from cliffguard.core.sandbox import CAN_LIMIT_MEMORY
from cliffguard.core.settings import Plan
from cliffguard.evaluate.pair_checks import pair_checks
from cliffguard.gate import find_alone, find_sides
from cliffguard.run.templates import with_template
from cliffguard.runners import Runner
from cliffguard.store.answers import Store
from cliffguard.suites.target import suites_of

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """All of it. Versions are None of what is not installed."""

    versions: Mapping[str, str | None]
    devices: tuple[Device, ...]
    places: tuple[OutputFolder, ...]
    loads: tuple[Load, ...]
    observations: tuple[Observation, ...]

    @property
    def exit_code(self) -> int:
        """What a run would end with, before it asks anything."""
        return max((note.exit_code for note in self.observations), default=0)


def examine(plan: Plan | None, store: Store, runner: Runner | None = None) -> Checkup:
    """Look at the machine and, with a plan, at its base and candidate.

    Weights are loaded only where a `runner` is given, and nothing else stands in the way.
    """
    from cliffguard.engine.devices import devices

    there = devices()
    places = _places(store)
    notes = [*_about_devices(there), *_about_limits(), *_about_places(places)]
    loads: tuple[Load, ...] = ()
    if plan is not None:
        plan = _with_template(plan)
        sides, about = _sides(plan, will_load=runner is not None)
        notes += about
        loads = tuple(_load(side, checkpoint, plan) for side, checkpoint in sides.items())
        notes += _about_memory(loads, there)
        if runner is not None and not any(note.exit_code for note in notes):
            notes += _about_loading(sides.values(), plan, runner)
    return Checkup(
        versions=versions(), devices=there, places=places, loads=loads, observations=tuple(notes)
    )


# --- the machine ---------------------------------------------------------------------------------


def _places(store: Store) -> tuple[OutputFolder, ...]:
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


# --- base and candidate --------------------------------------------------------------------------


def _sides(
    plan: Plan, *, will_load: bool
) -> tuple[dict[Literal["base", "candidate"], Checkpoint], list[Observation]]:
    """Return the sides as far as they are found, and what is to be said of them."""
    try:
        base, candidate = find_sides(plan)
    except CliffguardError as failure:
        return _base_alone(plan), [_fault("pair", failure)]
    about = list(_about_pair(base, candidate, plan, will_load=will_load))
    return {"base": base, "candidate": candidate}, about


def _with_template(plan: Plan) -> Plan:
    """Return the plan with the chat template that its suites need, as far as they can be read."""
    try:
        return with_template(plan, suites_of(plan))
    except CliffguardError:  # what is wrong with suites is for the run to say
        template = "none" if plan.protocol.chat_template == "auto" else plan.protocol.chat_template
        return replace(plan, protocol=replace(plan.protocol, chat_template=template))


def _base_alone(plan: Plan) -> dict[Literal["base", "candidate"], Checkpoint]:
    if plan.base is None:
        return {}
    try:
        return {"base": find_alone(replace(plan, candidate=plan.base, base=None))}
    except CliffguardError:
        return {}


def _about_pair(
    base: Checkpoint, candidate: Checkpoint, plan: Plan, *, will_load: bool
) -> Iterator[Observation]:
    """Yield all that a run would find in their files, what would end it and what it would tell."""
    from cliffguard.engine.rehearsal import rehearse
    from cliffguard.engine.windows import assumed

    faults = []
    for note in (*base.notes, *candidate.notes, *assumed(base), *assumed(candidate)):
        yield Observation(kind="remark", about="pair", text=note.text)
    for check in pair_checks():
        try:
            for caveat in check(base, candidate, plan.protocol):
                yield Observation(kind="remark", about="pair", text=caveat.text)
        except CliffguardError as failure:
            faults.append(_fault("pair", failure))
    faults += _backend_faults((base, candidate), plan)
    all_fit = plan.runner.is_local
    for side in (base, candidate) if plan.runner.is_local else ():
        try:
            rehearsal = rehearse(side)
        except CliffguardError as failure:
            faults.append(_fault("pair", failure))
            break
        all_fit &= rehearsal.all_fit
        for caveat in rehearsal.remarks:
            yield Observation(kind="remark", about="pair", text=caveat.text)
    text = "headers fit" if all_fit else "files are whole, and not all headers can be judged"
    more = "" if will_load else "; not loaded (--load)"
    yield from faults or [Observation(kind="good", about="pair", text=text + more)]


def _backend_faults(sides: Iterable[Checkpoint], plan: Plan) -> list[Observation]:
    """Return what a backend with a library of its own would refuse of the sides; once each."""
    if not plan.runner.kind.libraries:
        return []
    from cliffguard.runners.backends import make_backend
    from cliffguard.runners.devices import pick_dtype

    faults: list[Observation] = []
    try:
        backend = make_backend(plan.runner, allow_pickle=plan.allow_pickle)
        dtype = pick_dtype(plan.protocol.dtype, plan.runner.device)
    except CliffguardError as failure:
        return [_fault("runner", failure)]
    for side in sides:
        try:
            backend.look_at(side, dtype)
        except CliffguardError as failure:
            faults.append(_fault("runner", failure))
    return list(dict.fromkeys(faults))


def _fault(about: str, failure: CliffguardError) -> Observation:
    """Return what would end a run; what follows the last semicolon is advice."""
    text, _, advice = str(failure).rpartition("; ")
    return Observation(
        kind="fault",
        about=about,
        text=text or advice,
        advice=advice if text else "",
        exit_code=failure.exit_code,
        id=failure.id,
    )


def _about_loading(
    sides: Iterable[Checkpoint], plan: Plan, runner: Runner
) -> Iterator[Observation]:
    """Load each side and let it compute once."""
    try:
        for side in sides:
            runner.load(side, plan.protocol)
            yield Observation(
                kind="good", about="loading", text=f"{side.name}: loaded, and computes"
            )
    except CliffguardError as failure:
        yield _fault("loading", failure)


def _load(side: Literal["base", "candidate"], checkpoint: Checkpoint, plan: Plan) -> Load:
    from cliffguard.engine import loading
    from cliffguard.engine.devices import BYTES_A_WEIGHT

    assert checkpoint.files is not None, "sides that are found have files"
    adapter = checkpoint.files.adapter
    device = _device(plan)
    dtype = loading.pick_dtype(plan.protocol.dtype, device)
    n = n_parameters(adapter or checkpoint.files.weights)
    kind = plan.protocol.quantization if plan.protocol.quantization != "none" else dtype
    if adapter is not None:
        kind = "float32"  # peft keeps an adapter's weights so, whatever its base is in
    return Load(
        side=side,
        name=checkpoint.name,
        what="adapter on the base" if adapter is not None else "full weights",
        n_parameters=n,
        dtype=kind,
        device=device,
        n_bytes=None if n is None else int(n * BYTES_A_WEIGHT[kind]),
    )


def _device(plan: Plan) -> str:
    from cliffguard.engine import loading

    try:
        return loading.pick_device(plan.runner.device)
    except CliffguardError:
        return plan.runner.device


def _about_memory(loads: Sequence[Load], there: Sequence[Device]) -> Iterator[Observation]:
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
