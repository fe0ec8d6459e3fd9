"""Paired tests against published numbers, exact enumeration and their symmetries."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import gammaln, xlogy
from scipy.stats import binom, binomtest, multinomial, norm

from cliffguard.stats.interval import Interval
from cliffguard.stats.paired import (
    beyond_p,
    beyond_p_values,
    mcnemar_mid_p,
    non_inferior,
    non_inferiority_p,
    non_inferiority_p_values,
    score_z,
    tango_interval,
    tango_z,
)

# Airway hyper-responsiveness before and after stem cell transplantation, 21 children: 1 changed
# one way and 7 the other. Fagerland, Lydersen and Laake (2013) BMC Med Res Methodol 13:91 (tests);
# the same authors (2014) Statistics in Medicine 33:2850-2875 (interval). Seen here as 7 broken.
AIRWAY = {"n_broken": 7, "n_fixed": 1, "n_items": 21}

margins = st.sampled_from([0.01, 0.03, 0.05, 0.1, 0.25])


@st.composite
def tables(draw, max_items=400):
    """Keyword arguments of a possible paired table."""
    n_items = draw(st.integers(1, max_items))
    n_broken = draw(st.integers(0, n_items))
    n_fixed = draw(st.integers(0, n_items - n_broken))
    return {"n_broken": n_broken, "n_fixed": n_fixed, "n_items": n_items}


def swapped(table):
    """The same answers with base and candidate exchanged."""
    return table | {"n_broken": table["n_fixed"], "n_fixed": table["n_broken"]}


@given(tables(), st.floats(0.0, 1.0, exclude_min=True, exclude_max=True))
def test_z_of_single_numbers_is_that_of_arrays_to_the_last_bit(table, drop):
    """The formula stands twice, since numpy is slow on single numbers."""
    n_broken, n_fixed = np.array([table["n_broken"]]), np.array([table["n_fixed"]])

    assert tango_z(**table, drop=drop) == score_z(n_broken, n_fixed, table["n_items"], drop)[0]


# --- McNemar ---------------------------------------------------------------------------------


def test_mid_p_of_the_airway_data():
    """One-sided it is 5/256; doubled, the published two-sided 0.0391."""
    p = mcnemar_mid_p(n_broken=7, n_fixed=1)
    assert (p, round(2 * p, 4)) == (5 / 256, 0.0391)


def test_nothing_changed_is_no_evidence():
    """Identical answers give p = 1."""
    assert mcnemar_mid_p(n_broken=0, n_fixed=0) == 1.0


@given(st.integers(0, 2000), st.integers(0, 2000))
def test_mid_p_is_between_two_binomial_tests(n_broken, n_fixed):
    """Half of SciPy's one-sided tests of as many broken items and of one more."""
    n_changed = n_broken + n_fixed
    if n_changed == 0:
        return
    expected = sum(
        binomtest(n, n_changed, 0.5, alternative="greater").pvalue if n <= n_changed else 0.0
        for n in (n_broken, n_broken + 1)
    )
    actual = mcnemar_mid_p(n_broken=n_broken, n_fixed=n_fixed)
    # abs: SciPy's own p-value becomes 0 somewhere below 1e-200.
    assert actual == pytest.approx(expected / 2, rel=1e-9, abs=1e-200)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mid_p_of_both_sides_add_up_to_one(n_broken, n_fixed):
    """With any change at all, mid-p and the mid-p of the exchanged sides sum to 1."""
    if n_broken + n_fixed == 0:
        return
    there = mcnemar_mid_p(n_broken=n_broken, n_fixed=n_fixed)
    back = mcnemar_mid_p(n_broken=n_fixed, n_fixed=n_broken)
    assert there + back == pytest.approx(1, abs=1e-12)


@given(st.integers(0, 300), st.integers(0, 300))
def test_one_more_broken_item_never_raises_mid_p(n_broken, n_fixed):
    """Breaking another item cannot make the candidate look better."""
    more = mcnemar_mid_p(n_broken=n_broken + 1, n_fixed=n_fixed)
    assert more <= mcnemar_mid_p(n_broken=n_broken, n_fixed=n_fixed)


