"""What to change first in a plan, so that a lossless candidate passes often enough (`plan --aim`).

PASS takes a proof of every gating capability, so the chance to pass is about the product of theirs.
The one that is held least often is changed first: more of its items, or a wider margin.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cliffguard.core.settings import Policy
from cliffguard.evaluate.alpha_shares import TOGETHER
from cliffguard.evaluate.looks import look_fractions, n_items_at
from cliffguard.planning.capability_power import CapabilityPower, worth
from cliffguard.planning.power import PowerAnalysis
from cliffguard.stats.simulate import Design, Outcomes, decide, draw

_N_GATES = 2000
_SEED = 0
_MOST_TIMES = 64  # the items there are, beyond which no number is sought
_FINENESS = 0.02  # of a number of items
_MARGIN_STEP = 0.01
_LARGEST_MARGIN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What would make a capability hold often enough: so many items, or so wide a margin.

    `n_items` and `margin` are None where none does, as in too few clusters; `n_now` items count and
    `margin_now` is tolerated so far.
    """

    capability: str
    chance_held: float
    n_now: int
    margin_now: float
    n_items: int | None
    margin: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """The chance to pass that is aimed at, and what to change for it, first things first.

    `chance_after` is the chance with as many items as `changes` say; None where one has no number.
    """

    chance: float
    is_reached: bool
    changes: tuple[Change, ...]
    chance_after: float | None


def aim_at(
    chance: float, analysis: PowerAnalysis, policy: Policy, *, stops_early: bool = True
) -> Aim:
    """Return what to change so that a candidate which lost nothing passes with this chance.

    Parameters
    ----------
    chance : float
        Strictly between 0 and 1.
    analysis : PowerAnalysis
        Of the plan as it is, with `stops_early` as there.
    policy : Policy
        The one in force.
    """
    gating = [row for row in analysis.capabilities if row.role == "gating"]
    if analysis.chance_pass >= chance or not gating:
        return Aim(chance=chance, is_reached=bool(gating), changes=(), chance_after=None)
    # One share of the misses for each, and one for a FAIL of what lost nothing.
    each = chance ** (1.0 / (len(gating) + 1))
    changes, designs = [], []
    for row in gating:
        n_items: int | None = row.n_items
        if row.chance_held is None or row.chance_held < each:
            changes.append(_change(row, each, policy, stops_early))
            n_items = changes[-1].n_items
        designs.append(
            _design(row, n_items or 0, row.margin or 0.0, policy.first_level, stops_early)
        )
    able = [design for design in designs if design is not None]
    is_whole = len(able) == len(gating)
    return Aim(
        chance=chance,
        is_reached=False,
        changes=tuple(sorted(changes, key=lambda change: change.chance_held)),
        chance_after=float(_outcomes(able, policy.first_level).passed.mean()) if is_whole else None,
    )


def _change(row: CapabilityPower, each: float, policy: Policy, stops_early: bool) -> Change:
    margin = row.margin or 0.0

    def is_held(n_items: int, margin: float) -> bool:
        design = _design(row, n_items, margin, policy.first_level, stops_early)
        if design is None:
            return False
        return float(_outcomes([design], policy.first_level).held.mean()) >= each

    n_steps = math.floor((_LARGEST_MARGIN - margin) / _MARGIN_STEP + 1e-9)
    steps = _least(lambda n: is_held(row.n_items, margin + n * _MARGIN_STEP), 1, n_steps, 1)
    return Change(
        capability=row.capability,
        chance_held=row.chance_held or 0.0,
        n_now=row.n_items,
        margin_now=margin,
        n_items=_least(
            lambda n: is_held(n, margin),
            row.n_items + 1,
            _MOST_TIMES * row.n_items,
            max(1, round(_FINENESS * row.n_items)),
        ),
        margin=None if steps is None else round(margin + steps * _MARGIN_STEP, 4),
    )


def _least(is_enough: Callable[[int], bool], low: int, high: int, fineness: int) -> int | None:
    """Return about the least number from `low` to `high` that is enough; None where none is."""
    reach = low
    while reach < high and not is_enough(reach):
        low, reach = reach, min(2 * reach, high)
    if reach >= high and (high < low or not is_enough(high)):
        return None
    while reach - low > fineness:
        middle = (low + reach) // 2
        low, reach = (low, middle) if is_enough(middle) else (middle, reach)
    return reach


def _design(
    row: CapabilityPower, n_items: int, margin: float, alpha: float, stops_early: bool
) -> Design | None:
    """Return the capability with so many items; None where they would decide nothing.

    Clusters are taken to grow in number as the items do, and to stay of their size.
    """
    if not n_items:
        return None
    n_clusters = row.n_effective_clusters
    if n_clusters is not None:
        n_clusters *= n_items / row.n_items
    each = worth(n_items, n_clusters, churn=row.churn, margin=margin, alpha=alpha)
    if not each:
        return None
    fractions = look_fractions([n_items], [n_items]) if stops_early else (1.0,)
    sizes = [max(1, round(n_items_at(part, n_items) * each)) for part in fractions]
    return Design(tuple(dict.fromkeys(sizes)), margin, churn=row.churn)


def _outcomes(designs: Sequence[Design], alpha: float) -> Outcomes:
    counts = draw(designs, _N_GATES, np.random.default_rng(_SEED))
    return decide(counts, designs, alpha=alpha, pooled_share=TOGETHER)
