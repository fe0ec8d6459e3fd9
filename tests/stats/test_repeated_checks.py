"""Repeated checks of one run: what proves a loss, and what does not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import multinomial

from cliffguard.stats.repeated_checks import MOST_ITEMS, RunFinding, RunPlan, judge_run

FloatArray = NDArray[np.float64]

PLAN = RunPlan(n_checks=20, margins={"math": 0.05})


def row(n_broken: int, n_fixed: int = 0, n_items: int = MOST_ITEMS) -> FloatArray:
    """Return the changes of a check: the first items broken, the last ones fixed."""
    changes = np.zeros(n_items)
    changes[:n_broken] = 1.0
    changes[n_items - n_fixed :] = -1.0 if n_fixed else changes[n_items:]
    return changes


def math(*rows: FloatArray, plan: RunPlan = PLAN) -> RunFinding:
    """Judge a run of one capability."""
    return judge_run({"math": np.stack(rows)}, plan)


def test_a_stop_takes_two_checks() -> None:
    lost, well = row(30), row(0)
    assert not math(well, lost).may_stop
    assert math(well, lost).capabilities["math"].proven_at == (1,)
    assert math(well, lost, lost).may_stop
    assert math(well, lost, well, lost).lost == ("math",)


def test_a_single_dip_however_deep_never_stops() -> None:
    rows = [row(2, 2)] * 19
    for k in range(20):
        assert not math(*rows[:k], row(MOST_ITEMS), *rows[k:]).may_stop


@pytest.mark.slow
def test_one_check_errs_at_most_at_its_level_whatever_the_churn() -> None:
    """All tables of 16 items, enumerated at a drop of exactly half the margin."""
    n_items, limit, alpha = 16, 0.05, 0.02
    plan = RunPlan(n_checks=1, margins={"math": 2 * limit}, alpha=alpha)
    tables = [(b, f) for b in range(n_items + 1) for f in range(n_items + 1 - b)]
    proven = [
        (b, f, n_items - b - f)
        for b, f in tables
        if math(row(b, f, n_items), plan=plan).capabilities["math"].proven_at
    ]
    errs = [
        multinomial(n_items, [(churn + limit) / 2, (churn - limit) / 2, 1 - churn])
        .pmf(proven)
        .sum()
        for churn in np.linspace(limit, 1.0, 40)
    ]
    assert 0.4 * alpha < max(errs) <= alpha


def test_what_is_proven_agrees_with_the_lower_bound() -> None:
    for n_broken in range(8, 24):
        finding = math(row(n_broken, 4)).capabilities["math"]
        assert bool(finding.proven_at) == (finding.low > 0.025)
        assert finding.drop is not None
        assert finding.low < finding.drop < finding.high


def test_a_further_row_changes_nothing_that_was_proven() -> None:
    rng = np.random.default_rng(5)
    rows = [(rng.random(MOST_ITEMS) < 0.02 * k).astype(float) for k in range(20)]
    before: tuple[int, ...] = ()
    for k in range(1, 21):
        now = math(*rows[:k]).capabilities["math"].proven_at
        assert now[: len(before)] == before
        assert set(now) - set(before) <= {k - 1}
        before = now
    assert len(before) > 2


def test_checks_beyond_the_plan_prove_nothing_and_bound_nothing() -> None:
    plan = RunPlan(n_checks=2, margins={"math": 0.05})
    finding = math(row(0), row(0), row(60), row(60), plan=plan).capabilities["math"]
    assert finding.proven_at == ()
    assert (finding.low, finding.high, finding.level) == (-1.0, 1.0, 0.0)


def test_a_missing_answer_proves_no_loss_and_excludes_none() -> None:
    gone = row(0)
    gone[:40] = np.nan
    finding = math(gone, gone).capabilities["math"]
    assert (finding.n_items, finding.drop, finding.proven_at) == (24, 0.0, ())
    assert finding.high > 40 / MOST_ITEMS
    nothing = np.full(MOST_ITEMS, np.nan)
    empty = math(nothing).capabilities["math"]
    assert (empty.n_items, empty.drop, empty.low, empty.high) == (0, None, -1.0, 1.0)


def test_together_proves_what_no_capability_does_alone() -> None:
    plan = RunPlan(n_checks=20, margins=dict.fromkeys("abcdef", 0.05))
    slight = np.stack([row(11, 3)] * 2)
    finding = judge_run(dict.fromkeys("abcdef", slight), plan)
    assert finding.lost == ()
    assert finding.together is not None
    assert finding.together.is_lost
    assert finding.may_stop


def test_together_takes_a_share_of_alpha_and_capabilities_the_rest() -> None:
    plan = RunPlan(n_checks=4, margins={"a": 0.05, "b": 0.05}, alpha=0.05)
    finding = judge_run({"a": row(1)[None], "b": row(1)[None]}, plan)
    assert finding.together is not None
    levels = [f.level for f in (*finding.capabilities.values(), finding.together)]
    assert levels == pytest.approx([0.005, 0.005, 0.0025])
    assert judge_run({"math": row(1)[None]}, PLAN).together is None


def test_together_weighs_margins_by_items() -> None:
    """20 points are much of a margin of 10, and little of one of 90 on as many items."""
    wide = RunPlan(n_checks=2, margins={"a": 0.10, "b": 0.90})
    narrow = RunPlan(n_checks=2, margins={"a": 0.10, "b": 0.10})
    changes = {"a": row(13, n_items=64)[None], "b": row(13, n_items=64)[None]}
    assert judge_run(changes, narrow).together.proven_at == (0,)  # type: ignore[union-attr]
    assert judge_run(changes, wide).together.proven_at == ()  # type: ignore[union-attr]


def test_copies_of_one_document_count_once() -> None:
    lost = np.zeros(64)
    lost[:16] = 1.0  # one document of sixteen items
    names = ["long"] * 16 + [f"{n}" for n in range(48)]
    rows = np.stack([lost, lost])
    assert judge_run({"math": rows}, PLAN).may_stop
    assert not judge_run({"math": rows}, PLAN, clusters={"math": names}).may_stop
    alone = {"math": list(range(64))}
    assert judge_run({"math": rows}, PLAN, clusters=alone) == judge_run({"math": rows}, PLAN)


def test_capabilities_that_share_documents_are_no_second_witness() -> None:
    plan = RunPlan(n_checks=20, margins=dict.fromkeys("abcdef", 0.05))
    changes = dict.fromkeys("abcdef", np.stack([row(10)] * 2))
    shared = {name: list(range(MOST_ITEMS)) for name in "abcdef"}
    apart = judge_run(changes, plan)
    tied = judge_run(changes, plan, clusters=shared)
    assert apart.together is not None
    assert tied.together is not None
    assert apart.together.is_lost
    assert not tied.together.is_lost
    assert tied.together.low < apart.together.low


def test_the_same_whatever_the_order_of_items() -> None:
    rng = np.random.default_rng(2)
    rows = rng.choice([-1.0, 0.0, 0.5, 1.0], p=[0.1, 0.5, 0.2, 0.2], size=(5, 40))
    shuffled = rows[:, rng.permutation(40)]
    one_way, other = (judge_run({"math": x}, PLAN).capabilities["math"] for x in (rows, shuffled))
    assert one_way.proven_at == other.proven_at
    assert (one_way.low, one_way.high) == pytest.approx((other.low, other.high))


def test_the_worst_is_named_for_the_trainer() -> None:
    plan = RunPlan(n_checks=3, margins={"a": 0.05, "b": 0.05})
    finding = judge_run({"a": row(4)[None], "b": row(20)[None]}, plan)
    assert finding.worst_drop == 20 / MOST_ITEMS
    assert finding.worst_high == finding.capabilities["b"].high


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"other": [[0.0]]}, "planned"),
        ({"math": [0.0]}, "a row for every check"),
        ({"math": [[]]}, "a row for every check"),
        ({"math": [[1.5]]}, "between -1 and 1"),
    ],
)
def test_bad_changes_are_refused(changes: dict[str, FloatArray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        judge_run(changes, PLAN)


def test_capabilities_take_part_in_every_check() -> None:
    plan = RunPlan(n_checks=3, margins={"a": 0.05, "b": 0.05})
    with pytest.raises(ValueError, match="every check"):
        judge_run({"a": np.zeros((2, 4)), "b": np.zeros((1, 4))}, plan)
    with pytest.raises(ValueError, match="cluster names"):
        judge_run({"math": np.zeros((1, 4))}, PLAN, clusters={"math": ["x"]})


@pytest.mark.parametrize(
    ("n_checks", "margins", "alpha", "message"),
    [(0, {"a": 0.05}, 0.05, "once"), (3, {}, 0.05, "once"), (3, {"a": 0.0}, 0.05, "margin of a"),
     (3, {"a": 0.05}, 0.5, "alpha")],
)  # fmt: skip
def test_a_plan_that_cannot_be_is_refused(
    n_checks: int, margins: dict[str, float], alpha: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        RunPlan(n_checks=n_checks, margins=margins, alpha=alpha)


def test_a_graded_score_with_a_loss_for_sure_is_proven() -> None:
    graded = np.full((2, MOST_ITEMS), 0.4) + np.linspace(-0.2, 0.2, MOST_ITEMS)
    assert math(*graded).may_stop
    assert not math(*(graded / 20)).may_stop
