"""What a check will cost, said before it begins."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cliffguard.cli.plan import analysis_of
from cliffguard.config import AROUND_A_TARGET
from cliffguard.core.texts import n_things

if TYPE_CHECKING:
    from cliffguard.core.settings import Plan
    from cliffguard.core.timing import Spent

_WORTH_SECONDS = 60.0  # in a model: of less, a hint to save some says nothing
_GAIN = 1.2


def takes_more(plan: Plan) -> bool:
    """Return whether what lies around a target is all that is asked beside it."""
    return plan.target is not None and plan.suites == (AROUND_A_TARGET,)


def bfloat16_hint(plan: Plan, dtype: str, spent: Mapping[str, Spent]) -> str | None:
    """Return what bfloat16 would have saved of a run that took float32 by itself, on a CPU.

    None of any other run, and of one that was short in the model.
    """
    from cliffguard.runners.devices import pick_device

    seconds = sum(
        spent[stage].seconds for stage in ("scoring", "prefill", "decoding") if stage in spent
    )
    is_choice_ours = plan.protocol.dtype == "auto" and dtype == "float32"
    is_ours = plan.runner.kind.packs and pick_device(plan.runner.device) == "cpu"
    if seconds < _WORTH_SECONDS or not (is_choice_ours and is_ours):
        return None
    from cliffguard.engine.speed import bfloat16_gain

    gain = bfloat16_gain()
    if gain < _GAIN:
        return (
            f"float32: --dtype bfloat16 would halve the weights in memory and save no time; this "
            f"processor multiplies {gain:.1f} times as fast in it"
        )
    return (
        f"float32: --dtype bfloat16 would halve the weights in memory and save up to "
        f"{seconds * (1 - 1 / gain) / 60:.1f} of {seconds / 60:.1f} minutes in the model; this "
        f"processor multiplies {gain:.1f} times as fast in it (cliffguard noise says what flips)"
    )


def foretold(plans: Sequence[Plan], store: Path | None, *, stops_early: bool) -> str | None:
    """Return what a target, and the suite that it takes with it, cost; None of any other plan."""
    plan = plans[0]
    if not takes_more(plan):
        return None
    assert plan.target is not None
    from cliffguard.planning.running_time import minutes_of

    # Items that the training data hold do not count, which makes little of the cost.
    analysis, _, base = analysis_of(dataclasses.replace(plan, train=()), store, stops_early)
    minutes = minutes_of(plan, base, analysis)
    each = "" if len(plans) == 1 else f" for each of {len(plans)} comparisons"
    time = "" if minutes is None else f", roughly {max(minutes, 0.1):,.1f} minutes on this machine"
    return (
        f"{plan.target.name}, and around it the suite {AROUND_A_TARGET}: about "
        f"{analysis.n_expected:,.0f} of {n_things(analysis.n_planned, 'item', ',')}, "
        f"{analysis.n_tokens / 1e6:,.2f} million tokens on both sides{time}{each}; --suite none "
        "asks the target alone, and nothing can pass then"
    )
