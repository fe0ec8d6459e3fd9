"""Settles before the first answer whether both sides are packed; below float32 it is in the key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from cliffguard.core.canonical_json import digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import InfrastructureError
from cliffguard.core.items import Task
from cliffguard.core.settings import EvalSettings
from cliffguard.runners import Runner
from cliffguard.store.answers import Store
from cliffguard.store.outcomes import PackingTrial, keep_outcome, outcome

TRIAL_FORMAT = 1
"""Version of what a trial is; raising it makes all trials anew."""

_N_TASKS = 4


def settled(
    protocol: EvalSettings,
    sides: Sequence[Checkpoint],
    tasks: Sequence[Task],
    *,
    runner: Runner,
    store: Store,
    tell: Callable[[str], None],
) -> tuple[EvalSettings, tuple[Caveat, ...]]:
    """Return the protocol with `packing` as all sides bear it, and what a report must tell of it.

    Packed where each side passes its trial (`engine.packing_trial`), else plain for all: they are
    asked alike. A trial is made once for a checkpoint, dtype and device, and kept in the store.
    """
    if not runner.must_try_packing(protocol):
        return protocol, ()
    reasons = []
    for side in sides:
        reason = _reason(side, tasks, protocol, runner, store)
        if reason is not None:
            text = (
                f"No prefix is shared between prompts, and the run takes longer: {side.name}: "
                f"{reason}."
            )
            reasons.append(Caveat(id="packing.plain", text=text))
    for caveat in reasons:
        tell(caveat.text)
    return replace(protocol, packing="plain" if reasons else "packed"), tuple(reasons)


def _reason(
    side: Checkpoint, tasks: Sequence[Task], protocol: EvalSettings, runner: Runner, store: Store
) -> str | None:
    """Return why a side must run plain, from the store or from a trial."""
    about = {
        "format": TRIAL_FORMAT,
        "dtype": runner.dtype(protocol),
        "quantization": protocol.quantization,
        "attention": protocol.attention,
        "runner": runner.identity,
        "device": runner.notes().get("device"),
    }
    key = digest({"checkpoint": side.fingerprint, **about})
    if (trial := outcome(store, PackingTrial, key)) is not None:
        return trial.plain_because
    few = [tasks[number * len(tasks) // _N_TASKS] for number in range(_N_TASKS)]
    try:
        reason = runner.try_packing(
            side, list({task.name: task for task in few}.values()), protocol
        )
    except InfrastructureError as failure:
        if failure.id != "memory.too-small":
            raise
        return "memory ran out when it was tried"  # not kept: there may be more another time
    trial = PackingTrial(checkpoint=side.fingerprint, plain_because=reason, about=about)
    keep_outcome(store, key, trial)
    return reason
