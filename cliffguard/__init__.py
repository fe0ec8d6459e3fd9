"""cliffguard: catch the capabilities that a fine-tune lost, before the checkpoint ships.

    from cliffguard import Plan, guard

    review = guard(Plan(base="models/base", candidate="runs/ft/adapter", suites=("adjacent",)))
    print(review.verdict.outcome, review.verdict.sentence)

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cliffguard.config import load_plan, load_policy
    from cliffguard.corridor import guard
    from cliffguard.errors import CliffguardError
    from cliffguard.plans import (
        CapabilityPolicy,
        Plan,
        Policy,
        Protocol,
        RunnerSettings,
        TargetData,
        TargetPolicy,
    )
    from cliffguard.records import Outcome, Review
    from cliffguard.report import render
    from cliffguard.report.json import read_review
    from cliffguard.store import Store

# No library below reports what it is used for. Read when they are imported, which is later.
for _name in ("HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
    os.environ.setdefault(_name, "1")

__all__ = [
    "CapabilityPolicy",
    "CliffguardError",
    "Outcome",
    "Plan",
    "Policy",
    "Protocol",
    "Review",
    "RunnerSettings",
    "Store",
    "TargetData",
    "TargetPolicy",
    "guard",
    "load_plan",
    "load_policy",
    "read_review",
    "render",
]

_HOMES = {  # of the others, plans
    "CliffguardError": "errors",
    "Outcome": "records",
    "Review": "records",
    "Store": "store",
    "guard": "corridor",
    "load_plan": "config",
    "load_policy": "config",
    "read_review": "report.json",
    "render": "report",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'cliffguard' has no attribute {name!r}")
    return getattr(importlib.import_module(f"cliffguard.{_HOMES.get(name, 'plans')}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
