"""What was given on the command line: plans, and a store."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cliffguard.cli import options as opt
from cliffguard.cli.console import hold
from cliffguard.errors import UsageError, redacted
from cliffguard.plans import are_both

if TYPE_CHECKING:
    from cliffguard.plans import Plan
    from cliffguard.store import Store


def plans_of(path: Path | None, flags: Mapping[str, Any]) -> tuple[Plan, ...]:
    """Return one plan per candidate."""
    from cliffguard.hub import is_offline, no_connection

    plans = _read_plans(path, opt.overrides(flags))
    if is_offline():  # a server of one's own is asked nevertheless
        plans = tuple(dataclasses.replace(one, offline=not one.runner.is_served) for one in plans)
    if any(plan.offline for plan in plans):
        hold(no_connection())
    return plans


def plan_of(flags: Mapping[str, Any], path: Path | None = None) -> Plan:
    """Return the one plan of a verb that asks in one way."""
    plan, *others = plans_of(path, flags)
    if others:
        raise UsageError("--chat-template both: is for check; here choose own or base")
    return plan


def _read_plans(path: Path | None, given: Mapping[str, Any]) -> tuple[Plan, ...]:
    from cliffguard.config import load_plans, make_plans

    if path is not None:
        return load_plans(path, given)
    if "candidate" not in given:
        raise UsageError("no candidate: give a plan file, or --candidate (and --base, --suite)")
    if not {"suites", "target"} & given.keys():
        raise UsageError("no suite: give --suite NAME (see `cliffguard suites ls`), or --target")
    return make_plans(given, "command line")


def show(plans: Sequence[Plan]) -> None:
    import yaml

    from cliffguard.config import as_written
    from cliffguard.corridor import default_policy, with_margins
    from cliffguard.targets import suites_of

    suites = suites_of(plans[0])
    policy = with_margins(plans[0].policy or default_policy(suites), suites)
    resolved = as_written(dataclasses.replace(plans[0], policy=policy))
    if are_both(plans):
        resolved["protocol"]["chat_template"] = "both"
    names = list(dict.fromkeys(plan.candidate for plan in plans))
    if len(names) > 1:
        resolved["candidate"] = names
    sys.stdout.write(redacted(yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True)))


def open_store(folder: Path | None) -> Store:
    """Return the store in `folder`, or the user's."""
    from cliffguard.store import Store, default_store_folder

    return Store(folder or default_store_folder())
