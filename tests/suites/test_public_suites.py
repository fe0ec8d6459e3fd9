"""The suites of public benchmarks: known to the installed lm-eval, usable, and what they add."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cliffguard import CapabilityPolicy, EvalSettings, Plan, Policy, Store, guard
from cliffguard.cli.app import app
from cliffguard.core.items import Suite, Task
from cliffguard.gate import with_margins
from cliffguard.runners.lmeval_tasks import _stock_tasks, load_stock
from cliffguard.store.shards import in_order
from cliffguard.suites.loading import load_suite, load_suites
from tests import support
from tests.fake_runner import FakeRunner

PUBLIC = ("public-quick", "public-standard", "public-full")
SUITE = """\
name: small
version: 1
capabilities:
  reasoning:
    ring: adjacent{margin}
    tasks:
      - {{name: ball, items: ball.jsonl, metric: acc, level: hops{more}}}
"""


def entries(name: str) -> list[Task]:
    """Return the tasks of a built-in suite as it writes them."""
    return [task for capability in load_suite(name).capabilities for task in capability.tasks]


def small(folder: Path, *, margin: str = "", more: str = "", n_items: int = 30) -> Suite:
    """Write and load a suite of one task with keys of ours."""
    support.write_jsonl(folder / "ball.jsonl", support.choice_rows(n_items))
    path = folder / "small.yaml"
    path.write_text(SUITE.format(margin=margin, more=more), encoding="utf-8")
    return load_suite(str(path))


def ball(suite: Suite) -> Task:
    """Return the task of the small suite."""
    return suite.capabilities[0].tasks[0]


# --- the suites ----------------------------------------------------------------------------------


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task whose checks need a package that is not installed says which, and where it is."""

    def load(*_: Any) -> Any:
        raise ModuleNotFoundError("No module named 'langdetect'", name="langdetect")

    monkeypatch.setattr(type(_stock_tasks()), "load", load)
    (ifeval,) = (entry for entry in entries("public-standard") if entry.name == "ifeval")

    with support.refused("environment.missing-library", 2, "eval[ifeval"):
        load_stock(ifeval)


# --- limit ---------------------------------------------------------------------------------------


def test_a_limit_takes_the_first_items_of_the_order(tmp_path: Path) -> None:
    """What a limit leaves is what stands first in the order without it."""
    whole = in_order(ball(small(tmp_path)), EvalSettings())

    cut = in_order(ball(small(tmp_path, more=", limit: 9")), EvalSettings())

    assert cut == whole[:9]


@pytest.mark.parametrize(("protocol", "n_items"), [(5, 5), (20, 9)])
def test_the_smaller_limit_counts(tmp_path: Path, protocol: int, n_items: int) -> None:
    """A protocol's limit cuts further, and does not lift a task's own."""
    task = ball(small(tmp_path, more=", limit: 9"))

    assert len(in_order(task, EvalSettings(limit=protocol))) == n_items


def test_a_limit_is_part_of_the_task(tmp_path: Path) -> None:
    """Another limit is another question; cost and margin are none."""
    plain = ball(small(tmp_path))

    assert ball(small(tmp_path, more=", limit: 9")).digest != plain.digest
    same = ball(small(tmp_path, margin="\n    margin: 0.1", more=", cost: likelihood"))
    assert same.digest == plain.digest


def test_suites_without_the_new_keys_keep_their_digest(tmp_path: Path) -> None:
    """A suite that names no limit, cost or margin is the one it was before there were any."""
    suite = small(tmp_path)

    assert suite.digest[:16] == "815ff8adb8087082"
    assert ball(suite).digest[:16] == "292728a4e8d0d5c0"


def test_a_limit_below_one_is_refused(tmp_path: Path) -> None:
    """A task of which nothing is asked measures nothing."""
    with support.refused("suite.limit", 2, "limit"):
        small(tmp_path, more=", limit: 0")


# --- margin --------------------------------------------------------------------------------------


def test_a_suites_margin_stands_in_the_review(tmp_path: Path) -> None:
    """The policy that judged, with the suite's margin in it, is what the review records."""
    support.write_checkpoint(tmp_path / "base")
    support.write_checkpoint(tmp_path / "tuned", seed=1)
    small(tmp_path, margin="\n    margin: 0.11")
    plan = Plan(
        base=str(tmp_path / "base"),
        candidate=str(tmp_path / "tuned"),
        suites=(str(tmp_path / "small.yaml"),),
    )

    review = guard(plan, store=Store(tmp_path / "store"), runner=FakeRunner(lambda *_: 1.0))

    assert review.plan.policy is not None
    assert review.plan.policy.capabilities["reasoning"].margin == 0.11
    assert review.comparison.capabilities[0].evidence.margin == 0.11


