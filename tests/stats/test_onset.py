"""Shapes of a fall: named where they are, and not where they are not."""

from __future__ import annotations

import numpy as np
import pytest

from cliffguard.stats.ladder_shapes import LEAST_ITEMS, shape_of
from cliffguard.stats.onset import find_onset, half_level

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
        find_onset(
            drawn(rng, drops, n, churn), is_blocked=is_blocked, n_permutations=99, n_lines=99
        )
        for _ in range(N_RUNS)
    ]


@pytest.mark.parametrize(("drop", "is_blocked"), [(0.0, False), (0.03, True)])
def test_a_drop_that_is_everywhere_the_same_does_not_differ(drop, is_blocked):
    """At most 5 % of draws are said to differ; 10 % allows for 150 draws."""
    repeats = falls([drop] * 6, 100, is_blocked=is_blocked)

    assert np.mean([f.p_differs <= 0.05 for f in repeats]) <= 0.10
    assert np.mean([named(f) == "cliff" for f in repeats]) <= 0.05


def test_noise_that_grows_with_difficulty_is_no_fall():
    """Churn from 4 to 20 % along the ladder, and no drop."""
    rng = np.random.default_rng(8)
    n_differs = 0
    for _ in range(N_RUNS):
        levels = [drawn(rng, [0.0], 100, churn)[0] for churn in np.linspace(0.04, 0.2, 6)]
        fall = find_onset(levels, n_permutations=99, n_lines=9)
        n_differs += fall.p_differs <= 0.05

    assert n_differs / N_RUNS <= 0.10


def test_a_fall_of_thirty_points_is_a_cliff_where_it_is():
    """Past level 3 of 6, at 100 items a level."""
    repeats = falls([0.02, 0.02, 0.02, 0.32, 0.32, 0.32], 100)

    assert np.mean([named(f) == "cliff" for f in repeats]) > 0.95
    assert np.mean([f.cut == 3 for f in repeats]) > 0.9
    assert np.mean([3 in f.cuts for f in repeats]) > 0.97


def test_a_slope_is_not_called_a_cliff():
    """From 2 to 32 points in a straight line: it differs, and hardly ever is it abrupt."""
    repeats = falls([0.02, 0.08, 0.14, 0.20, 0.26, 0.32], 100)

    assert np.mean([f.p_differs <= 0.05 for f in repeats]) > 0.95
    assert np.mean([named(f) == "cliff" for f in repeats]) <= 0.10
    assert np.mean([named(f) in ("gradual", "unresolved") for f in repeats]) > 0.85


def answers(rng, base, candidate, n, churn=0.1):
    """Return changes and base scores of `n` items a level, for chances to be right by level."""
    changes, bases = [], []
    for right, kept in zip(base, candidate, strict=True):
        moved = min(max(churn, abs(right - kept)), right + kept, 2 - right - kept)
        broken, fixed = (moved + right - kept) / 2, (moved - right + kept) / 2
        p = np.clip([right - broken, broken, fixed, 1 - right - fixed], 0, 1)
        kind = rng.choice(4, p=p / p.sum(), size=n)
        changes.append((kind == 1) * 1.0 - (kind == 2))
        bases.append((kind <= 1) * 1.0)
    return changes, bases


def hops(n_levels, rate, chance=0.0):
    """Return the chance to be right after one hop, two hops, …, each right at this rate."""
    return chance + (1 - chance) * rate ** np.arange(1, n_levels + 1)


