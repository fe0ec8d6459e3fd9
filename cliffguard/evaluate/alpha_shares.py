"""Shares of alpha among the tests of a verdict and over runs, in one place.

PASS takes a proof of every gating capability, each at alpha (intersection–union). FAIL comes from
any of three tests, which share alpha: of single capabilities (Holm), of all of them together, and
of their parts. A share that no test can use goes to the single capabilities. A target's gain is a
question of its own, at alpha in either direction.
"""

from __future__ import annotations

from dataclasses import dataclass

from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.settings import Policy
from cliffguard.stats.runs import run_level

TOGETHER = 0.2
"""Of FAIL's alpha, for the test of all gating capabilities together."""

PARTS = 0.1
"""Of FAIL's alpha, for the parts of capabilities: tasks, levels, classes, named values."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What each of FAIL's tests may spend, as shares of alpha that sum to one."""

    single: float
    together: float
    parts: float


def shares(n_gating: int, *, has_parts: bool) -> Shares:
    """Return the shares of a gate with `n_gating` capabilities; `has_parts`: one of them has parts.

    All of it is known before the first answer.
    """
    together = TOGETHER if n_gating > 1 else 0.0
    parts = PARTS if has_parts else 0.0
    return Shares(single=1.0 - together - parts, together=together, parts=parts)


def at_alpha(p_value: float | None, capability: CapabilityComparison, policy: Policy) -> float:
    """Return a p-value as it is compared with alpha, of which this run may spend its level.

    1 where there is none.
    """
    return scaled(1.0 if p_value is None else p_value, capability.evidence.level, policy)


def scaled(p_value: float, level: float | None, policy: Policy) -> float:
    """Return a p-value as it is compared with alpha; `level` None: of a first run."""
    level = policy.first_level if level is None else level
    return min(1.0, p_value * policy.alpha / level) if level else 1.0


def next_level(capability: CapabilityComparison, policy: Policy) -> float:
    """Return what a further run may spend; before the plan is at its end, this run itself."""
    evidence = capability.evidence
    if not capability.is_finished:
        return policy.first_level if evidence.level is None else evidence.level
    if evidence.next_level is not None:
        return evidence.next_level
    return run_level(alpha=policy.alpha, reserve=policy.reserve, spent=policy.first_level)
