"""What is known of two sides and their items before the first answer, by files that lie here."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from cliffguard.checkpoints.sides import find_sides
from cliffguard.compare.clusters import refuse_unknown_fields, wanting
from cliffguard.compare.diagnostics.leaks import Leaks
from cliffguard.compare.diagnostics.screens import Screens, check_screens
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.comparisons import Contamination
from cliffguard.core.items import Suite, Task
from cliffguard.core.settings import Plan, Policy
from cliffguard.core.signals import drop_if_stopped, looking_up
from cliffguard.evaluate.measure import TimeUp, stop_where
from cliffguard.evaluate.packing import settled
from cliffguard.evaluate.schedule import within_window
from cliffguard.run.halves import kept_half
from cliffguard.run.limits import Audience, Limits
from cliffguard.run.policies import default_policy, refuse_tasks, with_margins
from cliffguard.run.rescued import helped_to_choose, origin_of
from cliffguard.run.side_remarks import look_at
from cliffguard.run.templates import marks_in_chats, try_chats, with_template
from cliffguard.runners import Runner
from cliffguard.store.answers import Store
from cliffguard.store.looks import known_looks, looks_at_scales
from cliffguard.suites.contamination import drop_contaminated
from cliffguard.suites.target import suites_of
from cliffguard.suites.train_data import TrainingText, read_all_training, training_caveats


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """All that a verdict on two sides takes beside their answers and a policy.

    It is taken where suites, checkpoints and training data lie, and needs none of them afterwards.
    `plan` is as it was given, under the chat template and the packing that both sides bear. `tasks`
    hold the items that both have room for; those that the training data hold are excluded, and
    `overlaps` says where they stand. `caveats` are of the files, `origin` is as in `Case`. What
    loaded models tell (`screens`), and of the training data the words by which their outputs are
    known again (`leaks`), are None until somebody asked for them.
    """

    plan: Plan
    suites: tuple[Suite, ...]
    base: Checkpoint
    candidate: Checkpoint
    tasks: tuple[Task, ...]
    caveats: tuple[Caveat, ...]
    overlaps: tuple[Contamination, ...]
    origin: str | None
    screens: Screens | None = None
    leaks: Leaks | None = None


def survey_of(
    plan: Plan,
    runner: Runner,
    store: Store,
    sides: tuple[Checkpoint, Checkpoint] | None,
    limits: Limits,
    audience: Audience,
) -> tuple[Survey, tuple[TrainingText, ...]]:
    """Return what is known of a plan's sides and items, and its training data.

    Raises a CliffguardError for what can be known to fail before anything is asked.
    """
    suites = suites_of(plan)
    policy = whole_policy(plan, suites)
    suites = wanting(suites, policy)
    plan = with_template(plan, suites)
    check_screens(plan, runner)
    base, candidate = sides = sides or find_sides(plan)
    remarks = look_at(base, candidate, plan.protocol, runner, limits.is_time_up, store)
    origin = origin_of(candidate, plan.half)
    known_looks(store, base, candidate)  # damaged ones are told before anything is asked
    if origin is not None:
        looks_at_scales(store, base, origin)
    tasks, cut = _tasks_of(plan, suites, policy, sides, runner, limits, audience)
    plan, plainly = _settled(plan, sides, tasks, runner, store, limits, audience)
    try_chats(tasks, sides, plan.protocol, runner, store)
    training = read_all_training(plan.train)
    tasks, overlaps = drop_contaminated(tasks, training)
    survey = Survey(
        plan=plan,
        suites=suites,
        base=base,
        candidate=candidate,
        tasks=tasks,
        caveats=(*remarks, *plainly, *cut, *training_caveats(training)),
        overlaps=overlaps,
        origin=origin,
    )
    return survey, training


def whole_policy(plan: Plan, suites: tuple[Suite, ...]) -> Policy:
    """Return a plan's policy, or the default one, with the margins of its suites.

    Raises UsageError for what a policy says of logged samples alone.
    """
    policy = with_margins(plan.policy or default_policy(suites), suites)
    refuse_tasks(policy)
    return policy


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
