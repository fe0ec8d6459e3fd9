"""`guard()`: the release gate of command line and Python API: checkpoints in, review out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from cliffguard.checkpoints.sides import find_alone, find_sides, is_full, refuse_missing_base
from cliffguard.compare.repeat_command import LIVE
from cliffguard.compare.write_review import Decision
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError
from cliffguard.core.hub_names import is_offline
from cliffguard.core.libraries import refuse_lacking
from cliffguard.core.progress import Progress, doing, silent
from cliffguard.core.reviews import Review
from cliffguard.core.settings import Plan, Policy
from cliffguard.evaluate.measure import Measurement, measure, unheard
from cliffguard.evaluate.packing import settled
from cliffguard.evaluate.schedule import Schedule
from cliffguard.run.diagnosis import diagnosed
from cliffguard.run.limits import Audience, Limits
from cliffguard.run.look import take_look
from cliffguard.run.measured import (
    MeasuredPair,
    keep_pair,
    measured_pair,
    run_of,
    with_origin,
)
from cliffguard.run.policies import default_policy, with_margins
from cliffguard.run.prepare import Run, prepare
from cliffguard.run.samples import compare_samples
from cliffguard.run.side_remarks import look_at
from cliffguard.run.templates import try_chats, with_template
from cliffguard.runners import Runner, Show
from cliffguard.store.answers import Store, default_store_folder
from cliffguard.suites.target import suites_of

__all__ = [
    "compare_samples",
    "default_policy",
    "find_alone",
    "find_sides",
    "guard",
    "is_full",
    "judge_measured",
    "measure_alone",
    "measure_pair",
    "refuse_missing_base",
    "refused",
    "runner_for",
    "with_margins",
    "with_runner",
]

T = TypeVar("T")


def guard(  # noqa: PLR0913 (one door, and each of its flags by name)
    plan: Plan,
    *,
    store: Store | None = None,
    runner: Runner | None = None,
    sides: tuple[Checkpoint, Checkpoint] | None = None,
    stops_early: bool = True,
    max_minutes: float | None = None,
    probes: bool = True,
    began: float | None = None,
    caveats: Sequence[Caveat | str] = (),
    progress: Progress = silent,
    tell: Callable[[str], None] = unheard,
    witness: Callable[[Decision], None] | None = None,
    command: str | None = None,
) -> Review:
    """Compare candidate with base, look by look, until the policy can decide.

    `sides` are models in memory (`runners.live`), where they are not found by the plan's names.
    Without `stops_early` there is one look; `max_minutes` after the run `began`, by
    time.monotonic() (None: now), nothing more is asked. With `probes` some items that changed are
    asked again after the verdict, in other forms, for at most a tenth of the run's tokens; they
    change nothing of it. `caveats` stand in every report; `tell`
    hears lines for people, `witness` all that the verdict is about. `command` repeats the
    comparison (None: that of the plan which `write_reports` leaves beside the review).
    Raises a CliffguardError (one line, with an exit code) when the comparison cannot be made.

    >>> from cliffguard import Plan, guard
    >>> plan = Plan(base="models/base", candidate="runs/ft/adapter", suites=("adjacent",))
    >>> verdict = guard(plan).verdict
    >>> str(verdict.outcome), verdict.exit_code
    ('INCONCLUSIVE', 11)
    """
    began = time.monotonic() if began is None else began
    limits = Limits(stops_early=stops_early, max_minutes=max_minutes, probes=probes, began=began)
    store, audience = store or Store(default_store_folder()), Audience(progress, tell)
    run = prepare(plan, runner or runner_for(plan), store, sides, limits, audience, caveats)
    return _reviewed(run.screened(), witness, LIVE if sides else command)


def _reviewed(run: Run, witness: Callable[[Decision], None] | None, command: str | None) -> Review:
    """Look at a run until its policy can decide, and return its review."""
    decision, verdict = None, None
    while (look := run.schedule.next(verdict)) is not None:  # what is decided is asked no more
        decision = take_look(run, look, verdict)
        verdict = decision.verdict
        if decision.is_last:
            break
    assert decision is not None, "a schedule has at least one look"
    decision = diagnosed(run, decision)  # after the verdict: why; nothing above depends on it
    if witness is not None:
        witness(decision)
    return run.review(decision, command)


def measure_pair(
    plan: Plan,
    *,
    store: Store,
    runner: Runner,
    max_minutes: float | None = None,
    began: float | None = None,
    progress: Progress = silent,
    tell: Callable[[str], None] = unheard,
) -> MeasuredPair:
    """Put the answers of base and candidate to all of the plan's items into the store.

    What a verdict takes beside them is kept there, too, and returned. `max_minutes` after it
    `began`, as in `guard`, nothing more is asked. Raises a CliffguardError where the two cannot be
    compared.
    """
    began = time.monotonic() if began is None else began
    limits = Limits(probes=False, max_minutes=max_minutes, began=began)
    run = prepare(plan, runner, store, None, limits, Audience(progress, tell), ()).screened()
    planned = run.schedule.everything()
    look, measured = run.measure(planned)
    pair = measured_pair(run, measured, is_cut=look != planned)
    keep_pair(store, pair)
    return pair


def judge_measured(
    pair: MeasuredPair,
    policy: Policy | None,
    *,
    store: Store,
    caveats: Sequence[Caveat] = (),
    witness: Callable[[Decision], None] | None = None,
    command: str | None = None,
) -> Review:
    """Judge a pair that was measured, by its answers in `store`: neither side need be here.

    `policy` None: the one under which it was measured. `caveats` stand in every report. Raises
    UsageError where answers are wanting that the policy takes.
    """
    run = run_of(pair, policy, store)
    run = replace(run, case=replace(run.case, caveats=(*caveats, *run.case.caveats)))
    return with_origin(_reviewed(run, witness, command), pair)


def refused(plan: Plan, runner: Runner) -> CliffguardError | None:
    """Return what keeps a plan's candidate from being asked, by its files alone."""
    try:
        plan = with_template(plan, suites_of(plan))
        look_at(*find_sides(plan), plan.protocol, runner)
    except CliffguardError as failure:
        return failure
    return None


