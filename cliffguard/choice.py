"""Several candidates of which one is to be shipped: the best-looking one looks better than it is.

Each candidate's verdict alone errs with alpha. Whoever looks at all of them and takes one that
passed has that chance of error with every one of them. Two ways to keep it at alpha in all: the
candidates share it, or they are tested in an order that is fixed beforehand and only as long as
they pass (Maurer, Hothorn and Lehmacher 1995), as the checkpoints of one training run are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from cliffguard.corridor import default_policy
from cliffguard.errors import UsageError
from cliffguard.plans import Plan, are_both
from cliffguard.targets import suites_of

Choice = Literal["any", "last"]
"""*any*: whichever passed may be shipped. *last*: the last that passed, in the order given."""


def remark(choice: Choice, plans: Sequence[Plan]) -> tuple[str, ...]:
    """Return what the reports say of the choice."""
    if choice == "last":
        return ("One of several candidates, tested in order as long as they pass.",)
    return (f"One of {len(plans)} candidates of which one is chosen; they share alpha.",)


def shared(plans: Sequence[Plan], choice: Choice) -> tuple[Plan, ...]:
    """Return the plans with what each may spend of alpha.

    Raises UsageError where there is nothing to choose from.
    """
    if len(plans) < 2:
        raise UsageError("--choose: there is one candidate only; leave it out, or give more")
    if are_both(plans):
        raise UsageError(
            "--choose and chat_template: both: a candidate that passes under one template may be "
            "chosen though it fails under the other; choose under own or base"
        )
    if choice == "last":
        return tuple(plans)
    return tuple(
        replace(plan, policy=replace(policy, alpha=policy.alpha / len(plans)))
        for plan in plans
        for policy in [plan.policy or default_policy(suites_of(plan))]
    )


def told(choice: Choice, names: Sequence[str], passed: Sequence[bool]) -> str:
    """Return in one line what may be shipped; `passed` ends where the testing did."""
    good = [name for name, has_passed in zip(names, passed, strict=False) if has_passed]
    if choice == "any":
        them = f"of {len(names)} candidates, which share alpha"
        return f"{them}, {' or '.join(good)} may be shipped" if good else f"{them}, none passed"
    untested = len(names) - len(passed)
    after = f"; {untested} after the first that did not pass not tested" if untested else ""
    if not good:
        return f"in the order given, the first did not pass{after}"
    return f"in the order given, {good[-1]} is the last that passed{after}"
