"""The ledger of alpha: which run of the same two sides this is, and what it may spend.

A run that judges more items after one that judged some looks twice. What earlier runs have spent
is known from the store (`looks`), or from a review; `stats.runs` says what that leaves. A
capability is known by the content of its items, not by its name: half of the smaller set has to be
in the other. Capabilities of one comparison charge each other nothing, whatever items they share:
all of them have to hold, and of the drops Holm takes care.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field, replace
from typing import NamedTuple

from cliffguard.core.answers import Answer
from cliffguard.core.canonical_json import digest, digest_of_rows
from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import UsageError
from cliffguard.core.hashing import sha256_of_text
from cliffguard.core.items import Task
from cliffguard.core.reviews import TakenLooks
from cliffguard.core.settings import EvalSettings, Policy
from cliffguard.core.texts import n_things, plural
from cliffguard.evaluate.schedule import Schedule
from cliffguard.stats.runs import LEAST_LEVEL, run_level
from cliffguard.stats.sequential import DROP_SPENDING, spent_share
from cliffguard.store.looks import further

TOGETHER = ""
"""The name of all capabilities that gate, where they are tested as one."""

_N_SKETCHED = 64  # items by which a set is known again
_N_DIGITS = 16
_OF_SAMPLES = "samples"


class Level(NamedTuple):
    """What a run may spend of alpha, what a further one could, and which run it is, from 1."""

    now: float
    next: float
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityRun:
    """A capability as one run asks it: its items by content, and when it is judged.

    `how` it is asked is a digest of the protocol, but for what only says how much is asked: under
    another one the questions are others. `digest` is the same wherever the same answers are judged
    at the same looks. `answers` by item are known of logged samples alone, and which of these have
    `changed` between the sides.
    """

    capability: str
    how: str
    digest: str
    items: Set[str]
    planned: tuple[int, ...]
    spends_evenly: bool
    answers: Mapping[str, str] = field(default_factory=dict)
    changed: frozenset[str] = frozenset()

    def is_of(self, taken: TakenLooks) -> bool:
        """Say whether these looks were taken by this very run, as far as it had come."""
        return taken.run == self.digest and set(taken.counted) <= set(self.planned)

    def share(self, counted: Sequence[int]) -> float:
        """Return which part of its level the run has spent once these looks were taken."""
        if not self.spends_evenly:
            return 1.0
        # Of the two rules the one that spends more at any look.
        return spent_share(min(1.0, counted[-1] / self.planned[-1]), DROP_SPENDING)

    def is_related(self, taken: TakenLooks) -> bool:
        """Say whether these looks and this run share half of the smaller set of items."""
        if (taken.capability == TOGETHER) != (self.capability == TOGETHER) or taken.how != self.how:
            return False
        n_found = sum(item in self.items for item in taken.sketch)
        is_part = taken.n_items > len(taken.sketch) > 0
        if is_part and not n_found and min(self.items, default="") > taken.sketch[-1]:
            # Few items among many, none of which could be in the sketch: the name has to tell.
            return taken.capability == self.capability
        n_shared = taken.n_items * n_found / max(1, len(taken.sketch))
        return n_found > 0 and 2 * n_shared >= min(taken.n_items, len(self.items))

    @property
    def sketch(self) -> tuple[str, ...]:
        """The least of the items' digests: as good as drawn at random, and the same every time."""
        return tuple(sorted(self.items)[:_N_SKETCHED])


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A run among the known ones at the same items; they are in the order of their looks.

    `before` its first look others were taken, in other comparisons; `taken` is what is known of it,
    and `comparison` the one in which it is judged, or was first judged as far.
    """

    run: CapabilityRun
    before: tuple[TakenLooks, ...]
    taken: TakenLooks | None
    comparison: str
    level: Level
    alpha: float

    def closed(self, counted: Sequence[int]) -> TakenLooks:
        """Return the looks of this run, once `counted` items were judged at each."""
        share = self.run.share(counted)
        spent = self.level.now * share
        if self.taken is not None and set(counted) < set(self.taken.counted):
            return replace(self.taken, counted=tuple(counted), spent=min(spent, self.taken.spent))
        if self.taken is not None:  # at levels of their own, where another run came between
            gone = share - self.run.share(self.taken.counted)
            spent = max(spent, self.taken.spent + self.level.now * max(0.0, gone))
        sketch = self.run.sketch
        taken = TakenLooks(
            capability=self.run.capability,
            how=self.run.how,
            run=self.run.digest,
            sketch=sketch,
            answers=tuple(self.run.answers[item] for item in sketch) if self.run.answers else (),
            n_items=len(self.run.items),
            counted=tuple(counted),
            spent=spent,
            level=self.level.now,
            alpha=self.alpha,
            comparison=self.comparison,
        )
        return taken if self.taken is None else further(self.taken, taken)


def accounts_of(
    runs: Iterable[CapabilityRun],
    known: Sequence[TakenLooks],
    policy: Policy,
    counted: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, Account]:
    """Return the account of each run by its capability's name.

    `counted` are the items at each look by then: at looks that are known the run has the level that
    it had, and at further ones what others have left. None: at the looks that are known.
    """
    runs, at = tuple(runs), counted or {}
    comparison = _comparison(runs, known)
    return {
        run.capability: _account(run, known, policy, at.get(run.capability, ()), comparison)
        for run in runs
    }


def _comparison(runs: Sequence[CapabilityRun], known: Sequence[TakenLooks]) -> str:
    """Return a digest of all that is judged together.

    It is another comparison once one of these was ended between its looks: what it looked at there
    was not planned.
    """
    by_digest = {run.digest: run for run in runs}
    ended = {
        (taken.run, taken.counted)
        for taken in known
        if taken.run in by_digest and not by_digest[taken.run].is_of(taken)
    }
    return digest([sorted(by_digest), sorted(ended)])


def _account(
    run: CapabilityRun,
    known: Sequence[TakenLooks],
    policy: Policy,
    counted: Sequence[int],
    comparison: str,
) -> Account:
    run_looks = _own_looks(run, known, counted, policy.alpha)
    if run_looks is not None and set(counted) <= set(run_looks.counted):
        comparison = run_looks.comparison
    beside = {comparison, *(taken.comparison for taken in known if taken.run == run.digest)} - {""}
    index = next((n for n, taken in enumerate(known) if _is_own(run, taken, counted)), len(known))
    others = [
        (n, taken)
        for n, taken in enumerate(known)
        if not _is_own(run, taken, counted)
        and (taken.run == run.digest or taken.comparison not in beside)
        and run.is_related(taken)
    ]
    before = [taken for n, taken in others if n < index]
    spent = spent_of(before)
    now = run_level(alpha=policy.alpha, reserve=policy.reserve, spent=spent)
    # Runs after this one may have left less: they began under another alpha, or before it ended.
    left = policy.alpha - spent_of(taken for _, taken in others)
    now = _level_at(run, run_looks, counted, policy.alpha, now, left)
    return Account(
        run=run,
        before=tuple(before),
        taken=run_looks,
        comparison=comparison,
        alpha=policy.alpha,
        level=Level(
            now=now,
            next=run_level(alpha=policy.alpha, reserve=policy.reserve, spent=spent + now),
            number=len({_key(taken) for taken in before}) + 1,
        ),
    )


def _is_own(run: CapabilityRun, taken: TakenLooks, counted: Sequence[int]) -> bool:
    """Say whether looks are a run's own: as far as it had come, or those at `counted` items."""
    is_told = taken.run == run.digest and len(counted) > 0 and set(counted) <= set(taken.counted)
    return is_told or run.is_of(taken)


