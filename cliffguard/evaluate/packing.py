"""Settles before the first answer whether both sides are packed; below float32 it is in the key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from cliffguard.core.canonical_json import digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import InfrastructureError
from cliffguard.core.items import Task
from cliffguard.core.settings import EvalSettings
from cliffguard.core.signals import looking_up
from cliffguard.evaluate.measure import TimeUp, never, stop_where
from cliffguard.runners import Runner
from cliffguard.store.answers import Store
from cliffguard.store.outcomes import PackingTrial, keep_outcome, outcome, outcomes, read_outcome

TRIAL_FORMAT = 2
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
    is_time_up: Callable[[], bool] = never,
) -> tuple[EvalSettings, tuple[Caveat, ...]]:
    """Return the protocol with `packing` as all sides bear it, and what a report must tell of it.

    Packed where each side passes its trial (`engine.packing_trial`), else plain for all: they are
    asked alike. A trial is made once for a checkpoint, dtype and device, and kept in the store.
    Once the time is up, none is made, and all are plain.
    """
    if runner.must_try_packing(protocol):
        with looking_up(partial(stop_where, is_time_up)):
            tried = [
                (side, _reason(side, tasks, protocol, runner, store, is_time_up)) for side in sides
            ]
        because = [f"{side.name}: {reason}" for side, reason in tried if reason is not None]
        protocol = replace(protocol, packing="plain" if because else "packed")
    elif protocol.packing == "plain" and runner.packs_below_float32(protocol):
        because = list(_known(sides, protocol, runner, store)) or ["packing is plain in the plan"]
    else:
        return protocol, ()
    caveats = tuple(
        Caveat(
            id="packing.plain",
            text=f"No prefix is shared between prompts, and the run takes longer: {reason}.",
        )
        for reason in because
    )
    for caveat in caveats:
        tell(caveat.text)
    return protocol, caveats


def _about(protocol: EvalSettings, runner: Runner) -> dict[str, Any]:
    return {
        "format": TRIAL_FORMAT,
        "dtype": runner.dtype(protocol),
        "quantization": protocol.quantization,
        "attention": protocol.attention,
        "runner": runner.identity,
    }


def _known(
    sides: Sequence[Checkpoint], protocol: EvalSettings, runner: Runner, store: Store
) -> Iterator[str]:
    """Yield why sides run plain, as far as a trial of them is kept: a run that is repeated."""
    about = _about(protocol, runner)
    for side in sides:
        for path in outcomes(store, PackingTrial, {side.fingerprint}):
            trial = read_outcome(path, PackingTrial)
            if trial is None or trial.plain_because is None:
                continue
            if _is_about(trial.about, about):
                yield f"{side.name}: {trial.plain_because}"
                break


def _is_about(kept: Mapping[str, Any], about: Mapping[str, Any]) -> bool:
    return all(kept.get(name) == value for name, value in about.items())


def _reason(
    side: Checkpoint,
    tasks: Sequence[Task],
    protocol: EvalSettings,
    runner: Runner,
    store: Store,
    is_time_up: Callable[[], bool],
) -> str | None:
    """Return why a side must run plain, from the store or from a trial."""
    about = {**_about(protocol, runner), "device": runner.notes().get("device")}
    key = digest({"checkpoint": side.fingerprint, **about})
    if (trial := outcome(store, PackingTrial, key)) is not None:
        return trial.plain_because
    few = [tasks[number * len(tasks) // _N_TASKS] for number in range(_N_TASKS)]
    few = list({task.name: task for task in few}.values())
    n_items = sum(min(len(task.items), protocol.limit or len(task.items)) for task in tasks)
    try:
        stop_where(is_time_up)
        reason = runner.try_packing(side, few, protocol, n_items)
    # Neither is kept: there may be more of both another time.
    except TimeUp:
        return "the time was up before it was tried"
    except InfrastructureError as failure:
        if failure.id != "memory.too-small":
            raise
        return "there was too little memory to try it"
    trial = PackingTrial(checkpoint=side.fingerprint, plain_because=reason, about=about)
    keep_outcome(store, key, trial)
    return reason
