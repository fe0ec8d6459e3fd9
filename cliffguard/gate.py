"""The corridor: from two checkpoints to a verdict. Every front door of cliffguard walks it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from cliffguard.checkpoints.identity import (
    FindOptions,
    find_base,
    find_pair,
    is_adapter,
    with_template_of,
)
from cliffguard.checkpoints.unchanged import changed_since
from cliffguard.compare.clusters import refuse_unknown_fields, wanting
from cliffguard.compare.comparison import compare
from cliffguard.compare.diagnostics.screens import check_screens, take_screens, with_screens
from cliffguard.compare.mean_margin import refuse_wide_mean
from cliffguard.compare.pairs import Pair, cut_to_both, pair_answers
from cliffguard.compare.repeat_command import LIVE
from cliffguard.compare.repeat_command import command as command_of
from cliffguard.compare.verdict import judge
from cliffguard.compare.write_review import Decision, write_up
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.comparisons import Comparison, Overlap
from cliffguard.core.errors import CliffguardError, UsageError
from cliffguard.core.hub_names import is_offline
from cliffguard.core.items import Suite, Task
from cliffguard.core.progress import Progress, Step, doing, silent
from cliffguard.core.reviews import Review, TakenLooks, Verdict
from cliffguard.core.settings import CapabilityPolicy, Plan, Policy, Protocol, TargetPolicy
from cliffguard.core.signals import looking_up
from cliffguard.evaluate.allocation import dealt
from cliffguard.evaluate.answer_checks import check_answers, differences, instrument_moved
from cliffguard.evaluate.ledger import (
    TOGETHER,
    Account,
    Run,
    accounts_of,
    counted_by,
    later_runs,
    refuse_other_sides,
    runs_of,
    runs_of_samples,
)
from cliffguard.evaluate.measure import Measurement, TimeUp, measure, never, stop_where, unheard
from cliffguard.evaluate.pair_checks import check_pair
from cliffguard.evaluate.schedule import Look, Schedule, in_full, plan_looks, within_window
from cliffguard.runners import Runner, Show
from cliffguard.runners.lmeval_import import read_samples
from cliffguard.store.answers import Store, default_store_folder
from cliffguard.store.looks import is_past_lost, known_looks, merged, note_looks, turn
from cliffguard.suites.contamination import told, without_training
from cliffguard.suites.loading import not_covered
from cliffguard.suites.target import suites_of
from cliffguard.suites.train_data import blanks_told, read_all_training

T = TypeVar("T")


def guard(  # noqa: PLR0913 (one door, and each of its flags by name)
    plan: Plan,
    *,
    store: Store | None = None,
    runner: Runner | None = None,
    sides: tuple[Checkpoint, Checkpoint] | None = None,
    stops_early: bool = True,
    max_minutes: float | None = None,
    began: float | None = None,
    caveats: Sequence[str] = (),
    progress: Progress = silent,
    tell: Callable[[str], None] = unheard,
    witness: Callable[[Sequence[Pair]], None] | None = None,
    command: str | None = None,
) -> Review:
    """Compare candidate with base, look by look, until the policy can decide.

    `sides` are base and candidate where they are models in memory (`runners.live`) and not found
    by the plan's names. Without `stops_early` there is one look, at everything. After `max_minutes`
    nothing more is asked, and what is open by then stays open; they count from when the run `began`
    by time.monotonic() (None: now). `caveats` stand in every report.
    `tell` hears a line where stored answers are taken over from an earlier form of a question.
    `witness` is given the answers of both sides, item by item, that the verdict is about. `command`
    repeats the comparison (None: that of the plan that `write_reports` leaves beside the review).

    Raises a CliffguardError (one line, with an exit code) when the comparison cannot be made.

    >>> from cliffguard import Plan, guard
    >>> plan = Plan(base="models/base", candidate="runs/ft/adapter", suites=("adjacent",))
    >>> verdict = guard(plan).verdict
    >>> str(verdict.outcome), verdict.exit_code
    ('INCONCLUSIVE', 11)
    """
    is_time_up = _clock(max_minutes, began)
    store = store or Store(default_store_folder())
    runner = runner or runner_for(plan)
    suites = suites_of(plan)
    policy = with_margins(plan.policy or default_policy(suites), suites)
    _refuse_tasks(policy)
    suites = wanting(suites, policy)
    check_screens(plan, runner)
    base, candidate = sides or find_sides(plan)
    remarks = _look_at(base, candidate, plan.protocol, runner, is_time_up)
    known_looks(store, base, candidate)  # damaged ones are told before anything is asked
    tasks, cut = _tasks_of(plan, suites, (base, candidate), runner, tell)
    refuse_unknown_fields(tasks, policy)
    training = read_all_training(plan.train)
    caveats = (*caveats, *_remarks_on(suites), *remarks, *cut, *blanks_told(training))
    tasks, overlaps = without_training(tasks, training)
    plan, shares = dealt(plan, suites, tasks, policy, store=store, base=base)
    schedule = plan_looks(
        tasks,
        suites,
        plan.protocol,
        policy,
        stops_early=stops_early,
        after_failure=plan.after_failure,
        shares=shares,
    )
    asked = partial(
        measure,
        protocol=plan.protocol,
        store=store,
        runner=runner,
        is_time_up=is_time_up,
        progress=progress,
        tell=tell,
    )
    if not runner.holds_both(base, candidate):
        # They are not to be loaded in turns at every look.
        asked(base, schedule.everything())
    screens = take_screens(
        plan, tasks, training, base=base, candidate=candidate, runner=runner, progress=progress
    )
    decision = verdict = case = None
    taken: tuple[TakenLooks, ...] = ()
    while planned := schedule.next(verdict):
        shown = partial(_at_look, progress, schedule.n_looks)
        answered = [asked(side, planned, progress=shown) for side in (base, candidate)]
        look, measured = cut_to_both(planned, answered)
        if case is None:
            keys = _keys_of(planned, measured)
            case = _Case(
                sides=(base, candidate),
                suites=suites,
                policy=policy,
                protocol=plan.protocol,
                runs=runs_of(
                    schedule,
                    plan.protocol,
                    runner.dtype(plan.protocol),
                    keys,
                    _gating(suites, policy),
                ),
            )
        decision, taken = _noted(look, measured, case, store, caveats=caveats, before=verdict)
        verdict = decision.verdict
        if is_time_up():
            if schedule.is_open(verdict) or look != planned:
                ended = f"The time limit of {max_minutes:g} minutes ended the run."
                decision = replace(decision, comparison=_with_caveats(decision.comparison, [ended]))
            break
    assert decision is not None, "a schedule has at least one look"
    decision = _listed(
        decision,
        overlaps,
        schedule.everything(),
        late=(*changed_since(base), *changed_since(candidate)),
    )
    if witness is not None:
        witness(decision.pairs)
    return write_up(
        replace(decision, comparison=with_screens(decision.comparison, screens)),
        plan=replace(plan, policy=policy),
        suites=suites,
        measured=measured,
        runner=runner.identity,
        looks=schedule.manifest(),
        taken=taken,
        command=LIVE if sides else command or _usual_command(stops_early, max_minutes),
    )


def _look_at(
    base: Checkpoint,
    candidate: Checkpoint,
    protocol: Protocol,
    runner: Runner,
    is_time_up: Callable[[], bool] = never,
) -> tuple[str, ...]:
    """Refuse sides that cannot be compared, by their files alone; return remarks on the others.

    Once the time is up, no template is rendered any more.
    """
    remarks = list(check_pair(base, candidate, protocol))
    for side in (base, candidate):
        try:
            with looking_up(partial(stop_where, is_time_up)):
                remarks += runner.look_at(side, protocol)
        except TimeUp:
            remarks.append(f"{side.name}: the time was up before its chat template was tried.")
    return tuple(remarks)


def refused(plan: Plan, runner: Runner) -> CliffguardError | None:
    """Return what keeps a plan's candidate from being asked, by its files alone."""
    try:
        _look_at(*find_sides(plan), plan.protocol, runner)
    except CliffguardError as failure:
        return failure
    return None


