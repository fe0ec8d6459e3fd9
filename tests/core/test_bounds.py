"""Settings that Python code makes are refused where they are made, as those of a file are."""

from __future__ import annotations

from typing import Any

import pytest

from cliffguard import Plan, Policy
from tests import support


@pytest.mark.parametrize(
    ("settings", "said_of"),
    [
        ({"behaviour": {"length": {"margin": 0.1}}}, "behaviour.length must be BehaviourPolicy(…)"),
        ({"capabilities": {"a": {"margin": 0.1}}}, "capabilities.a must be CapabilityPolicy(…)"),
        ({"capabilities": ["a"]}, "capabilities must be a mapping, not ['a']"),
        ({"target": {"min_gain": 0.1}}, "target must be TargetPolicy(…), not {"),
        ({"alpha": "0.05"}, "alpha must be a number, not '0.05'"),
        ({"alpha": True}, "alpha must be a number, not True"),
        ({"alpha": {"all": 0.1}}, "alpha must be a number, not {"),
    ],
)
def test_a_value_of_another_kind_is_refused_at_once(settings: Any, said_of: str) -> None:
    """A plain dict where a record belongs would be missed until somebody reads a field of it."""
    with support.refused(f"policy.{next(iter(settings))}", 2, said_of):
        Policy(**settings)


@pytest.mark.parametrize("name", ["policy", "protocol", "target", "runner"])
def test_a_plan_takes_records(name: str) -> None:
    """And no dict of their fields."""
    with support.refused(f"plan.{name}", 2, f"{name} must be "):
        Plan(candidate="tuned", suites=("adjacent",), **{name: {"limit": 4}})  # type: ignore[arg-type]