def _own_looks(
    run: CapabilityRun, known: Sequence[TakenLooks], counted: Sequence[int], alpha: float
) -> TakenLooks | None:
    """Return the looks of a run that tell of those at `counted` items, else those furthest on.

    Several are known where others came between, and where two capabilities are asked the same.
    Under another alpha it is judged anew.
    """

    def is_named(taken: TakenLooks) -> bool:
        return taken.capability == run.capability

    matching = [
        taken for taken in known if _is_own(run, taken, counted) and taken.alpha in (alpha, None)
    ]
    telling = [taken for taken in matching if set(counted) <= set(taken.counted)]
    if telling:
        return min(telling, key=lambda taken: (not is_named(taken), len(taken.counted)))
    return max(matching, key=lambda taken: (taken.counted[-1], is_named(taken)), default=None)


def _key(taken: TakenLooks) -> str:
    """Return what tells the comparison that took these looks: each its own, where none is noted."""
    return taken.comparison or f"{taken.run} {taken.capability}"


def spent_of(looks: Iterable[TakenLooks]) -> float:
    """Return what looks spent of alpha: of each comparison, the most that one run spent in it."""
    seen: list[TakenLooks] = []
    spent: dict[str, dict[str, float]] = {}
    for taken in looks:
        # What a run spent stands in its later looks too, which may be of another comparison.
        earlier = [
            old for old in seen if old.run == taken.run and {*old.counted} <= {*taken.counted}
        ]
        gone = max((old.spent for old in earlier), default=0.0)
        by_run = spent.setdefault(_key(taken), {})
        by_run[taken.run] = by_run.get(taken.run, 0.0) + max(0.0, taken.spent - gone)
        seen.append(taken)
    return sum(max(by_run.values()) for by_run in spent.values())


