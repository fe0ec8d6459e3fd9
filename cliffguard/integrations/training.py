"""The checks of one training run, whoever trains: begun, taken, judged, counted, ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from cliffguard.core.errors import CliffguardError, InfrastructureError, UsageError
from cliffguard.core.reviews import EXIT_CODES, Outcome, Review
from cliffguard.core.texts import n_things
from cliffguard.integrations.cadence import Overhead
from cliffguard.integrations.checks import (
    Check,
    Checks,
    Record,
    Result,
    Standing,
    Start,
)


class TrainingChecks:
    """Takes the checks of a run that were planned at its start, and says how it stands.

    `tell` hears lines for people. A check that fails is told once, unless `raises`.
    """

    def __init__(self, checks: Checks, *, raises: bool, tell: Callable[[str], None]) -> None:
        self._checks: Checks | None = checks
        self._raises = raises
        self._tell = tell
        self._overhead = Overhead(time.monotonic())
        self._failure: CliffguardError | None = None  # of the last check, or of the start
        self._is_beyond = False  # the run has gone on behind its last planned check
        self._told_of: set[str | None] = set()
        self._begun_at = 0
        self.review: Review | None = None
        self.record = Record(n_checks=0)
        self.standings: dict[int, Standing] = {}
        self.is_open = False

    # --- its course -------------------------------------------------------------------------------

    def begin(self, planned: Record, step: int) -> None:
        """Ask the base; `planned` is what is known of the run that begins, or goes on, at a step.

        Raises UsageError for what cannot be checked.
        """
        self.record, self._begun_at = planned, step
        assert self._checks is not None, "it has not ended"
        try:
            start = self._checks.begin(planned.n_checks, planned.base, is_trained=step > 0)
            _refuse_other_plan(planned, start)
        except UsageError:
            raise
        except Exception as failure:
            self._fails(failure)
            return
        self._overhead = Overhead(time.monotonic())  # the base is asked once
        self.is_open = True
        gain = self.record.standing.target_gain
        if gain is None and start.has_target:
            gain = 0.0
        now = replace(self.record.standing, target_gain=gain)
        alpha = self.record.alpha if self.record.steps else start.alpha
        self.record = replace(
            planned, base=start.base, questions=start.questions, alpha=alpha, standing=now
        )
        self._tell(_begun(start, planned))

    def take(self, step: int) -> Sequence[Check]:
        """Check the model after a step, unless all that were planned are made."""
        if self._checks is None or not self.is_open or step in (0, *self.record.steps[-1:]):
            return ()
        if len(self.record.steps) >= self.record.n_checks:
            self._pass_over(step)
            return ()
        checks = self._checks
        return self._count(lambda: checks.take(step), step)

    def gather(self, step: int) -> Sequence[Check]:
        """Take what was checked beside the training, and has come to its end by a step."""
        if self._checks is None or not self.is_open:
            return ()
        return self._count(self._checks.ready, step)

    def end(self, step: int) -> Sequence[Check]:
        """Take what is still to come, and say how many checks were made."""
        late = () if self._checks is None else self._count(self._checks.close, step)
        self._checks = None  # and the model in it, which another run may replace
        self.is_open = False
        self._tell(self._summary())
        return late

    # --- how it stands ----------------------------------------------------------------------------

    @property
    def standing(self) -> Standing:
        """What the checks so far come to."""
        return self.record.standing

    @property
    def exit_code(self) -> int:
        """10 where a loss is proven; else that of the last check, or of what it failed of.

        A check is no PASS of a model that was to be checked again.
        """
        if self._failure is not None and not self.standing.proven:
            return self._failure.exit_code
        if self.record.steps and not (self._is_beyond and self.standing.verdict == 0):
            return self.standing.verdict
        return EXIT_CODES[Outcome.INCONCLUSIVE]

    def _count(self, work: Callable[[], Sequence[Result]], step: int) -> Sequence[Check]:
        """Return the checks among what `work` brings, each judged; a failure is said, or raised."""
        checks = []
        try:
            for result in work():
                if isinstance(result, CliffguardError):
                    self._fails(result)
                elif len(self.record.steps) < self.record.n_checks:
                    self._judge(result, step)
                    checks.append(result)
                else:  # begun beside the training before all that were planned had ended
                    self._pass_over(result.step, is_made=True)
        except Exception as failure:
            self._fails(failure)
        return checks

    def _judge(self, check: Check, step: int) -> None:
        before, self.record = self.standing, self.record.after(check)
        self._failure = None
        self.standings[check.step] = self.standing
        if self.standing.proven and not before.proven:
            lost = ", ".join(self.standing.proven)
            self._tell(f"step {check.step}: a loss is proven: {lost}")
        self.review = check.review
        self._overhead.add(check.seconds)
        if self._checks is None or self._checks.is_beside:
            return
        if remark := self._overhead.remark(time.monotonic(), step - self._begun_at):
            self._tell(remark)

    def _pass_over(self, step: int, *, is_made: bool = False) -> None:
        """Say once that there is no alpha left for a check: the run is longer than was planned."""
        if not self._is_beyond:
            planned = f"all {n_things(self.record.n_checks, 'planned check')}"
            by_hand = "check what is saved: cliffguard check BASE CHECKPOINT"
            self._tell(
                f"the check of step {step} does not count, nor what follows: {planned} ended "
                f"before it, and share alpha; its report stands by itself, and for a verdict "
                f"{by_hand}"
                if is_made
                else f"step {step} is not checked, nor what follows: {planned} were made before, "
                f"and share alpha; {by_hand}"
            )
        self._is_beyond = True

    def _fails(self, cause: Exception) -> None:
        """Tell a failure, whatever it is: a training of days ends for none, unless it `raises`."""
        failure = (
            cause
            if isinstance(cause, CliffguardError)
            else InfrastructureError(f"a check failed: {cause!r}", id="training.failed")
        )
        if self._raises:
            raise failure
        if failure.id not in self._told_of:
            self._tell(f"a check failed, and the training goes on: {failure.line}")
        self._told_of.add(failure.id)
        self._failure = failure
        # Where the base could not be asked, nobody knows whether there is a target.
        has_target = not self.is_open or self.standing.target_gain is not None
        self.record = self.record.failed(has_target=has_target)

    def _summary(self) -> str:
        n_made, planned = len(self.record.steps), self.record.n_checks
        line = f"{n_made} of {n_things(planned, 'check')} made"
        if not n_made:
            return f"{line}; exit code {self.exit_code}"
        now = self.standing
        return (
            f"{line}, in {self._overhead.spent:.1f} s; at step {self.record.steps[-1]} the worst "
            f"drop is {100 * now.worst_drop:.1f} points (at most {100 * now.worst_drop_upper:.1f})"
            f"; exit code {self.exit_code}"
        )


def _refuse_other_plan(planned: Record, start: Start) -> None:
    """Refuse to count losses of other items together, or by other margins."""
    if planned.steps and planned.questions not in ("", start.questions, start.questions_before):
        raise UsageError(
            f"the {n_things(len(planned.steps), 'check')} so far had another plan, of other items "
            "or with another policy; go on with that one, or begin the training anew",
            id="training.other-plan",
        )


def _begun(start: Start, planned: Record) -> str:
    there = start.n_items - start.n_asked
    stored = f", {there} were stored" if there else ""
    checks = f"{n_things(planned.n_checks - len(planned.steps), 'check')} to come"
    if start.base is None:
        return f"what is saved is checked beside the training; {checks}"
    return (
        f"{start.base.name}: {n_things(start.n_asked, 'item')} asked in {start.seconds:.1f} s"
        f"{stored}; {checks}"
    )
