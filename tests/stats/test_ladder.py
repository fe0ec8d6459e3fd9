"""Where on a ladder a drop is proven."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliffguard.stats.ladder import LevelCounts, first_broken_level
from cliffguard.stats.multiplicity import holm
from cliffguard.stats.paired import mcnemar_mid_p

INTACT = LevelCounts(n_broken=3, n_fixed=3, n_items=100)
FALLEN = LevelCounts(n_broken=30, n_fixed=2, n_items=100)


def test_edge_is_the_first_broken_level():
    """Of two fallen levels the earlier one is the edge."""
    found = first_broken_level([INTACT, INTACT, FALLEN, FALLEN], margin=0.05, alpha=0.05)
    assert found.edge == 2


def test_no_edge_where_nothing_fell():
    """Balanced changes on every level have no edge."""
    assert first_broken_level([INTACT] * 6, margin=0.05, alpha=0.05).edge is None


def test_p_values_are_holm_adjusted_mid_p_values():
    """The p-values reported are McNemar's mid-p, adjusted over the levels, in their order."""
    levels = [FALLEN, INTACT, LevelCounts(9, 2, 50)]
    expected = holm([mcnemar_mid_p(n_broken=x.n_broken, n_fixed=x.n_fixed) for x in levels])
    found = first_broken_level(levels, margin=0.05, alpha=0.05)
    assert found.adjusted_p_values == tuple(expected)


def test_a_proven_drop_within_the_margin_is_no_edge():
    """A drop of 4 points that is certainly there does not break a level at a margin of 5."""
    small = LevelCounts(n_broken=40, n_fixed=0, n_items=1000)
    assert first_broken_level([small], margin=0.05, alpha=0.05).edge is None


def test_a_drop_equal_to_the_margin_is_no_edge():
    """The observed drop must exceed the margin, not reach it."""
    exactly = LevelCounts(n_broken=50, n_fixed=0, n_items=1000)
    assert first_broken_level([exactly], margin=0.05, alpha=0.05).edge is None


def test_a_large_but_unproven_drop_is_no_edge():
    """Three broken items of ten are a drop of 30 points that chance explains (mid-p 1/16)."""
    few = LevelCounts(n_broken=3, n_fixed=0, n_items=10)
    assert first_broken_level([few], margin=0.05, alpha=0.05).edge is None


def test_more_levels_ask_for_more_proof():
    """A level with mid-p 1/32 is broken alone and is not among three levels."""
    level = LevelCounts(n_broken=4, n_fixed=0, n_items=20)
    alone = first_broken_level([level], margin=0.05, alpha=0.05)
    among = first_broken_level([INTACT, level, INTACT], margin=0.05, alpha=0.05)
    assert (alone.edge, among.edge) == (0, None)


@given(st.lists(st.integers(1, 500), min_size=1, max_size=8))
def test_identical_answers_have_no_edge(sizes):
    """A ladder on which nothing changed has no edge, and every p-value is 1."""
    found = first_broken_level([LevelCounts(0, 0, n) for n in sizes], margin=0.01, alpha=0.2)
    assert (found.edge, set(found.adjusted_p_values)) == (None, {1.0})


def _chance_of_proof(n_items: int, discordance: float, alpha: float) -> float:
    """Exact chance that mid-p is at most alpha on a level that has not dropped."""
    chance = 0.0
    for n_changed in range(n_items + 1):
        splits = range(n_changed + 1)
        proofs = sum(
            math.comb(n_changed, broken)
            for broken in splits
            if mcnemar_mid_p(n_broken=broken, n_fixed=n_changed - broken) <= alpha
        )
        weight = math.comb(n_items, n_changed) * discordance**n_changed
        weight *= (1 - discordance) ** (n_items - n_changed)
        chance += weight * proofs / 2**n_changed
    return chance


@pytest.mark.parametrize("n_items", [25, 60])
@pytest.mark.parametrize("discordance", [0.05, 0.1, 0.2, 0.4])
def test_false_edges_are_as_rare_as_promised(n_items, discordance):
    """On six levels that have not dropped, an edge appears with a chance of at most 5 %."""
    per_level = _chance_of_proof(n_items, discordance, 0.05 / 6)
    assert 1 - (1 - per_level) ** 6 <= 0.05


def test_an_empty_ladder_is_refused():
    """A ladder without levels is a mistake of the caller."""
    with pytest.raises(ValueError, match="at least one level"):
        first_broken_level([], margin=0.05, alpha=0.05)


def test_a_level_without_items_is_refused():
    """A level at which nothing was measured cannot be called intact."""
    with pytest.raises(ValueError, match="n_items must be at least 1"):
        first_broken_level([INTACT, LevelCounts(0, 0, 0)], margin=0.05, alpha=0.05)
