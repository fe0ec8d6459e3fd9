"""`mean_margin`: a margin on the mean drop beside a wider one for each capability."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cliffguard import Outcome, Plan, Policy, Store, guard
from cliffguard.core.comparisons import CapabilityComparison, MeanComparison
from cliffguard.core.diagnostics import StratumComparison
from cliffguard.core.items import Suite
from cliffguard.core.reviews import Verdict
from cliffguard.core.settings import CapabilityPolicy
from cliffguard.gate import compare_samples, with_margins
from tests import support
from tests.compare import test_verdict
from tests.compare.test_together import Samples, flips, rows_of
from tests.fake_runner import FakeRunner
from tests.planning import test_power
from tests.runners.test_imports import write

MEAN_POLICY = Policy(default_margin=0.08, mean_margin=0.015)


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    """Two folders without a task."""
    return Samples(tmp_path)


def review_of(samples: Samples, *tasks: str, **policy: Any) -> Any:
    """Return the review of all or some tasks under margins of 8 points, and 1.5 on the mean."""
    return samples.review(*tasks, **{"default_margin": 0.08, "mean_margin": 0.015, **policy})


@pytest.mark.slow
def test_all_hold_and_their_mean_does_not(samples: Samples) -> None:
    """Four capabilities lose 2.4 points of an allowed 8: INCONCLUSIVE, and it is said why."""
    for number in range(4):
        samples.add(f"t{number}", *flips(500, 22, 10))

    review = review_of(samples)

    assert all(finding.outcome is Outcome.HELD for finding in review.verdict.findings)
    assert (review.verdict.outcome, review.verdict.mean_held) == (Outcome.INCONCLUSIVE, False)
    assert review.verdict.sentence == (
        "all required findings are proven, but the mean drop (+2.4 points) is not proven to be "
        "below 1.5 points."
    )
    assert review_of(samples, mean_margin=None).verdict.outcome is Outcome.PASS


def test_a_mean_that_is_proven_passes(samples: Samples) -> None:
    """It stands in the comparison with the largest drop that is not excluded."""
    for number in range(4):
        samples.add(f"t{number}", *flips(500, 12, 12))

    review = review_of(samples)

    mean = review.comparison.mean
    assert mean is not None
    assert (review.verdict.outcome, review.verdict.mean_held) == (Outcome.PASS, True)
    assert (mean.drop, mean.n_capabilities, mean.n_looks) == (0.0, 4, 1)
    assert 0.0 < mean.high < 0.015
    assert review.verdict.sentence.endswith("and their mean drop is below 1.5 points.")


def test_what_has_nothing_to_lose_is_not_in_the_mean(samples: Samples) -> None:
    """It does not count, so that its zeros must not dilute what the others lose."""
    for number in range(2):
        samples.add(f"t{number}", *flips(600, 22, 10))
    alone = review_of(samples).comparison.mean
    samples.add("empty", [0.0] * 600, [0.0] * 600)

    review = review_of(samples)

    assert review.comparison.mean == alone
    assert review.verdict.mean_held is False


@pytest.mark.slow
def test_what_was_not_answered_counts_against_the_mean(samples: Samples) -> None:
    """As it does for HELD: without the answers the mean would be proven."""
    base, candidate = flips(1000, 12, 12)
    for number in range(3):
        samples.add(f"t{number}", base, candidate)
    whole = review_of(samples).comparison.mean
    pairs = samples.folder / "tuned" / next(iter(samples.folder.glob("tuned/samples_t0*"))).name
    lines = pairs.read_text().splitlines()
    pairs.write_text("\n".join(lines[:600] + lines[640:]) + "\n")

    less = review_of(samples).comparison.mean

    assert less.p_held > 10 * whole.p_held
    assert less.drop == pytest.approx(0.0, abs=0.001)


@pytest.mark.slow
def test_documents_that_capabilities_share_make_the_mean_less_certain(samples: Samples) -> None:
    """The same broken documents under two names are not two proofs."""
    scores = flips(1000, 40, 40)
    apart = Samples(samples.folder / "apart")
    for task in ("t0", "t1"):
        apart.add(task, *scores)
        for side, side_scores in zip(("base", "tuned"), scores, strict=True):
            path = write(samples.folder / side, task, rows_of(side_scores))
            path.write_text(path.read_text().replace(f'"{task} d', '"d'))

    mean, alone = review_of(samples).comparison.mean, review_of(apart).comparison.mean

    assert mean.drop == alone.drop == 0.0
    assert mean.p_held > 2 * alone.p_held
    assert mean.high > alone.high


def test_graded_scores_are_in_the_mean_by_how_much_they_change(samples: Samples) -> None:
    """A fifth of a point up and down on as many items says more than a whole one."""
    samples.add("whole", *flips(1000, 60, 60))
    samples.add("fifth", [0.8] * 1000, [0.6] * 60 + [0.8] * 880 + [1.0] * 60)

    whole, fifth = (review_of(samples, name) for name in ("whole", "fifth"))

    assert whole.comparison.mean is not None
    assert fifth.comparison.mean is not None
    assert fifth.comparison.mean.p_held < whole.comparison.mean.p_held


def test_a_look_at_the_mean_spends_alpha(samples: Samples) -> None:
    """A later run on more samples has less for it, and says so."""
    for number in range(2):
        samples.add(f"t{number}", *flips(400, 12, 8))
    first = review_of(samples)
    for number in range(2):
        samples.add(f"t{number}", *flips(900, 22, 18))

    later = compare_samples(
        str(samples.folder / "base"), str(samples.folder / "tuned"), MEAN_POLICY, after=[first]
    )

    assert [look.capability for look in first.taken].count("") == 1
    assert later.comparison.mean is not None
    assert later.comparison.mean.level == later.comparison.pooled_level
    assert later.comparison.mean.level < MEAN_POLICY.first_level


@pytest.mark.parametrize(
    "capabilities",
    [
        {"reading": CapabilityPolicy(margin=0.015)},
        {"reading": CapabilityPolicy(margin=0.01), "other": CapabilityPolicy(gate=False)},
    ],
)
def test_a_mean_that_is_no_narrower_is_refused(capabilities: dict[str, CapabilityPolicy]) -> None:
    """With the capability whose own margin says as much."""
    with support.refused("policy.mean-margin", 2, "0.01") as failure:
        with_margins(replace(MEAN_POLICY, capabilities=capabilities), ())

    assert (failure.value.id, failure.value.exit_code) == ("policy.mean-margin", 2)


def test_only_what_gates_has_to_have_a_wider_margin() -> None:
    """A monitored capability is not in the mean."""
    policies = {"reading": CapabilityPolicy(margin=0.01, gate=False)}

    assert with_margins(replace(MEAN_POLICY, capabilities=policies), ()).mean_margin == 0.015


def test_margins_of_suites_are_known_before_anything_is_asked(tmp_path: Path) -> None:
    """The policy's own is wide enough, and the suite's is not."""
    (suite,) = (test_power.suite_of([test_power.task_of("reading", 60)]),)
    narrow = replace(suite, capabilities=(replace(suite.capabilities[0], margin=0.01),))

    def never(*_: Any) -> float:
        raise AssertionError("nothing may be asked")

    with support.refused("policy.mean-margin", 2, "0.01"):
        with_margins(MEAN_POLICY, (narrow,))
    plan = written(tmp_path, narrow, MEAN_POLICY)
    with support.refused("policy.mean-margin", 2, "0.01"):
        guard(plan, store=Store(tmp_path / "store"), runner=FakeRunner(never))


def written(folder: Path, suite: Suite, policy: Policy) -> Plan:
    """Write the suite and two checkpoints, and return a plan over them."""
    (capability,) = suite.capabilities
    rows = [
        {"id": f"{n}", "prompt": f"what is {n}", "choices": ["a", "b"], "answer": "a"}
        for n in range(60)
    ]
    support.write_jsonl(folder / "items.jsonl", rows)
    (folder / "s.yaml").write_text(
        f"name: s\nversion: 1\ncapabilities:\n  {capability.name}:\n    ring: adjacent\n"
        f"    margin: {capability.margin}\n    tasks:\n"
        "      - {name: t, items: items.jsonl, metric: acc, chance: 0.5}\n"
    )
    base, tuned = (support.write_checkpoint(folder / n, seed=s) for s, n in enumerate("bt"))
    return Plan(
        base=str(base), candidate=str(tuned), suites=(str(folder / "s.yaml"),), policy=policy
    )


def test_compared_samples_are_refused_too(samples: Samples) -> None:
    """By the margin that a task has by default."""
    samples.add("t", *flips(100, 2, 2))

    with support.refused("policy.mean-margin", 2):
        samples.review(default_margin=0.03, mean_margin=0.03)


def mean_drop(p_held: float) -> MeanComparison:
    """Return a mean drop with this p-value."""
    return MeanComparison(
        drop=0.002, high=0.014, margin=0.015, p_held=p_held, n_capabilities=2, n_looks=1
    )


def test_a_proven_mean_passes_nothing_by_itself() -> None:
    """Both proofs are needed: one capability is open."""
    verdict = test_verdict.judged(
        test_verdict.capability("a", 5, 5, n_items=2000, margin=0.08),
        test_verdict.capability("b", 2, 2, n_items=30, margin=0.08),
        policy=MEAN_POLICY,
        mean=mean_drop(1e-4),
    )

    assert (verdict.mean_held, verdict.outcome) == (True, Outcome.INCONCLUSIVE)


@pytest.mark.parametrize(("p_held", "held"), [(0.047, True), (0.049, False)])
def test_the_mean_is_judged_at_what_the_run_may_spend(p_held: float, held: bool) -> None:
    """4.75 of 5 % in a first run."""
    capability = test_verdict.capability("a", 5, 5, n_items=2000, margin=0.08)

    verdict = test_verdict.judged(capability, policy=MEAN_POLICY, mean=mean_drop(p_held))

    assert verdict.mean_held is held
    assert (verdict.outcome is Outcome.PASS) is held


def test_an_unmeasured_mean_passes_nothing() -> None:
    """Where there is no look that all had, it is open."""
    capability = test_verdict.capability("a", 5, 5, n_items=2000, margin=0.08)

    verdict = test_verdict.judged(capability, policy=MEAN_POLICY)

    assert (verdict.mean_held, verdict.outcome) == (False, Outcome.INCONCLUSIVE)


def held_but_for(part: StratumComparison | None) -> list[CapabilityComparison]:
    """Return two capabilities that held fifthway, the first with this part."""
    first, other = (
        test_verdict.capability(n, 5, 5, n_items=2000, n_planned=4000, margin=0.08) for n in "ab"
    )
    return [support.changed(first, strata=() if part is None else (part,)), other]


def test_while_the_mean_is_open_nothing_is_tested_that_is_tested_once() -> None:
    """What held is asked on: parts, and all together, wait for their end."""
    lost = StratumComparison(
        kind="task", name="t", n_planned=100, n_asked=100, n_items=100, base_mean=0.8,
        candidate_mean=0.3, drop=0.5, margin=0.08, p_beyond=1e-9,
    )  # fmt: skip

    def judged(part: StratumComparison | None, p_held: float) -> Verdict:
        return test_verdict.judged(*held_but_for(part), policy=MEAN_POLICY, mean=mean_drop(p_held))

    assert judged(None, 0.5).pooled is None
    assert judged(None, 1e-4).pooled is not None
    assert judged(lost, 0.5).outcome is Outcome.INCONCLUSIVE
    assert judged(lost, 1e-4).outcome is Outcome.FAIL