SLOW = pytest.mark.slow  # the hardest case is among the fast tests
LINE = 0.95 - np.linspace(0.0, 0.2, 6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("base", "candidate", "chance", "n"),
    [
        pytest.param([0.95] * 6, LINE, 0.0, 25, id="a line, few items", marks=SLOW),
        pytest.param([0.95] * 6, LINE, 0.0, 100, id="a line", marks=SLOW),
        pytest.param(hops(6, 0.99), hops(6, 0.85), 0.0, 25, id="a rate, few items", marks=SLOW),
        pytest.param(hops(8, 0.99), hops(8, 0.85), 0.0, 200, id="a rate, many items", marks=SLOW),
        pytest.param(hops(8, 0.95, 0.25), hops(8, 0.85, 0.25), 0.25, 200, id="over chance"),
    ],
)
def test_a_decline_by_points_or_by_a_rate_is_hardly_ever_a_cliff(base, candidate, chance, n):
    """At most 5 % of draws (10 % is room for 150). Against a line alone the last two: 20 %."""
    rng = np.random.default_rng(12)
    repeats = [
        find_onset(
            *answers(rng, base, candidate, n),
            chance=chance,
            n_permutations=99,
            n_lines=99,
            seed=seed,
        )
        for seed in range(N_RUNS)
    ]

    assert np.mean([named(f) == "cliff" for f in repeats]) <= 0.10


@pytest.mark.parametrize("is_blocked", [pytest.param(False, marks=SLOW), True])
def test_graded_scores_in_a_line_are_hardly_ever_a_cliff(is_blocked):
    """Their changes are drawn from what was seen; 40 items a level, a share per seed in common."""
    rng = np.random.default_rng(13)
    n_cliffs = 0
    for seed in range(N_RUNS):
        effects = rng.normal(0, 0.1, size=40)
        levels = [
            np.clip(drop + effects + rng.normal(0, 0.15, size=40), -1, 1)
            for drop in np.linspace(0, 0.2, 6)
        ]
        fall = find_onset(levels, is_blocked=is_blocked, n_permutations=99, n_lines=99, seed=seed)
        n_cliffs += named(fall) == "cliff"

    assert n_cliffs / N_RUNS <= 0.10


def test_too_few_items_cannot_be_a_cliff():
    """However clear the step: a level with fewer leaves it unresolved."""
    few = [[0.0] * LEAST_ITEMS] * 3 + [[1.0] * LEAST_ITEMS] * 2 + [[1.0] * (LEAST_ITEMS - 1)]
    enough = [*few[:5], [1.0] * LEAST_ITEMS]

    shapes = [
        named(find_onset(levels, n_permutations=199, n_lines=199)) for levels in (few, enough)
    ]

    assert shapes == ["unresolved", "cliff"]


@pytest.mark.parametrize("n", [50, 200])
def test_a_loss_at_the_easiest_level_is_never_uniform(n):
    """35 points at the first of six levels and none past it."""
    repeats = falls([0.35, 0, 0, 0, 0, 0], n)

    assert {named(f) for f in repeats} == {"easiest"}
    assert np.mean([f.cut == 1 for f in repeats]) > 0.9
    assert np.mean([f.drop_where_worse for f in repeats]) == pytest.approx(0.35, abs=0.02)


def test_half_of_what_is_above_chance_is_lost_at_the_easiest_levels():
    """Drops of 35, 28, … 0 points: where the base has most, most is lost."""
    rng = np.random.default_rng(14)
    base = np.linspace(0.95, 0.25, 6)
    repeats = [
        find_onset(
            *answers(rng, base, 0.25 + (base - 0.25) / 2, 100), chance=0.25, n_permutations=99
        )
        for _ in range(50)
    ]

    assert {named(f) for f in repeats} == {"easiest"}


def test_a_gain_at_the_hard_levels_is_no_loss_at_the_easy_ones():
    """It differs, and nothing was lost."""
    levels = [[0.0] * 100] * 3 + [[0.0] * 70 + [-1.0] * 30] * 3
    fall = find_onset(levels, n_permutations=199)

    assert (fall.eases, fall.p_differs <= 0.01) == (True, True)
    assert named(fall, has_dropped=False) == "level"