@pytest.mark.parametrize(
    ("capability_policy", "margin"),
    [(None, 0.11), (CapabilityPolicy(gate=False), 0.11)],
    ids=["none", "gate"],
)
def test_a_suites_margin_comes_before_the_default(
    tmp_path: Path, capability_policy: CapabilityPolicy | None, margin: float
) -> None:
    """Where the policy names no margin for a capability, the suite's holds and the rest stays."""
    suite = small(tmp_path, margin="\n    margin: 0.11")
    policy = Policy(
        default_margin=0.02,
        capabilities={} if capability_policy is None else {"reasoning": capability_policy},
    )

    filled = with_margins(policy, [suite])

    assert filled.margin("reasoning") == margin
    assert filled.role("reasoning", "adjacent") == policy.role("reasoning", "adjacent")


def test_a_policys_margin_comes_before_the_suites(tmp_path: Path) -> None:
    """What the policy says of a capability is what holds."""
    suite = small(tmp_path, margin="\n    margin: 0.11")
    policy = Policy(capabilities={"reasoning": CapabilityPolicy(margin=0.01)})

    assert with_margins(policy, [suite]) == policy


def test_suites_without_margins_leave_a_policy_as_it_is() -> None:
    """A suite that names no margin changes nothing."""
    assert with_margins(Policy(), load_suites(["ladders"])) == Policy()


def test_a_margin_beyond_the_possible_is_refused(tmp_path: Path) -> None:
    """A margin lies above 0 and at most at one half, as in a policy."""
    with support.refused("suite.margin", 2, "0.5", "margin"):
        small(tmp_path, margin="\n    margin: 0.6")


def test_the_resolved_plan_shows_the_margins(tmp_path: Path) -> None:
    """--show-config prints the policy as it would judge."""
    small(tmp_path, margin="\n    margin: 0.11")
    words = ["--candidate", "c", "--suite", str(tmp_path / "small.yaml"), "--show-config"]

    shown = yaml.safe_load(CliRunner().invoke(app, ["check", *words]).stdout)

    assert shown["policy"]["capabilities"]["reasoning"]["margin"] == 0.11


def test_planning_counts_with_limit_and_margin(tmp_path: Path) -> None:
    """`plan` tells of as many items as are asked, and of the margin that would judge."""
    small(tmp_path, margin="\n    margin: 0.11", more=", limit: 9")
    words = ["plan", "--base", "b", "--suite", str(tmp_path / "small.yaml"), "--format", "json"]

    planned = yaml.safe_load(CliRunner().invoke(app, words).stdout)["capabilities"][0]

    assert (planned["n_asked"], planned["margin"]) == (9, 0.11)


# --- shown ---------------------------------------------------------------------------------------


def test_show_tells_limit_cost_and_margin() -> None:
    """What a suite asks at most, what an answer takes, and which drop it lets pass."""
    shown = CliRunner().invoke(app, ["suites", "show", "public-quick"]).stdout

    assert "mathematics (adjacent, margin 7 points)" in shown
    assert "nq_open: lm-eval's own, 5-shot, at most 300 items, short generation" in shown


def test_the_cost_is_one_of_three(tmp_path: Path) -> None:
    """Another word for what an answer takes is refused."""
    with support.refused("suite.cost", 2, "'likelihood'", "cost"):
        small(tmp_path, more=", cost: cheap")


def test_a_likelihood_costs_no_generated_tokens(tmp_path: Path) -> None:
    """Planning counts no answer tokens for a task without choices that only reads."""
    from cliffguard.evaluate.looks import in_full
    from cliffguard.planning.capability_power import _tokens

    items = tuple(dataclasses.replace(support.item(n), choices=()) for n in range(4))
    task = dataclasses.replace(support.task(items), cost="likelihood")
    spoken = dataclasses.replace(task, cost="long generation")

    assert (
        _tokens([in_full(spoken, items)], EvalSettings(), 4.0)
        - _tokens([in_full(task, items)], EvalSettings(), 4.0)
        == 256
    )