def _level_at(
    run: CapabilityRun,
    run_looks: TakenLooks | None,
    counted: Sequence[int],
    alpha: float,
    now: float,
    left: float,
) -> float:
    """Return the level of a run at these looks: `now`, unless others have `left` less of alpha.

    Looks that were taken before are judged at the level that they were judged at.
    """
    if run_looks is not None:
        if (
            run_looks.level is not None
            and run_looks.alpha == alpha
            and set(counted) <= set(run_looks.counted)
        ):
            return run_looks.level
        open_part = 1.0 - run.share(run_looks.counted)
        if open_part > 0.0:
            left = (left - run_looks.spent) / open_part
    if left >= now - LEAST_LEVEL:  # within rounding
        return now
    return left if left >= LEAST_LEVEL else 0.0


# --- the runs of a comparison --------------------------------------------------------------------


def runs_of(
    schedule: Schedule,
    protocol: EvalSettings,
    dtype: str,
    questions: Mapping[str, Sequence[str]],
    gating: Collection[str],
) -> tuple[CapabilityRun, ...]:
    """Return what a run asks of each capability, and of all that gates together.

    `dtype` is what the protocol's comes to, as in a question's key; `questions` are the keys of
    both sides' answers to each task.
    """
    how = {**asdict(replace(protocol, limit=None, repeats=1, seed=0)), "dtype": dtype}
    del how["packing"]  # it flips near-ties at most: no other question, and no alpha anew
    runs = []
    for looks in schedule.manifest():
        capability_series = [
            series for series in schedule.everything() if series.task.capability == looks.capability
        ]
        keys = [sorted(questions[series.task.name]) for series in capability_series]
        runs.append(
            CapabilityRun(
                capability=looks.capability,
                how=digest(how),
                digest=digest([looks.order, list(looks.n_items), looks.spending, keys]),
                items=frozenset(
                    short(item.digest)
                    for series in capability_series
                    for item in series.items
                    if series.task.gates(item)
                ),
                planned=looks.n_items,
                spends_evenly=looks.spending not in ("one look", "betting"),
            )
        )
    return (*runs, *_together([run for run in runs if run.capability in gating]))


def _together(runs: Sequence[CapabilityRun]) -> list[CapabilityRun]:
    if len(runs) < 2:
        return []
    return [
        CapabilityRun(
            capability=TOGETHER,
            how=runs[0].how,
            digest=digest([run.digest for run in runs]),
            items=frozenset().union(*(run.items for run in runs)),
            planned=(sum(run.planned[-1] for run in runs),),
            spends_evenly=False,
        )
    ]


