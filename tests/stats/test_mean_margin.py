"""The mean of several drops against a margin of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cliffguard.stats.mean_margin import MeanTable, mean_evidence, mean_size
from cliffguard.stats.paired import non_inferiority_p

MARGIN = 0.015


def table(
    broken: Any, fixed: Any, n_items: Any, *, margin: float = MARGIN, **more: Any
) -> MeanTable:
    """Return the table of right or wrong answers, capabilities along the last axis."""
    b, f, n = (np.asarray(x, dtype=float) for x in (broken, fixed, n_items))
    return MeanTable((b - f) / n, (b + f) / n, n, margin=margin, **more)


def drawn(n_items: tuple[int, ...], drops: tuple[float, ...], churn: float) -> MeanTable:
    """Return 5,000 samples of capabilities with these drops."""
    rng = np.random.default_rng(11)
    counts: list[NDArray[np.int64]] = []
    for n, drop in zip(n_items, drops, strict=True):
        moved = max(churn, abs(drop))
        chances = [(moved + drop) / 2, (moved - drop) / 2, 1 - moved]
        counts.append(rng.multinomial(n, chances, size=5000))
    both = np.stack(counts, axis=1)
    return table(both[..., 0], both[..., 1], n_items)


@pytest.mark.parametrize(("broken", "fixed", "n"), [(3, 4, 300), (20, 25, 1000), (0, 0, 250)])
def test_the_mean_of_one_is_that_one(broken: int, fixed: int, n: int) -> None:
    """With the p-value of HELD at the same margin."""
    alone = non_inferiority_p(n_broken=broken, n_fixed=fixed, n_items=n, margin=MARGIN)

    assert float(table([broken], [fixed], [n]).p_at_least(MARGIN)) == pytest.approx(alone)


def test_capabilities_of_one_size_are_as_good_as_their_sum() -> None:
    """Eight of 500 items that change alike are one of 4,000."""
    p_value = float(table([25] * 8, [25] * 8, [500] * 8).p_at_least(MARGIN))
    summed = non_inferiority_p(n_broken=200, n_fixed=200, n_items=4000, margin=MARGIN)

    assert p_value == pytest.approx(summed, rel=0.01)
    assert p_value < 0.002


@pytest.mark.parametrize(
    ("n_items", "drops", "churn"),
    [
        ((500,) * 8, (MARGIN,) * 8, 0.1),
        ((500,) * 8, (4 * MARGIN,) * 2 + (0.0,) * 6, 0.1),
        ((100, 5000), (2 * MARGIN, 0.0), 0.03),
        ((100, 3000, 3000), (3 * MARGIN, 0.0, 0.0), 0.0),
        ((50, 3000, 3000), (3 * MARGIN, 0.0, 0.0), 0.03),
        ((200, 400, 800, 1600), (4 * MARGIN, 0.0, 0.0, 0.0), 0.03),
    ],
)
def test_wherever_the_mean_is_lost_it_is_seen(
    n_items: tuple[int, ...], drops: tuple[float, ...], churn: float
) -> None:
    """A loss in one small capability too: a variance as if each lost the margin let 16 % pass."""
    is_below = drawn(n_items, drops, churn).p_at_least(MARGIN) <= 0.05

    assert is_below.mean() <= 0.05 + 3 * 0.0031


def test_few_collapses_among_small_gains_are_not_taken_for_none() -> None:
    """Graded scores whose mean drop is the margin: 4 % fall to 0, the rest gain a little."""
    rng = np.random.default_rng(12)
    lost = rng.binomial(300, 0.04, size=(4000, 2)) / 300
    gain = (0.04 - MARGIN) / 0.96
    drops, squares = lost - (1 - lost) * gain, lost + (1 - lost) * gain**2
    means = MeanTable(drops, squares, np.array([300.0, 300.0]), margin=MARGIN, is_graded=True)

    assert (means.p_at_least(MARGIN) <= 0.05).mean() <= 0.055


def test_a_broken_item_never_speaks_for_the_mean() -> None:
    """In whichever capability it lies."""
    before = float(table([9, 5, 40], [9, 6, 45], [100, 200, 900]).p_at_least(MARGIN))

    for index in range(3):
        broken = np.array([9, 5, 40])
        broken[index] += 1
        assert float(table(broken, [9, 6, 45], [100, 200, 900]).p_at_least(MARGIN)) > before


def test_documents_in_common_make_the_mean_less_certain() -> None:
    """By their covariance."""
    alone, tied = (
        table([25] * 4, [25] * 4, [500] * 4, covariance=c).p_at_least(MARGIN) for c in (0.0, 2e-5)
    )

    assert tied > alone


@pytest.mark.parametrize("broken", range(10, 40, 3))
def test_the_upper_end_is_below_the_margin_where_the_mean_is(broken: int) -> None:
    """The report's "at most" never contradicts the proof."""
    evidence = mean_evidence(
        [table([broken] * 4, [25] * 4, [500] * 4)], [500], n_planned=500, margin=MARGIN, alpha=0.05
    )

    if evidence.p_held <= 0.05:
        assert evidence.high <= MARGIN


def test_a_look_that_adds_nothing_is_none() -> None:
    """It is the one before, and costs nothing."""
    small, large = (table([n / 20] * 4, [n / 20] * 4, [n] * 4) for n in (200, 500))
    settings = {"n_planned": 500, "margin": MARGIN, "alpha": 0.05}

    two = mean_evidence([small, large], [200, 500], **settings)  # type: ignore[arg-type]

    assert mean_evidence([small, small, large], [200, 200, 500], **settings) == two  # type: ignore[arg-type]
    assert two.p_held > mean_evidence([large], [500], **settings).p_held  # type: ignore[arg-type]


def test_the_smallest_capability_sets_the_precision() -> None:
    """The harmonic mean: 100 and 10,000 items are worth 198 each."""
    assert mean_size([100, 10_000]) == 198
    assert mean_size([500] * 8) == 500
