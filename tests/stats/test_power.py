"""Planned item counts against the exact power at those counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import bdtr
from scipy.stats import multinomial

from cliffguard.stats.paired import mcnemar_mid_p, non_inferior, non_inferiority_p_values, tango_z
from cliffguard.stats.power import (
    detectable_drop,
    items_needed,
    items_to_decide,
    smallest_deciding_n,
)


def _tables(n_items: int, discordance: float, drop: float):
    """Counts (n_broken, n_fixed) and their probabilities, all but 1e-7 of the total."""
    rates = [(discordance + drop) / 2, (discordance - drop) / 2, 1 - discordance]
    reach = [min(n_items, math.ceil(n_items * r + 6 * math.sqrt(n_items * r) + 8)) for r in rates]
    counts = np.array([(b, f) for b in range(reach[0] + 1) for f in range(reach[1] + 1)])
    counts = counts[counts.sum(axis=1) <= n_items]
    unchanged = n_items - counts.sum(axis=1, keepdims=True)
    return counts, multinomial.pmf(np.hstack([counts, unchanged]), n_items, rates)


def _power_held(n_items: int, margin: float, discordance: float, drop: float = 0.0) -> float:
    counts, probability = _tables(n_items, discordance, drop)
    broken, fixed = counts.T.astype(float)
    p_values = non_inferiority_p_values(broken, fixed, n_items, margin)
    return float(probability[p_values <= 0.05].sum())


def _power_regressed(n_items: int, discordance: float, drop: float) -> float:
    counts, probability = _tables(n_items, discordance, drop)
    proven = [mcnemar_mid_p(n_broken=b, n_fixed=f) <= 0.05 for b, f in counts.tolist()]
    return float(probability[proven].sum())


# Exact powers without a drop at alpha 0.05 of the score test with the normal quantile, made apart
# from this code. That test errs somewhat more often than in 5 %, which "held" does not.
@pytest.mark.parametrize(
    ("margin", "discordance", "n_items", "score_test"),
    [
        (0.03, 0.05, 300, 0.71),
        (0.03, 0.10, 500, 0.67),
        (0.03, 0.15, 500, 0.53),
        (0.05, 0.05, 200, 0.89),
        (0.05, 0.10, 300, 0.84),
        (0.05, 0.15, 500, 0.89),
    ],
)
def test_exact_power_of_held(margin, discordance, n_items, score_test):
    """Over all tables, "held" is at most a point and a half rarer than by the score test."""
    actual = _power_held(n_items, margin, discordance)
    assert score_test - 0.015 <= actual <= score_test + 0.005


@pytest.mark.parametrize(
    ("n_items", "drop", "power"),
    [(200, 0.02, 0.22), (500, 0.02, 0.41), (100, 0.05, 0.45), (200, 0.05, 0.74), (300, 0.05, 0.88)],
)
def test_exact_power_of_regressed(n_items, drop, power):
    """With a tenth of the items changing, McNemar's mid-p proves a drop this often."""
    assert _power_regressed(n_items, 0.10, drop) == pytest.approx(power, abs=0.006)


@pytest.mark.parametrize(
    ("margin", "discordance", "drop"),
    [
        (0.03, 0.05, 0.0),
        (0.03, 0.10, 0.0),
        (0.05, 0.03, 0.0),
        (0.05, 0.05, 0.0),
        (0.05, 0.10, 0.0),
        (0.05, 0.10, -0.025),
        (0.10, 0.20, 0.03),
        (0.10, 0.05, 0.0),
    ],
)
def test_items_needed_gives_the_power_asked_for(margin, discordance, drop):
    """At the planned number of items the exact power is 0.9, give or take 0.025."""
    n_items = items_needed(margin=margin, alpha=0.05, power=0.9, discordance=discordance, drop=drop)
    assert _power_held(n_items, margin, discordance, drop) == pytest.approx(0.9, abs=0.025)


@pytest.mark.parametrize(
    ("margin", "discordance", "expected"),
    [(0.03, 0.05, 542), (0.03, 0.10, 987), (0.05, 0.05, 222), (0.05, 0.10, 374)],
)
def test_items_needed_reference_values(margin, discordance, expected):
    """Nam's formula, worked out apart from this code, for alpha 0.05 and power 0.9."""
    actual = items_needed(margin=margin, alpha=0.05, power=0.9, discordance=discordance)
    assert actual == expected


