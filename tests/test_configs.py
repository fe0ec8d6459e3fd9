"""The plans in configs/ really run, and the files they name are sound."""

from __future__ import annotations

from pathlib import Path

import pytest

from cliffguard.config import load_plan, load_policy
from cliffguard.runners.lmeval_tasks import _stock_tasks
from cliffguard.suites.loading import load_suite, load_suites

CHECKOUT = Path(__file__).parent.parent
PLANS = sorted((CHECKOUT / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.name)
def test_every_plan_resolves(path: Path) -> None:
    """It loads, its suites can be used together, and have what its policy names."""
    plan = load_plan(path)

    measured = {c.name for suite in load_suites(plan.suites) for c in suite.capabilities}
    assert plan.policy is not None
    assert set(plan.policy.capabilities) <= measured != set()


def test_stock_tasks_are_known_to_lm_eval() -> None:
    """Every lm-eval task that a suite of ours names exists in the installed lm-eval."""
    known = set(_stock_tasks().all_tasks)
    suite = load_suite(str(CHECKOUT / "configs" / "suites" / "general.yaml"))

    assert {t.name for c in suite.capabilities for t in c.tasks if t.stock} <= known


def test_the_demo_policy_is_sound() -> None:
    """The policy that ships with the demo loads."""
    assert load_policy(CHECKOUT / "suites" / "demo" / "policy.yaml").target is not None
