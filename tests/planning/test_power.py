"""What a plan can decide: counted, simulated, and said before anything is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from cliffguard import EvalSettings, Plan, Policy, Store
from cliffguard.core.items import Capability, Suite, Task
from cliffguard.core.settings import CapabilityPolicy
from cliffguard.gate import find_alone
from cliffguard.planning.power import PowerAnalysis, power_analysis
from cliffguard.planning.self_test import measure_noise
from cliffguard.stats.power import items_needed
from tests import support
from tests.cli.test_verbs import run
from tests.planning import test_self_test as test_noise


def suite_of(tasks: list[Task], ring: str = "adjacent") -> Suite:
    """Return a suite with one capability a task."""
    return Suite(
        name="small",
        version=1,
        description="",
        capabilities=tuple(
            Capability(
                name=task.capability,
                ring=ring,  # type: ignore[arg-type]
                description="",
                covers=(),
                margin=None,
                tasks=(task,),
            )
            for task in tasks
        ),
        digest="d",
    )


def task_of(capability: str, n_items: int, n_clusters: int | None = None) -> Task:
    """Return a task of so many items, in clusters of equal size."""
    items = [
        replace(support.item(n), cluster=None if n_clusters is None else f"c{n % n_clusters}")
        for n in range(n_items)
    ]
    return replace(support.task(items), name=capability, capability=capability)


def ahead(
    tasks: list[Task], policy: Policy | None = None, *, churn: float = 0.1, early: bool = True
) -> PowerAnalysis:
    """Return the power analysis of a plan over these tasks."""
    return power_analysis(
        Plan(candidate="x", suites=("small",)),
        [suite_of(tasks)],
        tasks,
        policy or Policy(),
        churn={task.capability: churn for task in tasks},
        stops_early=early,
    )


def test_needed_items_are_those_of_the_formula() -> None:
    """And a plan with as many is held nine times in ten, as a first run."""
    level = Policy().first_level
    needed = items_needed(margin=0.05, alpha=level, power=0.9, discordance=0.1)

    capability = ahead([task_of("reading", needed)], early=False).capabilities[0]

    assert capability.n_needed == needed
    assert capability.chance_held == pytest.approx(0.9, abs=0.025)
    assert capability.n_expected == needed


def test_with_many_capabilities_a_lossless_model_rarely_passes_everything() -> None:
    """The weak point of any gate: eight chances of 90 %."""
    needed = items_needed(margin=0.05, alpha=0.05, power=0.9, discordance=0.1)
    tasks = [task_of(f"c{n}", needed) for n in range(8)]

    analysis = ahead(tasks, early=False)

    assert analysis.chance_pass == pytest.approx(0.9**8, abs=0.06)
    assert analysis.chance_fail <= 0.06


def test_a_margin_on_the_mean_says_what_it_costs() -> None:
    """Items and chance, beside margins of 8 points; without one nothing is said."""
    tasks = [task_of(f"c{n}", 500) for n in range(8)]
    wide = Policy(default_margin=0.08)

    analysis, without = (ahead(tasks, p) for p in (replace(wide, mean_margin=0.015), wide))

    assert analysis.mean_price is not None
    assert without.mean_price is None
    # reports/mean-margin: 89 % and 99 % pass, after 71 % and 43 % of the items.
    assert analysis.chance_pass == pytest.approx(0.89, abs=0.03)
    assert analysis.mean_price.chance_pass == pytest.approx(0.99, abs=0.01)
    assert analysis.n_expected == pytest.approx(0.71 * 4000, abs=80)
    assert analysis.mean_price.n_items == pytest.approx(0.28 * 4000, abs=80)
    assert without.chance_pass == pytest.approx(analysis.mean_price.chance_pass, abs=0.01)


def test_early_stopping_saves_items() -> None:
    """On a suite that is larger than it need be."""
    early, late = (ahead([task_of("c", 2000)], early=e).capabilities[0] for e in (True, False))

    assert early.n_expected < 0.4 * late.n_expected
    assert early.n_looks > late.n_looks == 1


def test_a_suite_that_is_too_small_is_remarked() -> None:
    """With how many items would do."""
    analysis = ahead([task_of("reading", 60)])

    assert analysis.capabilities[0].n_needed is not None
    assert analysis.remarks == (
        f"reading: 60 items, and about {analysis.capabilities[0].n_needed} are needed to exclude a "
        "loss of 5 points; add items, or widen the margin",
    )


def test_clusters_are_worth_less_than_their_items() -> None:
    """And fewer of them than HELD takes at this margin nothing at all."""
    alone = ahead([task_of("c", 400)]).capabilities[0]
    some = ahead([task_of("c", 400, 40)]).capabilities[0]
    few = ahead([task_of("c", 400, 10)])

    assert some.n_effective < alone.n_effective == 400
    assert some.n_needed is not None
    assert alone.n_needed is not None
    assert some.n_needed > alone.n_needed
    assert few.capabilities[0].n_effective == 0
    assert few.chance_pass == 0.0
    assert (
        "clusters worth 10 of one size, and HELD takes 29 at a margin of 5 points" in few.remarks[0]
    )


def test_a_wider_margin_takes_fewer_clusters() -> None:
    """Twenty-five clusters of one size decide at 8 points, and not at 5."""
    tasks = [task_of("c", 2000, 25)]

    narrow, wide = (ahead(tasks, Policy(default_margin=margin)) for margin in (0.05, 0.08))

    assert narrow.chance_pass == 0.0
    assert narrow.capabilities[0].chance_held is None
    assert wide.chance_pass > 0.5


def test_a_drop_beyond_the_churn_is_seen_too() -> None:
    """Where little changes, all of a drop is change."""
    small, large = (ahead([task_of("c", n)], churn=0.005).capabilities[0] for n in (300, 3000))

    assert small.smallest_drop is not None
    assert large.smallest_drop is not None
    assert large.smallest_drop < 0.005 < small.smallest_drop < 0.05


def test_more_capabilities_see_less_each() -> None:
    """Since they share alpha."""
    single = ahead([task_of("c", 500)]).capabilities[0]
    four = ahead([task_of(f"c{n}", 500) for n in range(4)]).capabilities[0]

    assert single.smallest_drop is not None
    assert four.smallest_drop is not None
    assert single.smallest_drop < four.smallest_drop


def test_monitored_capabilities_do_not_count() -> None:
    """They cannot stop a pass."""
    tasks = [task_of("a", 600), task_of("b", 10)]
    policy = Policy(capabilities={"b": CapabilityPolicy(gate=False)})

    assert ahead(tasks, policy).chance_pass > 0.9
    assert ahead(tasks).chance_pass < 0.05


def test_what_no_suite_measures_cannot_pass() -> None:
    """An absent test is not a pass."""
    policy = Policy(capabilities={"b": CapabilityPolicy(margin=0.1)})

    analysis = ahead([task_of("a", 2000)], policy)

    assert analysis.chance_pass == 0.0
    assert analysis.remarks == ("b: the policy names it, but no suite measures it",)


def test_the_limit_of_the_protocol_counts() -> None:
    """Items that are not asked do not decide."""
    task = task_of("c", 2000)

    analysis = power_analysis(
        Plan(candidate="x", suites=("small",), protocol=EvalSettings(limit=150)),
        [suite_of([task])],
        [task],
        Policy(),
    )

    assert analysis.capabilities[0].n_items == 150


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite of 300 ladder items and 80 generated ones."""
    return support.write_suite(tmp_path / "suite", n_items=300, n_said=80)


