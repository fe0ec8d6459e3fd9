"""cliffguard: catch the capabilities that a fine-tune lost, before the checkpoint ships.

    from cliffguard import Plan, guard

    review = guard(Plan(base="models/base", candidate="runs/ft/adapter", suites=("adjacent",)))
    print(review.verdict.outcome, review.verdict.sentence)

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from importlib.abc import Loader

    from cliffguard.config import load_plan, load_policy
    from cliffguard.core.backends import register_backend
    from cliffguard.core.caveats import Caveat
    from cliffguard.core.errors import CliffguardError
    from cliffguard.core.reviews import Outcome, Review
    from cliffguard.core.settings import (
        BehaviourPolicy,
        CapabilityPolicy,
        EvalSettings,
        Plan,
        Policy,
        RunnerSettings,
        TargetData,
        TargetPolicy,
    )
    from cliffguard.gate import guard
    from cliffguard.report import render
    from cliffguard.report.json import read_review
    from cliffguard.store.answers import Store

# No library below reports what it is used for. Read when they are imported, which is later.
for _name in ("HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
    os.environ.setdefault(_name, "1")

__all__ = [
    "BehaviourPolicy",
    "CapabilityPolicy",
    "Caveat",
    "CliffguardError",
    "EvalSettings",
    "Outcome",
    "Plan",
    "Policy",
    "Review",
    "RunnerSettings",
    "Store",
    "TargetData",
    "TargetPolicy",
    "guard",
    "load_plan",
    "load_policy",
    "read_review",
    "register_backend",
    "render",
]

_HOMES = {  # of the others, core.settings
    "Caveat": "core.caveats",
    "CliffguardError": "core.errors",
    "Outcome": "core.reviews",
    "Review": "core.reviews",
    "Store": "store.answers",
    "guard": "gate",
    "load_plan": "config",
    "load_policy": "config",
    "read_review": "report.json",
    "register_backend": "core.backends",
    "render": "report",
}

_MOVED = {
    "cliffguard.corridor": "cliffguard.gate",
    "cliffguard.ladders": "cliffguard.suites.ladders",
}
"""Modules that README or docs named, by their old names: found until the next release."""


class _Moved:
    """Finds a module under its old name, with a warning. Its base classes would take 15 ms."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, cast("Loader", self)) if fullname in _MOVED else None

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python make the module."""

    def exec_module(self, module: ModuleType) -> None:
        new = _MOVED[module.__name__]
        warnings.warn(
            f"{module.__name__} is now {new}; the old name goes with the next release",
            DeprecationWarning,
            stacklevel=2,
        )
        vars(module).update(
            {
                name: value
                for name, value in vars(importlib.import_module(new)).items()
                if not name.startswith("__")
            }
        )


sys.meta_path.append(_Moved())


_RENAMED = {"Protocol": "EvalSettings"}
"""Names of earlier releases: found until the next one."""


def __getattr__(name: str) -> Any:
    if new := _RENAMED.get(name):
        warnings.warn(
            f"cliffguard.{name} is now cliffguard.{new}; the old name goes with the next release",
            DeprecationWarning,
            stacklevel=2,
        )
        name = new
    if name not in __all__:
        raise AttributeError(f"module 'cliffguard' has no attribute {name!r}")
    return getattr(importlib.import_module(f"cliffguard.{_HOMES.get(name, 'core.settings')}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