def test_a_loss_at_easy_levels_shows_beside_a_gain_at_hard_ones():
    """On balance nothing was lost, and still the first level is."""
    levels = [[0.0] * 60 + [1.0] * 40, *[[0.0] * 92 + [-1.0] * 8] * 5]
    fall = find_onset(levels, n_permutations=199)

    assert named(fall, has_dropped=False) == "easiest"


def test_seeds_shared_by_all_levels_sharpen_the_question():
    """What is peculiar to a seed cancels, so that a smaller fall is seen."""
    rng = np.random.default_rng(9)
    seen = {True: 0, False: 0}
    for _ in range(N_RUNS):
        changes = rng.choice([1.0, 0.0, -1.0], p=[0.25, 0.5, 0.25], size=80)
        levels = [changes.copy() for _ in range(6)]
        for level in levels[3:]:
            level[(rng.random(80) < 0.12) & (level == 0)] = 1.0
        for is_blocked in seen:
            fall = find_onset(levels, is_blocked=is_blocked, n_permutations=99, n_lines=9)
            seen[is_blocked] += fall.p_differs <= 0.05

    assert seen[True] > seen[False]


def test_a_fall_below_the_margin_is_no_cliff():
    """However clear: the margin says what matters."""
    levels = [[0.0] * 4000] * 3 + [[0.0] * 3880 + [1.0] * 120] * 3  # 0 and 3 points

    fall = find_onset(levels, n_permutations=199, n_lines=199)

    assert (named(fall), fall.cut) == ("unresolved", 3)
    assert fall.p_differs <= 0.01
    assert fall.drop_past == pytest.approx(0.03)


def test_without_a_difference_a_proven_drop_is_uniform():
    """And without a proven drop there is nothing to shape."""
    levels = [[1.0] * 10 + [0.0] * 90] * 5

    fall = find_onset(levels, n_permutations=99)

    assert [named(fall, has_dropped=dropped) for dropped in (True, False)] == ["uniform", "level"]


def test_three_levels_show_that_it_differs_and_not_how():
    """A step and a line are one and the same to so few."""
    levels = [[0.0] * 200, [0.0] * 200, [1.0] * 100 + [0.0] * 100]
    fall = find_onset(levels, n_permutations=199)

    assert (named(fall), fall.cut, fall.p_abrupt) == ("unresolved", 2, None)


def test_the_same_seed_gives_the_same_shape():
    """Reports are byte-stable."""
    levels = drawn(np.random.default_rng(1), [0, 0, 0.1, 0.2], 60)
    first, again = (find_onset(levels, n_permutations=99, seed=5) for _ in range(2))

    assert first == again


def test_the_level_of_one_half():
    """Between the two levels around it, on a fit that never rises."""
    assert half_level([0.9, 0.8, 0.4, 0.2], [1, 2, 4, 8]) == pytest.approx(3.5)
    # 0.4 and 0.6 are pooled to 0.5, which is not below one half: it falls there after level 3.
    assert half_level([0.9, 0.4, 0.6, 0.2], [1, 2, 3, 4]) == pytest.approx(3.0)
    assert half_level([0.9, 0.8], [1, 2]) is None
    assert half_level([0.4, 0.1], [1, 2]) is None


@pytest.mark.parametrize(
    ("levels", "bases", "is_blocked", "about"),
    [
        ([[0.0]], None, False, "at least two levels"),
        ([[0.0], []], None, False, "at least two levels"),
        ([[0.0], [2.0]], None, False, "between -1 and 1"),
        ([[0.0, 1.0], [0.0]], None, True, "same number"),
        ([[0.0], [0.0]], [[1.0], []], False, "base score of its item"),
        ([[0.0], [0.0]], [[1.0], [2.0]], False, "between 0 and 1"),
    ],
)
def test_impossible_ladders_are_refused(levels, bases, is_blocked, about):
    """In one line."""
    with pytest.raises(ValueError, match=about):
        find_onset(levels, bases, is_blocked=is_blocked)
