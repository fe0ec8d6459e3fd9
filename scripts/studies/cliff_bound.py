"""What a test of "the fall is a line" can find of a fall of 10 points at the best.

    python -m scripts.studies.cliff_bound [--ladders 1000] [--draws 400000] [--out DIR]

On a ladder of right-or-wrong items the drop before a cut is 2 points and past it 12, with 10 %
churn. *Told the cut*: the likelihood ratio between this fall and the straight line from which it
is hardest to tell, at 6 %, on simulated counts; no test that calls lines a cliff in 6 % at the most
names more (Neyman and Pearson). *Wherever it lies*: the most that a test of what a line leaves of
the level means can name at every cut alike, for a known variance; every mixture of the cuts bounds
it from above, and the least of these bounds is shown. *Named*: what `find_onset` names, a constant
rate being ruled out as well. Writes `README.md`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import xlogy

from cliffguard.stats.onset import find_onset
from scripts.studies.ladder_simulations import CHURN, drawn, lost, shape
from scripts.studies.page import publish, table

N_ITEMS = 200
LEVELS = (0.05, 0.06)
BEFORE, FALL = 0.02, 0.10
Array = Any
Row = dict[str, Any]


def drops_of(n_levels: int, cut: int) -> Array:
    """Return the drop at every level."""
    return BEFORE + FALL * (np.arange(n_levels) >= cut)


def chances(drops: Array, churn: Array) -> Array:
    """Return the chances of broken, fixed and unchanged items, shape (levels, 3)."""
    moved = np.maximum(churn, np.abs(drops))
    return np.stack([(moved + drops) / 2, (moved - drops) / 2, 1 - moved], axis=1)


def hardest_line(truth: Array) -> Array:
    """Return the chances under the line, its churn free at every level, nearest to the truth."""
    n_levels = len(truth)

    def distance(x: Array) -> float:
        line = chances(x[0] + x[1] * np.arange(n_levels), np.clip(x[2:], 1e-6, 1.0))
        return float((xlogy(truth, truth) - xlogy(truth, np.maximum(line, 1e-12))).sum())

    start = np.array([0.0, FALL / (n_levels - 1), *[CHURN + 0.02] * n_levels])
    for _ in range(6):
        start = minimize(distance, start, method="Nelder-Mead", options={"maxiter": 20_000}).x
    return chances(start[0] + start[1] * np.arange(n_levels), np.clip(start[2:], 1e-6, 1.0))


def told_the_cut(n_levels: int, cut: int, n_draws: int, rng: np.random.Generator) -> float:
    """Return the power at 6 % of the best test between a fall and its hardest line."""
    truth = chances(drops_of(n_levels, cut), np.full(n_levels, CHURN))
    line = hardest_line(truth)
    ratio = np.log(np.maximum(truth, 1e-12)) - np.log(np.maximum(line, 1e-12))
    under = [
        sum(rng.multinomial(N_ITEMS, p, size=n_draws) @ r for p, r in zip(side, ratio, strict=True))
        for side in (line, truth)
    ]
    return float((under[1] > np.quantile(under[0], 1 - LEVELS[1])).mean())


def left_by_a_line(n_levels: int) -> Array:
    """Return what a line leaves of the fall at every cut, in standard errors; (cuts, levels - 2).

    All level means have the variance that they have on the average.
    """
    steps = np.array([np.arange(n_levels) >= cut for cut in range(1, n_levels)], dtype=float)
    drops = BEFORE + FALL * steps
    error = np.sqrt((np.maximum(CHURN, drops) - drops**2).mean() / N_ITEMS)
    line = np.stack([np.ones(n_levels), np.arange(n_levels)], axis=1)
    basis = np.linalg.qr(line, mode="complete")[0]
    return FALL * steps / error @ basis[:, 2:]


def wherever_it_lies(n_levels: int, level: float, n_draws: int, rng: np.random.Generator) -> float:
    """Return the least bound on the power that a test has at all cuts alike."""
    means = left_by_a_line(n_levels)
    noise = rng.standard_normal((n_draws, means.shape[1]))
    null = noise @ means.T - (means**2).sum(axis=1) / 2
    log_ratios = [(noise + mean) @ means.T - (means**2).sum(axis=1) / 2 for mean in means]

    def power(x: Array) -> float:
        shares = np.exp(np.append(x, 0.0) - np.append(x, 0.0).max())
        shares /= shares.sum()
        edge = np.quantile(np.exp(null) @ shares, 1 - level)
        each = [float((np.exp(values) @ shares > edge).mean()) for values in log_ratios]
        return float(shares @ each)

    options = {"maxiter": 200, "xatol": 0.02, "fatol": 1e-4}
    return float(
        minimize(power, np.zeros(len(means) - 1), method="Nelder-Mead", options=options).fun
    )


def named(n_levels: int, cut: int, n_ladders: int, rng: np.random.Generator) -> float:
    """Return how often the fall is called a cliff."""
    truth = lost(drops_of(n_levels, cut))
    n_named = 0
    for _ in range(n_ladders):
        changes, bases = drawn(truth, N_ITEMS, rng)
        seed = int(rng.integers(2**31))
        fall = find_onset(changes, bases, n_permutations=199, n_lines=999, seed=seed)
        n_named += shape(fall) == "cliff"
    return n_named / n_ladders


def main() -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ladders", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=400_000)
    parser.add_argument("--out", type=Path, default=Path("reports/cliff-bound"))
    arguments = parser.parse_args()
    rng = np.random.default_rng(20261128)
    cuts, bounds = [], []
    for n_levels in (4, 6):
        bound: Row = {"levels": n_levels}
        for level in LEVELS:
            n_draws = arguments.draws // 10
            bound[f"at {level:.0%}"] = wherever_it_lies(n_levels, level, n_draws, rng)
        chances: list[float] = []
        for cut in range(1, n_levels):
            row: Row = {"levels": n_levels, "levels before the cut": cut}
            row["told the cut, at 6 %"] = told_the_cut(n_levels, cut, arguments.draws, rng)
            row["named"] = named(n_levels, cut, arguments.ladders, rng)
            chances.append(row["named"])
            cuts.append(row)
        bound["named, mean over the cuts"] = float(np.mean(chances))
        bounds.append(bound)
    parts = [
        "# What can be found of a fall of 10 points",
        f"{N_ITEMS} right-or-wrong items a level, {CHURN:.0%} churn, {arguments.ladders} ladders.",
        f"    python -m scripts.studies.cliff_bound --ladders {arguments.ladders} "
        f"--draws {arguments.draws}",
        "## By cut",
        table(cuts),
        "## Wherever it lies: the most that is named at every cut alike",
        table(bounds),
    ]
    text = "\n\n".join(parts) + "\n"
    publish(text, arguments.out / "README.md")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
