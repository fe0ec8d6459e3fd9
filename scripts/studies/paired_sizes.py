"""Level and power of HELD at one look, by enumerating every table of right and wrong answers.

    python -m scripts.studies.paired_sizes > reports/paired-test/README.md

Three p-values are compared: the normal tail of the score statistic; the one that cliffguard had
before decision 31 (enumerated below 300 items, the normal tail from there on); and its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy.special import gammaln, ndtr, xlogy

from cliffguard.stats.paired import non_inferiority_p_values, score_z

Array = Any
PValue = Callable[[Array, Array, int, float], Array]

N_DISCORDANCES = 121
NAMES = ("normal tail", "before", "now")


def tables(n_items: int) -> tuple[Array, Array]:
    """Return the broken and the fixed items of every table."""
    broken, fixed = np.divmod(np.arange((n_items + 1) ** 2), n_items + 1)
    possible = broken + fixed <= n_items
    return broken[possible].astype(float), fixed[possible].astype(float)


def log_probability(
    broken: Array, fixed: Array, n_items: int, *, discordance: float, drop: float
) -> Array:
    """Return the log of each table's probability."""
    same = n_items - broken - fixed
    ways = gammaln(n_items + 1) - gammaln(broken + 1) - gammaln(fixed + 1) - gammaln(same + 1)
    rates = [(discordance + drop) / 2, max(0.0, discordance - drop) / 2, 1 - discordance]
    counts = (broken, fixed, same)
    return ways + sum(xlogy(count, rate) for count, rate in zip(counts, rates, strict=True))


def null_discordances(margin: float) -> Iterable[float]:
    """Return discordances from the margin to what two checkpoints do to each other at most."""
    reach = (1 + margin**2) / 2 - margin
    return (margin + reach * np.sin(np.linspace(0, math.pi / 2, N_DISCORDANCES)) ** 2).tolist()


def size(held: Array, broken: Array, fixed: Array, n_items: int, margin: float) -> float:
    """Return the largest probability of a false "held", at a drop of exactly the margin."""
    broken, fixed = broken[held], fixed[held]
    return max(
        float(
            np.exp(
                log_probability(broken, fixed, n_items, discordance=discordance, drop=margin)
            ).sum()
        )
        for discordance in null_discordances(margin)
    )


def normal_tail(broken: Array, fixed: Array, n_items: int, margin: float) -> Array:
    """Return the uncorrected p-values."""
    return ndtr(-score_z(broken, fixed, n_items, margin))


def former(broken: Array, fixed: Array, n_items: int, margin: float) -> Array:
    """Return the p-values of before: enumerated, no less than the normal tail, below 300 items."""
    normal = normal_tail(broken, fixed, n_items, margin)
    if n_items >= 300:
        return normal
    order = np.argsort(normal, kind="stable")
    largest = np.zeros(len(order))
    for discordance in null_discordances(margin):
        logs = log_probability(
            broken[order], fixed[order], n_items, discordance=discordance, drop=margin
        )
        largest = np.maximum(largest, np.cumsum(np.exp(logs)))
    is_last = np.append(np.diff(normal[order]) > 1e-12, True)
    ends = np.flatnonzero(is_last)
    p_values = np.empty(len(order))
    p_values[order] = largest[ends[np.searchsorted(ends, np.arange(len(order)))]]
    return np.maximum(p_values, normal)


