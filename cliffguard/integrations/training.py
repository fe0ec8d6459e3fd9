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
        self._checks = checks
        self._raises = raises
        self._tell = tell
        self._overhead = Overhead(time.monotonic())
        self._failure: CliffguardError | None = None
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
        try:
            start = self._checks.begin(planned.n_checks, planned.base, is_trained=step > 0)
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
        self.record = replace(planned, base=start.base, alpha=alpha, standing=now)
        self._tell(_begun(start, planned))

    def take(self, step: int) -> Sequence[Check]:
        """Check the model after a step, unless all that were planned are made."""
        is_over = len(self.record.steps) >= self.record.n_checks
        if not self.is_open or is_over or step in (0, *self.record.steps[-1:]):
            return ()
        return self._count(lambda: self._checks.take(step), step)

    def gather(self, step: int) -> Sequence[Check]:
        """Take what was checked beside the training, and has come to its end by a step."""
        return self._count(self._checks.ready, step) if self.is_open else ()

    def end(self, step: int) -> Sequence[Check]:
        """Take what is still to come, and say how many checks were made."""
        late = self._count(self._checks.close, step)
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
        """That of the last check, of the failure where none came to its end, or of undecided."""
        if self.record.steps:
            return self.standing.verdict
        if self._failure is not None:
            return self._failure.exit_code
        return EXIT_CODES[Outcome.INCONCLUSIVE]

    def _count(self, work: Callable[[], Sequence[Result]], step: int) -> Sequence[Check]:
        """Return the checks among what `work` brings, each judged; a failure is said, or raised."""
        checks = []
        try:
            for result in work():
                if isinstance(result, CliffguardError):
                    self._fails(result)
                else:
                    self._judge(result, step)
                    checks.append(result)
        except Exception as failure:
            self._fails(failure)
        return checks

    def _judge(self, check: Check, step: int) -> None:
        before, self.record = self.standing, self.record.after(check)
        self.standings[check.step] = self.standing
        if self.standing.proven and not before.proven:
            lost = ", ".join(self.standing.proven)
            self._tell(f"step {check.step}: a loss is proven: {lost}")
        self.review = check.review
        self._overhead.add(check.seconds)
        if self._checks.is_beside:
            return
        if remark := self._overhead.remark(time.monotonic(), step - self._begun_at):
            self._tell(remark)

    def _fails(self, failure: Exception) -> None:
        """Tell a failure, whatever it is: a training of days ends for none, unless it `raises`."""
        if self._raises:
            raise failure
        if not isinstance(failure, CliffguardError):
            failure = InfrastructureError(f"{failure!r}", id="training.failed")
        if self._failure is None or self._failure.id != failure.id:
            self._tell(f"a check failed, and the training goes on: {failure.line}")
        self._failure = failure

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
