"""The power analysis of a plan as the command line has it, and what it says beside it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cliffguard.cli.given import open_store
from cliffguard.core.errors import CliffguardError
from cliffguard.core.libraries import is_there
from cliffguard.core.texts import n_things

if TYPE_CHECKING:
    from cliffguard.core.checkpoint import Checkpoint
    from cliffguard.core.items import Suite, Task
    from cliffguard.core.settings import Plan, Policy
    from cliffguard.planning.power import PowerAnalysis


def analysis_of(
    plan: Plan, store: Path | None, stops_early: bool
) -> tuple[PowerAnalysis, Policy, Checkpoint | None]:
    """Return what the plan can decide, the policy in force, and the base if it is at hand."""
    from cliffguard.compare.clusters import refuse_unknown_fields, wanting
    from cliffguard.evaluate.allocation import expected_churn, stored_flips
    from cliffguard.gate import default_policy, with_margins
    from cliffguard.planning.power import power_analysis
    from cliffguard.planning.running_time import characters_a_token
    from cliffguard.report.clean import one_line
    from cliffguard.run.halves import kept_half
    from cliffguard.suites.contamination import drop_contaminated
    from cliffguard.suites.target import suites_of
    from cliffguard.suites.train_data import read_all_training, training_caveats

    suites = suites_of(plan)
    policy = with_margins(plan.policy or default_policy(suites), suites)
    suites = wanting(suites, policy)
    training = read_all_training(plan.train)
    for caveat in training_caveats(training):
        print(one_line(caveat.text), file=sys.stderr)
    tasks, _ = kept_half(_tasks(plan, suites), plan, policy)
    tasks, _ = drop_contaminated(tasks, training)
    refuse_unknown_fields(tasks, policy)
    base, unseen = base_here(plan)
    if base is not None and plan.runner.is_local and not is_there("torch"):
        unseen.append("without torch, time is not foretold; pip install 'cliffguard[run]'")
    flips = {} if base is None else stored_flips(open_store(store), base)
    churn = expected_churn(plan, suites, tasks, flips)
    analysis = power_analysis(
        plan,
        suites,
        tasks,
        policy,
        churn=churn,
        stops_early=stops_early,
        holds_both=_is_adapter(plan),
        characters_a_token=characters_a_token(base, tasks),
    )
    remarks = _noise_remarks(churn, tasks, flips)
    return (
        dataclasses.replace(analysis, remarks=(*analysis.remarks, *remarks, *unseen)),
        policy,
        base,
    )


def _noise_remarks(
    churn: Mapping[str, float], tasks: Sequence[Task], flips: Mapping[str, tuple[int, int]]
) -> list[str]:
    """Return what `noise` found, beside the churn that is expected: no fine-tune has less."""
    from cliffguard.evaluate.allocation import noise_of

    remarks = []
    for name, share in churn.items():
        n_flips, n_items = noise_of(name, tasks, flips)
        if n_flips:
            is_less = share < n_flips / n_items
            remarks.append(
                f"{name}: {n_flips:,} of {n_things(n_items, 'item', ',')} flip by noise alone "
                f"({100 * n_flips / n_items:.1f} %); a churn of {100 * share:g} % is expected"
                f"{', which is less than the noise: expect more' if is_less else ''}"
            )
    return remarks


def _is_adapter(plan: Plan) -> bool:
    """Return whether the candidate is an adapter; one that is not there yet counts as one."""
    from cliffguard.gate import is_full

    try:
        return not is_full(dataclasses.replace(plan, offline=True))
    except CliffguardError:
        return True


def _tasks(plan: Plan, suites: Sequence[Suite]) -> tuple[Task, ...]:
    tasks = tuple(task for suite in suites for task in suite.tasks)
    if not plan.data and not any(task.stock for task in tasks):
        return tasks
    from cliffguard.gate import runner_for  # only lm-eval knows what its tasks hold

    return runner_for(plan).resolve(suites, plan.protocol)


def base_here(plan: Plan) -> tuple[Checkpoint | None, list[str]]:
    """Return the plan's base if it lies on this machine, and what to tell of one that does not.

    The candidate need not be there yet, and a base may be fetched by the run.
    """
    from cliffguard.gate import find_alone, find_sides

    here = dataclasses.replace(plan, offline=True)
    try:
        if plan.base is not None:
            return find_alone(dataclasses.replace(here, candidate=plan.base, base=None)), []
        return find_sides(here)[0], []  # that of an adapter
    except CliffguardError as failure:
        if plan.base is None:
            return None, []
        return None, [f"without the base, neither time nor noise are foretold: {failure.line}"]