def runs_of_samples(
    tasks: Sequence[Task], sides: Sequence[Mapping[str, Sequence[Answer]]], gating: Collection[str]
) -> tuple[CapabilityRun, ...]:
    """Return what is judged of logged samples: by what each document is, and what both scored."""
    scores: dict[str, dict[str, list[str]]] = {}
    changed: dict[str, set[str]] = {}
    for task in tasks:
        item_scores = scores.setdefault(task.capability, {})
        answers = zip(*(side[task.name] for side in sides), strict=True)
        for item, (base, candidate) in zip(task.items, answers, strict=True):
            item_scores.setdefault(short(item.digest), []).append(f"{base.score} {candidate.score}")
            if base.score != candidate.score:
                changed.setdefault(task.capability, set()).add(short(item.digest))
    runs = []
    for name, by_item in scores.items():
        in_short: dict[str, str] = {}  # few scores are told apart, of any number of items
        outcomes = {
            item: _memoised(" ".join(sorted(both)), in_short) for item, both in by_item.items()
        }
        n_items = sum(len(both) for both in by_item.values())
        runs.append(
            CapabilityRun(
                capability=name,
                how=_OF_SAMPLES,
                digest=digest_of_rows(sorted(outcomes.items())),
                items=outcomes.keys(),
                planned=(n_items,),
                spends_evenly=False,
                answers=outcomes,
                changed=frozenset(changed.get(name, ())),
            )
        )
    return (*runs, *_together([run for run in runs if run.capability in gating]))


def _memoised(text: str, known: dict[str, str]) -> str:
    if text not in known:
        known[text] = short(text)
    return known[text]


def refuse_other_sides(runs: Sequence[CapabilityRun], known: Sequence[TakenLooks]) -> None:
    """Raise UsageError unless looks at logged samples were at these ones, or at some of them."""
    answers = {item: answer for run in runs for item, answer in run.answers.items()}
    changed = frozenset().union(*(run.changed for run in runs))
    shared = [
        (item, answers[item] == answer)
        for taken in known
        for item, answer in zip(taken.sketch, taken.answers, strict=False)
        if item in answers
    ]
    n_alike = sum(is_alike for _, is_alike in shared)
    # Most answers are alike on any two sides: what changed tells these two from others.
    flips = [is_alike for item, is_alike in shared if item in changed]
    is_foreign = len(flips) >= _LEAST_FLIPS and sum(flips) < len(flips) / 2
    if not shared or n_alike < _LEAST_ALIKE * len(shared) or is_foreign:
        what = "none of its samples are in these folders"
        if shared:
            n_other = len(shared) - n_alike
            what = (
                f"{n_other} of {n_things(len(shared), 'sample')} that were looked up "
                f"{plural(n_other, 'has', 'have')} other scores here"
            )
        raise UsageError(
            f"--after: the review is of other sides: {what}; name the review of fewer samples of "
            "these two, or leave it out",
            id="after.other-sides",
        )


_LEAST_FLIPS = 3
_LEAST_ALIKE = 0.95  # of the scores; a model that is asked again in other batches flips some


def later_runs(accounts: Mapping[str, Account], policy: Policy) -> list[Caveat]:
    """Return what a report says of capabilities that were judged before on fewer items."""
    return [
        Caveat(
            id="alpha.later-run",
            text=f"{name}: run {account.level.number} at these two sides. Earlier ones judged "
            f"{', '.join(map(str, _most_judged(account.before)))} items; of alpha's "
            f"{100 * policy.alpha:.3g} % this one may spend {100 * account.level.now:.3g} %.",
        )
        for name, account in accounts.items()
        if name != TOGETHER and account.before
    ]


def _most_judged(looks: Iterable[TakenLooks]) -> list[int]:
    """Return the most items of a capability that each comparison judged."""
    most: dict[str, int] = {}
    for taken in looks:
        most[_key(taken)] = max(most.get(_key(taken), 0), taken.counted[-1])
    return list(most.values())


def short(text: str) -> str:
    """Return the beginning of a text's digest."""
    return sha256_of_text(text)[:_N_DIGITS]


def counted_by(looks: Iterable[tuple[str, int]]) -> dict[str, tuple[int, ...]]:
    """Return the items that count at each look by capability, of the look that each came in."""
    by_capability: dict[str, Counter[int]] = {}
    for capability, number in looks:
        by_capability.setdefault(capability, Counter())[number] += 1
    counts = {}
    for capability, sizes in by_capability.items():
        n_so_far, counted = 0, []
        for number in sorted(sizes):
            n_so_far += sizes[number]
            counted.append(n_so_far)
        counts[capability] = tuple(counted)
    return counts
