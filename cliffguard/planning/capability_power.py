"""What a plan can say of one capability: its power, the smallest drop seen, items and tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cliffguard.compare.clusters import cluster_name
from cliffguard.core.items import Capability, Suite
from cliffguard.core.settings import EvalSettings, Plan, Policy, Ring, Role
from cliffguard.evaluate.alpha_shares import TOGETHER
from cliffguard.evaluate.looks import TaskProgress
from cliffguard.stats.clusters import expected_clustering, expected_power, least_effective_clusters
from cliffguard.stats.power import detectable_drop, items_needed
from cliffguard.stats.simulate import Design, Outcomes, decide, draw

POWER = 0.9
"""The probability behind "needed" and "smallest drop seen"."""

_N_GATES = 2000
_FINENESS = 1.05  # steps in which a drop beyond the churn is sought
_SEED = 0
_LEAST_POWER = 1e-3  # above alpha, and below 1, between which a number of items is sought
_LEAST_CHURN = 1e-6  # by which clusters are weighed where nothing is expected to change
CHARACTERS_A_TOKEN = 4.0
"""Of English prose under the usual vocabularies."""

_USUAL_ANSWER_TOKENS = 128  # of a generated answer that nothing says more about
_ANSWER_TOKENS = {"likelihood": 0, "short generation": 16, "long generation": 256}  # by cost
_N_READ = 200  # items of a task from which its tokens are estimated


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityPower:
    """What the plan can say of one capability.

    Of `n_asked` items `n_items` count for the verdict, at the last of `n_looks` looks; they are
    worth `n_effective` independent ones where HELD is asked, and lie in `n_effective_clusters` of
    one size (None: each stands alone). `n_needed` items prove with a power of 90 % that nothing was
    lost (None for a target). `smallest_drop` is what is proven to be a drop with that power, at
    the level that the gate leaves to the first of its capabilities (None where no drop is).
    `chance_held` and `n_expected` are those of a candidate that lost nothing, `n_tokens` those of
    one item.
    """

    capability: str
    suite: str
    ring: Ring
    role: Role
    n_items: int
    n_asked: int
    n_effective: int
    n_effective_clusters: float | None
    n_looks: int
    margin: float | None
    churn: float
    n_needed: int | None
    smallest_drop: float | None
    chance_held: float | None
    n_expected: float
    n_tokens: float


def capability_power(  # noqa: PLR0913 (all that a plan knows of one)
    suite: Suite,
    capability: Capability,
    planned: Sequence[TaskProgress],
    *,
    looks: tuple[int, ...],
    churn: float,
    level: float,
    plan: Plan,
    policy: Policy,
    characters_a_token: float = CHARACTERS_A_TOKEN,
) -> tuple[CapabilityPower, Design | None]:
    """Return what the plan can say of one capability, and its simulation if it can decide."""
    role = policy.role(capability.name, capability.ring)
    margin = policy.margin(capability.name)
    items = [(series.task, item) for series in planned for item in series.planned]
    names = [cluster_name(task, item, policy) for task, item in items if task.gates(item)]
    n_clusters, n_seen = _clusters(names, churn, policy)
    each = worth(len(names), n_clusters, churn=churn, margin=margin, alpha=policy.first_level)
    design = None
    if names and each > 0 and role != "target":
        sizes = [max(1, round(n * each)) for n in looks]
        design = Design(tuple(dict.fromkeys(sizes)), margin, churn=churn)
    alone = None if design is None else outcomes_of([design], policy.first_level)
    share = 1.0
    if design is not None and alone is not None:
        share = float(alone.n_asked.mean()) / design.looks[-1]
    n_effective = round(len(names) * each)
    is_asked_of = role != "target" and each > 0
    power = CapabilityPower(
        capability=capability.name,
        suite=suite.name,
        ring=capability.ring,
        role=role,
        n_items=len(names),
        n_asked=len(items),
        n_effective=n_effective,
        n_effective_clusters=n_clusters,
        n_looks=len(looks),
        margin=None if role == "target" else margin,
        churn=churn,
        n_needed=_needed(margin, churn, policy.first_level, each) if is_asked_of else None,
        smallest_drop=_smallest_drop(n_seen, churn, level) if n_seen and design else None,
        chance_held=None if alone is None else float(alone.held.mean()),
        n_expected=len(items) * share,
        n_tokens=_tokens(planned, plan.protocol, characters_a_token),
    )
    return power, design


def _clusters(names: Sequence[str], churn: float, policy: Policy) -> tuple[float | None, int]:
    """Return the effective clusters (None: each item stands alone), and how many show a drop."""
    if len(set(names)) == len(names) or policy.estimand == "suite":
        return None, len(names)
    expected = expected_clustering(names, churn=churn)
    return expected.n_effective_clusters, round(len(names) / expected.inflation(policy.first_level))


def worth(
    n_items: int, n_clusters: float | None, *, churn: float, margin: float, alpha: float
) -> float:
    """Return how many independent items one of these is worth where HELD is asked, in [0, 1].

    As many hold with the same chance, where nothing was lost. 0 where there are too few clusters.
    """
    if n_clusters is None:
        return 1.0
    if n_clusters < least_effective_clusters(margin=margin, alpha=alpha):
        return 0.0
    churn = max(churn, _LEAST_CHURN)
    power = expected_power(
        n_items=n_items, n_clusters=n_clusters, churn=churn, margin=margin, alpha=alpha
    )
    power = min(max(power, alpha + _LEAST_POWER), 1 - _LEAST_POWER)
    n_alike = items_needed(margin=margin, alpha=alpha, power=power, discordance=churn)
    return min(1.0, n_alike / n_items)


def _needed(margin: float, churn: float, alpha: float, each: float) -> int:
    needed = items_needed(margin=margin, alpha=alpha, power=POWER, discordance=churn)
    return math.ceil(needed / each)


def _smallest_drop(n_items: int, churn: float, level: float) -> float | None:
    """Return the smallest drop that is seen; beyond the churn, every change is a break."""
    changed = max(churn, 1.0 / n_items)
    while changed <= 1.0:
        drop = detectable_drop(n_items=n_items, alpha=level, power=POWER, discordance=changed)
        if drop is not None:
            return drop
        changed *= _FINENESS
    return None


def outcomes_of(
    designs: Sequence[Design],
    alpha: float,
    stops_at_failure: bool = False,
    mean_margin: float | None = None,
) -> Outcomes:
    rng = np.random.default_rng(_SEED)
    counts = draw(designs, _N_GATES, rng)
    return decide(
        counts,
        designs,
        alpha=alpha,
        pooled_share=TOGETHER,
        stops_at_failure=stops_at_failure,
        mean_margin=mean_margin,
    )


def _tokens(
    planned: Sequence[TaskProgress], protocol: EvalSettings, characters_a_token: float
) -> float:
    """Return the tokens of an item, from its text: what is asked, and its choices or its answer."""
    total, n_items = 0.0, 0
    for series in planned:
        task = series.task
        read = task.items[:_N_READ]
        if not read:
            continue
        usual = _ANSWER_TOKENS.get(task.cost or "", _USUAL_ANSWER_TOKENS)
        longest = protocol.max_tokens or task.max_tokens or usual
        is_read = task.cost == "likelihood"  # which some tasks without choices are
        tokens = sum(
            len(item.prompt + "".join(item.choices)) / characters_a_token
            + (0 if item.choices or is_read else protocol.repeats * longest)
            for item in read
        )
        total += tokens / len(read) * series.n_planned
        n_items += series.n_planned
    return total / n_items if n_items else 0.0