def test_negative_counts_are_refused():
    """A negative count is an error that shows both counts."""
    with pytest.raises(ValueError, match=r"n_broken \(-1\) and n_fixed \(2\)"):
        mcnemar_mid_p(n_broken=-1, n_fixed=2)


@pytest.mark.parametrize("n_items", [50, 100, 200])
def test_false_regressions_stay_below_alpha(n_items):
    """Without a drop the exact rate of mid-p <= 0.05 is at most 5 %, up to the reported 0.05 pt."""
    rates = []
    for discordance in np.linspace(0.01, 0.5, 50):
        changed = np.arange(n_items + 1)
        of_changed = [_mid_p_rejects(int(k)) for k in changed]
        weights = [math.comb(n_items, k) for k in changed.tolist()]
        terms = weights * discordance**changed * (1 - discordance) ** (n_items - changed)
        rates.append(float(np.dot(terms.astype(float), of_changed)))
    assert max(rates) <= 0.0505


@cache
def _mid_p_rejects(n_changed: int) -> float:
    """Chance that mid-p <= 0.05 when each of n_changed items is broken with probability 1/2."""
    return sum(
        math.comb(n_changed, broken) / 2**n_changed
        for broken in range(n_changed + 1)
        if mcnemar_mid_p(n_broken=broken, n_fixed=n_changed - broken) <= 0.05
    )


# --- score statistic -------------------------------------------------------------------------


@given(tables())
def test_z_at_no_drop_is_mcnemars(table):
    """At drop 0 the statistic is (fixed - broken) / sqrt(fixed + broken), and 0 without changes."""
    changed = table["n_broken"] + table["n_fixed"]
    surplus = table["n_fixed"] - table["n_broken"]
    expected = surplus / math.sqrt(changed) if changed else 0.0
    assert tango_z(**table, drop=0.0) == expected


@pytest.mark.parametrize("drop", [1e-3, 0.03, 0.3, 0.9])
@pytest.mark.parametrize("counts", [(7, 1, 21), (0, 3, 40), (5, 0, 40), (60, 20, 100), (2, 9, 11)])
def test_z_uses_the_restricted_maximum_likelihood(counts, drop):
    """The variance under the hypothesis is that of a numerical maximum of the likelihood."""
    n_broken, n_fixed, n_items = counts

    def minus_log_likelihood(rate_broken):
        rate_fixed = rate_broken - drop
        rate_same = 1 - rate_broken - rate_fixed
        return -(
            xlogy(n_broken, rate_broken)
            + xlogy(n_fixed, rate_fixed)
            + xlogy(n_items - n_broken - n_fixed, rate_same)
        )

    best = minimize_scalar(
        minus_log_likelihood, bounds=(drop, (1 + drop) / 2), options={"xatol": 1e-11}
    ).x
    expected = (n_fixed - n_broken + n_items * drop) / math.sqrt(
        n_items * (2 * best - drop - drop**2)
    )
    actual = tango_z(n_broken=n_broken, n_fixed=n_fixed, n_items=n_items, drop=drop)
    assert actual == pytest.approx(expected, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize(("n_items", "drop"), [(50, 0.03), (88, 0.03), (300, 0.5)])
def test_z_without_changes_has_a_closed_form(n_items, drop):
    """When nothing changed, Z is sqrt(n drop / (1 - drop))."""
    expected = math.sqrt(n_items * drop / (1 - drop))
    actual = tango_z(n_broken=0, n_fixed=0, n_items=n_items, drop=drop)
    assert actual == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("n_broken", "n_fixed", "drop", "expected"),
    [
        (9, 0, 1.0, 0.0),
        (8, 0, 1.0, math.inf),
        (0, 0, 1.0, math.inf),
        (0, 9, -1.0, 0.0),
        (0, 8, -1.0, -math.inf),
        (0, 0, 0.0, 0.0),
    ],
)
def test_z_at_the_edges_is_written_out(n_broken, n_fixed, drop, expected):
    """A hypothesis that leaves no variance gives 0 if the data fit it exactly, else infinity."""
    assert tango_z(n_broken=n_broken, n_fixed=n_fixed, n_items=9, drop=drop) == expected


