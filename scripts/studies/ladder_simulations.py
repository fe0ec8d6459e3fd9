"""Studies of ladders for calibrate.py: which shape is named where the truth is known.

Every truth is a base's and a candidate's chance to be right, level by level. An item is right on
both sides, broken, fixed or wrong on both; 10 % change sides where the drop asks for no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from cliffguard.stats.ladder_shapes import Onset, Shape, shape_of
from cliffguard.stats.onset import find_onset

ALPHA = 0.05
MARGIN = 0.05
CHURN = 0.10
N_PERMUTATIONS, N_LINES = 39, 199  # of one ladder: 5 and 5.5 % are kept exactly with so few

NULL_RUNS = 3  # times as many ladders where a rate of error is measured

Array = Any
Row = dict[str, Any]


@dataclass(frozen=True)
class Truth:
    """Chances to be right by level, the score of guessing, and the least share that changes."""

    base: Array
    candidate: Array
    chance: float = 0.0
    churn: float = CHURN


def lost(drops: Array, base: float = 0.95) -> Truth:
    """Return a base that is equally good at all levels, and a candidate with these drops."""
    drops = np.asarray(drops, dtype=float)
    return Truth(np.full(len(drops), base), base - drops)


def hops(n: int, base: float, candidate: float, chance: float = 0.0) -> Truth:
    """Return sides that get each hop right with a chance of their own; who fails guesses."""
    n_hops = np.arange(1, n + 1)
    return Truth(
        chance + (1 - chance) * base**n_hops, chance + (1 - chance) * candidate**n_hops, chance
    )


def ramp(n: int) -> Array:
    """Return 0 … 1 over `n` levels."""
    return np.linspace(0.0, 1.0, n)


Named = dict[str, Callable[[int], Truth]]

NULLS: Named = {
    "a line, 0 to 10 points": lambda n: lost(0.10 * ramp(n)),
    "a line, 0 to 20 points": lambda n: lost(0.20 * ramp(n)),
    "a line, 0 to 40 points": lambda n: lost(0.40 * ramp(n)),
    "a rate, .98 to .93 a hop": lambda n: hops(n, 0.98, 0.93),
    "a rate, .99 to .85 a hop": lambda n: hops(n, 0.99, 0.85),
    "a rate, .95 to .85 over chance .25": lambda n: hops(n, 0.95, 0.85, 0.25),
}
"""Declines that are not abrupt, and fit one of the nulls."""

SMOOTH: Named = {
    "saturating at 30 points, 1 - e^-k": lambda n: lost(0.30 * (1 - np.exp(-np.arange(n)))),
    "saturating at 30 points, 1 - e^-k/2": lambda n: lost(0.30 * (1 - np.exp(-np.arange(n) / 2))),
    "logistic to 30 points, slope 1": lambda n: lost(_logistic(n, 1.0)),
    "logistic to 30 points, slope 2": lambda n: lost(_logistic(n, 2.0)),
    "quadratic to 30 points": lambda n: lost(0.30 * ramp(n) ** 2),
}
"""Declines that are smooth, and fit neither null."""

STEPS: Named = {
    "10 points past the middle": lambda n: lost(0.02 + 0.10 * (np.arange(n) >= n // 2)),
    "20 points past the middle": lambda n: lost(0.02 + 0.20 * (np.arange(n) >= n // 2)),
    "20 points at the last level": lambda n: lost(0.02 + 0.20 * (np.arange(n) >= n - 1)),
}


def _logistic(n: int, slope: float) -> Array:
    return 0.30 / (1 + np.exp(-slope * (np.arange(n) - (n - 1) / 2)))


def _halved(n: int) -> Truth:
    base = np.linspace(0.95, 0.25, n)
    return Truth(base, 0.25 + (base - 0.25) / 2, 0.25)


SHAPES: Named = {
    "none": lambda n: lost(0.0 * ramp(n)),
    "the same 3 points": lambda n: lost(np.full(n, 0.03)),
    "10 points past level 3": lambda n: lost(0.02 + 0.10 * (np.arange(n) >= 3)),
    "20 points past level 3": lambda n: lost(0.02 + 0.20 * (np.arange(n) >= 3)),
    "20 points past level 5": lambda n: lost(0.02 + 0.20 * (np.arange(n) >= 5)),
    "35 points at level 1 alone": lambda n: lost(0.35 * (np.arange(n) < 1)),
    "half of what is above chance .25": _halved,
}

CUTS = {
    "10 points past level 3": 3,
    "20 points past level 3": 3,
    "20 points past level 5": 5,
    "35 points at level 1 alone": 1,
}
"""Where the truth has a cut."""


def drawn(truth: Truth, n: int, rng: np.random.Generator) -> tuple[list[Array], list[Array]]:
    """Return changes and base scores of `n` items a level."""
    changes, bases = [], []
    for base, candidate in zip(truth.base, truth.candidate, strict=True):
        drop = base - candidate
        moved = min(max(truth.churn, abs(drop)), base + candidate, 2 - base - candidate)
        broken, fixed = (moved + drop) / 2, (moved - drop) / 2
        shares = np.clip([base - broken, broken, fixed, 1 - base - fixed], 0, 1)
        kind = rng.choice(4, p=shares / shares.sum(), size=n)
        changes.append((kind == 1).astype(float) - (kind == 2))
        bases.append((kind <= 1).astype(float))
    return changes, bases


def shape(fall: Onset) -> Shape:
    """Name the shape where the drop over the whole ladder is proven."""
    return shape_of(fall, p_differs=fall.p_differs, margin=MARGIN, alpha=ALPHA, has_dropped=True)


def onsets(truth: Truth, n: int, n_runs: int, rng: np.random.Generator) -> list[Onset]:
    """Return what is found on `n_runs` ladders."""
    falls = []
    for _ in range(n_runs):
        changes, bases = drawn(truth, n, rng)
        seed = int(rng.integers(2**31))
        falls.append(
            find_onset(
                changes,
                bases,
                chance=truth.chance,
                n_permutations=N_PERMUTATIONS,
                n_lines=N_LINES,
                seed=seed,
            )
        )
    return falls


def shapes(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """Six levels: what is named, and where."""
    rows = []
    for name, truth in SHAPES.items():
        for n in (25, 50, 100, 200):
            falls = onsets(truth(6), n, n_runs, rng)
            row: Row = {"truth": name, "items a level": n}
            row["differs"] = _share(fall.p_differs <= ALPHA for fall in falls)
            row |= {
                word: _share(shape(fall) == word for fall in falls)
                for word in ("cliff", "unresolved", "gradual", "easiest")
            }
            rows.append(row | _places(falls, CUTS.get(name)))
    return rows


def _places(falls: Sequence[Onset], cut: int | None) -> Row:
    """How well the cut of those that differ is found; nothing where the truth has none."""
    differing = [fall for fall in falls if fall.p_differs <= ALPHA]
    if cut is None or not differing:
        return dict.fromkeys(("cut right", "within one", "true cut in the set"))
    return {
        "cut right": _share(fall.cut == cut for fall in differing),
        "within one": _share(abs(fall.cut - cut) <= 1 for fall in differing),
        "true cut in the set": _share(cut in fall.cuts for fall in differing),
    }


def _share(hits: Iterable[bool]) -> float:
    return float(np.mean(list(hits)))


def false_cliffs(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """Declines in a straight line or at a constant rate: how often they are called a cliff."""
    sizes = (10, 25, 50, 100, 200, 1000)
    calmer_and_wilder = {
        f"{name}, churn {churn:.0%}": partial(_with_churn, NULLS[name], churn)
        for name in ("a line, 0 to 20 points", "a rate, .99 to .85 a hop")
        for churn in (0.04, 0.20)
    }
    return _called_cliff(NULLS | calmer_and_wilder, sizes, rng, NULL_RUNS * n_runs)


def _with_churn(truth: Callable[[int], Truth], churn: float, n_levels: int) -> Truth:
    return replace(truth(n_levels), churn=churn)


def smooth(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """Declines that are smooth and fit neither: how often they are called a cliff."""
    return _called_cliff(SMOOTH, (25, 50, 100, 200), rng, n_runs)


def steps(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """True steps: how often they are called a cliff."""
    return _called_cliff(STEPS, (25, 50, 100, 200, 400), rng, n_runs)


def _called_cliff(
    truths: Named, sizes: Sequence[int], rng: np.random.Generator, n_runs: int
) -> list[Row]:
    rows = []
    for name, truth in truths.items():
        for n_levels in (4, 6, 8):
            row: Row = {"truth": name, "levels": n_levels}
            for n in sizes:
                falls = onsets(truth(n_levels), n, n_runs, rng)
                row[f"{n} items a level"] = _share(shape(fall) == "cliff" for fall in falls)
            rows.append(row)
    return rows