def _tasks_of(
    plan: Plan,
    suites: Sequence[Suite],
    sides: Sequence[Checkpoint],
    runner: Runner,
    tell: Callable[[str], None],
) -> tuple[tuple[Task, ...], tuple[str, ...]]:
    """Return the tasks with what both sides have room for, and what a report tells of the others.

    The first prompts of the plan's target are shown as each side gets them.
    """
    windows = (runner.window(side, plan.protocol) for side in sides)
    tasks, cut = within_window(runner.resolve(suites, plan.protocol), *windows)
    target = None if plan.target is None else plan.target.name
    for task in [one for one in tasks if one.capability == target][:1]:
        for side in sides:
            if (why := runner.preview(side, task, plan.protocol)) is not None:
                tell(why)
    return tasks, cut


def _remarks_on(suites: Sequence[Suite]) -> tuple[str, ...]:
    read = (remark for suite in suites for remark in suite.remarks)
    return (*read, *not_covered(suites))


def _keys_of(look: Look, measured: Sequence[Measurement]) -> dict[str, tuple[str, ...]]:
    """Return by task the keys under which the base's and the candidate's answers are stored."""
    of_both = zip(*(side.questions for side in measured), strict=True)
    return {one.task.name: both for one, both in zip(look, of_both, strict=True)}


