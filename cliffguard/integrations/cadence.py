"""When a training run is checked, how often that will be, and what it may cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from cliffguard.core.errors import UsageError

Every = Literal["eval", "save"] | int

MOST_OVERHEAD = 0.1
"""Of the time of a training so far; what checks cost beyond it is remarked once."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """Checks at every evaluation, at every saved checkpoint, or after so many steps."""

    every: Every

    def __post_init__(self) -> None:
        is_number = isinstance(self.every, int) and not isinstance(self.every, bool)
        if not (self.every in ("eval", "save") or (is_number and int(self.every) > 0)):
            raise UsageError(
                f"every={self.every!r}: it is eval, save, or a number of steps above 0",
                id="training.every",
            )

    @property
    def n_steps(self) -> int | None:
        """Steps between two checks; None where evaluations or checkpoints are followed."""
        return None if isinstance(self.every, str) else int(self.every)

    def settled(self, args: Any) -> tuple[Cadence, str | None]:
        """Return when a run of these arguments is checked, and a line where that is not as asked.

        Without evaluations, checkpoints are followed.
        """
        if self.every != "eval" or _name(args.eval_strategy) != "no":
            return self, None
        return (
            Cadence("save"),
            "there is no evaluation to follow: the model is checked when it is saved (save_steps)",
        )

    def n_checks(self, args: Any, state: Any) -> int:
        """Return how many checks there will be at the most in a run of `state.max_steps` steps.

        Raises UsageError where there will be none.
        """
        if self.n_steps is not None:
            n = int(state.max_steps) // self.n_steps
        elif self.every == "eval" or _name(args.save_strategy) == "best":
            n = _n_times(_name(args.eval_strategy), state.eval_steps, args.eval_delay, state)
        else:
            n = _n_times(_name(args.save_strategy), state.save_steps, 0, state)
        if n < 1:
            way = "save_steps" if self.every == "save" else "every=N, a number of steps"
            raise UsageError(
                f"every={self.every!r}: nothing would be checked in {state.max_steps} steps "
                f"(eval_strategy {_name(args.eval_strategy)}, save_strategy "
                f"{_name(args.save_strategy)}); use {way}",
                id="training.no-checks",
            )
        return n


def _name(strategy: Any) -> str:
    return str(getattr(strategy, "value", strategy))


def _n_times(strategy: str, every: float | None, delay: float, state: Any) -> int:
    """Return how often a trainer does something: also at its last step, and not before `delay`.

    Raises UsageError for ends of epochs of which nothing says how many there are.
    """
    if strategy == "epoch":
        if state.num_train_epochs > state.max_steps:  # as many as it takes
            raise UsageError(
                "the training data do not say how long an epoch is, so that nobody knows how many "
                "checks there will be at its ends; use every=N, a number of steps",
                id="training.every",
            )
        return sum(epoch >= delay for epoch in range(1, math.ceil(state.num_train_epochs) + 1))
    if strategy != "steps" or not every:
        return 0
    last = int(state.max_steps)
    steps = {*range(int(every), last + 1, int(every)), last}
    return sum(step >= delay for step in steps)


@dataclass(slots=True)
class Overhead:
    """What checks have cost of a training's time, in seconds.

    `began` is when the training did; `n_steps` is how many it has made since.
    """

    began: float
    spent: float = 0.0
    last: float = 0.0
    is_remarked: bool = False

    def add(self, seconds: float) -> None:
        """Count a check."""
        self.spent += seconds
        self.last = seconds

    def remark(self, now: float, n_steps: int) -> str | None:
        """Return the one line that checks cost too much, and which `every` would not."""
        elapsed = now - self.began
        if self.is_remarked or n_steps < 1 or self.spent <= MOST_OVERHEAD * elapsed:
            return None
        self.is_remarked = True
        a_step = max(elapsed - self.spent, 1e-9) / n_steps
        every = math.ceil(self.last * (1 / MOST_OVERHEAD - 1) / a_step)
        return (
            f"checks have cost {self.spent / elapsed:.0%} of the time so far ({self.last:.1f} s "
            f"each); every={every} would cost {MOST_OVERHEAD:.0%}"
        )
