"""How often a change of the mean length is judged wrongly, and how often none is held.

    python -m scripts.studies.lengths [--runs 400] [--out FOLDER]

Pairs of lengths are drawn whose ratio of means, up to the limit, is exactly at the margin of 10 %
(longer or shorter), or exactly 1. Beside the test of `cliffguard.stats.lengths` stands the delta
method on the logarithm of the ratio, two one-sided tests of it. *Changed* is two-sided. Prints
Markdown, and writes README.md into `--out` (default reports/lengths). Exits with 1 when a false
verdict of ours is more frequent than 5 % and three standard errors.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from cliffguard.stats.exponentials import positive_chance
from scripts.studies.page import publish, table

ALPHA, MARGIN = 0.05, 0.10
SIZES = (20, 60, 200, 400)
_N_POPULATION = 200_000
_AT_ONCE = 250  # samples in memory

Array = NDArray[np.float64]
Pairs = tuple[Array, Array]


def populations(rng: np.random.Generator) -> dict[str, Pairs]:
    """Return lengths of base and candidate in shares of the limit, not cut, by what they are."""

    def log_normal(middle: float, sigma: float, tied: float) -> Pairs:
        shared, *each = rng.normal(size=(3, _N_POPULATION))
        parts = (tied * shared + math.sqrt(1 - tied**2) * noise for noise in each)
        base, candidate = (middle * np.exp(sigma * part) for part in parts)
        return base, candidate

    few = np.where(rng.uniform(size=(2, _N_POPULATION)) < 0.01, 1.0, 0.02)
    labels = rng.choice([1 / 16, 2 / 16], (2, _N_POPULATION))
    return {
        "log-normal, sigma 0.5, like prompts": log_normal(0.1, 0.5, 0.9),
        "log-normal, sigma 1.5": log_normal(0.05, 1.5, 0.8),
        "log-normal, sigma 1.5, half cut": log_normal(1.0, 1.5, 0.8),
        "1 in 100 at the limit, else 2 %": (few[0], few[1]),
        "labels of one token or two": (labels[0], labels[1]),
    }


def at_ratio(base: Array, candidate: Array, ratio: float) -> Array:
    """Return the candidate's lengths up to the limit, scaled until the ratio of means is this."""
    goal, low, high = ratio * np.minimum(base, 1.0).mean(), 0.0, 1e6
    for _ in range(80):
        middle = math.sqrt(low * high) if low else high / 1e3
        is_short = np.minimum(middle * candidate, 1.0).mean() < goal
        low, high = (middle, high) if is_short else (low, middle)
    return np.minimum(high * candidate, 1.0)


def p_values(base: Array, candidate: Array, ratio: float) -> Pairs:
    """Return by sample the p-values of "the ratio is this or more", and "or less", as the gate's.

    Shapes of the samples: (n_samples, n_pairs).
    """
    terms = candidate - ratio * base
    worst = np.ones((len(base), 1))
    return (
        positive_chance(np.hstack([terms, worst])),
        positive_chance(np.hstack([-terms, ratio * worst])),
    )


def by_delta(base: Array, candidate: Array, ratio: float) -> Pairs:
    """Return the same by the delta method on the logarithm of the ratio, with a normal tail."""
    means = base.mean(axis=1), candidate.mean(axis=1)
    parts = candidate / means[1][:, None] - base / means[0][:, None]
    error = parts.std(axis=1, ddof=1) / math.sqrt(base.shape[1])
    away = np.log(means[1] / means[0]) - math.log(ratio)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(error > 0, away / error, np.sign(away) * 8.0)
    return ndtr(z), ndtr(-z)


def rates(base: Array, at: dict[float, Array], picks: NDArray[np.int64], test: Any) -> list[float]:
    """Return how often a sample is HELD at the margin, changed at none, beyond at it, HELD at none.

    Of both directions the larger.
    """

    def share(ratio: float, reject: Any) -> float:
        parts = np.array_split(picks, max(1, len(picks) // _AT_ONCE))
        return float(np.mean(np.concatenate([reject(base[p], at[ratio][p]) for p in parts])))

    def held(b: Array, c: Array) -> Array:
        return np.maximum(test(b, c, 1 + MARGIN)[0], test(b, c, 1 - MARGIN)[1]) <= ALPHA

    def changed(b: Array, c: Array) -> Array:
        return 2 * np.minimum(*test(b, c, 1.0)) <= ALPHA

    def beyond(b: Array, c: Array) -> Array:
        longer, shorter = test(b, c, 1 + MARGIN)[1], test(b, c, 1 - MARGIN)[0]
        return 2 * np.minimum(longer, shorter) <= ALPHA

    ends = (1 + MARGIN, 1 - MARGIN)
    return [
        max(share(end, held) for end in ends),
        share(1.0, changed),
        max(share(end, beyond) for end in ends),
        share(1.0, held),
    ]


def study(rng: np.random.Generator, n_runs: int) -> list[dict[str, Any]]:
    """Return a row for every population and size."""
    rows = []
    for name, (base, candidate) in populations(rng).items():
        at = {r: at_ratio(base, candidate, r) for r in (1 + MARGIN, 1 - MARGIN, 1.0)}
        for n_pairs in SIZES:
            picks = rng.integers(0, _N_POPULATION, (n_runs, n_pairs))
            row: dict[str, Any] = {"lengths": name, "pairs": n_pairs}
            for test, of in ((p_values, ""), (by_delta, "delta: ")):
                names = ("false HELD", "false changed", "false beyond", "HELD at none")
                values = rates(np.minimum(base, 1.0), at, picks, test)
                row |= {of + key: value for key, value in zip(names, values, strict=True)}
            rows.append(row)
    return rows


def main() -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--out", type=Path, default=Path("reports/lengths"))
    given = parser.parse_args()
    rows = study(np.random.default_rng(92), given.runs)
    text = (
        "# The mean length of answers\n\n"
        f"`python -m scripts.studies.lengths --runs {given.runs}`. Margin 10 % either way, alpha "
        "5 %; of errors the larger of longer and shorter. *delta* is the delta method on the log "
        f"of the ratio, which the gate does not use.\n\n{table(rows)}\n"
    )
    publish(text, given.out / "README.md")
    most = ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / given.runs)
    wrong = [row for row in rows if max(list(row.values())[2:5]) > most]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
