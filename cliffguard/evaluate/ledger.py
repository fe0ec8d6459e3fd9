"""The ledger of alpha: which run of the same two sides this is, and what it may spend.

A run that judges more items after one that judged some looks twice. What earlier runs have spent
is known from the store (`looks`), or from a review; `stats.runs` says what that leaves.
Capabilities of one comparison charge each other nothing, whatever items they share: all of them
have to hold, and of the drops Holm takes care.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from cliffguard.core.canonical_json import digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.reviews import TakenLooks
from cliffguard.core.settings import Policy
from cliffguard.evaluate.capability_runs import TOGETHER, CapabilityRun
from cliffguard.stats.runs import LEAST_LEVEL, run_level
from cliffguard.store.looks import further


class Level(NamedTuple):
    """What a run may spend of alpha, what a further one could, and which run it is, from 1."""

    now: float
    next: float
    number: int


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
    """Return the account of one run: what is known of it, what others took, its level of alpha."""
    # 1. Its earlier looks. Where they reach as far it is judged again, as then: same comparison.
    run_looks = _own_looks(run, known, counted, policy.alpha)
    if run_looks is not None and set(counted) <= set(run_looks.counted):
        comparison = run_looks.comparison
    # 2. Other runs at related items have spent alpha. Not the capabilities judged beside it, which
    # share one comparison: Holm pays for those. Those before its first look lower its level.
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
    # 3. Its level: a share of what they left.
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
    """Return whether looks are a run's own: as far as it had come, or those at `counted` items."""
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


def later_runs(
    accounts: Mapping[str, Account], policy: Policy, *, at: str = "at these two sides"
) -> list[Caveat]:
    """Return what a report says of capabilities that were judged before, and `at` what."""
    return [
        Caveat(
            id="alpha.later-run",
            text=f"{name}: run {account.level.number} {at}. Earlier ones judged "
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


def counted_by(looks: Iterable[tuple[str, int]]) -> dict[str, tuple[int, ...]]:
    """Return the items that count at each look by capability, of the look that each came in."""
    by_capability: dict[str, dict[int, int]] = {}
    for (capability, number), n in Counter(looks).items():
        by_capability.setdefault(capability, {})[number] = n
    counts = {}
    for capability, sizes in by_capability.items():
        n_so_far, counted = 0, []
        for number in sorted(sizes):
            n_so_far += sizes[number]
            counted.append(n_so_far)
        counts[capability] = tuple(counted)
    return counts