@pytest.mark.parametrize(("margin", "excess"), [(0.01, 0.005), (0.03, 0.04), (0.05, 0.10)])
def test_items_needed_approaches_the_rule_of_thumb(margin, excess):
    """When a tenth of the items change, 8.56 discordance / margin² falls this short at most."""
    thumb = 8.564 * 0.10 / margin**2
    actual = items_needed(margin=margin, alpha=0.05, power=0.9, discordance=0.10)
    assert thumb <= actual <= (1 + excess) * thumb


def test_items_needed_grows_as_the_drop_nears_the_margin():
    """A drop of half the margin costs about four times the items of no drop."""
    plan = {"margin": 0.04, "alpha": 0.05, "power": 0.9, "discordance": 0.2}
    assert items_needed(**plan, drop=0.02) / items_needed(**plan) == pytest.approx(4, rel=0.02)


def test_items_needed_without_changes_is_the_smallest_deciding_n():
    """A candidate that changes nothing needs just the items that can decide at all."""
    needed = items_needed(margin=0.05, alpha=0.05, power=0.9, discordance=0.0)
    assert needed == smallest_deciding_n(margin=0.05, alpha=0.05)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"drop": 0.05}, r"drop \(0.05\) must be less than margin"),
        ({"drop": -0.2}, r"drop \(-0.2\) must not exceed discordance"),
        ({"power": 0.05}, r"power \(0.05\) must be greater than alpha"),
        ({"discordance": 1.2}, "discordance must lie between 0 and 1"),
        ({"margin": 0.0}, "margin must lie strictly between"),
    ],
)
def test_items_needed_refuses_what_cannot_be_planned(change, message):
    """Arguments that leave nothing to prove are refused by name."""
    plan = {"margin": 0.05, "alpha": 0.05, "power": 0.9, "discordance": 0.1}
    with pytest.raises(ValueError, match=message):
        items_needed(**(plan | change))


@pytest.mark.parametrize(
    ("margin", "expected"), [(0.01, 299), (0.02, 149), (0.03, 99), (0.05, 59), (0.10, 29)]
)
def test_smallest_deciding_n_is_the_exact_bound(margin, expected):
    """Below 300 items it is the smallest n with (1 - margin)^n at most alpha."""
    n_items = smallest_deciding_n(margin=margin, alpha=0.05)
    assert (n_items, math.ceil(math.log(0.05) / math.log(1 - margin))) == (expected, expected)


@pytest.mark.parametrize("margin", [0.004, 0.02, 0.05, 0.10])
def test_smallest_deciding_n_separates_held_from_not(margin):
    """No change at all is held at this number of items and not at one fewer."""
    n_items = smallest_deciding_n(margin=margin, alpha=0.05)
    nothing = {"n_broken": 0, "n_fixed": 0, "margin": margin, "alpha": 0.05}
    outcomes = [non_inferior(n_items=n, **nothing) for n in (n_items - 1, n_items)]
    assert outcomes == [False, True]


@pytest.mark.parametrize(("n_items", "margin"), [(88, 0.03), (52, 0.05)])
def test_the_normal_quantile_would_decide_too_early(n_items, margin):
    """At 88 (52) items no change exceeds 1.645, yet a drop of the margin shows none in 6.9 %."""
    z = tango_z(n_broken=0, n_fixed=0, n_items=n_items, drop=margin)
    assert z > 1.645
    assert (1 - margin) ** n_items == pytest.approx(0.069, abs=5e-4)


@pytest.mark.parametrize(("n_items", "discordance"), [(200, 0.1), (500, 0.05), (500, 0.2)])
def test_detectable_drop_is_detected_as_often_as_asked(n_items, discordance):
    """At the detectable drop the exact power is 0.9, give or take 0.025."""
    drop = detectable_drop(n_items=n_items, alpha=0.05, power=0.9, discordance=discordance)
    assert _power_regressed(n_items, discordance, drop) == pytest.approx(0.9, abs=0.025)


