"""How often probes call a capability suppressed, and how wide their interval errs.

python -m scripts.studies.probes                 # the tables of reports/probes/README.md

Items that two runs of one model answer otherwise are asked again under three forms. An item has a
chance of its own to come back, drawn about the mean of the capability; the forms of an item share
it, and with `tied` a coin of the item besides.
"""

from __future__ import annotations

import argparse
import math
from typing import NamedTuple

import numpy as np

from cliffguard.stats.multiplicity import holm
from cliffguard.stats.recovery import (
    Recovered,
    mean_recovery,
    recovery_interval,
    recovery_p,
)

SEED = 18
LEVEL = 0.05
CONFIDENCE = 0.9
N_DRAWS = 999  # of the permutations; the package draws 19,999
N_FORMS = 3
SIZES = ((3, 3), (4, 4), (6, 6), (8, 3), (3, 8), (16, 16), (32, 8), (32, 32))
RECOVERIES = (0.1, 0.3, 0.5, 0.7, 0.9)
LIFTS = (0.2, 0.4, 0.6)
BASE_RECOVERY = 0.2
SIZES_OF_A_RUN = ((3, 4), (5, 3), (8, 8), (16, 12), (32, 32), (32, 20))


class Draw(NamedTuple):
    """How recoveries are drawn: how far items differ, and how far forms of an item agree.

    `spread` is the intraclass correlation of items' chances (Beta), `tied` the chance that all
    forms of an item give one answer, `cluster_size` how many items share a chance.
    """

    spread: float = 0.3
    tied: float = 0.5
    cluster_size: int = 1


def items_of(n: int, mean: float, how: Draw, source: np.random.Generator) -> list[Recovered]:
    """Return the recoveries of `n` items of one group."""
    scale = (1 - how.spread) / how.spread
    n_clusters = math.ceil(n / how.cluster_size)
    chances = source.beta(mean * scale, (1 - mean) * scale, size=n_clusters)
    items = []
    for number in range(n):
        cluster = number // how.cluster_size
        shared = source.random() < how.tied
        rights = source.random(1 if shared else N_FORMS) < chances[cluster]
        name = cluster if how.cluster_size > 1 else None
        items.append(Recovered(float(rights.mean()), name))
    return items


def called(
    n_broken: int,
    n_fixed: int,
    means: tuple[float, float],
    how: Draw,
    n_runs: int,
    source: np.random.Generator,
) -> tuple[float, float]:
    """Return the share of runs with a p-value of at most 5 %, and that of intervals that hold."""
    n_called = n_held = 0
    for run in range(n_runs):
        broken = items_of(n_broken, means[0], how, source)
        fixed = items_of(n_fixed, means[1], how, source)
        n_called += recovery_p(broken, fixed, seed=run, n_draws=N_DRAWS) <= LEVEL
        interval = recovery_interval(broken, fixed, confidence=CONFIDENCE)
        n_held += interval.low <= means[0] - means[1] <= interval.high
    return n_called / n_runs, n_held / n_runs


def by_fair_coin(n_changed: int, mean: float, how: Draw, source: np.random.Generator) -> float:
    """Return the p-value where which items broke is a coin for each, as between two runs."""
    items = items_of(n_changed, mean, how, source)
    is_broken = source.random(n_changed) < 0.5
    broken = [item for item, side in zip(items, is_broken, strict=True) if side]
    fixed = [item for item, side in zip(items, is_broken, strict=True) if not side]
    return recovery_p(broken, fixed, n_draws=N_DRAWS) if broken and fixed else 1.0


def level_table(n_runs: int) -> None:
    """Print how often equal recoveries are called different, and what intervals hold."""
    source = np.random.default_rng(SEED)
    print("| broken / fixed | " + " | ".join(f"{mean:g}" for mean in RECOVERIES) + " |")
    print("|---" * (1 + len(RECOVERIES)) + "|")
    for n_broken, n_fixed in SIZES:
        cells = []
        for mean in RECOVERIES:
            share, held = called(n_broken, n_fixed, (mean, mean), Draw(), n_runs, source)
            cells.append(f"{100 * share:.1f} ({100 * held:.0f})")
        print(f"| {n_broken} / {n_fixed} | " + " | ".join(cells) + " |")


def cluster_table(n_runs: int) -> None:
    """Print the same for clusters, of which some have items of both groups."""
    source = np.random.default_rng(SEED + 1)
    means = " | ".join(f"{mean:g}" for mean in RECOVERIES)
    print(f"\n| changed items, in clusters of | {means} |")
    print("|---" * (1 + len(RECOVERIES)) + "|")
    for n_changed, size in ((12, 2), (24, 4), (48, 4), (64, 8)):
        shares = []
        for mean in RECOVERIES:
            how = Draw(cluster_size=size)
            p_values = [by_fair_coin(n_changed, mean, how, source) for _ in range(n_runs)]
            shares.append(f"{100 * sum(p <= LEVEL for p in p_values) / n_runs:.1f}")
        print(f"| {n_changed}, {size} | " + " | ".join(shares) + " |")


def power_table(n_runs: int) -> None:
    """Print how often a lift over the base's recovery is proven."""
    source = np.random.default_rng(SEED + 2)
    print(
        "\n| broken / fixed | " + " | ".join(f"+{100 * lift:.0f} points" for lift in LIFTS) + " |"
    )
    print("|---" * (1 + len(LIFTS)) + "|")
    for n_broken, n_fixed in SIZES:
        cells = []
        for lift in LIFTS:
            means = (BASE_RECOVERY + lift, BASE_RECOVERY)
            share, held = called(n_broken, n_fixed, means, Draw(), n_runs, source)
            cells.append(f"{100 * share:.0f} ({100 * held:.0f})")
        print(f"| {n_broken} / {n_fixed} | " + " | ".join(cells) + " |")


def run_table(n_runs: int) -> None:
    """Print how often any of six capabilities of a run is called suppressed, after Holm."""
    source = np.random.default_rng(SEED + 3)
    n_any = 0
    differences = []
    for run in range(n_runs):
        p_values = []
        for n_broken, n_fixed in SIZES_OF_A_RUN:
            mean = float(source.uniform(0.1, 0.9))
            broken = items_of(n_broken, mean, Draw(), source)
            fixed = items_of(n_fixed, mean, Draw(), source)
            p_values.append(recovery_p(broken, fixed, seed=run, n_draws=N_DRAWS))
            differences.append(mean_recovery(broken) - mean_recovery(fixed))
        n_any += min(holm(p_values)) <= LEVEL
    print(f"\nany of {len(SIZES_OF_A_RUN)} capabilities: {100 * n_any / n_runs:.1f} % of {n_runs}")
    print(f"mean difference: {float(np.mean(differences)):+.4f}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    n_runs = parser.parse_args().runs
    level_table(n_runs)
    cluster_table(n_runs)
    power_table(n_runs)
    run_table(n_runs)


if __name__ == "__main__":
    main()
