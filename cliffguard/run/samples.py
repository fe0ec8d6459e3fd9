"""What was logged elsewhere of two models → a review, in one look; nobody is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from cliffguard.compare.case import Case
from cliffguard.compare.clusters import refuse_unknown_fields
from cliffguard.compare.diagnosis import NO_MODEL, changed_capabilities, diagnose
from cliffguard.compare.diagnostics.probe_results import Probes
from cliffguard.compare.repeat_command import command as command_of
from cliffguard.compare.write_review import Decision, build_review
from cliffguard.core.caveats import Caveat
from cliffguard.core.collector import collector_paused
from cliffguard.core.reviews import Review, TakenLooks
from cliffguard.core.settings import EvalSettings, Plan, Policy
from cliffguard.core.texts import Texts
from cliffguard.evaluate.capability_runs import CapabilityRun, refuse_other_sides, runs_of_samples
from cliffguard.evaluate.looks import in_full
from cliffguard.evaluate.measure import Measurement
from cliffguard.run.look import decide, looks_taken
from cliffguard.run.policies import gating, with_margins
from cliffguard.runners.imported import Imported
from cliffguard.runners.logged import read_logged
from cliffguard.store.looks import merged

_AS_A_FIRST_RUN = Caveat(
    id="samples.as-a-first-run",
    text="Judged as a first run: whether fewer of these samples were judged before is not known "
    "here; --after REVIEW counts what was.",
)


def compare_samples(
    base: str,
    candidate: str,
    policy: Policy | None = None,
    *,
    after: Sequence[Review] = (),
    witness: Callable[[Decision], None] | None = None,
    command: str | None = None,
    texts: Texts = "short",
) -> Review:
    """Judge what was logged of two models, in one look.

    A side is lm-eval's folder of `samples_*.jsonl`, a log of inspect_ai or a folder of them, or a
    file of plain results (docs/logged-samples.md). `after` are reviews of earlier comparisons of
    these two, of fewer samples: what they spent of alpha is not spent again. `witness` and
    `command` are as in `guard`. `texts` is how much is kept of the prompts of items that did not
    change; of the others a witness sees all.
    Raises a CliffguardError when the two were not asked the same, with what differs, and where
    `after` is of others.
    """
    command = command or command_of("compare", None)
    with collector_paused():  # millions of records, which have no circles
        policy = policy or Policy()
        logged = read_logged(base, candidate, policy, texts)
        decision = _decided(logged, policy, after)
        if witness is not None:
            witness(decision)
        return build_review(
            decision,
            plan=Plan(
                candidate=candidate,
                base=base,
                suites=tuple(suite.name for suite in decision.case.suites),
                policy=decision.case.policy,
                protocol=EvalSettings(chat_template="none"),  # what was asked is not known here
            ),
            suites=decision.case.suites,
            runner=logged.source,
            looks=(),
            command=command,
        )


def _decided(logged: Imported, policy: Policy, after: Sequence[Review]) -> Decision:
    """Return what the samples of two runs come to."""
    suite, sides = logged.suite, (logged.base, logged.candidate)
    policy = with_margins(policy, (suite,))
    tasks = suite.tasks
    refuse_unknown_fields(tasks, policy)
    runs = runs_of_samples(tasks, [side.answers for side in sides], gating((suite,), policy))
    known = _known(runs, after)
    case = Case(
        base=logged.base.checkpoint,
        candidate=logged.candidate.checkpoint,
        suites=(suite,),
        policy=policy,
        protocol=None,
        runs=runs,
        caveats=(*logged.caveats, *(() if after else (_AS_A_FIRST_RUN,))),
    )
    look = tuple(in_full(task, task.items) for task in tasks)
    measured = [Measurement(answers=side.answers, questions=(), measured_on=()) for side in sides]
    decision, accounts = decide(case, look, measured, known)
    changed = changed_capabilities(decision.gathered)
    unasked = Probes(why=dict.fromkeys(changed, NO_MODEL))
    return replace(
        decision,
        taken=looks_taken(decision, accounts, known)[1],
        diagnosed=diagnose(changed, case, look, probes=unasked),
    )


def _known(runs: Sequence[CapabilityRun], after: Sequence[Review]) -> tuple[TakenLooks, ...]:
    """Return the looks of earlier reviews in the order in which they grew, however named."""
    for review in after:
        refuse_other_sides(runs, review.taken)
    known: tuple[TakenLooks, ...] = ()
    for review in sorted(after, key=lambda review: sum(taken.n_items for taken in review.taken)):
        known = merged(known, review.taken)
    return known
