"""Shapes of a fall: named where they are, and not where they are not."""

from __future__ import annotations

import numpy as np
import pytest

from cliffguard.stats.cliff import find_fall, half_level
from cliffguard.stats.ladder import shape_of

N_RUNS = 150


def drawn(rng, drops, n, churn=0.08):
    """Return changes of `n` items a level with these true drops and about this churn."""
    levels = []
    for drop in drops:
        moved = max(churn, abs(drop) + 0.01)
        p = [(moved + drop) / 2, 1 - moved, (moved - drop) / 2]
        levels.append(rng.choice([1.0, 0.0, -1.0], p=p, size=n))
    return levels


def named(fall, *, has_dropped=True):
    """Return the shape of a fall on the only ladder that is looked at."""
    return shape_of(
        fall, p_differs=fall.p_differs, margin=0.05, alpha=0.05, has_dropped=has_dropped
    )


def falls(drops, n, *, is_blocked=False, churn=0.08, seed=7):
    """Return what is found on many draws."""
    rng = np.random.default_rng(seed)
    return [
        find_fall(
            drawn(rng, drops, n, churn),
            is_blocked=is_blocked,
            n_permutations=199,
            n_lines=199,
        )
        for _ in range(N_RUNS)
    ]


@pytest.mark.parametrize("is_blocked", [False, True])
@pytest.mark.parametrize("drop", [0.0, 0.03])
def test_a_drop_that_is_everywhere_the_same_does_not_differ(drop, is_blocked):
    """At most 5 % of draws are said to differ; 10 % allows for 150 draws."""
    found = falls([drop] * 6, 100, is_blocked=is_blocked)

    assert np.mean([f.p_differs <= 0.05 for f in found]) <= 0.10
    assert np.mean([named(f) == "cliff" for f in found]) <= 0.05


def test_noise_that_grows_with_difficulty_is_no_fall():
    """Churn from 4 to 20 % along the ladder, and no drop."""
    rng = np.random.default_rng(8)
    n_differs = 0
    for _ in range(N_RUNS):
        levels = [drawn(rng, [0.0], 100, churn)[0] for churn in np.linspace(0.04, 0.2, 6)]
        found = find_fall(levels, n_permutations=199, n_lines=9)
        n_differs += found.p_differs <= 0.05

    assert n_differs / N_RUNS <= 0.10


def test_a_fall_of_thirty_points_is_a_cliff_where_it_is():
    """Past level 3 of 6, at 100 items a level."""
    found = falls([0.02, 0.02, 0.02, 0.32, 0.32, 0.32], 100)

    assert np.mean([named(f) == "cliff" for f in found]) > 0.95
    assert np.mean([f.cut == 3 for f in found]) > 0.9
    assert np.mean([3 in f.cuts for f in found]) > 0.97


def test_a_slope_is_not_called_a_cliff():
    """From 2 to 32 points in a straight line: it differs, and hardly ever is it abrupt."""
    found = falls([0.02, 0.08, 0.14, 0.20, 0.26, 0.32], 100)

    assert np.mean([f.p_differs <= 0.05 for f in found]) > 0.95
    assert np.mean([named(f) == "cliff" for f in found]) <= 0.10
    assert np.mean([named(f) in ("gradual", "unresolved") for f in found]) > 0.85


def test_seeds_shared_by_all_levels_sharpen_the_question():
    """What is peculiar to a seed cancels, so that a smaller fall is seen."""
    rng = np.random.default_rng(9)
    seen = {True: 0, False: 0}
    for _ in range(N_RUNS):
        own = rng.choice([1.0, 0.0, -1.0], p=[0.25, 0.5, 0.25], size=80)
        levels = [own.copy() for _ in range(6)]
        for level in levels[3:]:
            level[(rng.random(80) < 0.12) & (level == 0)] = 1.0
        for is_blocked in seen:
            found = find_fall(levels, is_blocked=is_blocked, n_permutations=99, n_lines=9)
            seen[is_blocked] += found.p_differs <= 0.05

    assert seen[True] > seen[False]


def test_a_fall_below_the_margin_is_no_cliff():
    """However clear: the margin says what matters."""
    levels = [[0.0] * 4000] * 3 + [[0.0] * 3880 + [1.0] * 120] * 3  # 0 and 3 points

    found = find_fall(levels, n_permutations=199, n_lines=199)

    assert (named(found), found.cut) == ("unresolved", 3)
    assert found.p_differs <= 0.01
    assert found.drop_past == pytest.approx(0.03)


def test_without_a_difference_a_proven_drop_is_uniform():
    """And without a proven drop there is nothing to shape."""
    levels = [[1.0] * 10 + [0.0] * 90] * 5

    found = find_fall(levels, n_permutations=99)

    assert [named(found, has_dropped=dropped) for dropped in (True, False)] == ["uniform", "level"]


def test_three_levels_show_that_it_differs_and_not_how():
    """A step and a line are one and the same to so few."""
    levels = [[0.0] * 200, [0.0] * 200, [1.0] * 100 + [0.0] * 100]
    found = find_fall(levels, n_permutations=199)

    assert (named(found), found.cut, found.p_abrupt) == ("unresolved", 2, None)


def test_the_same_seed_gives_the_same_shape():
    """Reports are byte-stable."""
    levels = drawn(np.random.default_rng(1), [0, 0, 0.1, 0.2], 60)
    first, again = (find_fall(levels, n_permutations=99, seed=5) for _ in range(2))

    assert first == again


def test_the_level_of_one_half():
    """Between the two levels around it, on a fit that never rises."""
    assert half_level([0.9, 0.8, 0.4, 0.2], [1, 2, 4, 8]) == pytest.approx(3.5)
    # 0.4 and 0.6 are pooled to 0.5, which is not below one half: it falls there after level 3.
    assert half_level([0.9, 0.4, 0.6, 0.2], [1, 2, 3, 4]) == pytest.approx(3.0)
    assert half_level([0.9, 0.8], [1, 2]) is None
    assert half_level([0.4, 0.1], [1, 2]) is None


@pytest.mark.parametrize(
    ("levels", "is_blocked", "about"),
    [
        ([[0.0]], False, "at least two levels"),
        ([[0.0], []], False, "at least two levels"),
        ([[0.0], [2.0]], False, "between -1 and 1"),
        ([[0.0, 1.0], [0.0]], True, "same number"),
    ],
)
def test_impossible_ladders_are_refused(levels, is_blocked, about):
    """In one line."""
    with pytest.raises(ValueError, match=about):
        find_fall(levels, is_blocked=is_blocked)