def levels(alphas: Iterable[float], n_items: Iterable[int], margins: Iterable[float]) -> None:
    """Print the exact level of the three at every setting."""
    print(f"| alpha | margin | items | {' | '.join(NAMES)} |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for alpha in alphas:
        for margin in margins:
            for n in n_items:
                broken, fixed = tables(n)
                sizes = [
                    size(p(broken, fixed, n, margin) <= alpha, broken, fixed, n, margin)
                    for p in (normal_tail, former, non_inferiority_p_values)
                ]
                cells = " | ".join(f"{100 * share:.3g} %" for share in sizes)
                print(f"| {100 * alpha:g} % | {100 * margin:g} | {n} | {cells} |")


def powers(n_items: Iterable[int], margins: Iterable[float], churns: Iterable[float]) -> None:
    """Print the chance of HELD when nothing was lost, at alpha 0.05, before and now."""
    head = " | ".join(f"churn {100 * churn:g} %" for churn in churns)
    print(f"| margin | items | {head} |")
    print(f"| ---: | ---: |{' ---: |' * len(list(churns))}")
    for margin in margins:
        for n in n_items:
            broken, fixed = tables(n)
            before, now = (
                p(broken, fixed, n, margin) <= 0.05 for p in (former, non_inferiority_p_values)
            )
            cells = []
            for churn in churns:
                chance = np.exp(log_probability(broken, fixed, n, discordance=churn, drop=0.0))
                cells.append(f"{100 * chance[before].sum():.1f} → {100 * chance[now].sum():.1f}")
            print(f"| {100 * margin:g} | {n} | {' | '.join(cells)} |")


def averages(margins: Iterable[float], churns: Iterable[float]) -> None:
    """Print the same over every fifth number of items of a range: means, and the largest loss."""
    head = " | ".join(f"churn {100 * churn:g} %" for churn in churns)
    print(f"| margin | items | {head} |")
    print(f"| ---: | ---: |{' ---: |' * len(list(churns))}")
    for margin in margins:
        for first, last in ((50, 100), (100, 200), (200, 300)):
            rows = []
            for n in range(first, last, 5):
                broken, fixed = tables(n)
                chances = [
                    np.exp(log_probability(broken, fixed, n, discordance=churn, drop=0.0))
                    for churn in churns
                ]
                before, now = (
                    p(broken, fixed, n, margin) <= 0.05 for p in (former, non_inferiority_p_values)
                )
                rows.append([(100 * c[before].sum(), 100 * c[now].sum()) for c in chances])
            rates = np.array(rows)
            cells = [
                f"{b.mean():.1f} → {a.mean():.1f} (−{max(0.0, (b - a).max()):.1f})"
                for b, a in rates.transpose(1, 2, 0)
            ]
            print(f"| {100 * margin:g} | {first}–{last - 1} | {' | '.join(cells)} |")


def delays(margins: Iterable[float], *, most: int) -> None:
    """Print by how many items later a table is held for good than before, at alpha 0.05."""
    print("| margin | tables | items later, mean | at most |")
    print("| ---: | ---: | ---: | ---: |")
    for margin in margins:
        first = {name: np.full((most, most), most) for name in ("before", "now")}
        for n in range(most - 1, 19, -1):
            broken, fixed = tables(n)
            for name, p in (("before", former), ("now", non_inferiority_p_values)):
                is_held = np.zeros((most, most), dtype=bool)
                held = p(broken, fixed, n, margin) <= 0.05
                is_held[broken[held].astype(int), fixed[held].astype(int)] = True
                still = is_held & (first[name] == n + 1)
                first[name][still] = n
        changed = np.add.outer(np.arange(most), np.arange(most))
        is_asked = (first["before"] < most - 10) & (first["before"] > 50)
        is_asked &= (first["before"] >= 4 * changed) & (changed > 0)
        later = (first["now"] - first["before"])[is_asked]
        print(f"| {100 * margin:g} | {later.size} | {later.mean():.1f} | {later.max()} |")


def main() -> None:
    """Print the report."""
    print("# Level and power of HELD at one look")
    print("\nExact, by enumeration of all tables: `python -m scripts.studies.paired_sizes`.")
    print("\n## Largest chance of a false HELD\n")
    print("Over discordances up to (1 + margin²) / 2, at a drop of exactly the margin.\n")
    levels((0.05, 0.01, 0.001), (50, 100, 200, 299, 300, 500, 1000), (0.03, 0.05, 0.08))
    print("\n## HELD when nothing was lost\n")
    print("Before → now, in percent, at alpha 5 %.\n")
    n_items = (50, 75, 100, 150, 200, 250, 299, 300, 400, 500, 700, 1000)
    powers(n_items, (0.03, 0.05, 0.08), (0.05, 0.10, 0.20))
    print(
        "\nMeans over every fifth number of items; in brackets the largest loss at one of them.\n"
    )
    averages((0.03, 0.05, 0.08), (0.05, 0.10, 0.20))
    print("\n## What the order costs\n")
    print("Numbers of items from which on a table of broken and fixed items is held, at alpha 5 %,")
    print("for all tables that were held from some number between 51 and 189 on, when a quarter of")
    print("the items had changed at most.\n")
    delays((0.03, 0.05, 0.08), most=200)


if __name__ == "__main__":
    main()
