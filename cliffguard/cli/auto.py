"""Suites that nobody named: `auto`, chosen before a run for the sides that it will ask."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cliffguard.core.errors import UsageError
from cliffguard.core.progress import doing
from cliffguard.core.texts import cut_middle

_MOST_CHARACTERS = 160  # of why a template refuses

if TYPE_CHECKING:
    from cliffguard.core.checkpoint import Checkpoint
    from cliffguard.core.items import Suite
    from cliffguard.core.settings import Plan
    from cliffguard.planning.power import PowerAnalysis


def with_suites(
    plans: Sequence[Plan],
    sides: Callable[[Plan], Sequence[Checkpoint]],
    *,
    store: Path | None,
    stops_early: bool = True,
    minutes: float | None = None,
    is_alone: bool = False,
    say: Callable[[str], None] | None,
) -> tuple[Plan, ...]:
    """Return the plans with the suites that `auto` stands for, the same for each candidate.

    `sides` finds the checkpoints of a plan, the base first, or the one that `is_alone`. What was
    chosen is said.
    """
    from cliffguard.config import AUTO

    if plans[0].suites != (AUTO,):
        return tuple(plans)
    from cliffguard.cli.analysis import analysis_of
    from cliffguard.engine.distributed import n_processes
    from cliffguard.planning.auto_suites import choose
    from cliffguard.planning.running_time import minutes_of
    from cliffguard.run.limits import Limits

    Limits(max_minutes=minutes)  # which refuses none, before they choose anything

    def analyse(plan: Plan) -> tuple[PowerAnalysis, float | None]:
        # Items that the training data hold make little of the cost.
        analysis, _, base = analysis_of(dataclasses.replace(plan, train=()), store, stops_early)
        analysis = analysis.of_one_side if is_alone else analysis
        # Processes that answer together choose the same: how fast each one is is its own.
        return analysis, minutes_of(plan, base, analysis) if n_processes() == 1 else None

    with doing("choosing suites"):
        all_sides = {side.fingerprint: side for plan in plans for side in sides(plan)}
        chosen = choose(
            plans[0],
            list(all_sides.values()),
            analyse,
            refusal=_refusal(plans[0]),
            minutes=minutes,
            is_alone=is_alone,
        )
    if say is not None:
        for line in chosen.lines:
            say(line)
    return tuple(
        dataclasses.replace(plan, suites=chosen.plan.suites, policy=chosen.plan.policy)
        for plan in plans
    )


def _refusal(plan: Plan) -> Callable[[Checkpoint, Suite], str | None]:
    """Return what says why a side's template does not render the chats of a suite."""
    from cliffguard.gate import runner_for

    runner = cache(lambda: runner_for(plan))  # which loads libraries: only where a suite may fit

    def refusal(side: Checkpoint, suite: Suite) -> str | None:
        answering = runner()  # a library that it lacks is no template's refusal
        try:
            for task in answering.resolve([suite], plan.protocol):
                if task.are_chats:
                    answering.try_chats(side, task, plan.protocol)
        except UsageError as failure:
            return cut_middle(str(failure), _MOST_CHARACTERS)
        return None

    return refusal