def _at_look(progress: Progress, number: int, step: Step) -> None:
    progress(replace(step, look=number))


def _usual_command(stops_early: bool, max_minutes: float | None) -> str:
    return command_of("check", None, stops_early=stops_early, max_minutes=max_minutes)


def compare_samples(
    base: str,
    candidate: str,
    policy: Policy | None = None,
    *,
    after: Sequence[Review] = (),
    command: str | None = None,
) -> Review:
    """Judge what lm-eval logged of two models: folders of `samples_*.jsonl`, in one look.

    `after` are reviews of earlier comparisons of these two, of fewer samples: what they spent of
    alpha is not spent again. `command` repeats the comparison, as in `guard`.
    Raises a CliffguardError when the two were not asked the same, with what differs, and where
    `after` is of others.
    """
    command = command or command_of("compare", None)
    with _no_search_for_circles():
        return _compare_samples(base, candidate, policy or Policy(), after, command)


@contextmanager
def _no_search_for_circles() -> Iterator[None]:
    """Pause the cyclic collector: it looks through millions of records, which have no circles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _compare_samples(
    base: str, candidate: str, policy: Policy, after: Sequence[Review], command: str
) -> Review:
    found = read_samples(base, candidate, policy)
    policy = with_margins(policy, (found.suite,))
    sides = (found.base, found.candidate)
    measured = [Measurement(answers=one.answers, questions=(), measured_on=()) for one in sides]
    tasks = [task for capability in found.suite.capabilities for task in capability.tasks]
    refuse_unknown_fields(tasks, policy)
    runs = runs_of_samples(tasks, [one.answers for one in sides], _gating((found.suite,), policy))
    known: tuple[TakenLooks, ...] = ()
    for review in after:
        refuse_other_sides(runs, review.taken)
    # In the order in which they grew, whatever the order in which they are named.
    for review in sorted(after, key=lambda one: sum(taken.n_items for taken in one.taken)):
        known = merged(known, review.taken)
    decision, accounts = _decide(
        tuple(in_full(task, task.items) for task in tasks),
        measured,
        _Case(
            sides=(found.base.checkpoint, found.candidate.checkpoint),
            suites=(found.suite,),
            policy=policy,
            protocol=None,
            runs=runs,
        ),
        known,
        caveats=(*found.caveats, *(() if after else (_AS_A_FIRST_RUN,))),
    )
    return write_up(
        decision,
        plan=Plan(candidate=candidate, base=base, suites=(found.suite.name,), policy=policy),
        suites=(found.suite,),
        measured=measured,
        runner="samples that lm-eval logged",
        looks=(),
        taken=_taken(accounts, decision, known)[1],
        command=command,
    )


_PAST_IS_LOST = (
    "Judged as a first run: the store held these answers and no longer knows, or never did, which "
    "looks were taken at them."
)
_AS_A_FIRST_RUN = (
    "Judged as a first run: whether fewer of these samples were judged before is not known here; "
    "--after REVIEW counts what was."
)


def _gating(suites: Sequence[Suite], policy: Policy) -> set[str]:
    capabilities = [capability for suite in suites for capability in suite.capabilities]
    return {c.name for c in capabilities if policy.role(c.name, c.ring) == "gating"}


def _counted(pairs: Sequence[Pair]) -> dict[str, tuple[int, ...]]:
    """Return how many gating items were counted at each look by capability."""
    return counted_by((pair.task.capability, pair.look) for pair in pairs if pair.gates)


def _taken(
    accounts: Mapping[str, Account], decision: Decision, known: Sequence[TakenLooks] = ()
) -> tuple[list[TakenLooks], tuple[TakenLooks, ...]]:
    """Return the looks of this run, and with them all that are `known` and those before it."""
    counted = _counted(decision.pairs)
    is_together = decision.verdict.pooled is not None or decision.comparison.mean is not None
    if is_together and TOGETHER in accounts:
        counted[TOGETHER] = accounts[TOGETHER].run.planned
    own = [account.closed(counted[name]) for name, account in accounts.items() if name in counted]
    before = [one for account in accounts.values() for one in account.before]
    return own, merged(merged(merged((), known), before), own)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What is the same at every look of a run.

    `protocol` None: it was another harness's. `runs` say by what its looks are known again.
    """

    sides: tuple[Checkpoint, Checkpoint]
    suites: tuple[Suite, ...]
    policy: Policy
    protocol: Protocol | None
    runs: tuple[Run, ...]