def runner_for(plan: Plan) -> Runner:
    """Return who answers under the plan's settings.

    Raises InfrastructureError where a library that answering may need is not there.
    """
    refuse_lacking()
    # Here, since who compares stored answers needs no lm-eval.
    with doing("loading torch and lm-eval"):
        from cliffguard.runners.harness import HarnessRunner

    return HarnessRunner(
        plan.runner,
        allow_pickle=plan.allow_pickle,
        data=plan.data,
        offline=is_offline(plan.offline),
    )


def with_runner(plan: Plan, work: Callable[[Runner], T], *, show: Show | None = None) -> T | None:
    """Return what `work` makes of who answers under the plan's settings.

    Of several processes (`accelerate launch`) the first works; the others answer for it, and
    return None. `show` sees prompts in the first.
    """
    from cliffguard.engine.distributed import n_processes

    runner = runner_for(plan)
    if n_processes() == 1:
        runner.show = show
        return work(runner)
    from cliffguard.runners.parallel import ParallelRunner

    parallel = ParallelRunner(runner)
    try:
        if parallel.leads:
            runner.show = show
            return work(parallel)
        parallel.serve()
        return None
    finally:
        parallel.close()


def measure_alone(
    checkpoint: Checkpoint,
    plan: Plan,
    *,
    store: Store,
    runner: Runner,
    progress: Progress = silent,
    tell: Callable[[str], None] = unheard,
) -> Measurement:
    """Put the answers of one checkpoint to all of the plan's suites into the store."""
    suites = suites_of(plan)
    plan = with_template(plan, suites)
    tasks = runner.resolve(suites, plan.protocol)
    runner.window(checkpoint, plan.protocol)
    protocol, _ = settled(
        plan.protocol, (checkpoint,), tasks, runner=runner, store=store, tell=tell
    )
    try_chats(tasks, (checkpoint,), protocol, runner, store)
    return measure(
        checkpoint,
        Schedule(tasks, protocol).everything(),
        protocol=protocol,
        store=store,
        runner=runner,
        progress=progress,
        tell=tell,
    )
