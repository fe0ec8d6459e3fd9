"""One look of a run: measured, compared, judged, and noted before anybody can act on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cliffguard.compare.case import Case
from cliffguard.compare.comparison import compare, gathered
from cliffguard.compare.pairs import Pair, pair_answers
from cliffguard.compare.verdict import judge
from cliffguard.compare.write_review import Decision
from cliffguard.core.caveats import Caveat
from cliffguard.core.comparisons import Comparison
from cliffguard.core.progress import doing
from cliffguard.core.reviews import Outcome, TakenLooks, Verdict
from cliffguard.core.texts import n_things
from cliffguard.evaluate.answer_checks import check_answers, differences
from cliffguard.evaluate.capability_runs import TOGETHER
from cliffguard.evaluate.ledger import Account, accounts_of, counted_by, later_runs
from cliffguard.evaluate.looks import Look
from cliffguard.evaluate.measure import Measurement
from cliffguard.store.looks import (
    Looks,
    add_looks,
    is_past_lost,
    known_looks,
    looks_at_scales,
    merged,
    note_looks,
    scales_of,
    turn,
)

if TYPE_CHECKING:
    from cliffguard.run.prepare import Run
    from cliffguard.store.answers import Store

_PAST_IS_LOST = Caveat(
    id="store.past-is-lost",
    text="Judged as a first run: the store held these answers and no longer knows, or never did, "
    "which looks were taken at them.",
)


def take_look(run: Run, planned: Look, before: Verdict | None) -> Decision:
    """Measure a look and decide at it, after the verdict `before`; note it in the store.

    Of runs that judge the same pair at the same time one decides after the other, and the later
    one counts what the earlier one spent.
    """
    from cliffguard.checkpoints.unchanged import changed_since  # late: samples have no files

    look, measured = run.measure(planned)
    case, store = run.case, run.store
    base, candidate = case.base, case.candidate
    caveats = differences(*(side.measured_on for side in measured))
    changed = (*changed_since(base), *changed_since(candidate))
    questions = measured[1].questions
    with turn(store, base.fingerprint, *_accounts(case)):
        known = known_at(case, store)
        lost = is_past_lost(store, base, candidate, measured[1].all_questions)
        accounts = accounts_of(case.runs, known, case.policy)
        if lost and not any(account.before for account in accounts.values()):
            caveats = (_PAST_IS_LOST, *caveats)
        decision, accounts = decide(
            case, look, measured, known, caveats=caveats, changed=changed, before=before
        )
        of_this_run, taken = looks_taken(decision, accounts)
        note_looks(
            store, base, candidate, _with_scales(case, known, of_this_run), questions=questions,
            is_past_lost=lost,
        )  # fmt: skip
        _note_at_scales(case, store, of_this_run)
    is_last = run.limits.is_time_up()
    ending: tuple[Caveat, ...] = ()
    if is_last and (run.schedule.is_open(decision.verdict) or look != planned):
        limit = n_things(run.limits.max_minutes or 0, "minute", "g")
        ending = (Caveat(id="run.time-limit", text=f"The time limit of {limit} ended the run."),)
    return replace(decision, taken=taken, is_last=is_last, ending=ending)


def known_at(case: Case, store: Store) -> tuple[TakenLooks, ...]:
    """Return the looks that were taken at a pair, and at other scales of the same fine-tune."""
    known = known_looks(store, case.base, case.candidate)
    if case.origin is None:
        return known
    runs = {run.digest for run in case.runs}
    known = merged(known, looks_at_scales(store, case.base, case.origin))
    return tuple(taken if taken.run in runs else wholly_spent(taken) for taken in known)


def wholly_spent(taken: TakenLooks) -> TakenLooks:
    """Return the looks of another scale with its whole level spent.

    What fails early would not have passed later: given back, its level is spent twice.
    """
    return replace(taken, spent=max(taken.spent, taken.level or 0.0))


def _accounts(case: Case) -> tuple[str, ...]:
    """Return what looks at a case are noted under."""
    fingerprint = case.candidate.fingerprint
    return (fingerprint,) if case.origin is None else (fingerprint, scales_of(case.origin))


def _with_scales(
    case: Case, known: Sequence[TakenLooks], taken: Sequence[TakenLooks]
) -> Sequence[TakenLooks]:
    """Return what is noted at the pair: also what came before at other scales, in its order."""
    return taken if case.origin is None else merged(known, taken)


def _note_at_scales(case: Case, store: Store, taken: Sequence[TakenLooks]) -> None:
    if case.origin is None or not taken:
        return
    looks = Looks(base=case.base.fingerprint, candidate=scales_of(case.origin), runs=tuple(taken))
    add_looks(store, looks)


@doing("comparing the answers")
def decide(
    case: Case,
    look: Look,
    measured: Sequence[Measurement],
    known: Sequence[TakenLooks],
    *,
    caveats: Sequence[Caveat] = (),
    changed: Sequence[Caveat] = (),
    before: Verdict | None = None,
) -> tuple[Decision, dict[str, Account]]:
    """Return what a look comes to, decided after `before`, and what it may spend of alpha.

    `known` are the looks that were taken at these sides; `caveats` of these answers stand before
    what is found in them, and what `changed` since behind it.
    """
    base, candidate = measured
    uncounted = check_answers(
        base.answers, candidate.answers, case.protocol, may_be_alike=case.is_in_training
    )
    pairs = pair_answers(look, base, candidate)
    accounts = accounts_of(case.runs, known, case.policy, _counted(pairs))
    items = tuple(gathered(pairs, case, look))
    comparison = compare(
        pairs,
        case,
        look=look,
        items=items,
        levels={name: account.level for name, account in accounts.items()},
        caveats=(*caveats, *uncounted, *_later(case, accounts), *changed),
    )
    if before is not None:
        before = judged_anew(before, comparison, pairs, case, look, known)
    verdict = judge(comparison, case.policy, before)
    decision = Decision(
        case=case,
        look=look,
        pairs=pairs,
        gathered=items,
        comparison=comparison,
        verdict=verdict,
        measured=tuple(measured),
    )
    return decision, accounts


def judged_anew(
    before: Verdict,
    now: Comparison,
    pairs: Sequence[Pair],
    case: Case,
    look: Look,
    known: Sequence[TakenLooks],
) -> Verdict:
    """Return the verdict at the look before, of what had REGRESSED on the levels that count `now`.

    It may have failed by levels that are left out since. The looks before are judged once more on
    what is left of it: what had failed by that stays failed, also where it would hold by now.
    """
    part_of = {row.capability for row in now.capabilities if row.counts.n_surface}
    part_of |= {row.capability for row in now.capabilities if row.evidence.is_surface}
    if not any(f.outcome is Outcome.REGRESSED and f.capability in part_of for f in before.findings):
        return before
    verdict: Verdict | None = None
    for number in sorted({pair.look for pair in pairs})[:-1]:
        earlier = [pair for pair in pairs if pair.look <= number]
        accounts = accounts_of(case.runs, known, case.policy, _counted(earlier))
        levels = {name: account.level for name, account in accounts.items()}
        comparison = compare(earlier, case, look=look, levels=levels, after=now)
        verdict = judge(comparison, case.policy, verdict)
    again = {} if verdict is None else {f.capability: f for f in verdict.findings}
    findings = tuple(
        again.get(finding.capability, finding) if finding.capability in part_of else finding
        for finding in before.findings
    )
    return replace(before, findings=findings)


def _later(case: Case, accounts: Mapping[str, Account]) -> list[Caveat]:
    at = "at these two sides" if case.origin is None else "at scales of one fine-tune"
    return later_runs(accounts, case.policy, at=at)


def looks_taken(
    decision: Decision, accounts: Mapping[str, Account], known: Sequence[TakenLooks] = ()
) -> tuple[list[TakenLooks], tuple[TakenLooks, ...]]:
    """Return the looks of this run, and with them all that are `known` and those before it."""
    counted = _counted(decision.pairs)
    is_together = (
        decision.verdict.pooled is not None
        or decision.comparison.mean is not None
        or bool(decision.case.policy.behaviour)
    )
    if is_together and TOGETHER in accounts:
        counted[TOGETHER] = accounts[TOGETHER].run.planned
    of_this_run = [
        account.closed(counted[name]) for name, account in accounts.items() if name in counted
    ]
    before = [looks for account in accounts.values() for looks in account.before]
    return of_this_run, merged(merged(merged((), known), before), of_this_run)


def _counted(pairs: Sequence[Pair]) -> dict[str, tuple[int, ...]]:
    """Return how many gating items were counted at each look by capability."""
    return counted_by((pair.task.capability, pair.look) for pair in pairs if pair.gates)