def _noted(
    look: Look,
    measured: Sequence[Measurement],
    case: _Case,
    store: Store,
    *,
    caveats: Sequence[str],
    before: Verdict | None,
) -> tuple[Decision, tuple[TakenLooks, ...]]:
    """Decide at a look, and note it in the store before anybody can act on what was decided.

    Of runs that judge the same pair at the same time one decides after the other, and the later
    one counts what the earlier one spent. Return also the looks that a review tells of.
    """
    base, candidate = case.sides
    answered = measured[1]
    with turn(store, base.fingerprint, candidate.fingerprint):
        known = known_looks(store, base, candidate)
        lost = is_past_lost(store, base, candidate, answered.all_questions)
        accounts = accounts_of(case.runs, known, case.policy)
        if lost and not any(account.before for account in accounts.values()):
            caveats = (*caveats, _PAST_IS_LOST)
        caveats = (*caveats, *differences(*(side.measured_on for side in measured)))
        decision, accounts = _decide(look, measured, case, known, caveats=caveats, before=before)
        own, taken = _taken(accounts, decision)
        note_looks(store, base, candidate, own, questions=answered.questions, is_past_lost=lost)
    return decision, taken


@doing("comparing the answers")
def _decide(
    look: Look,
    measured: Sequence[Measurement],
    case: _Case,
    known: Sequence[TakenLooks],
    *,
    caveats: Sequence[str],
    before: Verdict | None = None,
) -> tuple[Decision, dict[str, Account]]:
    """Return what a look comes to, decided after `before`, and what it may spend of alpha.

    `known` are the looks that were taken at these sides.
    """
    protocol, policy = case.protocol, case.policy
    told = check_answers(measured[0].answers, measured[1].answers, protocol)
    pairs = pair_answers(look, *measured)
    accounts = accounts_of(case.runs, known, policy, _counted(pairs))
    comparison = compare(
        pairs,
        look=look,
        base=case.sides[0],
        candidate=case.sides[1],
        suites=case.suites,
        policy=policy,
        levels={name: account.level for name, account in accounts.items()},
        repeats=None if protocol is None else protocol.repeats,
    )
    caveats = (*caveats, *told, *later_runs(accounts, policy), *instrument_moved(comparison))
    comparison = _with_caveats(comparison, caveats)
    verdict = judge(comparison, policy, before)
    return Decision(pairs=pairs, comparison=comparison, verdict=verdict), accounts


def _with_caveats(comparison: Comparison, caveats: Sequence[str]) -> Comparison:
    return replace(comparison, caveats=(*comparison.caveats, *caveats))


