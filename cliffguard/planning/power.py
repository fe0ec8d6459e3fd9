"""Power analysis of a plan before anything is asked: the chance to pass, detectable drops, minutes.

Counted from the suites, and simulated with the gate's own rules: how likely a candidate that lost
nothing is to pass, after how many items, and which drop is too small to be seen. The one unknown
is how many answers a fine-tune changes without being better or worse, the *churn*.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cliffguard.compare.verdict import absent
from cliffguard.core.behaviours import behaviour_of, finding_name
from cliffguard.core.items import Suite, Task
from cliffguard.core.reviews import PlannedLooks
from cliffguard.core.settings import EvalSettings, Plan, Policy
from cliffguard.core.texts import in_points, n_things, plural
from cliffguard.evaluate.allocation import USUAL_CHURN, deal
from cliffguard.evaluate.alpha_shares import TOGETHER
from cliffguard.evaluate.schedule import plan_looks
from cliffguard.planning.capability_power import (
    CHARACTERS_A_TOKEN,
    CapabilityPower,
    capability_power,
    outcomes_of,
)
from cliffguard.stats.clusters import least_effective_clusters
from cliffguard.stats.simulate import Design, Outcomes
from cliffguard.store.shards import in_order


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

    @property
    def of_one_side(self) -> PowerAnalysis:
        """The same with the cost of asking one checkpoint everything, which compares nothing."""
        n_tokens = sum(row.n_asked * row.n_tokens for row in self.capabilities)
        return replace(self, n_expected=float(self.n_planned), n_tokens=n_tokens)


def power_analysis(
    plan: Plan,
    suites: Sequence[Suite],
    tasks: Sequence[Task],
    policy: Policy,
    *,
    churn: Mapping[str, float] | None = None,
    stops_early: bool = True,
    holds_both: bool = True,
    characters_a_token: float = CHARACTERS_A_TOKEN,
) -> PowerAnalysis:
    """Return what a plan over these tasks can decide; `churn` is expected of each capability.

    Unless the runner `holds_both` checkpoints, the base is asked in full. `characters_a_token` are
    those of the base's tokenizer, where it is at hand.
    """
    # 1. The looks of the run itself, from the same functions, so that both plan the same items.
    measured = [(suite, capability) for suite in suites for capability in suite.capabilities]
    expected = {c.name: (churn or {}).get(c.name, USUAL_CHURN) for _, c in measured}
    shares = deal(plan, suites, tasks, policy, expected)
    schedule = plan_looks(
        tasks, suites, plan.protocol, policy, stops_early=stops_early, shares=shares
    )
    manifest = schedule.manifest()
    whole = schedule.everything()
    looks = {planned.capability: planned.n_items for planned in manifest}
    # 2. Each capability alone, at the level that Holm asks of the first.
    level = _level_of_first(suites, policy)
    rows, designs = [], []
    for suite, capability in measured:
        row, design = capability_power(
            suite,
            capability,
            [series for series in whole if series.task.capability == capability.name],
            looks=looks.get(capability.name, (0,)),
            churn=expected[capability.name],
            level=level,
            plan=plan,
            policy=policy,
            characters_a_token=characters_a_token,
        )
        rows.append(row)
        if row.role == "gating":
            designs.append(design)
    # 3. All together, simulated: PASS takes every gating one, and an absent one bars it.
    rings = {row.capability: row.ring for row in rows}
    unmeasured = [name for name, role, _ in absent(policy, rings) if role != "monitored"]
    unmeasured += _idle_behaviours(rows, tasks, policy)
    gate = _gate(rows, designs, plan, policy, can_pass=not unmeasured)
    return PowerAnalysis(
        capabilities=gate.rows,
        chance_pass=gate.chance_pass,
        chance_fail=gate.chance_fail,
        n_planned=sum(row.n_asked for row in rows),
        n_expected=sum(row.n_expected for row in gate.rows),
        n_tokens=_n_tokens(gate.rows, holds_both=holds_both),
        looks=manifest,
        remarks=_remarks(gate.rows, tasks, plan, policy, unmeasured),
        mean_price=gate.price,
    )


def _n_tokens(rows: Sequence[CapabilityPower], *, holds_both: bool) -> float:
    """Return the tokens of both sides; the base is asked in full unless both are held at once."""
    return sum(
        (row.n_expected + (row.n_expected if holds_both else row.n_asked)) * row.n_tokens
        for row in rows
    )


def _level_of_first(suites: Sequence[Suite], policy: Policy) -> float:
    """Return what Holm asks of the first capability of several, beside the test of all together."""
    roles = [policy.role(c.name, c.ring) for suite in suites for c in suite.capabilities]
    n_gating = roles.count("gating")
    n_tested = n_gating + sum(rules.gate for rules in policy.behaviour.values())
    return policy.first_level * (1 - TOGETHER if n_gating > 1 else 1.0) / max(1, n_tested)


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
    together = outcomes_of(able, policy.first_level, stops, policy.mean_margin)
    price = None
    if policy.mean_margin is not None:
        without = outcomes_of(able, policy.first_level, stops)
        rows, before = (
            _with_expected_items(rows, designs, outcomes) for outcomes in (together, without)
        )
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


def _with_expected_items(
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


def _remarks(
    rows: Sequence[CapabilityPower],
    tasks: Sequence[Task],
    plan: Plan,
    policy: Policy,
    unmeasured: Sequence[str],
) -> tuple[str, ...]:
    remarks = [
        f"{name}: the policy names it, but "
        f"{'no suite measures it' if behaviour_of(name) is None else 'nothing generates answers'}"
        for name in unmeasured
    ]
    remarks += [remark for task in tasks if (remark := _excluded(task, plan.protocol))]
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
                f"at a margin of {in_points(row.margin or 0)}; add clusters, or widen the margin"
            )
        elif row.n_needed is not None and row.n_needed > row.n_items:
            remarks.append(
                f"{row.capability}: {n_things(row.n_items, 'item')}, and about {row.n_needed} are "
                f"needed to exclude a loss of {in_points(row.margin or 0)}; "
                "add items, or widen the margin"
            )
        if row.capability in graded:
            remarks.append(_on_graded(row, policy))
    remarks += _on_behaviours(rows, tasks, policy)
    if policy.estimand == "suite":
        remarks.append(
            "estimand: suite takes fewer items than are told here, and decides at the last"
        )
    return tuple(remarks)


def _generated(rows: Sequence[CapabilityPower], tasks: Sequence[Task]) -> list[CapabilityPower]:
    """Return what gates and has answers in words, over which behaviours are judged."""
    names = {task.capability for task in tasks if any(not item.choices for item in task.items)}
    return [row for row in rows if row.role == "gating" and row.capability in names]


def _idle_behaviours(
    rows: Sequence[CapabilityPower], tasks: Sequence[Task], policy: Policy
) -> list[str]:
    """Return the behaviours that PASS takes a proof of, where no answer could show them."""
    is_idle = not _generated(rows, tasks)
    return [
        finding_name(name) for name, rules in policy.behaviour.items() if rules.gate and is_idle
    ]


def _on_behaviours(
    rows: Sequence[CapabilityPower], tasks: Sequence[Task], policy: Policy
) -> list[str]:
    """Say that behaviours are not planned, and by how many answers they are judged."""
    generated = _generated(rows, tasks)
    if not policy.behaviour or not generated:
        return []
    n = n_things(sum(row.n_items for row in generated), "generated answer", ",")
    return [
        f"behaviour ({', '.join(policy.behaviour)}): judged on {n}, all of which are asked at the "
        "first look; the chance to pass is told without it, since it hangs on how long answers are "
        "and how often they are cut"
    ]


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
