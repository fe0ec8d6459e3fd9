"""Checks in a training run: what each brings, what all so far come to, and what a trainer keeps."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple
from typing import Protocol as Interface

import numpy as np

from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import UsageError
from cliffguard.core.reviews import EXIT_CODES, Outcome, Review
from cliffguard.stats.paired import FloatArray

Losses = Mapping[str, tuple[float, ...]]
"""Of each gating capability what every item lost, base minus candidate score, in one order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a check brought: at which step of training, the losses, and what it cost.

    `margins` are of the same capabilities, and maybe of others. `gain` is that of the target,
    candidate minus base (None: the plan has none).
    """

    step: int
    losses: Losses
    margins: Mapping[str, float]
    gain: float | None
    review: Review
    seconds: float
    n_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is known before the first step: the base, and what it and a check will be asked.

    `n_gating` capabilities gate. `n_asked` items of `n_items` had no answer of the base in the
    store.
    """

    base: Checkpoint
    n_gating: int
    alpha: float
    has_target: bool
    n_asked: int
    n_items: int
    seconds: float


class Checks(Interface):
    """Where a training run is checked: in its process, or beside it."""

    def begin(self, n_checks: int, base: Checkpoint | None, *, is_trained: bool) -> Start:
        """Look at all that can be known before the next step, and ask the base.

        Of a model that `is_trained` already, `base` is what its run began from (None: not known).
        Raises UsageError for what cannot be checked.
        """

    def take(self, step: int) -> Sequence[Check]:
        """Check the model after a step; return the checks that have come to their end."""

    def close(self) -> Sequence[Check]:
        """Return the checks that are still to come to their end."""


# --- what the checks so far come to --------------------------------------------------------------


class Judged(NamedTuple):
    """The drop of a capability at the last of some checks, and whether losing it is proven.

    `upper` bounds the drop from above, together with those of all checks and capabilities.
    """

    drop: float
    upper: float
    is_proven: bool


class Rule(Interface):
    """Judges a capability by its losses at all checks so far, each of shape (n_items,)."""

    def judge(self, losses: Sequence[FloatArray], margin: float) -> Judged:
        """Return what they come to; proven is a drop above half of `margin`."""


@dataclass(frozen=True, slots=True)
class EqualShares:
    """Shares alpha equally among `n_tests`, of all checks and capabilities."""

    n_tests: int
    alpha: float

    def judge(self, losses: Sequence[FloatArray], margin: float) -> Judged:
        """Return the drop at the last check, and its bounds."""
        from scipy.special import ndtri

        last = losses[-1]
        drop, n_items = float(np.mean(last)), len(last)
        # One more item that changed: of none that did, nothing is certain either.
        spread = math.sqrt((float(np.var(last)) + 1.0 / n_items) / n_items)
        reach = -float(ndtri(self.alpha / self.n_tests)) * spread
        return Judged(drop, min(1.0, drop + reach), drop - reach > margin / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What all checks of a run so far come to: the numbers that a trainer is given."""

    worst_drop: float = 0.0
    worst_drop_upper: float = 0.0
    target_gain: float | None = None
    verdict: int = 0
    proven: tuple[str, ...] = ()

    def metrics(self) -> dict[str, float]:
        """Return the numbers under the names that a trainer's best-model choice knows."""
        numbers = {
            "worst_drop": self.worst_drop,
            "worst_drop_upper": self.worst_drop_upper,
            "target_gain": self.target_gain,
            "verdict": self.verdict,
        }
        return {f"{PREFIX}{name}": n for name, n in numbers.items() if n is not None}


PREFIX = "eval_cliffguard_"
"""Of the names of all metrics; a trainer takes for its best model only what begins with eval_."""


def standing(
    losses: Sequence[Losses], gain: float | None, margins: Mapping[str, float], rule: Rule
) -> Standing:
    """Return what checks come to, by the losses at each; `gain` is that of the last.

    The verdict is 10 where a loss is proven, 0 where every margin bounds the drop, else 11.
    """
    judged = {
        name: rule.judge([np.asarray(check[name]) for check in losses], margins[name])
        for name in losses[-1]
    }
    proven = tuple(name for name, row in judged.items() if row.is_proven)
    is_held = all(row.upper < margins[name] for name, row in judged.items())
    outcome = Outcome.FAIL if proven else Outcome.PASS if is_held else Outcome.INCONCLUSIVE
    return Standing(
        worst_drop=max(row.drop for row in judged.values()),
        worst_drop_upper=max(row.upper for row in judged.values()),
        target_gain=gain,
        verdict=EXIT_CODES[outcome],
        proven=proven,
    )


# --- what a trainer keeps ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a training run must know of its checks when it goes on from a checkpoint.

    `n_checks` were planned at its start; `steps` and `losses` have a part for each that was made.
    """

    n_checks: int
    base: Checkpoint | None = None
    steps: tuple[int, ...] = ()
    losses: tuple[Losses, ...] = ()
    standing: Standing = field(default_factory=Standing)

    def after(self, check: Check, now: Standing) -> Record:
        """Return the record with another check, after which the run stands `now`."""
        steps, losses = (*self.steps, check.step), (*self.losses, check.losses)
        return replace(self, steps=steps, losses=losses, standing=now)

    def as_json(self) -> dict[str, Any]:
        """Return it as a trainer's own file of states can hold it."""
        base = None if self.base is None else replace(self.base, notes=(), files=None)
        written: dict[str, Any] = json.loads(json.dumps(asdict(replace(self, base=base))))
        return written


def record_from(written: Any) -> Record:
    """Return the record that `as_json` wrote. Raises UsageError where it is none."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(Record).validate_python(written)
    except ValidationError as failure:
        first = failure.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"trainer_state.json: what it says of cliffguard's checks cannot be read ({where}: "
            f"{first['msg']}); begin the training anew, or without this callback",
            id="training.state",
        ) from None
