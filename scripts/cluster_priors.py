"""Which prior on the correlation within clusters keeps HELD honest: decision 19's table.

    python scripts/cluster_priors.py [--runs 4000]

At a drop of exactly the margin, the largest share of false HELD over margins of 3, 5 and 10 points,
20 to 200 clusters of 2 to 25 items, and 0 or 5 % of items fixed; by the correlation within
clusters and by prior (weight in clusters, correlation). Then how often a candidate that lost
nothing is held.
"""

from __future__ import annotations

import argparse
import itertools
from typing import Any

import numpy as np
from calibrate import table
from scipy.stats import t as student_t
from studies import rates

from cliffguard.stats.paired import score_z

ALPHA = 0.05
PRIORS = ((6, 0.25), (4, 0.5), (3, 1.0))
CORRELATIONS = (0.0, 0.1, 0.3, 0.6, 1.0)


def held(
    rng: np.random.Generator,
    n_runs: int,
    n: int,
    size: int,
    drop: float,
    margin: float,
    fixed_share: float,
    correlation: float,
) -> list[float]:
    """Return the share held of `n` clusters: by the plain estimate, then under each prior."""
    broken = rng.binomial(size, rates(rng, (n_runs, n), drop + fixed_share, correlation))
    left = size - broken
    fixed = rng.binomial(left, np.minimum(1.0, rates(rng, (n_runs, n), fixed_share, correlation)))
    n_items = n * size
    b, f = broken.sum(axis=1), fixed.sum(axis=1)
    z = score_z(b, f, n_items, margin)
    mean = (b - f) / n_items
    squares = b + f - n_items * mean**2
    totals = broken - fixed - size * mean[:, None]
    clustered = n / (n - 1) * (totals**2).sum(axis=1) / n_items**2
    alone = squares / (n_items - 1) / n_items
    plain = np.maximum(1.0, np.divide(clustered, alone, out=np.ones_like(alone), where=alone > 0))
    correlated = np.minimum(1.0, (plain - 1) / (size - 1))
    changed = ((broken + fixed) > 0).sum(axis=1)
    effects = [plain]
    for weight, prior in PRIORS:
        shrunk = (weight * prior + changed * correlated) / (weight + changed)
        effects.append(np.maximum(plain, 1 + (size - 1) * shrunk))
    critical = student_t.isf(ALPHA, n - 1)
    return [float(np.mean(z / np.sqrt(effect) > critical)) for effect in effects]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=4000)
    n_runs = parser.parse_args().runs
    rng = np.random.default_rng(1)
    names = ["plain estimate", *(f"shrunk ({weight}, {prior:g})" for weight, prior in PRIORS)]
    rows: list[dict[str, Any]] = []
    for correlation in CORRELATIONS:
        shares = [
            held(rng, n_runs, n, size, margin, margin, fixed, correlation)
            for n, size, margin, fixed in itertools.product(
                (20, 24, 40, 60, 100, 200), (2, 5, 10, 25), (0.03, 0.05, 0.10), (0.0, 0.05)
            )
        ]
        worst = np.max(shares, axis=0)
        rows.append(
            {"correlation": f"{correlation:g}", **dict(zip(names, map(float, worst), strict=True))}
        )
    print(f"False HELD, largest\n\n{table(rows)}\n")
    rows = []
    for n, size, correlation in itertools.product((24, 40, 100), (5, 10, 25), (0.0, 0.1, 0.3)):
        shares = held(rng, n_runs, n, size, 0.0, 0.05, 0.02, correlation)
        rows.append(
            {"clusters": n, "items each": size, "correlation": f"{correlation:g}",
             **dict(zip(names, shares, strict=True))}
        )  # fmt: skip
    print(f"HELD when nothing is lost, 4 % churn, margin 5 points\n\n{table(rows)}")


if __name__ == "__main__":
    main()