def test_detectable_drop_solves_its_equation():
    """Put back into the equation of the docstring, the drop balances it."""
    drop = detectable_drop(n_items=300, alpha=0.05, power=0.8, discordance=0.12)
    right = 1.6448536 * math.sqrt(0.12) + 0.8416212 * math.sqrt(0.12 - drop**2)
    assert drop * math.sqrt(300) == pytest.approx(right, rel=1e-7)


@pytest.mark.parametrize(("n_items", "discordance"), [(2, 0.5), (50, 0.05), (1000, 0.0)])
def test_no_drop_is_detectable_with_too_few_changes(n_items, discordance):
    """Where even breaking every changed item would not show, the answer is None."""
    drop = detectable_drop(n_items=n_items, alpha=0.05, power=0.9, discordance=discordance)
    assert drop is None


def test_no_detectable_drop_means_low_power():
    """At 50 items of which one in twenty changes, even the largest drop has a power below 0.9."""
    # Every change is a break; mid-p is 2^-(k+1), at most 0.05 from k = 4 breaks on.
    assert 1 - bdtr(3, 50, 0.05) < 0.9


def test_items_to_decide_plans_for_held_without_a_drop():
    """With as many fixed as broken it is the plan for "held" at slightly shrunk rates."""
    plan = {"margin": 0.05, "alpha": 0.05, "power": 0.9}
    needed = items_needed(discordance=9 / 82, **plan)
    assert items_to_decide(n_broken=4, n_fixed=4, n_items=80, **plan) == needed


def test_items_to_decide_plans_for_regressed_beyond_the_margin():
    """With an observed drop above the margin only "regressed" is left, and it needs more items."""
    n_needed = items_to_decide(
        n_broken=6, n_fixed=2, n_items=50, margin=0.05, alpha=0.05, power=0.9
    )
    drop, discordance = 4 / 52, 9 / 52
    assert _power_regressed(n_needed, discordance, drop) == pytest.approx(0.9, abs=0.02)


def test_items_to_decide_takes_the_nearer_proof():
    """A drop between zero and the margin costs most half way, where both proofs are far."""
    plan = {"n_items": 998, "margin": 0.03, "alpha": 0.05, "power": 0.9}
    near_zero = items_to_decide(n_broken=105, n_fixed=99, **plan)
    near_margin = items_to_decide(n_broken=114, n_fixed=90, **plan)
    half_way = items_to_decide(n_broken=109, n_fixed=94, **plan)
    assert half_way > max(near_zero, near_margin)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 1500), st.data(), st.sampled_from([0.02, 0.03, 0.05, 0.1]))
def test_items_to_decide_always_answers_with_more_items(n_items, data, margin):
    """Whatever was seen, more items than now are asked for, and never an absurd number."""
    n_broken = data.draw(st.integers(0, n_items))
    n_fixed = data.draw(st.integers(0, n_items - n_broken))
    n_needed = items_to_decide(
        n_broken=n_broken, n_fixed=n_fixed, n_items=n_items, margin=margin, alpha=0.05, power=0.9
    )
    assert n_items < n_needed <= n_items + 40 / margin**2


def test_items_to_decide_without_flips_reaches_the_smallest_deciding_n():
    """Twenty unchanged items do not promise that 59 will do at a margin of 5 points."""
    plan = {"margin": 0.05, "alpha": 0.05, "power": 0.9}
    n_needed = items_to_decide(n_broken=0, n_fixed=0, n_items=20, **plan)
    assert n_needed >= smallest_deciding_n(margin=0.05, alpha=0.05)


def test_a_drop_that_convicts_nobody_takes_the_items_to_hold_it():
    """Where a proof of a drop does not decide, more items are needed; none where it must."""
    question = {"n_items": 1000, "margin": 0.05, "alpha": 0.005, "power": 0.9}
    shielded = items_to_decide(n_broken=50, n_fixed=22, **question, may_regress=False)
    assert shielded == items_needed(
        margin=0.05, alpha=0.005, power=0.9, discordance=73 / 1002, drop=28 / 1002
    )
    assert shielded > items_to_decide(n_broken=50, n_fixed=22, **question)
    beyond = {"n_broken": 150, "n_fixed": 20, **question}
    assert items_to_decide(**beyond, may_regress=False) == items_to_decide(**beyond)