def _listed(
    decision: Decision, overlaps: Sequence[Overlap], look: Look, late: Sequence[str]
) -> Decision:
    """Return the decision with late caveats and the run's items that the training data hold."""
    ids = {series.task.name: {item.id for item in series.planned} for series in look}
    own = tuple(one for one in overlaps if one.item_id in ids[one.task])
    compared = decision.comparison
    caveats = told(own, {task: len(items) for task, items in ids.items()})
    listed = replace(compared, caveats=(*compared.caveats, *late, *caveats), overlaps=own)
    return replace(decision, comparison=listed)


def _clock(max_minutes: float | None, began: float | None) -> Callable[[], bool]:
    """Return what says whether the time is up, which counts from `began` (None: now)."""
    if max_minutes is None:
        return never
    if not max_minutes > 0:
        raise UsageError(
            f"max_minutes must be above 0, not {max_minutes:g}", id="max-minutes.not-positive"
        )
    end = (time.monotonic() if began is None else began) + 60.0 * max_minutes
    return lambda: time.monotonic() >= end


def _refuse_tasks(policy: Policy) -> None:
    for name, own in policy.capabilities.items():
        if own.tasks or own.metric or own.filter:
            raise UsageError(
                f"policy.capabilities.{name}: tasks, metric and filter are for comparing folders "
                "of lm-eval's samples; here the suite says what a capability is made of",
                id="policy.only-samples",
            )


def runner_for(plan: Plan) -> Runner:
    """Return who answers under the plan's settings."""
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
    tasks = runner.resolve(suites_of(plan), plan.protocol)
    runner.window(checkpoint, plan.protocol)
    return measure(
        checkpoint,
        Schedule(tasks, plan.protocol).everything(),
        protocol=plan.protocol,
        store=store,
        runner=runner,
        progress=progress,
        tell=tell,
    )


@doing("reading the checkpoints")
def find_sides(plan: Plan, held: Checkpoint | None = None) -> tuple[Checkpoint, Checkpoint]:
    """Return the identities of the plan's base and candidate, or of the one held in memory."""
    if held is not None:
        if plan.base is None:
            raise UsageError(
                f"{held.name}: is in memory, so its base must be named in the plan",
                id="base.missing",
            )
        return find_base(plan.base, _options(plan)), held
    base, candidate = find_pair(plan.base, plan.candidate, _options(plan))
    if plan.protocol.chat_template == "base":
        candidate = with_template_of(candidate, base)
    return base, candidate


def is_full(plan: Plan) -> bool:
    """Say whether the plan's candidate is a full checkpoint, and not an adapter."""
    return not is_adapter(plan.candidate, _options(plan))


@doing("reading the checkpoint")
def find_alone(plan: Plan) -> Checkpoint:
    """Return the identity of the plan's candidate, which may be a base itself."""
    if plan.base is None and not is_adapter(plan.candidate, _options(plan)):
        return find_base(plan.candidate, _options(plan))
    return find_sides(plan)[1]


def _options(plan: Plan) -> FindOptions:
    return FindOptions(
        offline=plan.offline,
        hub=plan.hub,
        allow_pickle=plan.allow_pickle,
        allow_base_mismatch=plan.allow_base_mismatch,
    )


def default_policy(suites: tuple[Suite, ...]) -> Policy:
    """Return the policy of a plan without one: a proven gain where a target is measured."""
    rings = {capability.ring for suite in suites for capability in suite.capabilities}
    return Policy(target=TargetPolicy() if "target" in rings else None)


def with_margins(policy: Policy, suites: Sequence[Suite]) -> Policy:
    """Return the policy with the suites' margins for the capabilities that it names none for.

    Raises ConfigError where a margin on the mean is then no narrower than one of them.
    """
    own = dict(policy.capabilities)
    for capability in (one for suite in suites for one in suite.capabilities):
        said = own.get(capability.name, CapabilityPolicy())
        is_said = said.margin is not None or said.relative_margin is not None
        if capability.margin is not None and not is_said:
            own[capability.name] = replace(said, margin=capability.margin)
    policy = replace(policy, capabilities=own)
    refuse_wide_mean(
        policy, [(one.name, one.ring) for suite in suites for one in suite.capabilities]
    )
    return policy
