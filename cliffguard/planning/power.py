"""Power analysis of a plan before anything is asked: the chance to pass, detectable drops, minutes.

Counted from the suites, and simulated with the gate's own rules: how likely a candidate that lost
nothing is to pass, after how many items, and which drop is too small to be seen. The one unknown
is how many answers a fine-tune changes without being better or worse, the *churn*.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cliffguard.compare.clusters import cluster_name
from cliffguard.compare.verdict import absent
from cliffguard.core.items import Capability, Suite, Task
from cliffguard.core.reviews import PlannedLooks
from cliffguard.core.settings import EvalSettings, Plan, Policy, Ring, Role
from cliffguard.core.texts import n_things, plural
from cliffguard.evaluate.allocation import USUAL_CHURN, deal
from cliffguard.evaluate.alpha_shares import TOGETHER
from cliffguard.evaluate.schedule import TaskProgress, plan_looks
from cliffguard.stats.clusters import expected_clustering, expected_power, least_effective_clusters
from cliffguard.stats.power import detectable_drop, items_needed
from cliffguard.stats.simulate import Design, Outcomes, decide, draw
from cliffguard.store.shards import in_order

POWER = 0.9
"""The probability behind "needed" and "smallest drop seen"."""

_N_GATES = 2000
_FINENESS = 1.05  # steps in which a drop beyond the churn is sought
_SEED = 0
_LEAST_POWER = 1e-3  # above alpha, and below 1, between which a number of items is sought
_LEAST_CHURN = 1e-6  # by which clusters are weighed where nothing is expected to change
_CHARACTERS_A_TOKEN = 4.0  # of English prose under the usual vocabularies
_USUAL_ANSWER_TOKENS = 128  # of a generated answer that nothing says more about
_ANSWER_TOKENS = {
    "likelihood": 0,
    "short generation": 16,
    "long generation": 256,
}  # by a task's cost
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


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanPrice:
    """What a margin on the mean drop costs a candidate that lost nothing.

    Without it, at the same looks and margins of the capabilities, `chance_pass` would be the chance
    to pass, and `n_items` fewer would be asked.
    """

    margin: float
    chance_pass: float
    n_items: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerAnalysis:
    """What the plan can say of the whole, for a candidate that lost nothing and met its target.

    `n_tokens` are those of both sides up to where it stops; shots that all items share are not
    counted. `looks` are what the review of a run under this plan will name. With a margin on the
    mean drop `mean_price` says what it costs.
    """

    capabilities: tuple[CapabilityPower, ...]
    chance_pass: float
    chance_fail: float
    n_planned: int
    n_expected: float
    n_tokens: float
    looks: tuple[PlannedLooks, ...]
    remarks: tuple[str, ...]
    mean_price: MeanPrice | None = None


def power_analysis(
    plan: Plan,
    suites: Sequence[Suite],
    tasks: Sequence[Task],
    policy: Policy,
    *,
    churn: Mapping[str, float] | None = None,
    stops_early: bool = True,
    holds_both: bool = True,
) -> PowerAnalysis:
    """Return what a plan over these tasks can decide; `churn` is expected of each capability.

    Unless the runner `holds_both` checkpoints, the base is asked in full.
    """
    measured = [(suite, capability) for suite in suites for capability in suite.capabilities]
    expected = {c.name: (churn or {}).get(c.name, USUAL_CHURN) for _, c in measured}
    shares = deal(plan, suites, tasks, policy, expected)
    schedule = plan_looks(
        tasks, suites, plan.protocol, policy, stops_early=stops_early, shares=shares
    )
    manifest = schedule.manifest()
    whole = schedule.everything()
    looks = {planned.capability: planned.n_items for planned in manifest}
    level = _level_of_first(suites, policy)
    rows, designs = [], []
    for suite, capability in measured:
        row, design = _capability(
            suite,
            capability,
            [series for series in whole if series.task.capability == capability.name],
            looks=looks.get(capability.name, (0,)),
            churn=expected[capability.name],
            level=level,
            plan=plan,
            policy=policy,
        )
        rows.append(row)
        if row.role == "gating":
            designs.append(design)
    rings = {row.capability: row.ring for row in rows}
    unmeasured = [name for name, role, _ in absent(policy, rings) if role != "monitored"]
    gate = _gate(rows, designs, plan, policy, can_pass=not unmeasured)
    return PowerAnalysis(
        capabilities=gate.rows,
        chance_pass=gate.chance_pass,
        chance_fail=gate.chance_fail,
        n_planned=sum(row.n_asked for row in rows),
        n_expected=sum(row.n_expected for row in gate.rows),
        n_tokens=sum(
            (row.n_expected + (row.n_expected if holds_both else row.n_asked)) * row.n_tokens
            for row in gate.rows
        ),
        looks=manifest,
        remarks=(
            *(f"{name}: the policy names it, but no suite measures it" for name in unmeasured),
            *_remarks(gate.rows, tasks, plan, policy),
        ),
        mean_price=gate.price,
    )


def _level_of_first(suites: Sequence[Suite], policy: Policy) -> float:
    """Return what Holm asks of the first capability of several, beside the test of all together."""
    roles = [policy.role(c.name, c.ring) for suite in suites for c in suite.capabilities]
    n_gating = roles.count("gating")
    return policy.first_level * (1 - TOGETHER if n_gating > 1 else 1.0) / max(1, n_gating)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gate:
    """What simulated gates of all that is gating come to; the rows ask as many items as they do."""

    rows: tuple[CapabilityPower, ...]
    chance_pass: float = 0.0
    chance_fail: float = 0.0
    price: MeanPrice | None = None


def _gate(
    rows: Sequence[CapabilityPower],
    designs: Sequence[Design | None],
    plan: Plan,
    policy: Policy,
    *,
    can_pass: bool,
) -> _Gate:
    """Simulate gates of what can be decided. None passes where something gating cannot be."""
    able = [design for design in designs if design is not None]
    if not able:
        return _Gate(rows=tuple(rows))
    is_whole = can_pass and len(able) == len(designs)
    stops = plan.after_failure == "stop"
    together = _outcomes(able, policy.first_level, stops, policy.mean_margin)
    price = None
    if policy.mean_margin is not None:
        without = _outcomes(able, policy.first_level, stops)
        rows, before = (_asked(rows, designs, outcomes) for outcomes in (together, without))
        price = MeanPrice(
            margin=policy.mean_margin,
            chance_pass=float(without.passed.mean()) if is_whole else 0.0,
            n_items=sum(row.n_expected for row in rows) - sum(row.n_expected for row in before),
        )
    return _Gate(
        rows=tuple(rows),
        chance_pass=float(together.passed.mean()) if is_whole else 0.0,
        chance_fail=float(together.failed.mean()),
        price=price,
    )


def _asked(
    rows: Sequence[CapabilityPower], designs: Sequence[Design | None], together: Outcomes
) -> list[CapabilityPower]:
    """Return the rows with the items that gates of all that is gating ask, and not one alone."""
    able = [design for design in designs if design is not None]
    shares = iter(together.n_asked.mean(axis=0) / [design.looks[-1] for design in able])
    remaining = iter(designs)
    return [
        replace(row, n_expected=row.n_asked * float(next(shares)))
        if row.role == "gating" and next(remaining) is not None
        else row
        for row in rows
    ]


def _capability(
    suite: Suite,
    capability: Capability,
    planned: Sequence[TaskProgress],
    *,
    looks: tuple[int, ...],
    churn: float,
    level: float,
    plan: Plan,
    policy: Policy,
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
    alone = None if design is None else _outcomes([design], policy.first_level)
    share = 1.0
    if design is not None and alone is not None:
        share = float(alone.n_asked.mean()) / design.looks[-1]
    n_effective = round(len(names) * each)
    is_asked_of = role != "target" and each > 0
    outlook = CapabilityPower(
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
        n_tokens=_tokens(planned, plan.protocol),
    )
    return outlook, design


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


def _outcomes(
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


def _tokens(planned: Sequence[TaskProgress], protocol: EvalSettings) -> float:
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
            len(item.prompt + "".join(item.choices)) / _CHARACTERS_A_TOKEN
            + (0 if item.choices or is_read else protocol.repeats * longest)
            for item in read
        )
        total += tokens / len(read) * series.n_planned
        n_items += series.n_planned
    return total / n_items if n_items else 0.0


def _remarks(
    rows: Sequence[CapabilityPower], tasks: Sequence[Task], plan: Plan, policy: Policy
) -> list[str]:
    remarks = [remark for task in tasks if (remark := _excluded(task, plan.protocol))]
    graded = {task.capability for task in tasks if task.is_graded(plan.protocol.repeats)}
    for row in rows:
        if row.role != "gating":
            continue
        if row.n_items == 0:
            remarks.append(f"{row.capability}: no item counts, so that nothing can pass")
        elif row.chance_held is None:
            needed = least_effective_clusters(margin=row.margin or 0, alpha=policy.first_level)
            remarks.append(
                f"{row.capability}: its items lie in clusters worth "
                f"{math.floor(row.n_effective_clusters or 0)} of one size, and HELD takes {needed} "
                f"at a margin of {n_things(100 * (row.margin or 0), 'point', 'g')}; add clusters, "
                "or widen the margin"
            )
        elif row.n_needed is not None and row.n_needed > row.n_items:
            remarks.append(
                f"{row.capability}: {n_things(row.n_items, 'item')}, and about {row.n_needed} are "
                f"needed to exclude a loss of {n_things(100 * (row.margin or 0), 'point', 'g')}; "
                "add items, or widen the margin"
            )
        if row.capability in graded:
            remarks.append(_on_graded(row, policy))
    if policy.estimand == "suite":
        remarks.append(
            "estimand: suite takes fewer items than are told here, and decides at the last"
        )
    return remarks


def _on_graded(row: CapabilityPower, policy: Policy) -> str:
    if row.n_looks > 1 or policy.estimand == "suite":
        return (
            f"{row.capability}: graded scores are decided by betting, which takes more items than "
            "right or wrong does; in one look (--no-early-stop) fewer are enough"
        )
    return (
        f"{row.capability}: its scores are graded, and what is told here is for right or wrong; "
        "graded scores that move by little need fewer items, and others more"
    )


def _excluded(task: Task, protocol: EvalSettings) -> str | None:
    items = in_order(task, protocol)
    n_excluded = sum(item.id in task.excluded for item in items)
    if not n_excluded:
        return None
    return (
        f"{task.name}: of {n_things(len(items), 'item')} {n_excluded} "
        f"{plural(n_excluded, 'stands', 'stand')} in the training data, and do not count"
    )
