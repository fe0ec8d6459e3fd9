"""From a plan to a run: all that is known, and refused, before the first answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from cliffguard.checkpoints.sides import find_sides
from cliffguard.compare.case import Case
from cliffguard.compare.clusters import refuse_unknown_fields, wanting
from cliffguard.compare.diagnostics.screens import check_screens, take_screens
from cliffguard.compare.pairs import cut_to_both
from cliffguard.compare.repeat_command import command as command_of
from cliffguard.compare.write_review import Decision, build_review
from cliffguard.core.caveats import Caveat, as_caveats
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.comparisons import Contamination
from cliffguard.core.errors import UsageError
from cliffguard.core.items import Suite, Task
from cliffguard.core.progress import Progress, Step, silent
from cliffguard.core.reviews import Review
from cliffguard.core.settings import Plan, Policy
from cliffguard.core.signals import drop_if_stopped, looking_up
from cliffguard.evaluate.allocation import dealt
from cliffguard.evaluate.capability_runs import CapabilityRun, runs_of
from cliffguard.evaluate.looks import Look
from cliffguard.evaluate.measure import (
    Measurement,
    TimeUp,
    measure,
    never,
    question_of,
    stop_where,
    unheard,
)
from cliffguard.evaluate.packing import settled
from cliffguard.evaluate.schedule import Schedule, plan_looks, within_window
from cliffguard.run.halves import kept_half
from cliffguard.run.policies import default_policy, gating, refuse_tasks, with_margins
from cliffguard.run.rescued import helped_to_choose, origin_of
from cliffguard.run.side_remarks import look_at
from cliffguard.run.templates import marks_in_chats, try_chats, with_template
from cliffguard.runners import Runner
from cliffguard.store.answers import Store
from cliffguard.store.looks import known_looks, looks_at_scales
from cliffguard.suites.contamination import drop_contaminated
from cliffguard.suites.loading import not_covered
from cliffguard.suites.target import suites_of
from cliffguard.suites.train_data import TrainingText, blank_text_caveats, read_all_training


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far a run goes: with one look or several, and for how many minutes (None: any).

    They count from when the run `began` by time.monotonic(). With `probes` some of what changed is
    asked again after the verdict. Raises UsageError for no minutes.
    """

    stops_early: bool = True
    max_minutes: float | None = None
    probes: bool = True
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.max_minutes is not None and not self.max_minutes > 0:
            raise UsageError(
                f"max_minutes must be above 0, not {self.max_minutes:g}",
                id="max-minutes.not-positive",
            )

    @property
    def is_time_up(self) -> Callable[[], bool]:
        """What says whether the time is up; `never` itself where there is no limit."""
        if self.max_minutes is None:
            return never
        end = self.began + 60.0 * self.max_minutes
        return lambda: time.monotonic() >= end


@dataclass(frozen=True, slots=True)
class Audience:
    """Who hears of a run while it goes: of its progress, and lines for people."""

    progress: Progress = silent
    tell: Callable[[str], None] = unheard


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What travels together: what is compared, who answers, where answers lie, and how far it goes.

    `plan` is as it is carried out, with the policy's margins and the churn by which items are
    dealt. `tasks` hold the items that both sides have room for.
    """

    plan: Plan
    case: Case
    tasks: tuple[Task, ...]
    training: tuple[TrainingText, ...]
    schedule: Schedule
    runner: Runner
    store: Store
    limits: Limits
    audience: Audience

    def measure(self, planned: Look) -> tuple[Look, list[Measurement]]:
        """Return both sides' answers to a look, and the look as far as both came in time."""
        show = partial(_at_look, self.audience.progress, self.schedule.n_looks)
        sides = (self.case.base, self.case.candidate)
        return cut_to_both(planned, [self._ask(side, planned, show) for side in sides])

    def screened(self) -> Run:
        """Return the run with what loaded models tell beside their answers, where it is wanted.

        Of two sides that are not held at once the base is asked first, and in full: they are not
        to be loaded in turns at every look.
        """
        base, candidate = self.case.base, self.case.candidate
        progress = self.audience.progress
        if not self.runner.holds_both(base, candidate):
            self._ask(base, self.schedule.everything(), progress)
        screens = take_screens(
            self.plan,
            self.tasks,
            self.training,
            base=base,
            candidate=candidate,
            runner=self.runner,
            progress=progress,
        )
        return replace(self, case=replace(self.case, screens=screens))

    def review(self, decision: Decision, command: str | None) -> Review:
        """Return the record of the run; `command` repeats it (None: `check`, with these limits)."""
        limits = self.limits
        return build_review(
            decision,
            plan=self.plan,
            suites=self.case.suites,
            runner=self.runner.identity,
            looks=self.schedule.manifest(),
            command=command
            or command_of(
                "check",
                None,
                stops_early=limits.stops_early,
                max_minutes=limits.max_minutes,
                diagnoses=limits.probes,
            ),
        )

    def _ask(self, side: Checkpoint, look: Look, progress: Progress) -> Measurement:
        return measure(
            side,
            look,
            protocol=self.plan.protocol,
            store=self.store,
            runner=self.runner,
            is_time_up=self.limits.is_time_up,
            progress=progress,
            tell=self.audience.tell,
        )