@pytest.mark.parametrize(("n_broken", "n_fixed"), [(0, 0), (9, 0), (0, 9), (4, 5), (8, 0)])
@pytest.mark.parametrize("drop", [5e-324, 1e-17, 1 - 2**-53, 1 - 2**-40])
def test_z_is_a_number_next_to_the_edges(n_broken, n_fixed, drop):
    """However close to 0 or 1 the hypothesis lies, rounding makes Z neither NaN nor infinite."""
    z = tango_z(n_broken=n_broken, n_fixed=n_fixed, n_items=9, drop=drop)
    assert math.isfinite(z)


@given(tables(), st.floats(-1, 1))
def test_swapping_sides_negates_z(table, drop):
    """Exchanging base and candidate, and the sign of the drop, exchanges the sign of Z."""
    assert tango_z(**table, drop=drop) == -tango_z(**swapped(table), drop=-drop)


@pytest.mark.parametrize("n_items", [7, 30])
@pytest.mark.parametrize("drop", [0.01, 0.05, 0.3, 0.8])
def test_more_broken_items_never_raise_z(n_items, drop):
    """On every table: an unchanged item that breaks, or a fixed one that does not, lowers Z."""
    z = {
        (b, f): tango_z(n_broken=b, n_fixed=f, n_items=n_items, drop=drop)
        for b in range(n_items + 1)
        for f in range(n_items + 1 - b)
    }
    one_worse = [((b, f), (b + 1, f)) for b, f in z if b + f < n_items]
    one_worse += [((b, f), (b, f - 1)) for b, f in z if f]
    # 1e-12: where nearly everything is fixed, neighbours tie up to rounding.
    assert all(z[worse] <= z[better] + 1e-12 for better, worse in one_worse)


@given(tables(), st.floats(-1, 1), st.floats(-1, 1))
def test_z_rises_with_the_hypothesised_drop(table, drop, other):
    """The larger the hypothesised drop, the stronger the evidence that the true one is smaller."""
    low, high = sorted([drop, other])
    assert tango_z(**table, drop=low) <= tango_z(**table, drop=high) + 1e-6


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ((0, 0, 0), "n_items must be at least 1, not 0"),
        ((-1, 0, 5), r"n_broken \(-1\) and n_fixed \(0\) must not be negative"),
        ((3, 3, 5), r"n_broken \(3\) \+ n_fixed \(3\) must not be greater than n_items \(5\)"),
    ],
)
def test_impossible_tables_are_refused(table, message):
    """Counts that cannot have been observed are refused, with their values."""
    n_broken, n_fixed, n_items = table
    with pytest.raises(ValueError, match=message):
        tango_z(n_broken=n_broken, n_fixed=n_fixed, n_items=n_items, drop=0.0)


@pytest.mark.parametrize("drop", [1.01, -1.01, math.nan])
def test_an_impossible_drop_is_refused(drop):
    """A drop lies between -1 and 1."""
    with pytest.raises(ValueError, match="drop must lie between -1 and 1"):
        tango_z(**AIRWAY, drop=drop)


# --- score interval --------------------------------------------------------------------------


def test_interval_of_the_airway_data():
    """The 95 % interval is the published one, (0.026, 0.517) in the sign of a drop."""
    interval = tango_interval(**AIRWAY, confidence=0.95)
    assert (interval.low, interval.high) == pytest.approx((0.026, 0.517), abs=5e-4)


@pytest.mark.parametrize("counts", [(7, 1, 21), (40, 20, 500), (0, 3, 100), (4, 0, 60), (1, 2, 9)])
def test_interval_solves_the_quartic(counts):
    """The bounds are roots of Yang, Sun and Hardin's polynomial (2013), doi:10.1002/sim.5561."""
    n_broken, n_fixed, n = counts
    change, gap, g = n_broken + n_fixed, n_broken - n_fixed, norm.ppf(0.975) ** 2
    quartic = [
        n**2 * (n / g + 1) ** 2,
        -n * gap * (n / g + 1) * (4 * n / g + 1),
        2 * n * gap**2 * (3 * n / g + 2) / g - n**2 * (change / g + 1),
        n * gap * (2 * change / g + 1) - gap**3 * (4 * n / g + 1) / g,
        gap**2 * (gap**2 / g - change) / g,
    ]
    interval = tango_interval(n_broken=n_broken, n_fixed=n_fixed, n_items=n, confidence=0.95)
    roots = np.roots(quartic)
    for bound in (interval.low, interval.high):
        assert np.min(np.abs(roots - bound)) < 1e-8


