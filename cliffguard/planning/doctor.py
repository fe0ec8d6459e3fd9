"""Preflight checks (`doctor`): what would stop a comparison, and what its sides would take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from cliffguard.checkpoints.weights import n_parameters
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError
from cliffguard.core.libraries import versions
from cliffguard.core.settings import Plan
from cliffguard.evaluate.pair_checks import pair_checks
from cliffguard.gate import find_alone, find_sides
from cliffguard.planning.machine import (
    Load,
    Observation,
    OutputFolder,
    about_machine,
    about_memory,
    places_of,
)
from cliffguard.run.templates import with_template
from cliffguard.runners import Runner
from cliffguard.store.answers import Store
from cliffguard.suites.target import suites_of

if TYPE_CHECKING:
    from cliffguard.engine.devices import Device


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
    places = places_of(store)
    notes = list(about_machine(there, places))
    loads: tuple[Load, ...] = ()
    if plan is not None:
        plan = _with_template(plan)
        sides, about = _sides(plan, will_load=runner is not None)
        notes += about
        loads = tuple(_load(side, checkpoint, plan) for side, checkpoint in sides.items())
        notes += about_memory(loads, there)
        if runner is not None and not any(note.exit_code for note in notes):
            notes += _about_loading(sides.values(), plan, runner)
    return Checkup(
        versions=versions(), devices=there, places=places, loads=loads, observations=tuple(notes)
    )


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
