"""What a check cost, said when it is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cliffguard.core.settings import Plan
    from cliffguard.core.timing import Spent

_WORTH_SECONDS = 60.0  # in a model: of less, a hint to save some says nothing
_GAIN = 1.2


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
