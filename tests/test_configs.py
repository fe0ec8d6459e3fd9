"""The plans in configs/ really run, and the files they name are sound."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cliffguard.config import load_plan, load_policy, schema
from cliffguard.runners.lmeval_tasks import _stock_tasks
from cliffguard.suites.loading import load_suite, load_suites

CHECKOUT = Path(__file__).parent.parent
PLANS = sorted((CHECKOUT / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.name)
def test_every_plan_resolves(path: Path) -> None:
    """A plan loads, its policy with it, and its suites can be used together."""
    plan = load_plan(path)

    assert plan.policy is not None
    assert load_suites(plan.suites)


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.name)
def test_policies_name_capabilities_that_are_measured(path: Path) -> None:
    """No plan demands what its suites do not measure."""
    plan = load_plan(path)
    measured = {c.name for suite in load_suites(plan.suites) for c in suite.capabilities}

    assert plan.policy is not None
    assert set(plan.policy.capabilities) <= measured


def test_stock_tasks_are_known_to_lm_eval() -> None:
    """Every lm-eval task that a suite of ours names exists in the installed lm-eval."""
    known = set(_stock_tasks().all_tasks)
    suite = load_suite(str(CHECKOUT / "configs" / "suites" / "general.yaml"))

    assert {t.name for c in suite.capabilities for t in c.tasks if t.stock} <= known


def test_the_demo_policy_is_sound() -> None:
    """The policy that ships with the demo loads."""
    assert load_policy(CHECKOUT / "suites" / "demo" / "policy.yaml").target is not None


@pytest.mark.parametrize("kind", ["plan", "policy", "suite"])
def test_the_shipped_schemas_are_up_to_date(kind: str) -> None:
    """The JSON Schemas in the package are those of the code (make schemas)."""
    shipped = CHECKOUT / "cliffguard" / "schemas" / f"{kind}.schema.json"

    assert json.loads(shipped.read_text(encoding="utf-8")) == schema(kind)
