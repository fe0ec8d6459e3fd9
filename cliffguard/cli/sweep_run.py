"""What a sweep does: candidates walked side by side, their reports, and the overview meanwhile."""

from __future__ import annotations

import contextlib
import time
from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from cliffguard.cli.console import ProgressOutput, complain, failure_recorded, remove_reports
from cliffguard.cli.given import plans_of
from cliffguard.cli.outcome import prepare, recorded, worst
from cliffguard.cli.overview import finish_overview, overview_of, remove_overview
from cliffguard.core.errors import CliffguardError, InfrastructureError, UsageError
from cliffguard.core.progress import doing
from cliffguard.core.settings import are_both
from cliffguard.core.texts import n_things
from cliffguard.report.overview.sources import NOT_TRIED
from cliffguard.sweep.candidates import (
    Candidate,
    Watched,
    by_numbers,
    is_there,
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
    from cliffguard.planning.selection import CandidateReview, Choice
    from cliffguard.runners import Runner
    from cliffguard.store.answers import Store
    from cliffguard.sweep.executors import Executor
    from cliffguard.sweep.runner import Workers

_AT_ONCE = 2  # candidates for each worker: while one is judged, the others are asked
_OVERVIEW_SECONDS = 5.0  # between two overviews, at least; and most of the time none is written
_OVERVIEW_SHARE = 0.05  # of the driver's time


class Extent(NamedTuple):
    """How far a sweep goes: the flags of `check`, and when one that watches ends."""

    stops_early: bool
    diagnoses: bool
    choose: Choice | None
    watches: bool
    until: int | None
    idle_minutes: float


class _Shown(NamedTuple):
    """Of how many candidates the overview was written last, and when it may be again."""

    n: int
    next: float


class _Table(NamedTuple):
    """What an overview is made of: `reviews` and `reasons` by the place of their candidate."""

    names: list[str]
    folders: list[Path]
    reviews: Mapping[int, Review]
    out: Path
    reasons: Mapping[int, str]


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
    found = [] if watches else matching(patterns, plan.base)
    if not watches:
        refuse_none(patterns, found)
    return plan, found


@dataclass(kw_only=True)
class Sweep:
    """The candidates of one sweep, and what came of each."""

    plan: Plan
    patterns: Sequence[str]
    found: list[Candidate]
    out: Path
    store: Store
    store_folder: Path | None
    screen: ProgressOutput
    texts: Texts
    extent: Extent
    plans: list[Plan] = field(default_factory=list)
    codes: dict[int, int] = field(default_factory=dict)
    reviews: dict[int, Review] = field(default_factory=dict)
    vanished: dict[int, None] = field(default_factory=dict)  # in their order
    remarks: tuple[Caveat, ...] = ()
    pairs: dict[int, CandidateReview] = field(default_factory=dict)
    _shown: _Shown = field(default_factory=lambda: _Shown(0, 0.0))

    def run(self, executor: Executor) -> list[int]:
        """Walk all candidates by the workers, and return the exit code of each that has one.

        Raises InfrastructureError where every one vanished before its verdict.
        """
        from cliffguard.gate import runner_for
        from cliffguard.sweep.dealing import Dealer
        from cliffguard.sweep.runner import Workers

        remove_overview(self.out)
        prepare(self.out)
        self._plan(self.found)
        try:
            dealer = Dealer(executor)
            for line in executor.resources():
                self.screen.say(line)
            workers = Workers(dealer, runner_for(self.plan))
            self._drive(workers)
        finally:
            executor.cancel()
            self._finish()
        if not self.codes:
            raise InfrastructureError(
                f"no checkpoint was judged: {n_things(len(self.vanished), 'folder')} vanished, and "
                "nothing else came; let the trainer keep more of them (save_total_limit)",
                id="sweep.nothing-judged",
            )
        return [self.codes[number] for number in sorted(self.codes)]

    def exit_code(self, codes: Sequence[int], *, is_zero: bool) -> int:
        """Return the exit code of all, as `check` of several has it."""
        code = worst(codes)
        if self.extent.choose is not None:
            from cliffguard.planning.selection import shippable

            there = [number for number in range(len(self.plans)) if number not in self.vanished]
            names = [self.plans[number].candidate for number in there]
            passed = [code == 0 for code in codes]
            self.screen.say(shippable(self.extent.choose, names, passed))
            code = 0 if 0 in codes else code
        return 0 if is_zero and set(codes) <= {0, 10, 11} else code

    def _plan(self, candidates: Iterable[Candidate]) -> None:
        """Give each candidate its plan; those that are chosen from share alpha."""
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
        whom = "the checkpoints that come" if self.extent.watches else whom
        with doing(f"asking {whom} by {n_things(n_workers, 'worker')}"):
            driver.run(self._due(driver), self._tick)
        if choose == "any":
            self._judge_again(workers)

    def _judge_again(self, workers: Workers) -> None:
        """Judge what is open at what each may spend once all were asked."""
        from cliffguard.planning.selection import raised, raised_remark

        judged = [self.pairs.get(number) for number in range(len(self.plans))]
        again = raised(judged, self.plans)
        for number, plan in again.items():
            self.plans[number] = plan
            self.remarks = (raised_remark(plan, len(self.plans)),)
        numbers = iter([list(again)])
        driver = Driver(workers.dealer, lambda n: self._walk(n, workers), n_at_once=1)
        driver.run(lambda: next(numbers, None), self._tick)

    # --- one candidate ---------------------------------------------------------------------------

    def _walk(self, number: int, workers: Workers) -> None:
        """Take one candidate from its files to its reports, in its turn."""
        name, folder = self.found[number].name, self.out / self.found[number].name
        began = time.monotonic()
        try:
            with failure_recorded(folder):
                code = self._judged(number, folder, workers, began)
        except (CliffguardError, OSError, RuntimeError) as failure:
            if not is_there(self.found[number].path):
                remove_reports(folder)
                self.vanished[number] = None
                self.screen.say(f"! {name}: its folder vanished before its verdict")
                return
            if not isinstance(failure, CliffguardError) or failure is workers.dealer.unfit:
                raise
            complain(failure)
            code = failure.exit_code
        self.codes[number] = code
        outcome = str(self.reviews[number].verdict.outcome) if number in self.reviews else "!"
        n_done = len(self.codes) + len(self.vanished)
        of = "" if self.extent.watches else f" of {len(self.plans)}"
        self.screen.say(f"{name}: {outcome}, exit {code} ({n_done}{of})")

    def _judged(self, number: int, folder: Path, workers: Workers, began: float) -> int:
        from cliffguard.compare.repeat_command import command
        from cliffguard.core.timing import Timings
        from cliffguard.gate import guard
        from cliffguard.planning.selection import CandidateReview
        from cliffguard.report import write_reports
        from cliffguard.sweep.runner import SweepRunner

        prepare(folder)
        decisions: list[Decision] = []
        review = guard(
            self.plans[number],
            store=self.store,
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
                store=self.store_folder,
                texts=self.texts,
            ),
        )
        review = recorded(review, decisions, folder, self.texts)
        timings = Timings(wall_seconds=round(time.monotonic() - began, 3), stages={})
        write_reports(review, folder, timings)
        self.reviews[number] = review
        if self.extent.choose == "any":
            self.pairs[number] = CandidateReview(review, decisions[-1].pairs)
        return review.verdict.exit_code

    # --- all of them -----------------------------------------------------------------------------

    def _due(self, driver: Driver) -> Due:
        extent = self.extent
        if not extent.watches:
            is_last = extent.choose == "last"
            codes: Mapping[int, int | None] = ChainMap({}, self.codes, self.vanished)  # type: ignore[arg-type]
            return InTurn(len(self.plans), codes, one_by_one=is_last)
        return Coming(
            Watched(self.patterns, self.plan.base),
            self._taken,
            lambda: driver.is_at_work,
            until=extent.until,
            idle_seconds=60.0 * extent.idle_minutes,
        )

    def _taken(self, candidate: Candidate) -> int:
        """Return the number of a candidate that has come."""
        self.found.append(candidate)
        self._plan([candidate])
        return len(self.found) - 1

    def _tick(self) -> None:
        """Write the overview of what was judged, every now and then."""
        n, now = len(self.codes) + len(self.vanished), time.monotonic()
        if n == self._shown.n or now < self._shown.next or not self.reviews:
            return
        with contextlib.suppress(CliffguardError):  # what is wrong with it is said at the end
            overview_of(*self._all(sorted({*self.codes, *self.vanished}))).write()
        took = time.monotonic() - now
        self._shown = _Shown(n, now + took + max(_OVERVIEW_SECONDS, took / _OVERVIEW_SHARE))

    def _finish(self) -> None:
        names, folders, reviews, out, reasons = self._all(range(len(self.found)))
        finish_overview(names, folders, reviews, out, self.screen, reasons)

    def _all(self, numbers: Iterable[int]) -> _Table:
        """Return what an overview of some candidates is made of, in the order of their names."""
        order = sorted(numbers, key=lambda number: by_numbers(self.found[number].name))
        places = range(len(order))
        names = [self.found[number].name for number in order]
        return _Table(
            names,
            [self.out / name for name in names],
            {place: self.reviews[order[place]] for place in places if order[place] in self.reviews},
            self.out,
            {place: self._reason(order[place]) for place in places},
        )

    def _reason(self, number: int) -> str:
        """Return why a candidate without a review or a failure has none."""
        if number in self.vanished:
            return "its folder vanished before its verdict"
        return NOT_TRIED if self.extent.choose == "last" else "the sweep ended before its verdict"
