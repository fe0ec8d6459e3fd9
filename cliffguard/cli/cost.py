"""What a check will cost, said before it begins."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cliffguard.cli.plan import analysis_of, minutes_of
from cliffguard.config import AROUND_A_TARGET
from cliffguard.core.texts import n_things

if TYPE_CHECKING:
    from cliffguard.core.settings import Plan


def takes_more(plan: Plan) -> bool:
    """Return whether what lies around a target is all that is asked beside it."""
    return plan.target is not None and plan.suites == (AROUND_A_TARGET,)


def foretold(plans: Sequence[Plan], store: Path | None, *, stops_early: bool) -> str | None:
    """Return what a target, and the suite that it takes with it, cost; None of any other plan."""
    plan = plans[0]
    if not takes_more(plan):
        return None
    assert plan.target is not None
    # Items that the training data hold do not count, which makes little of the cost.
    analysis, _, base = analysis_of(dataclasses.replace(plan, train=()), store, stops_early)
    minutes = minutes_of(plan, base, analysis)
    each = "" if len(plans) == 1 else f" for each of {len(plans)} comparisons"
    time = "" if minutes is None else f", roughly {max(minutes, 0.1):,.1f} minutes on this machine"
    return (
        f"{plan.target.name}, and around it the suite {AROUND_A_TARGET}: about "
        f"{analysis.n_expected:,.0f} of {n_things(analysis.n_planned, 'item', ',')}, "
        f"{analysis.n_tokens / 1e6:,.2f} million tokens on both sides{time}{each}; --suite none "
        "asks the target alone, and nothing can pass then"
    )
