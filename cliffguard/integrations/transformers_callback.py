"""A callback of transformers' Trainer, and of the trainers that are made of it, such as TRL's.

    callback = attach(trainer, "gate.yaml", every="eval", on_fail="stop")

It looks on: weights, optimizer and randomness are, bit for bit, what they are without it.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from transformers import DefaultFlowCallback, Trainer, TrainerCallback
from transformers.trainer_callback import ExportableState

from cliffguard.config import load_plan
from cliffguard.core.errors import UsageError
from cliffguard.core.reviews import EXIT_CODES, Outcome, Review
from cliffguard.core.settings import Plan
from cliffguard.integrations.cadence import Cadence, Every
from cliffguard.integrations.checks import PREFIX, Check, Checks, Record, record_from
from cliffguard.integrations.copies import CopiedAnew
from cliffguard.integrations.live_checks import LiveChecks, refuse_live
from cliffguard.integrations.subprocess_checks import (
    SubprocessChecks,
    refuse_no_base,
    refuse_shards,
    saved_at,
)
from cliffguard.integrations.trainer_settings import (
    best_remark,
    both_names,
    forget_unchecked_best,
    leave_objective,
    refuse_settings,
    refuse_wrong_best,
    tokenizer_of,
)
from cliffguard.integrations.trainer_state import NAME, kept_record, twice
from cliffguard.integrations.training import TrainingChecks

_UNDECIDED = EXIT_CODES[Outcome.INCONCLUSIVE]


def attach(
    trainer: Any,
    plan: Plan | Path | str,
    *,
    every: Every = "eval",
    on_fail: Literal["log", "stop"] = "log",
    where: Literal["live", "subprocess"] = "live",
    on_error: Literal["log", "raise"] = "log",
    store: Path | str | None = None,
    wait_minutes: float = 30,
) -> CliffguardCallback:
    """Check what a trainer trains, while it does; return the callback that does it.

    `every` says when: at each evaluation, at each saved checkpoint, or after so many steps.
    `on_fail="stop"` ends the training once a loss is proven. A check that fails is logged once,
    unless `on_error` is "raise". `store` None: where answers usually lie.

    `where="subprocess"` checks what is saved, in a process beside the training, and waits for the
    last of it at most `wait_minutes` at the end.

    Raises UsageError for what cannot be checked, in one line that says what to use instead.
    """
    callback = CliffguardCallback(
        plan,
        every=every,
        on_fail=on_fail,
        where=where,
        on_error=on_error,
        store=store,
        wait_minutes=wait_minutes,
    )
    callback.join(trainer)
    return callback


class CliffguardCallback(CopiedAnew, TrainerCallback, ExportableState):  # type: ignore[misc]
    """Checks the model of a trainer: what `attach` puts there, with the same arguments.

    After the training `review` is that of the last check (None: there was none), and `exit_code` is
    10 where a loss is proven, else 0 or 11 as the last check stands, or that of what it failed of.
    """

    review: Review | None = None
    exit_code: int = _UNDECIDED
    _first: CliffguardCallback | None = None
    _is_unchecked = False  # the best checkpoint, by numbers of ours that stand for no check

    def __new__(cls, *_: Any, **__: Any) -> CliffguardCallback:
        """Return a callback of a class of its own.

        A trainer that restores its callbacks makes each anew by its class, without a plan: it gets
        the same one, and so does whoever waits for its review.
        """
        if cls._first is not None:
            return cls._first
        mine = type(NAME, (cls,), {})
        callback: CliffguardCallback = super().__new__(mine)
        type(callback)._first = callback
        return callback

    def __init__(
        self,
        plan: Plan | Path | str | None = None,
        *,
        every: Every = "eval",
        on_fail: Literal["log", "stop"] = "log",
        where: Literal["live", "subprocess"] = "live",
        on_error: Literal["log", "raise"] = "log",
        store: Path | str | None = None,
        wait_minutes: float = 30,
    ) -> None:
        if plan is None and hasattr(self, "plan"):  # made anew by a trainer
            return
        if plan is None:
            raise UsageError("CliffguardCallback needs a plan", id="training.no-plan")
        refuse_settings(every=every, on_fail=on_fail, on_error=on_error, where=where)
        # The candidate is what is trained here, whatever the file names.
        self.plan = (
            plan if isinstance(plan, Plan) else load_plan(plan, {"candidate": "in training"})
        )
        self.is_beside, self.wait_minutes = where == "subprocess", wait_minutes
        self.cadence = Cadence(every)
        self.on_fail, self.on_error, self.store = on_fail, on_error, store
        self.trainer: Any = None
        self._trained: Callable[[], Any] = lambda: None  # the model, while anybody else holds it
        self._run: TrainingChecks | None = None

    def arguments(self) -> dict[str, Any]:
        """Return what it was made of."""
        return {
            "plan": self.plan,
            "every": self.cadence.every,
            "on_fail": self.on_fail,
            "where": "subprocess" if self.is_beside else "live",
            "on_error": self.on_error,
            "store": self.store,
            "wait_minutes": self.wait_minutes,
        }

    # --- joining a trainer ------------------------------------------------------------------------

    def join(self, trainer: Any) -> None:
        """Become a callback of a trainer, before those that stop early."""
        handler = trainer.callback_handler
        if any(isinstance(each, CliffguardCallback) for each in handler.callbacks):
            raise twice()
        if self.is_beside:
            refuse_no_base(self.plan, trainer.model)
            refuse_shards(trainer)
        elif getattr(trainer, "is_fsdp_enabled", False):
            raise UsageError(
                'under FSDP no process holds the model whole; use where="subprocess", which checks '
                "what is saved",
                id="live.several-devices",
            )
        else:
            refuse_live(trainer.model, tokenizer_of(trainer.processing_class), self.plan)
        refuse_wrong_best(trainer.args)
        handler.add_callback(self)
        self.trainer = trainer
        self._go_first()

    def _go_first(self) -> None:
        """Stand before all that read at an evaluation what is written here: early stopping."""
        if self.trainer is None:
            return
        handler = self.trainer.callback_handler
        others = [each for each in handler.callbacks if each is not self]
        flow = [n for n, each in enumerate(others) if isinstance(each, DefaultFlowCallback)]
        at = max(flow, default=-1) + 1
        # Another list: the trainer may be going through this one.
        handler.callbacks = [*others[:at], self, *others[at:]]

    # --- what a trainer calls ---------------------------------------------------------------------

    def on_train_begin(
        self, args: Any, state: Any, control: Any, model: Any = None, **others: Any
    ) -> None:
        """Refuse what cannot be checked, and ask the base."""
        if self.trainer is not None and self.trainer.state is not state:
            self.trainer = None  # it was handed on to another, which nobody can reach
        self._go_first()
        self._is_unchecked = False
        refuse_wrong_best(args)
        cadence = Cadence("save") if self.is_beside else self.cadence
        self._cadence, line = cadence.settled(args)
        if state.is_hyper_param_search:
            leave_objective(self.trainer)
        planned = self._planned(args, state, model)
        tell = _tell if state.is_world_process_zero else _silent
        checks: Checks
        if self.is_beside:
            checks = self._beside(args, state, model, tell)
        else:
            tokenizer = tokenizer_of(others.get("processing_class"))
            checks = LiveChecks(
                self.plan, model, tokenizer, store=self.store, n_processes=args.world_size
            )
        for each in (line, best_remark(args, self._cadence, is_beside=self.is_beside)):
            if each is not None:
                tell(each)
        self._run = TrainingChecks(checks, raises=self.on_error == "raise", tell=tell)
        self._run.begin(planned, state.global_step)
        lacks_gain = self._run.standing.target_gain is None
        if lacks_gain and args.metric_for_best_model in both_names("target_gain"):
            raise UsageError(
                "metric_for_best_model: the plan has no target, so that no gain is measured",
                id="training.best-model",
            )
        # Of a checkpoint without it, the trainer would look it up in vain when it saves the next.
        state.stateful_callbacks.setdefault(NAME, self.state())
        if state.global_step and self._cadence.every == "save":
            self._check(state, control)  # the checkpoint was written before its check was made

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Check, where so many steps lie between two checks."""
        if self.is_beside and args.world_size == 1:  # of several all would wait for the first
            self._gather(state, control)
        n_steps = self._cadence.n_steps
        if n_steps is not None and state.global_step % n_steps == 0:
            self._check(state, control)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Check, where checkpoints are followed."""
        if self._cadence.every == "save":
            self._check(state, control)

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any
    ) -> None:
        """Check, where evaluations are followed; write into the metrics how the run stands."""
        if self._run is None:
            return
        if self._cadence.every == "eval":
            self._check(state, control)
        elif self.is_beside:
            self._gather(state, control)
        if metrics is not None:
            metrics.update(self._run.standing.metrics())
            steps = self._run.record.steps
            self._is_unchecked = forget_unchecked_best(
                args, state, steps[0] if steps else None, was_unchecked=self._is_unchecked
            )

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Say how many checks were made."""
        if self._run is not None:
            self._log(self._run.end(state.global_step), state)
            self.review, self.exit_code = self._run.review, self._run.exit_code

    def state(self) -> dict[str, Any]:
        """Return what the trainer keeps in trainer_state.json."""
        record = None if self._run is None else self._run.record.as_json()
        return {"args": {}, "attributes": {"record": record}}

    # --- how it is done ---------------------------------------------------------------------------

    def _planned(self, args: Any, state: Any, model: Any) -> Record:
        """Return what is known of the run: it begins, goes on, or trains the same model again."""
        run = self._run if self._trained() is model else None
        before = None if run is None else run.record.base
        self._trained = weakref.ref(model)
        kept = kept_record(state)
        if state.global_step and kept is not None:
            return record_from(kept)
        # Trained by a run before this one, or with a larger batch: what that began from counts.
        return Record(n_checks=self._cadence.n_checks(args, state), base=before)

    def _beside(self, args: Any, state: Any, model: Any, tell: Callable[[str], None]) -> Checks:
        refuse_no_base(self.plan, model)
        is_search = bool(state.is_hyper_param_search)
        return SubprocessChecks(
            self.plan,
            lambda step: saved_at(args.output_dir, step, is_search=is_search),
            store=self.store,
            wait_minutes=self.wait_minutes,
            tell=tell,
            n_processes=args.world_size,
        )

    def _check(self, state: Any, control: Any) -> None:
        assert self._run is not None, "training has begun"
        self._note(self._run.take(state.global_step), state, control)

    def _gather(self, state: Any, control: Any) -> None:
        """Take what was checked beside the training."""
        if self._run is not None:
            self._note(self._run.gather(state.global_step), state, control)

    def _note(self, checks: Sequence[Check], state: Any, control: Any) -> None:
        assert self._run is not None, "training has begun"
        self._log(checks, state)
        self.review, self.exit_code = self._run.review, self._run.exit_code
        if self.on_fail == "stop" and self._run.standing.proven:
            control.should_training_stop = True

    def _log(self, checks: Any, state: Any) -> None:
        """Log each check as an evaluation of its own."""
        assert self._run is not None, "training has begun"
        for check in checks:
            numbers = {**self._run.standings[check.step].metrics(), **_costs(check)}
            if check.step != state.global_step:
                numbers[f"{PREFIX}step"] = check.step
            if self.trainer is None:
                state.log_history.append({**numbers, "step": check.step})
            else:
                # Not a trainer's own: TRL's averages, and forgets, what was logged of the training.
                # And what the training is to log at this step counts as logged by it.
                is_to_log = self.trainer.control.should_log
                Trainer.log(self.trainer, numbers)
                self.trainer.control.should_log = is_to_log


def _costs(check: Check) -> dict[str, float]:
    costs = {"seconds": round(check.seconds, 3), "tokens": check.n_tokens}
    return {f"{PREFIX}{name}": n for name, n in costs.items() if n is not None}


def _tell(line: str) -> None:
    # A name may come from a trainer_state.json that nobody has looked at.
    shown = "".join(c if c.isprintable() else ascii(c).strip("'") for c in line)
    print(f"cliffguard: {shown}", file=sys.stderr)


def _silent(line: str) -> None:
    """Of several processes the first speaks."""
