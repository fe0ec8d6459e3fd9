"""From a plan to a run: all that is known, and refused, before the first answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from cliffguard.compare.case import Case
from cliffguard.compare.clusters import wanting
from cliffguard.compare.diagnosis import leaks_at
from cliffguard.compare.diagnostics.leaks import Leaks
from cliffguard.compare.diagnostics.screens import Screens, take_screens
from cliffguard.compare.pairs import cut_to_both
from cliffguard.compare.repeat_command import command as command_of
from cliffguard.compare.write_review import Decision, build_review
from cliffguard.core.caveats import Caveat, as_caveats
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.comparisons import Contamination
from cliffguard.core.items import Suite, Task
from cliffguard.core.progress import Progress, Step
from cliffguard.core.reviews import Review
from cliffguard.core.settings import Plan
from cliffguard.evaluate.allocation import dealt
from cliffguard.evaluate.capability_runs import CapabilityRun, runs_of
from cliffguard.evaluate.looks import Look
from cliffguard.evaluate.measure import Measurement, measure, question_of
from cliffguard.evaluate.schedule import Schedule, plan_looks
from cliffguard.run.limits import Audience, Limits
from cliffguard.run.policies import gating
from cliffguard.run.survey import Survey, survey_of, whole_policy
from cliffguard.runners import Runner
from cliffguard.store.answers import Store
from cliffguard.suites.loading import not_covered
from cliffguard.suites.train_data import TrainingText


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What travels together: what is compared, who answers, where answers lie, and how far it goes.

    `plan` is as it is carried out, with the policy's margins and the churn by which items are
    dealt.
    """

    plan: Plan
    case: Case
    survey: Survey
    training: tuple[TrainingText, ...]
    schedule: Schedule
    runner: Runner
    store: Store
    limits: Limits
    audience: Audience

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks with the items that both sides have room for."""
        return self.survey.tasks

    @property
    def leaks(self) -> Leaks:
        """By what is known again what the fine-tune was trained to put out."""
        survey = self.survey
        return survey.leaks or leaks_at(self.case.suites, survey.tasks, self.training)

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
        if self.survey.screens is not None:
            return self._with(self.survey.screens)
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
        return self._with(screens)

    def _with(self, screens: Screens) -> Run:
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
    survey, training = survey_of(plan, runner, store, sides, limits, audience)
    return planned(survey, runner, store, limits, audience, caveats, training)


def planned(
    survey: Survey,
    runner: Runner,
    store: Store,
    limits: Limits,
    audience: Audience,
    caveats: Sequence[Caveat | str] = (),
    training: Sequence[TrainingText] = (),
) -> Run:
    """Return the run of what was surveyed, under the policy of its plan: no other file is read."""
    policy = whole_policy(survey.plan, survey.suites)
    suites = wanting(survey.suites, policy)
    plan, shares = dealt(survey.plan, suites, survey.tasks, policy, store=store, base=survey.base)
    schedule = plan_looks(
        survey.tasks,
        suites,
        plan.protocol,
        policy,
        stops_early=limits.stops_early,
        after_failure=plan.after_failure,
        shares=shares,
    )
    case = Case(
        base=survey.base,
        candidate=survey.candidate,
        suites=suites,
        policy=policy,
        protocol=plan.protocol,
        runs=_runs_of(schedule, plan, survey, runner, gating(suites, policy)),
        caveats=(*_given(caveats, suites), *survey.caveats),
        overlaps=_planned(survey.overlaps, schedule.everything()),
        origin=survey.origin,
    )
    return Run(
        plan=replace(plan, policy=policy),
        case=case,
        survey=survey,
        training=tuple(training),
        schedule=schedule,
        runner=runner,
        store=store,
        limits=limits,
        audience=audience,
    )


def _runs_of(
    schedule: Schedule, plan: Plan, survey: Survey, runner: Runner, gates: set[str]
) -> tuple[CapabilityRun, ...]:
    """Return by what the looks are known again: the keys of both sides' answers are part of it."""
    keys = {
        series.task.name: [
            question_of(side, series.task, plan.protocol, runner).key
            for side in (survey.base, survey.candidate)
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
    progress(replace(step, look=number or None))  # 0: all is measured, and no look is taken
