"""Several candidates of which one is shipped: the alpha that each may spend."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from cliffguard.stats.joint import Together, correlation_of, joint_levels

ALPHA = 0.05
LOOKS = (500,)


def together(n_candidates: int, n_proofs: int, correlation: float | None) -> list[Together]:
    """Return proofs whose candidates all hang together alike."""
    correlations = None
    if correlation is not None:
        correlations = np.full((n_candidates, n_candidates), correlation)
        np.fill_diagonal(correlations, 1.0)
    return [Together(correlations, LOOKS)] * n_proofs


def test_twins_are_tested_once() -> None:
    """Two candidates with the same answers err together, and each has all of alpha."""
    p = np.full((2, 3), 0.001)
    p[:, 0] = 0.049

    levels = joint_levels(p, together(2, 3, 1.0), alpha=ALPHA)

    assert levels == pytest.approx([ALPHA] * 3, rel=0.06)


@pytest.mark.parametrize("correlation", [None, 0.0])
def test_what_does_not_hang_together_has_an_equal_share(correlation: float | None) -> None:
    """Unknown or nil, the correlation gives nothing away."""
    p = np.full((4, 2), 0.001)
    p[:, 0] = 0.03

    levels = joint_levels(p, together(4, 2, correlation), alpha=ALPHA)

    assert levels == pytest.approx([ALPHA / 4] * 2, rel=0.1)
    assert levels.min() >= ALPHA / 4


def test_nothing_is_gained_where_each_may_have_lost_another() -> None:
    """Near twins, but in every capability some candidate is open: the equal share."""
    p = np.full((8, 8), 0.03)

    assert joint_levels(p, together(8, 8, 0.99), alpha=ALPHA) == pytest.approx([ALPHA / 8] * 8)


def test_one_open_capability_leaves_the_value_from_within_it() -> None:
    """All others are proven for everybody, so that no two can have been lost."""
    p = np.full((8, 8), 1e-4)
    p[:, 3] = 0.012

    levels = joint_levels(p, together(8, 8, 0.99), alpha=ALPHA)

    assert 0.025 < levels.min() <= levels.max() < 0.04


def test_a_candidate_that_is_not_known_is_open_everywhere() -> None:
    """It may have lost what another one has not."""
    p = np.full((2, 2), 0.001)
    p[:, 0] = 0.03
    known = joint_levels(p, together(2, 2, 0.99), alpha=ALPHA)
    p[1] = 1.0

    assert joint_levels(p, together(2, 2, 0.99), alpha=ALPHA).max() < known.min()


def test_several_looks_give_as_much_as_one() -> None:
    """Near twins cross at the same looks."""
    p = np.full((3, 1), 0.03)
    correlation = together(3, 1, 0.95)[0].correlation
    often = [Together(correlation, (128, 256, 384, 500))]

    assert joint_levels(p, often, alpha=ALPHA) == pytest.approx(
        joint_levels(p, together(3, 1, 0.95), alpha=ALPHA), rel=0.15
    )


def test_a_capability_without_changes_costs_the_others_nothing() -> None:
    """Where nobody changed anything no correlation is known; each has a level of its own."""
    p = np.full((3, 2), 0.002)
    p[:, 0] = 0.03

    still, moved = together(3, 1, 0.0), together(3, 1, 0.97)

    levels = joint_levels(p, [*moved, *still], alpha=ALPHA)

    assert levels[0] > 0.03
    assert levels[1] < 0.02


def test_few_changes_prove_little_correlation() -> None:
    """Two that changed the same three of 200 items are not taken for twins."""
    x = np.zeros((2, 200))
    x[:, :3] = 1.0
    many = np.zeros((2, 200))
    many[:, :50] = 1.0

    assert correlation_of(x)[0, 1] < 0.65
    assert correlation_of(many)[0, 1] > 0.94


@pytest.mark.slow
def test_the_choice_keeps_its_level_where_each_lost_another() -> None:
    """Eight near twins on eight capabilities, 1,000 choices: a value from within one lets 10 %."""
    rng = np.random.default_rng(3)
    n, k = 1000, 8
    root = np.linalg.cholesky(0.99 ** np.abs(np.subtract.outer(np.arange(k), np.arange(k))))
    z = np.einsum("kl,rlj->rkj", root, rng.standard_normal((n, k, k))) + 4.0
    z[:, np.arange(k), np.arange(k)] -= 4.0  # each lost its own
    p = ndtr(-z)
    every = [Together(root @ root.T, LOOKS)] * k
    within = joint_levels(np.zeros((k, k)), every, alpha=ALPHA).min()
    passes = p.max(axis=2).min(axis=1)
    close = np.flatnonzero((passes > ALPHA / k) & (passes <= within))
    wrong = int((passes <= ALPHA / k).sum())
    wrong += sum(
        (p[run] <= joint_levels(p[run], every, alpha=ALPHA, n_paths=500)).all(axis=1).any()
        for run in close
    )

    assert (passes <= within).mean() > 0.10
    assert wrong / n <= 0.055 + 3 * 0.007
