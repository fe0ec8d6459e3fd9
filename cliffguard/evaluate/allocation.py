"""Item budgets (`--items`): how many each capability gets, by its expected churn.

A candidate that lost nothing is held after a number of items that is about proportional to its
churn. With the same number everywhere, what changes much stays open, and what changes little is
asked more than it takes. So the items of a plan are dealt in proportion to the churn that is
expected of each capability, before the first answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from scipy.special import ndtr

from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import UsageError, nearest
from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.settings import Plan, Policy
from cliffguard.evaluate.looks import LEAST_COUNTED, looks_in_step, n_asked_at, n_items_at
from cliffguard.evaluate.schedule import ItemShare
from cliffguard.stats.clusters import expected_clustering
from cliffguard.stats.paired import non_inferiority_p
from cliffguard.stats.power import smallest_deciding_n
from cliffguard.stats.sequential import HELD_SPENDING, boundaries
from cliffguard.store.answers import Store
from cliffguard.store.shards import SHARD_ITEMS, in_order

USUAL_CHURN = 0.10
"""Share of items whose score changes, where nothing better is known; small models change more."""

_Order = tuple[Task, tuple[Item, ...]]  # a task, and its items in the order of the run
_LEAST_CHURN = 1e-6  # by which items are dealt where none is expected to change


def dealt(
    plan: Plan,
    suites: Sequence[Suite],
    tasks: Sequence[Task],
    policy: Policy,
    *,
    store: Store,
    base: Checkpoint,
) -> tuple[Plan, dict[str, ItemShare]]:
    """Return the plan with the churn by which its items are dealt, and each capability's share.

    Without `items` in the plan there are no shares, and the store is not read.
    """
    flips = {} if plan.items is None else stored_flips(store, base)
    churn = expected_churn(plan, suites, tasks, flips)
    shares = deal(plan, suites, tasks, policy, churn)
    return (replace(plan, churn=churn) if shares else plan), shares


def expected_churn(
    plan: Plan, suites: Sequence[Suite], tasks: Sequence[Task], flips: Mapping[str, tuple[int, int]]
) -> dict[str, float]:
    """Return the share of items that is expected to change, of every capability of the suites.

    What the plan says; else 10 %, or what flips by noise alone if that is more: what the instrument
    does is the least that a fine-tune does. `flips` are as `stored_flips` returns them.

    Raises UsageError where the plan names a capability that no suite has.
    """
    names = [capability.name for suite in suites for capability in suite.capabilities]
    given = plan.churn if isinstance(plan.churn, Mapping) else dict.fromkeys(names, plan.churn)
    for name in given:
        if name not in names:
            raise UsageError(
                f"churn: no suite has a capability {name!r}{nearest(name, names)}", id="plan.churn"
            )
    expected = {}
    for name in names:
        n_flips, n_items = noise_of(name, tasks, flips)
        noise = n_flips / n_items if n_items else 0.0
        share = given.get(name)
        expected[name] = max(USUAL_CHURN, noise) if share is None else share
    return expected


def stored_flips(store: Store, base: Checkpoint) -> dict[str, tuple[int, int]]:
    """Return how many items flip by noise alone, and of how many, by the name of the task.

    Where it was measured in several dtypes, or packed and plain, the most of them.
    """
    flips: dict[str, tuple[int, int]] = {}
    for entry in store.entries():
        if (noise := entry.read_noise()) is None:
            continue
        question = entry.read_question()
        if question["asked"].get("checkpoint") == base.fingerprint:
            task = str(question["asked"].get("task"))
            counts = (flips.get(task, (0, 0)), (noise["flips"], noise["items"]))
            flips[task] = max(counts, key=lambda pair: (pair[0] / max(1, pair[1]), pair[1]))
    return flips


def noise_of(
    capability: str, tasks: Sequence[Task], flips: Mapping[str, tuple[int, int]]
) -> tuple[int, int]:
    """Return how many items of a capability flip by noise alone, and of how many.

    `flips` are as `stored_flips` returns them.
    """
    known = [flips[t.name] for t in tasks if t.capability == capability and t.name in flips]
    return sum(n for n, _ in known), sum(n for _, n in known)


def deal(
    plan: Plan,
    suites: Sequence[Suite],
    tasks: Sequence[Task],
    policy: Policy,
    churn: Mapping[str, float],
) -> dict[str, ItemShare]:
    """Return the share of each capability that is planned; empty where all there is, is asked.

    The target is asked in full, and counts. Each other capability begins with what "held" takes if
    nothing changes, or with all its items where these are fewer. The rest is dealt shard by shard,
    each to the capability that has the fewest items for its churn, as long as there are more of it.
    Items are counted as they are asked, in whole shards of every task.

    Raises UsageError where the items do not suffice for the beginning.
    """
    if plan.items is None:
        return {}
    in_full = {c.name for suite in suites for c in suite.capabilities if c.ring == "target"}
    orders = [(task, in_order(task, plan.protocol)) for task in tasks]
    n_target = sum(len(items) for task, items in orders if task.capability in in_full)
    hands: dict[str, _Allocation] = {}
    for name in dict.fromkeys(task.capability for task, items in orders if items):
        if name not in in_full:
            capability_orders = [(task, items) for task, items in orders if task.capability == name]
            hands[name] = _allocation(capability_orders, policy, churn[name])
    n_left = plan.items - n_target - sum(hand.now.n_asked for hand in hands.values())
    if n_left < 0:
        amounts = [f"{name} {hand.now.n_asked}" for name, hand in hands.items()]
        amounts += [f"the target {n_target}"] * (n_target > 0)
        raise UsageError(
            f"items: {plan.items} cannot pass; where nothing changes HELD takes "
            f"{plan.items - n_left} ({', '.join(amounts)})",
            id="items.too-few",
        )
    _deal_out(n_left, list(hands.values()))
    return {name: ItemShare(hand.now.fraction, churn[name]) for name, hand in hands.items()}


@dataclass(frozen=True, slots=True)
class _Step:
    """A fraction of a capability's tasks: how many items count for the verdict, and are asked."""

    fraction: float
    n_counted: int
    n_asked: int