def test_interval_without_changes_is_not_a_point():
    """When nothing changed, the bounds are ± z² / (n + z²)."""
    z2 = norm.ppf(0.95) ** 2
    interval = tango_interval(n_broken=0, n_fixed=0, n_items=50, confidence=0.9)
    assert (interval.low, interval.high) == pytest.approx(
        (-z2 / (50 + z2), z2 / (50 + z2)), rel=1e-9
    )


@pytest.mark.parametrize("n_items", [1, 20, 500])
def test_interval_when_every_item_broke(n_items):
    """It ends at 1 and begins at the closed form (n - z²) / (n + z²)."""
    z2 = norm.ppf(0.975) ** 2
    interval = tango_interval(n_broken=n_items, n_fixed=0, n_items=n_items, confidence=0.95)
    expected = ((n_items - z2) / (n_items + z2), 1.0)
    assert (interval.low, interval.high) == pytest.approx(expected, rel=1e-9)


def test_interval_when_every_item_was_fixed():
    """It begins at -1."""
    assert tango_interval(n_broken=0, n_fixed=20, n_items=20, confidence=0.95).low == -1.0


@given(tables(), st.floats(0.5, 0.999))
def test_swapping_sides_negates_the_interval(table, confidence):
    """Exchanging base and candidate mirrors the interval, to the last bit."""
    there = tango_interval(**table, confidence=confidence)
    back = tango_interval(**swapped(table), confidence=confidence)
    assert there == Interval(low=-back.high, high=-back.low)


@given(tables(), st.floats(0.01, 0.999))
def test_interval_contains_the_observed_drop(table, confidence):
    """The observed drop lies inside, and the interval inside [-1, 1]."""
    drop = (table["n_broken"] - table["n_fixed"]) / table["n_items"]
    interval = tango_interval(**table, confidence=confidence)
    assert -1 <= interval.low <= drop <= interval.high <= 1


