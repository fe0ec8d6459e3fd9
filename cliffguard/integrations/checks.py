"""Checks in a training run: what each brings, what all so far come to, and what a trainer keeps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar
from typing import Protocol as Interface

import numpy as np

from cliffguard.core.canonical_json import digest
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError, UsageError
from cliffguard.core.policy import Policy
from cliffguard.core.reviews import EXIT_CODES, Outcome, Review
from cliffguard.stats.repeated_checks import RunFinding, RunPlan, judge_run

Losses = Mapping[str, tuple[float | None, ...]]
"""Of each gating capability what every item lost, base minus candidate score, in one order.

None: one side has no score.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How losses count, alike at every check: margins, and the group of each item, by capability.

    Items of one group stand or fall together, also those of two capabilities.
    """

    margins: Mapping[str, float]
    groups: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a check brought: at which step of training, the losses, and what it cost.

    `gain` is that of the target, candidate minus base (None: the plan has none); `n_tokens` None
    are not known.
    """

    step: int
    losses: Losses
    counted: Counted
    gain: float | None
    review: Review
    seconds: float
    n_tokens: int | None


Result = Check | CliffguardError
"""A check that has come to its end, or why it brought nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is known before the first step: the base, and what it and a check will be asked.

    `base` None: files, read at the first check. `n_asked` items of `n_items` had no answer of the
    base in the store. `questions` is the digest of all items and of the policy, `questions_before`
    as records had it once, in which a relative margin could stand for one in points.
    """

    base: Checkpoint | None
    alpha: float
    has_target: bool
    n_asked: int
    n_items: int
    seconds: float
    questions: str = ""
    questions_before: str = ""


class Checks(Interface):
    """Where a training run is checked: in its process, or beside it."""

    is_beside: ClassVar[bool]
    """Whether the training goes on while it is checked."""

    def begin(self, n_checks: int, base: Checkpoint | None, *, is_trained: bool) -> Start:
        """Look at all that can be known before the next step, and ask the base.

        Of a model that `is_trained` already, `base` is what its run began from (None: not known).
        Raises UsageError for what cannot be checked.
        """

    def take(self, step: int) -> Sequence[Result]:
        """Check the model after a step; return the checks that have come to their end."""

    def ready(self) -> Sequence[Result]:
        """Return the checks that have come to their end since."""

    def close(self) -> Sequence[Result]:
        """Return the checks that are still to come to their end."""


def questions_of(items: Any, policy: Policy, gates: Iterable[str]) -> dict[str, str]:
    """Return both digests of `Start`: of what a check asks, and of how losses are judged."""
    rules = {name: policy.rules(name) for name in gates}
    margins = {name: policy.margin(name) for name in rules}
    how = {name: [rule.relative_margin, rule.cluster] for name, rule in rules.items()}
    return {
        "questions": digest([*items, margins, how]),
        "questions_before": digest([*items, margins]),
    }


# --- what the checks so far come to --------------------------------------------------------------


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


# --- what a trainer keeps ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a training run must know of its checks when it goes on from a checkpoint.

    `n_checks` were planned at its start, and share `alpha`; `steps` and `losses` have a part for
    each that was made.
    """

    n_checks: int
    alpha: float = 0.05
    base: Checkpoint | None = None
    questions: str = ""
    counted: Counted | None = None
    steps: tuple[int, ...] = ()
    losses: tuple[Losses, ...] = ()
    standing: Standing = field(default_factory=Standing)

    def after(self, check: Check) -> Record:
        """Return the record with another check, and how the run stands after it.

        The verdict is 10 where a loss is proven, 0 where every margin bounds the drop, else 11.
        """
        steps, losses = (*self.steps, check.step), (*self.losses, check.losses)
        counted = self.counted or check.counted
        finding = _judged(losses, counted, self.n_checks, self.alpha)
        is_held = all(
            row.high < counted.margins[name] for name, row in finding.capabilities.items()
        )
        outcome = (
            Outcome.FAIL if finding.may_stop else Outcome.PASS if is_held else Outcome.INCONCLUSIVE
        )
        now = Standing(
            # Where nothing has a score, anything may be lost.
            worst_drop=finding.worst_high if finding.worst_drop is None else finding.worst_drop,
            worst_drop_upper=finding.worst_high,
            target_gain=self.standing.target_gain if check.gain is None else check.gain,
            verdict=EXIT_CODES[outcome],
            proven=finding.lost or (_TOGETHER if finding.may_stop else ()),
        )
        return replace(self, counted=counted, steps=steps, losses=losses, standing=now)

    def failed(self, *, has_target: bool) -> Record:
        """Return the record after a check that failed: before any other, the worst there can be.

        Else its zeros would be better than all that is measured later.
        """
        if self.steps:
            return self
        gain = -1.0 if has_target else None
        return replace(
            self,
            standing=Standing(
                worst_drop=1.0,
                worst_drop_upper=1.0,
                target_gain=gain,
                verdict=EXIT_CODES[Outcome.INCONCLUSIVE],
            ),
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as a trainer's own file of states can hold it."""
        base = None if self.base is None else replace(self.base, notes=(), files=None)
        written: dict[str, Any] = json.loads(json.dumps(asdict(replace(self, base=base))))
        return written


_TOGETHER = ("all capabilities together",)


def _judged(losses: Sequence[Losses], counted: Counted, n_checks: int, alpha: float) -> RunFinding:
    changes = {
        name: np.array([check[name] for check in losses], dtype=float) for name in counted.margins
    }
    plan = RunPlan(n_checks=n_checks, margins=counted.margins, alpha=alpha)
    return judge_run(changes, plan, clusters=counted.groups)


def record_from(written: Any) -> Record:
    """Return the record that `as_json` wrote. Raises UsageError where it is none."""
    from pydantic import TypeAdapter, ValidationError

    try:
        record = TypeAdapter(Record).validate_python(written)
        _refuse_impossible(record)
        return record
    except ValidationError as failure:
        first = failure.errors()[0]
        reason = ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))
    except (ValueError, LookupError) as failure:
        reason = str(failure)
    raise UsageError(
        f"trainer_state.json: what it says of cliffguard's checks cannot be read ({reason}); begin "
        "the training anew, or without this callback",
        id="training.state",
    )


def _refuse_impossible(record: Record) -> None:
    """Raise ValueError or LookupError for numbers that no run of checks comes to."""
    if len(record.steps) != len(record.losses):
        raise ValueError(f"{len(record.steps)} steps, and losses of {len(record.losses)}")
    RunPlan(n_checks=record.n_checks, margins={"any": 0.5}, alpha=record.alpha)
    if not record.steps:
        return
    if record.counted is None:
        raise ValueError("checks without margins")
    _judged(record.losses, record.counted, record.n_checks, record.alpha)