def prepare(
    plan: Plan,
    runner: Runner,
    store: Store,
    sides: tuple[Checkpoint, Checkpoint] | None,
    limits: Limits,
    audience: Audience,
    caveats: Sequence[Caveat | str],
) -> Run:
    """Return the run of a plan: its suites, its sides by content, and its looks.

    Raises a CliffguardError for what can be known to fail before anything is asked.
    """
    plan, suites, policy = _read(plan)
    check_screens(plan, runner)
    base, candidate = sides or find_sides(plan)
    remarks = look_at(base, candidate, plan.protocol, runner, limits.is_time_up, store)
    origin = origin_of(candidate, plan.half)
    known_looks(store, base, candidate)  # damaged ones are told before anything is asked
    if origin is not None:
        looks_at_scales(store, base, origin)
    tasks, cut = _tasks_of(plan, suites, policy, (base, candidate), runner, limits, audience)
    plan, plainly = _settled(plan, (base, candidate), tasks, runner, store, limits, audience)
    try_chats(tasks, (base, candidate), plan.protocol, runner, store)
    training = read_all_training(plan.train)
    tasks, overlaps = drop_contaminated(tasks, training)
    plan, shares = dealt(plan, suites, tasks, policy, store=store, base=base)
    schedule = plan_looks(
        tasks,
        suites,
        plan.protocol,
        policy,
        stops_early=limits.stops_early,
        after_failure=plan.after_failure,
        shares=shares,
    )
    case = Case(
        base=base,
        candidate=candidate,
        suites=suites,
        policy=policy,
        protocol=plan.protocol,
        runs=_runs_of(schedule, plan, (base, candidate), runner, gating(suites, policy)),
        caveats=(*_given(caveats, suites), *remarks, *plainly, *cut, *blank_text_caveats(training)),
        overlaps=_planned(overlaps, schedule.everything()),
        origin=origin,
    )
    return Run(
        plan=replace(plan, policy=policy),
        case=case,
        tasks=tasks,
        training=tuple(training),
        schedule=schedule,
        runner=runner,
        store=store,
        limits=limits,
        audience=audience,
    )


def _read(plan: Plan) -> tuple[Plan, tuple[Suite, ...], Policy]:
    """Return the plan with the chat template that its suites need, these, and the policy."""
    suites = suites_of(plan)
    policy = with_margins(plan.policy or default_policy(suites), suites)
    refuse_tasks(policy)
    suites = wanting(suites, policy)
    return with_template(plan, suites), suites, policy


def _settled(
    plan: Plan,
    sides: tuple[Checkpoint, Checkpoint],
    tasks: Sequence[Task],
    runner: Runner,
    store: Store,
    limits: Limits,
    audience: Audience,
) -> tuple[Plan, tuple[Caveat, ...]]:
    """Return the plan with `packing` as both sides bear it, and what a report tells of it."""
    protocol, caveats = settled(
        plan.protocol,
        sides,
        tasks,
        runner=runner,
        store=store,
        tell=audience.tell,
        is_time_up=limits.is_time_up,
    )
    return replace(plan, protocol=protocol), caveats


def _tasks_of(
    plan: Plan,
    suites: Sequence[Suite],
    policy: Policy,
    sides: tuple[Checkpoint, Checkpoint],
    runner: Runner,
    limits: Limits,
    audience: Audience,
) -> tuple[tuple[Task, ...], tuple[Caveat, ...]]:
    """Return the tasks with what both sides have room for, and what a report tells of the items.

    Of a plan of one half, with the items of that. The first prompts of the plan's target are shown
    as each side gets them.
    """
    windows = (runner.window(side, plan.protocol) for side in sides)
    tasks, cut = within_window(runner.resolve(suites, plan.protocol), *windows)
    refuse_unknown_fields(tasks, policy)
    tasks, halved = kept_half(tasks, plan, policy)
    _show_target(plan, tasks, sides, runner, limits, audience)
    marks = marks_in_chats(tasks, sides)
    return tasks, (*halved, *helped_to_choose(sides[1], tasks), *cut, *marks)


def _show_target(
    plan: Plan,
    tasks: Sequence[Task],
    sides: Sequence[Checkpoint],
    runner: Runner,
    limits: Limits,
    audience: Audience,
) -> None:
    """Show the first prompts of the plan's target as each side gets them, while there is time."""
    target = None if plan.target is None else plan.target.name
    for task in [task for task in tasks if task.capability == target][:1]:
        with suppress(TimeUp), looking_up(partial(stop_where, limits.is_time_up)):
            for side in sides:
                drop_if_stopped()
                if (why := runner.preview(side, task, plan.protocol)) is not None:
                    audience.tell(why)


def _runs_of(
    schedule: Schedule, plan: Plan, sides: Sequence[Checkpoint], runner: Runner, gates: set[str]
) -> tuple[CapabilityRun, ...]:
    """Return by what the looks are known again: the keys of both sides' answers are part of it."""
    keys = {
        series.task.name: [
            question_of(side, series.task, plan.protocol, runner).key for side in sides
        ]
        for series in schedule.everything()
    }
    return runs_of(schedule, plan.protocol, runner.dtype(plan.protocol), keys, gates)


def _given(caveats: Sequence[Caveat | str], suites: Sequence[Suite]) -> tuple[Caveat, ...]:
    """Return what the caller and the suites say themselves, and what no suite covers."""
    read = (remark for suite in suites for remark in suite.remarks)
    return (*as_caveats(caveats), *read, *not_covered(suites))


def _planned(overlaps: Sequence[Contamination], look: Look) -> tuple[Contamination, ...]:
    """Return those of the run's own items that the training data hold."""
    ids = {series.task.name: {item.id for item in series.planned} for series in look}
    return tuple(overlap for overlap in overlaps if overlap.item_id in ids[overlap.task])


def _at_look(progress: Progress, number: int, step: Step) -> None:
    progress(replace(step, look=number))