def planned(suite: Path, *more: str) -> Result:
    """Run the verb."""
    return run("plan", "--suite", str(suite), *more)


def test_the_verb_needs_no_checkpoint(suite: Path) -> None:
    """Only what is asked, and under which policy."""
    result = planned(suite)

    assert result.exit_code == 0
    assert "A candidate that lost nothing passes all 2 gating capabilities" in result.stdout
    assert "! saying: 80 items, and about" in result.stdout
    assert "minutes" not in result.stdout


def test_the_verb_tells_the_price_of_a_margin_on_the_mean(suite: Path, tmp_path: Path) -> None:
    """In a sentence, and not before the policy has one."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("default_margin: 0.1\nmean_margin: 0.05\n")

    text = planned(suite, "--policy", str(policy)).stdout

    assert "are for the mean drop, which has to be below 5 points; without it" in text
    assert "mean drop" not in planned(suite).stdout


def test_the_verb_writes_data(suite: Path) -> None:
    """For whoever plans in a program."""
    data = json.loads(planned(suite, "--format", "json", "--churn", "0.02").stdout)

    assert [row["capability"] for row in data["capabilities"]] == ["reasoning", "saying"]
    assert data["capabilities"][0]["churn"] == 0.02
    assert 0 < data["n_expected"] <= data["n_planned"] == 380
    assert data["minutes"] is None


def test_candidates_that_share_alpha_are_planned_at_their_share(suite: Path) -> None:
    """As many as are named, which need not be there yet; in order, each has all of it."""
    four = [word for name in "abcd" for word in ("--candidate", name)]

    def looked(*more: str) -> Any:
        return json.loads(planned(suite, "--format", "json", *more).stdout)

    whole, any_of, last = (
        looked(*four),
        looked(*four, "--choose", "any"),
        looked(*four, "--choose", "last"),
    )

    needed = [plan["capabilities"][0]["n_needed"] for plan in (whole, any_of, last)]
    assert needed == [
        items_needed(margin=0.05, alpha=policy.first_level, power=0.9, discordance=0.1)
        for policy in (Policy(), Policy(alpha=0.0125), Policy())
    ]
    assert any_of["chance_pass"] < whole["chance_pass"] == last["chance_pass"]
    assert any_of["remarks"][0].startswith("all of this is of one candidate at 1.2 %, since 4")


def test_a_choice_is_not_planned_for_one_candidate(suite: Path) -> None:
    """There is nothing to choose."""
    result = planned(suite, "--choose", "any")

    assert result.exit_code == 2
    assert "--choose: there is one candidate only" in result.stderr


def test_a_base_at_hand_gives_minutes(suite: Path, tmp_path: Path) -> None:
    """From the size of its weights and the speed of the machine."""
    base = support.write_checkpoint(tmp_path / "base")

    data = json.loads(planned(suite, "--base", str(base), "--format", "json").stdout)

    assert data["minutes"] > 0


@pytest.mark.parametrize("churn", ["0", "-1", "1.5", "nan"])
def test_an_impossible_churn_is_refused(suite: Path, churn: str) -> None:
    """At the door."""
    result = planned(suite, "--churn", churn)

    assert result.exit_code == 2
    assert "--churn: must lie above 0 and at most 1" in result.stderr


def test_a_stored_noise_floor_is_the_least_churn(suite: Path, tmp_path: Path) -> None:
    """What the instrument does alone, a fine-tune does too; found through the adapter's base."""
    base = support.write_checkpoint(tmp_path / "base")
    alone = Plan(candidate=str(base), suites=(str(suite),), offline=True)
    measure_noise(
        find_alone(alone),
        alone,
        test_noise.otherwise(alone),
        store=Store(tmp_path / "store"),
        make_runner=test_noise.flipping(lambda n: n % 3 == 0),
    )
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"base: {base}\ncandidate: not-there-yet\nsuites: [{suite}]\n")

    result = run("plan", str(plan), "--format", "json", "--store", str(tmp_path / "store"))

    churns = [row["churn"] for row in json.loads(result.stdout)["capabilities"]]
    assert churns == [pytest.approx(100 / 300), pytest.approx(27 / 80)]
    assert (
        "reasoning: 100 of 300 items flip by noise alone (33.3 %); a churn of 33.3333 % is expected"
        in json.loads(result.stdout)["remarks"]
    )
    less = run("plan", str(plan), "--churn", "0.2", "--store", str(tmp_path / "store"))
    line = " ".join(less.stdout.split())
    assert "a churn of 20 % is expected, which is less than the noise: expect more" in line


