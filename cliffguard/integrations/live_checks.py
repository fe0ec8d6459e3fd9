"""Checks of a model in memory, between two steps of its training."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from cliffguard.compare.repeat_command import LIVE
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError, InfrastructureError, UsageError
from cliffguard.core.settings import Plan
from cliffguard.core.texts import n_things
from cliffguard.evaluate.measure import measure, n_absent
from cliffguard.integrations.checks import Check, Start, questions_of
from cliffguard.integrations.few_items import few_items, has_target
from cliffguard.integrations.losses import gain_of, losses_of
from cliffguard.run.limits import Audience, Limits
from cliffguard.run.look import take_look
from cliffguard.run.policies import gating
from cliffguard.run.prepare import Run, planned
from cliffguard.run.survey import Survey, survey_of, whole_policy
from cliffguard.runners.live import LiveRunner
from cliffguard.stats.repeated_checks import MOST_ITEMS
from cliffguard.store.answers import Store, default_store_folder

T = TypeVar("T")

_LIMITS = Limits(stops_early=False, probes=False)


def refuse_live(model: Any, tokenizer: Any, plan: Plan) -> None:
    """Raise UsageError for a model that cannot be asked in the middle of its training."""
    LiveRunner(model, tokenizer, name="the model", settings=plan.runner).refuse_no_base()


class LiveChecks:
    """Asks the model in memory, and of its base what the store does not hold yet.

    With adapters the base is the same weights with adapters off; of full weights it is the model
    before its first step. Under data-parallel training every process makes the same calls, and
    answers its share.
    """

    is_beside: ClassVar[bool] = False

    def __init__(
        self, plan: Plan, model: Any, tokenizer: Any, *, store: Path | str | None, n_processes: int
    ) -> None:
        # Of a run in training there is no time for what comes beside a verdict.
        self._plan = replace(plan, screen=False, items=None, half=None)
        self._store = Store(store if store is not None else default_store_folder())
        self._live = LiveRunner(
            model, tokenizer, name="the model", settings=plan.runner, holds_still=True
        )
        self._live.refuse_no_base()
        self._runner: Any = self._live  # or all processes' together, with the same methods
        if n_processes > 1:
            from cliffguard.runners.live_parallel import ParallelLiveRunner

            self._runner = ParallelLiveRunner(self._live)
        self._is_parallel = n_processes > 1
        self._survey: Survey | None = None
        self._n_checks = 0

    def begin(self, n_checks: int, base: Checkpoint | None, *, is_trained: bool) -> Start:
        """Look at suites, policy and model, and ask the base what is not stored of it."""
        if is_trained and base is None and not self._live.has_adapters:
            raise UsageError(
                "full weights that are trained already, by a run that was not checked: the base is "
                "in memory no longer; begin the training anew, or check saved checkpoints: "
                "cliffguard check BASE CHECKPOINT",
                id="training.no-base",
            )
        self._n_checks = n_checks
        return self._together(lambda: self._begin(base))

    def take(self, step: int) -> Sequence[Check]:
        """Ask the model as it is now."""
        return (self._together(lambda: self._take(step)),)

    def ready(self) -> Sequence[Check]:
        """Return nothing: a check has ended before the training goes on."""
        return ()

    def close(self) -> Sequence[Check]:
        """Leave the other processes; nothing is still to come."""
        if self._is_parallel:
            self._runner.leave()
        return ()

    # --- what the leader does ---------------------------------------------------------------------

    def _begin(self, known: Checkpoint | None) -> Start:
        began = time.perf_counter()
        base, trained = self._runner.at_start()
        if known is not None and not self._live.has_adapters:
            # Of a folder that anybody may have written only digests count: no names, and no paths.
            base = replace(known, name=base.name, revision=None, notes=base.notes, files=None)
            trained = replace(trained, name="trained")
        elif known is not None and known.weights != base.weights:
            raise UsageError(
                "the weights beneath the adapters are not those of the run that goes on here; "
                "resume it with its own base",
                id="training.other-base",
            )
        survey, _ = survey_of(
            self._plan, self._runner, self._store, (base, trained), _LIMITS, Audience()
        )
        policy = whole_policy(survey.plan, survey.suites)
        tasks = few_items(survey.tasks, survey.suites, policy, survey.plan.protocol)
        self._survey = replace(survey, tasks=tasks)
        n_asked, n_items = self._ask_base(known)
        return Start(
            base=base,
            alpha=policy.alpha,
            has_target=has_target(survey.suites, tasks),
            n_asked=n_asked,
            n_items=n_items,
            seconds=time.perf_counter() - began,
            **questions_of(
                [[task.digest for task in tasks]], policy, gating(survey.suites, policy)
            ),
        )

    def _ask_base(self, known: Checkpoint | None) -> tuple[int, int]:
        """Ask the base what is absent; return how many items that was, and of how many."""
        run = self._run_of(self._survey)
        look, base, protocol = run.schedule.everything(), run.case.base, run.plan.protocol
        n_items = sum(series.n_planned for series in look)
        n = n_absent(base, look, protocol=protocol, store=self._store, runner=self._runner)
        if n and known is not None and not self._live.has_adapters:
            raise UsageError(
                "full weights that are trained already: the base is in memory no longer; of its "
                f"{n_things(n_items, 'answer')} the store lacks {n} ({self._store.root}); use the "
                "store with which the run began",
                id="training.no-base",
            )
        measure(base, look, protocol=protocol, store=self._store, runner=self._runner)
        return n, n_items

    def _take(self, step: int) -> Check:
        began, n_before = time.perf_counter(), self._runner.n_tokens()
        assert self._survey is not None, "begin comes first"
        candidate = self._runner.now(f"step {step}", self._survey.base)
        run = self._run_of(replace(self._survey, candidate=candidate))
        look = run.schedule.next(None)
        assert look is not None, "a schedule has at least one look"
        decision = take_look(run, look, None)
        losses, counted = losses_of(decision)
        return Check(
            step=step,
            losses=losses,
            counted=counted,
            gain=gain_of(decision.comparison),
            review=run.review(decision, LIVE),
            seconds=time.perf_counter() - began,
            n_tokens=self._runner.n_tokens() - n_before,
        )

    def _run_of(self, survey: Survey | None) -> Run:
        """Return the run of a check: of alpha it has an equal part."""
        assert survey is not None, "begin comes first"
        policy = survey.plan.policy or whole_policy(survey.plan, survey.suites)
        policy = replace(policy, alpha=policy.alpha / self._n_checks)
        survey = replace(survey, plan=replace(survey.plan, policy=policy))
        caveat = Caveat(
            id="training.check",
            text=f"A check in training, one of {self._n_checks}, on at most {MOST_ITEMS} items of "
            "each capability and with its part of alpha; check the saved model before it ships.",
        )
        run = planned(survey, self._runner, self._store, _LIMITS, Audience(), (caveat,))
        # Warm-up begins at a learning rate of 0: no change is none, and no fault of the adapter.
        return replace(run, case=replace(run.case, is_in_training=True))

    def _together(self, work: Callable[[], T]) -> T:
        """Return in every process what the leader's work comes to, or raise its failure."""
        if not self._is_parallel:
            return work()
        result: T | None = None
        failure: CliffguardError | None = None
        if self._runner.leads:
            try:
                result = work()
            except CliffguardError as error:
                failure = error
            except Exception as error:  # or the others wait for ever
                failure = InfrastructureError(f"a check failed: {error!r}", id="training.failed")
            self._runner.dismiss()
        else:
            self._runner.serve()
        result, failure = self._runner.broadcast((result, failure))
        if failure is not None:
            raise failure
        assert result is not None, "work returns something"
        return result
