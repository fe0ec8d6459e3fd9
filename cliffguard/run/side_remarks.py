"""What the files of a pair say before anything is asked: refusals, and remarks for the report."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError
from cliffguard.core.settings import EvalSettings
from cliffguard.core.signals import looking_up
from cliffguard.evaluate.measure import TimeUp, never, stop_where
from cliffguard.evaluate.pair_checks import check_pair
from cliffguard.runners import Runner
from cliffguard.store.answers import Store
from cliffguard.store.outcomes import FileRemarks, keep_outcome, outcome


def look_at(
    base: Checkpoint,
    candidate: Checkpoint,
    protocol: EvalSettings,
    runner: Runner,
    is_time_up: Callable[[], bool] = never,
    store: Store | None = None,
) -> tuple[Caveat, ...]:
    """Refuse sides that cannot be compared, by their files alone; return remarks on the others.

    Once the time is up, no template is rendered any more. What was looked at once, as `store`
    knows, is not looked at again: it takes torch.
    """
    remarks = list(check_pair(base, candidate, protocol))
    for side in (base, candidate):
        try:
            with looking_up(partial(stop_where, is_time_up)):
                remarks += _remarks(side, protocol, runner, store)
        except TimeUp:
            remarks.append(
                Caveat(
                    id="template.untried",
                    text=f"{side.name}: the time was up before its chat template was tried.",
                )
            )
    return tuple(remarks)


def _remarks(
    side: Checkpoint, protocol: EvalSettings, runner: Runner, store: Store | None
) -> tuple[Caveat, ...]:
    """Return the remarks on a side's files, from the store where it holds them."""
    key = None if store is None else runner.look_key(side, protocol)
    if store is None or key is None:
        return runner.look_at(side, protocol)
    if (kept := outcome(store, FileRemarks, key)) is not None:
        return kept.remarks
    remarks = runner.look_at(side, protocol)
    with suppress(CliffguardError):  # a store that may only be read
        keep_outcome(store, key, FileRemarks(checkpoint=side.fingerprint, remarks=remarks))
    return remarks