def test_a_card_that_is_not_here_costs_only_the_minutes(suite: Path, tmp_path: Path) -> None:
    """Plans are made on login nodes."""
    base = support.write_checkpoint(tmp_path / "base")

    result = planned(suite, "--base", str(base), "--device", "cuda:7", "--format", "json")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["minutes"] is None


def test_a_plan_without_gates_says_so(tmp_path: Path) -> None:
    """A target alone is no gate."""
    result = run("plan", "--suite", "support-tickets")

    assert "Nothing gates but the target" in result.stdout


def test_answers_cost_what_the_protocol_lets_them() -> None:
    """Repeats and token limits count; the base is asked in full where both cannot be held."""
    task = replace(
        task_of("c", 400),
        items=tuple(replace(support.item(n), choices=()) for n in range(400)),
        max_tokens=16,
    )

    def tokens(protocol: EvalSettings, **more: bool) -> float:
        plan = Plan(candidate="x", suites=("small",), protocol=protocol)
        return power_analysis(plan, [suite_of([task])], [task], Policy(), **more).n_tokens

    usual = tokens(EvalSettings())
    assert tokens(EvalSettings(max_tokens=64)) > 3 * usual
    assert tokens(EvalSettings(temperature=0.7, repeats=4)) > 3 * usual
    assert tokens(EvalSettings(), holds_both=False) > 1.2 * usual


def test_clusters_play_no_part_where_the_suite_is_the_contract() -> None:
    """Nothing is said of other items."""
    analysis = ahead([task_of("c", 400, 10)], Policy(estimand="suite"))

    assert analysis.chance_pass > 0.5


def test_graded_scores_are_remarked_as_they_will_be_decided() -> None:
    """By bets where there are several looks, and not in one."""
    graded = replace(task_of("c", 600), metric="f1")

    several, single = (" ".join(ahead([graded], early=early).remarks) for early in (True, False))

    assert "decided by betting, which takes more items" in several
    assert "betting" not in single
    assert "its scores are graded" in single


def test_a_field_that_the_policy_names_makes_the_clusters_of_the_plan() -> None:
    """Three values of it are three clusters, of which nothing is held, however many items."""
    task = task_of("reading", 800)
    fields = {item.id: {"topic": str(n % 3)} for n, item in enumerate(task.items)}
    tied = replace(task, fields=fields)
    policy = Policy(capabilities={"reading": CapabilityPolicy(cluster="topic")})

    alone, by_topic = ahead([task]).capabilities[0], ahead([tied], policy).capabilities[0]

    assert alone.chance_held is not None
    assert alone.chance_held > 0.8
    assert by_topic.chance_held is None