@dataclass(slots=True)
class _Allocation:
    """What a capability has so far, and could have: the last of `steps` is all there is."""

    steps: Sequence[_Step]
    at: int
    churn: float

    @property
    def now(self) -> _Step:
        return self.steps[self.at]

    @property
    def n_more(self) -> int | None:
        """Items that the next step asks; None where all are asked."""
        if self.at + 1 == len(self.steps):
            return None
        return self.steps[self.at + 1].n_asked - self.now.n_asked

    @property
    def items_for_churn(self) -> float:
        return self.now.n_counted / max(self.churn, _LEAST_CHURN)


def _deal_out(n_items: int, hands: Sequence[_Allocation]) -> None:
    """Take steps, each for the hand with the fewest items for its churn, until none fits."""
    going = list(hands)
    while going:
        poorest = min(going, key=lambda hand: hand.items_for_churn)
        n_more = poorest.n_more
        if n_more is None or n_more > n_items:
            going.remove(poorest)
            continue
        poorest.at += 1
        n_items -= n_more


def _allocation(orders: Sequence[_Order], policy: Policy, churn: float) -> _Allocation:
    """Return a capability with the first step at which it is held if nothing changes."""
    steps = _steps(orders)
    inflation = _inflation(orders, policy)
    margin = policy.margin(orders[0][0].capability)
    enough = (
        at
        for at, step in enumerate(steps)
        if _is_held_unchanged(int(step.n_counted / inflation), margin, policy.alpha)
    )
    return _Allocation(steps, next(enough, len(steps) - 1), churn)


def _is_held_unchanged(n_items: int, margin: float, alpha: float) -> bool:
    """Return whether an unchanged candidate is HELD at one of the looks at so many items."""
    if n_items < smallest_deciding_n(margin=margin, alpha=alpha):
        return False
    (looks,) = looks_in_step([n_items])
    edges = boundaries(looks, n_planned=n_items, alpha=alpha, spending=HELD_SPENDING)
    return any(
        non_inferiority_p(n_broken=0, n_fixed=0, n_items=n, margin=margin) <= ndtr(-edge)
        for n, edge in zip(reversed(looks), reversed(edges), strict=True)
    )


def _steps(orders: Sequence[_Order]) -> list[_Step]:
    """Return the fractions that may be planned: whole shards of the largest task, or everything.

    Those at which most of what is asked would not count are left out, as at a look.
    """
    n_items = [len(items) for _, items in orders]
    largest = max(n_items)
    n_gating = [[0, *accumulate(map(task.gates, items))] for task, items in orders]
    steps = []
    for n in [*range(SHARD_ITEMS, largest, SHARD_ITEMS), largest]:
        fraction = n / largest
        counted = [n_items_at(fraction, n) for n in n_items]
        n_asked = n_asked_at(fraction, n_items)
        if n == largest or sum(counted) >= LEAST_COUNTED * n_asked:
            n_counted = sum(totals[k] for totals, k in zip(n_gating, counted, strict=True))
            steps.append(_Step(fraction, n_counted, n_asked))
    return steps


def _inflation(orders: Sequence[_Order], policy: Policy) -> float:
    """Return how many items in clusters it takes for one that stands alone; maybe infinite."""
    names = [
        item.cluster or f"{task.name} {item.id}"
        for task, items in orders
        for item in items
        if task.gates(item)
    ]
    if policy.estimand == "suite" or len(set(names)) == len(names):
        return 1.0
    return expected_clustering(names, churn=0.0).inflation(policy.alpha)