@given(tables(), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_interval_inverts_the_test(table, confidence):
    """Just inside the bounds |Z| is below the quantile, just outside it is above."""
    z = norm.ppf((1 + confidence) / 2)
    interval = tango_interval(**table, confidence=confidence)
    step = 1e-6
    for bound, outward in ((interval.low, -1), (interval.high, 1)):
        if abs(bound) < 1:
            inside = abs(tango_z(**table, drop=bound - outward * step))
            outside = abs(tango_z(**table, drop=max(-1, min(1, bound + outward * step))))
            assert inside < z < outside


@given(tables())
def test_interval_widens_with_confidence(table):
    """The 99 % interval contains the 90 % interval."""
    narrow = tango_interval(**table, confidence=0.90)
    wide = tango_interval(**table, confidence=0.99)
    assert wide.low <= narrow.low <= narrow.high <= wide.high


# --- held ------------------------------------------------------------------------------------


@cache
def _all_tables(n_items: int) -> np.ndarray:
    counts = [(b, f) for b in range(n_items + 1) for f in range(n_items + 1 - b)]
    return np.array([(b, f, n_items - b - f) for b, f in counts])


def _p_held(counts: np.ndarray, n_items: int, margin: float) -> np.ndarray:
    broken, fixed = counts[:, :2].T.astype(float)
    return non_inferiority_p_values(broken, fixed, n_items, margin)


def _largest_excess(n_items: int, margin: float, *, alphas=(1e-6, 0.1), churn=None) -> float:
    """Exact chance of p <= alpha at a drop of the margin, over alpha: the largest there is.

    Over every alpha of the range at which it can be largest, those that a table's p attains, and
    over every discordance from the margin (every change a break) to `churn`, (1 + margin²) / 2
    where it is None: with a drop of the margin, two checkpoints change more than that only if the
    candidate tends to be right where the base is wrong.
    """
    tables = _all_tables(n_items)
    p_values = _p_held(tables, n_items, margin)
    order = np.argsort(p_values, kind="stable")[: int((p_values <= alphas[1]).sum())]
    tables, p_values = tables[order], p_values[order]
    log_ways = gammaln(n_items + 1) - gammaln(tables + 1).sum(axis=1)
    largest = np.zeros(len(p_values))
    reach = ((1 + margin**2) / 2 if churn is None else churn) - margin
    for discordance in margin + reach * np.sin(np.linspace(0, math.pi / 2, 61)) ** 2:
        rates = np.array([discordance + margin, discordance - margin, 2 - 2 * discordance]) / 2
        probability = np.exp(log_ways + xlogy(tables, np.maximum(rates, 0.0)).sum(axis=1))
        largest = np.maximum(largest, np.cumsum(probability))
    is_last = np.append(np.diff(p_values) > 1e-9 * p_values[1:], True)[: len(p_values)]
    is_asked = is_last & (p_values >= alphas[0])
    return float(np.max(largest[is_asked] / p_values[is_asked], initial=0.0))


@pytest.mark.parametrize("n_items", [20, 59, 150, 299, 300])
@pytest.mark.parametrize("margin", [0.02, 0.05, 0.10])
def test_false_held_is_at_most_alpha(n_items, margin):
    """By enumeration of all tables, whatever alpha from 1e-6 to 0.1."""
    assert _largest_excess(n_items, margin) <= 1 + 1e-9


@pytest.mark.parametrize(("n_items", "margin"), [(50, 0.05), (100, 0.03), (200, 0.10)])
def test_false_held_is_at_most_alpha_even_if_every_item_changes(n_items, margin):
    """Beyond what two checkpoints do to each other; at alphas from 0.01 to 0.1."""
    assert _largest_excess(n_items, margin, alphas=(0.01, 0.1), churn=1.0) <= 1 + 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("margin", [0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2])
def test_false_held_is_at_most_alpha_for_every_number_of_items(margin):
    """The same for every third number of items up to 300, and for some beyond."""
    n_items = [*range(3, 301, 3), 350, 500, 700]
    assert max(_largest_excess(n, margin) for n in n_items) <= 1.0005
    assert max(_largest_excess(n, margin, alphas=(0.1, 0.25)) for n in n_items) <= 1.015
    question = {"alphas": (0.01, 0.1), "churn": 1.0}
    assert max(_largest_excess(n, margin, **question) for n in n_items) <= 1.0005
    question = {"alphas": (1e-6, 0.01), "churn": 1.0}
    assert max(_largest_excess(n, margin, **question) for n in n_items) <= 1.2


@pytest.mark.parametrize(("n_items", "margin"), [(50, 0.05), (100, 0.03), (150, 0.1), (300, 0.05)])
@pytest.mark.parametrize("alpha", [0.001, 0.01, 0.05])
def test_false_beyond_is_at_most_alpha(n_items, margin, alpha):
    """By enumeration: at a drop of exactly the margin, "it is more" is said no more often."""
    tables = _all_tables(n_items)
    broken, fixed = tables[:, :2].T.astype(float)
    convicted = tables[beyond_p_values(broken, fixed, n_items, margin) <= alpha]
    largest = max(
        float(
            multinomial.pmf(convicted, n_items, ((d + margin) / 2, (d - margin) / 2, 1 - d)).sum()
        )
        for d in margin + 1e-9 + (1 - margin) * (1 - 1e-9) * np.linspace(0, 1, 61) ** 2
    )
    assert 0.4 * alpha <= largest <= alpha


@given(tables(), margins)
def test_a_drop_that_is_not_there_is_not_beyond(table, margin):
    """Where no more items broke than were fixed, p is 1."""
    if table["n_broken"] <= table["n_fixed"]:
        assert beyond_p(**table, margin=margin) == 1.0


def test_beyond_and_held_exclude_each_other():
    """No table proves that the drop is both more and less than the margin."""
    for n_broken, n_fixed, _ in _all_tables(60).tolist():
        counts = {"n_broken": n_broken, "n_fixed": n_fixed, "n_items": 60}
        held = non_inferiority_p(**counts, margin=0.1)
        assert held + beyond_p(**counts, margin=0.1) >= 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_items": 0}, "n_items must be at least 1"),
        ({"n_broken": 11}, r"n_broken \(11\) \+ n_fixed \(0\) must not be greater"),
        ({"margin": 0.0}, "margin must lie strictly between 0 and 1"),
        ({"alpha": 1.0}, "alpha must lie strictly between 0 and 1"),
    ],
)
def test_impossible_questions_are_refused(arguments, message):
    """Each argument is checked at the door, by name."""
    question = {"n_broken": 0, "n_fixed": 0, "n_items": 10, "margin": 0.05, "alpha": 0.05}
    with pytest.raises(ValueError, match=message):
        non_inferior(**question | arguments)


