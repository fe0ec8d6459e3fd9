"""What a trainer's checkpoint keeps of the checks of its run: a part of trainer_state.json."""

from __future__ import annotations

from typing import Any

from cliffguard.core.errors import UsageError

NAME = "CliffguardCallback"
"""By which a trainer finds what it kept of the callback."""


def kept_record(state: Any) -> Any:
    """Return what a checkpoint's trainer_state.json has of the record; None where it has none."""
    kept = state.stateful_callbacks.get(NAME)
    if isinstance(kept, list) and len(kept) > 1:
        raise twice()
    for name in ("attributes", "record"):
        kept = kept.get(name) if isinstance(kept, dict) else kept
    return kept


def twice() -> UsageError:
    """Return the refusal of a second callback: both would keep their part under one name."""
    return UsageError(
        "the trainer has this callback already; trainer.remove_callback takes it away",
        id="training.twice",
    )
