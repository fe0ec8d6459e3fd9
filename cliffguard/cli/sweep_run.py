"""What a sweep does: candidates walked side by side, their reports, and the overview meanwhile."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from cliffguard.cli.console import ProgressOutput, complain, failure_recorded, remove_reports
from cliffguard.cli.given import plans_of
from cliffguard.cli.outcome import code_of_all, recorded
from cliffguard.cli.overview import remove_overview
from cliffguard.cli.report_folders import prepare
from cliffguard.cli.sweep_results import SweepResults
from cliffguard.core.errors import CliffguardError, InfrastructureError, UsageError
from cliffguard.core.progress import doing
from cliffguard.core.settings import are_both
from cliffguard.core.signals import Interrupted
from cliffguard.core.texts import n_things
from cliffguard.sweep.candidates import (
    Candidate,
    Watched,
    files_in,
    has_lost,
    matching,
    refuse_none,
)
from cliffguard.sweep.coming import Coming, InTurn
from cliffguard.sweep.driver import Driver, Due

if TYPE_CHECKING:
    from cliffguard.compare.write_review import Decision
    from cliffguard.core.caveats import Caveat
    from cliffguard.core.reviews import Review
    from cliffguard.core.settings import Plan
    from cliffguard.core.texts import Texts
    from cliffguard.planning.selection import Choice
    from cliffguard.runners import Runner
    from cliffguard.store.answers import Store
    from cliffguard.sweep.executors import Executor
    from cliffguard.sweep.runner import Workers

_AT_ONCE = 2  # candidates for each worker: while one is judged, the others are asked


class Extent(NamedTuple):
    """How far a sweep goes: the flags of `check`, and when one that watches ends."""

    stops_early: bool
    diagnoses: bool
    choose: Choice | None
    until: int | None
    idle_minutes: float


def plans_of_sweep(
    path: Path,
    flags: Mapping[str, Any],
    patterns: Sequence[str],
    *,
    watches: bool,
    choose: Choice | None,
) -> tuple[Plan, list[Candidate]]:
    """Return the plan, with any candidate in it, and the checkpoints that are there.

    Raises UsageError for what a sweep does not do, and where nothing matches and nothing may come.
    """
    from cliffguard.config import AUTO
    from cliffguard.engine.distributed import n_processes

    if n_processes() > 1:
        raise UsageError(
            "sweep starts its own workers; start it by itself, without torchrun or accelerate "
            "launch, and with --workers",
            id="sweep.launched",
        )
    # Two of them: of several, one that failed is asked no further.
    plans = plans_of(path, {**flags, "candidate": ["a candidate", "another"]})
    if are_both(plans):
        raise UsageError(
            "--chat-template both: is for check; here choose own or base", id="chat-template.both"
        )
    plan = plans[0]
    if plan.suites == (AUTO,):
        raise UsageError(
            f"{path}: suites: auto chooses for one pair; `cliffguard check` says which it takes: "
            "name them",
            id="sweep.auto-suites",
        )
    if watches and choose is not None:
        raise UsageError(
            "--choose and --watch: how many share alpha, or come in which order, is known when all "
            "are there; sweep them once more then, without --watch",
            id="sweep.choose-watch",
        )
    candidates = [] if watches else matching(patterns, plan.base)
    if not watches:
        refuse_none(patterns, candidates)
    return plan, candidates


class SweepOutput(NamedTuple):
    """Where reports and answers go; `store_folder` and `texts` are the flags of a command."""

    out: Path
    store: Store
    store_folder: Path | None
    texts: Texts
    screen: ProgressOutput


@dataclass(kw_only=True)
class Sweep:
    """The candidates of one sweep, each with its plan, and what came of them."""

    plan: Plan
    watched: Watched | None
    extent: Extent
    output: SweepOutput
    results: SweepResults
    plans: list[Plan] = field(default_factory=list)
    remarks: tuple[Caveat, ...] = ()

    def run(self, candidates: Sequence[Candidate], executor: Executor) -> list[int]:
        """Walk all candidates by the workers, and return the exit code of each that has one.

        Raises InfrastructureError where every one vanished before its verdict.
        """
        from cliffguard.gate import runner_for
        from cliffguard.sweep.dealing import Dealer
        from cliffguard.sweep.runner import Workers

        try:
            remove_overview(self.output.out)
            prepare(self.output.out)
            self._plan(candidates)
            dealer = Dealer(executor)
            for line in executor.resources():
                self.output.screen.say(line)
            self._drive(Workers(dealer, runner_for(self.plan)))
        except Interrupted as stop:
            n_judged, n = len(self.results.codes), n_things(len(self.plans), "checkpoint")
            stop.kept = f"{n_judged} of {n} judged, answers in {self.output.store.root}"
            raise
        finally:
            executor.cancel()
            self._finish()
        if not self.results.codes:
            raise InfrastructureError(
                f"no checkpoint was judged: {self.results.why_none()}", id="sweep.nothing-judged"
            )
        return [self.results.codes[number] for number in sorted(self.results.codes)]

    def _finish(self) -> None:
        say, watched = self.output.screen.say, self.watched
        for candidate in () if watched is None else watched.missed:
            self.results.drop(self._taken(candidate))
            say(f"! {candidate.name}: its folder vanished before its verdict")
        self.results.finish(self.output.screen)
        for path in () if watched is None else watched.waiting:
            say(
                f"! {path}: was not whole to the end: no trainer_state.json or "
                "adapter_config.json, or weights shorter than they say"
            )

    def exit_code(self, codes: Sequence[int], *, is_zero: bool) -> int:
        """Return the exit code of all, as `check` of several has it."""
        vanished = self.results.vanished
        names = [plan.candidate for n, plan in enumerate(self.plans) if n not in vanished]
        code = code_of_all(codes, names, self.extent.choose, self.output.screen.say)
        return 0 if is_zero and set(codes) <= {0, 10, 11} else code

    def _plan(self, candidates: Sequence[Candidate]) -> None:
        """Give each candidate its plan; those that are chosen from share alpha."""
        self.results.candidates += candidates
        self.plans += [replace(self.plan, candidate=each.path) for each in candidates]
        if self.extent.choose is not None:
            from cliffguard.planning.selection import remark, shared

            self.remarks = remark(self.extent.choose, self.plans)
            self.plans = list(shared(self.plans, self.extent.choose))

    def _drive(self, workers: Workers) -> None:
        choose, n_workers = self.extent.choose, workers.dealer.executor.n_workers
        n_at_once = 1 if choose == "last" else _AT_ONCE * n_workers
        driver = Driver(workers.dealer, lambda n: self._walk(n, workers), n_at_once=n_at_once)
        whom = n_things(len(self.plans), "checkpoint")
        whom = "the checkpoints that come" if self.watched is not None else whom
        with doing(f"asking {whom} by {n_things(n_workers, 'worker')}"):
            driver.run(self._due(driver), self.results.tick)
            if choose == "any":
                self._judge_again(workers)

    def _due(self, driver: Driver) -> Due:
        extent, results = self.extent, self.results
        if self.watched is None:
            is_last = extent.choose == "last"
            return InTurn(len(self.plans), results.codes, results.vanished, one_by_one=is_last)
        return Coming(
            self.watched,
            self._taken,
            lambda: driver.is_at_work,
            until=extent.until,
            idle_seconds=60.0 * extent.idle_minutes,
        )

    def _taken(self, candidate: Candidate) -> int:
        """Return the number of a candidate that has come."""
        self._plan([candidate])
        return len(self.plans) - 1

    def _judge_again(self, workers: Workers) -> None:
        """Judge what is open at what each may spend once all were asked."""
        from cliffguard.planning.selection import raised, raised_remark

        judged = [self.results.pairs.get(number) for number in range(len(self.plans))]
        again = raised(judged, self.plans)
        for number, plan in again.items():
            self.plans[number] = plan
            self.remarks = (raised_remark(plan, len(self.plans)),)
        numbers = iter([list(again)])
        driver = Driver(workers.dealer, lambda n: self._walk(n, workers), n_at_once=1)
        driver.run(lambda: next(numbers, None), self.results.tick)

    # --- one candidate ---------------------------------------------------------------------------

    def _walk(self, number: int, workers: Workers) -> None:
        """Take one candidate from its files to its reports, in its turn."""
        results, say = self.results, self.output.screen.say
        name, folder = results.candidates[number].name, results.folder(number)
        path = results.candidates[number].path
        files = files_in(path)
        try:
            with failure_recorded(folder):
                verdict = self._judged(number, folder, workers).verdict
            code, what = verdict.exit_code, str(verdict.outcome)
        except (CliffguardError, OSError, RuntimeError) as failure:
            if has_lost(path, files):
                remove_reports(folder)
                results.drop(number)
                say(f"! {name}: its folder vanished before its verdict")
                return
            if not isinstance(failure, CliffguardError) or failure is workers.dealer.ending:
                raise
            complain(failure)
            results.failures[number] = str(failure)
            code, what = failure.exit_code, "no verdict"
        results.codes[number] = code
        of = "" if self.watched is not None else f" of {len(self.plans)}"
        say(f"{name}: {what}, exit {code} ({results.n_ended}{of})")

    def _judged(self, number: int, folder: Path, workers: Workers) -> Review:
        from cliffguard.compare.repeat_command import command
        from cliffguard.core.timing import Timings
        from cliffguard.gate import guard
        from cliffguard.planning.selection import CandidateReview
        from cliffguard.report import write_reports
        from cliffguard.sweep.runner import SweepRunner

        began, output = time.monotonic(), self.output
        prepare(folder)
        decisions: list[Decision] = []
        review = guard(
            self.plans[number],
            store=output.store,
            runner=cast("Runner", SweepRunner(workers, number)),
            stops_early=self.extent.stops_early,
            probes=self.extent.diagnoses,
            caveats=self.remarks,
            witness=decisions.append,
            command=command(
                "check",
                folder,
                stops_early=self.extent.stops_early,
                diagnoses=self.extent.diagnoses,
                store=output.store_folder,
                texts=output.texts,
            ),
        )
        review = recorded(review, decisions, folder, output.texts)
        timings = Timings(wall_seconds=round(time.monotonic() - began, 3), stages={})
        write_reports(review, folder, timings)
        self.results.judged.add(number)
        if self.extent.choose == "any":
            self.results.pairs[number] = CandidateReview(review, decisions[-1].pairs)
        return review