@settings(max_examples=150, deadline=None)
@given(tables(), margins, st.sampled_from([1e-6, 0.01, 0.05, 0.2]))
def test_held_agrees_with_the_interval(table, margin, alpha):
    """Whatever is held at alpha has an interval at 1 - 2 alpha that ends below the margin."""
    if non_inferior(**table, margin=margin, alpha=alpha):
        assert tango_interval(**table, confidence=1 - 2 * alpha).high < margin


def test_p_without_changes_is_exact():
    """If nothing changed among 99 items, p is 0.97^99, the chance of it at a drop of 3 points."""
    p = non_inferiority_p(n_broken=0, n_fixed=0, n_items=99, margin=0.03)
    assert p == pytest.approx(0.97**99, rel=1e-12)


@pytest.mark.parametrize("margin", [0.03, 0.05])
@pytest.mark.parametrize("n_broken", [1, 4, 12, 40])
def test_p_where_nothing_was_fixed_is_binomial(n_broken, margin):
    """With breaks alone it is the binomial tail, or the normal one where that is larger."""
    n_items = math.ceil((n_broken + 2 * math.sqrt(n_broken) + 2) / margin)
    p = non_inferiority_p(n_broken=n_broken, n_fixed=0, n_items=n_items, margin=margin)
    z = tango_z(n_broken=n_broken, n_fixed=0, n_items=n_items, drop=margin)
    assert p == pytest.approx(max(binom.cdf(n_broken, n_items, margin), norm.sf(z)), rel=1e-9)


@pytest.mark.parametrize(("n_items", "margin"), [(10_000, 0.03), (40_000, 0.05)])
def test_p_approaches_the_normal_tail(n_items, margin):
    """The corrections vanish as the items grow: a tenth of the items changing, within 2 %."""
    n_fixed = n_items // 20
    n_broken = n_fixed + round(n_items * margin - 1.645 * math.sqrt(n_items / 10))
    table = {"n_broken": n_broken, "n_fixed": n_fixed, "n_items": n_items}
    expected = norm.sf(tango_z(**table, drop=margin))
    assert non_inferiority_p(**table, margin=margin) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(("n_broken", "n_fixed"), [(7, 0), (8, 1), (10, 3), (12, 5)])
def test_a_visible_fall_is_never_held(n_broken, n_fixed):
    """45 of 50 right falling to 38 is not held at a margin of 5 points, whatever items changed."""
    table = {"n_broken": n_broken, "n_fixed": n_fixed, "n_items": 50}
    assert not non_inferior(**table, margin=0.05, alpha=0.05)


def test_no_significant_drop_is_not_held():
    """Two broken items of 40 prove no drop, and do not prove that there is none."""
    is_held = non_inferior(n_broken=2, n_fixed=0, n_items=40, margin=0.05, alpha=0.05)
    assert (mcnemar_mid_p(n_broken=2, n_fixed=0) > 0.05, is_held) == (True, False)


def test_a_real_drop_can_be_held_and_proven():
    """With many items a drop of one point is proven, and so is that it stays below three."""
    table = {"n_broken": 60, "n_fixed": 20, "n_items": 4000}
    is_held = non_inferior(**table, margin=0.03, alpha=0.05)
    assert (mcnemar_mid_p(n_broken=60, n_fixed=20) < 0.05, is_held) == (True, True)
