"""How often a training run is stopped that lost nothing, and how late one that did.

    python -m scripts.studies.repeated_checks [--runs 2000] [--processes 2] [--out DIR]

Simulated runs of known truth, checked 20 times on the same items and judged by
`cliffguard.stats.repeated_checks`. *As required*: neighbouring checks correlated by 0, 0.5, 0.95,
churn 10 and 20 %, a drop of 0 or half the margin at every check, and a dip to the margin at one.
*At the corners*: margins 3 and 15 points, 1 and 6 capabilities, 16 and 64 items, churn 5 and 40 %.
*Otherwise*: other memories, clusters, shared documents, deep dips, graded scores. *How late*: drops
that rise to 20, 30 or 50 points, a quarter as many runs. Exits with 1 where more than 6 % of the
runs without a loss at two checks are stopped.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np

from cliffguard.stats.repeated_checks import CheckedItems
from scripts.studies.page import publish, table
from scripts.studies.repeated_check_draws import Run, changes_of, clusters_of, rising

ALPHA = 0.05
TOGETHER = 0.2
MOST = 0.06
Array = Any
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stop:
    """The check at which a run is stopped, by rule; None: never."""

    two: int | None
    at_one: int | None
    in_a_row: int | None
    fixed: int | None


def stop_of(x: Array, run: Run, groups: Array) -> Stop:
    """Return when a run with changes of shape (n_checks, n_capabilities, n_items) is stopped.

    `groups` has a number for every item of every capability. *Fixed*: two checks, each at the level
    of Bonferroni, alpha over their number.
    """
    n_capabilities = x.shape[1]
    shares = [ALPHA] if n_capabilities == 1 else [ALPHA * (1 - TOGETHER) / n_capabilities]
    tests = [(x[:, c], groups[c], shares[0]) for c in range(n_capabilities)]
    if n_capabilities > 1:
        tests.append((x.reshape(len(x), -1), groups.ravel(), ALPHA * TOGETHER))
    two, at_one, in_a_row, fixed = [], [], [], []
    for rows, of_items, alpha in tests:
        proven, by_bonferroni = proven_at(rows, of_items, run, alpha)
        at_one += proven[:1]
        two += proven[1:2]
        in_a_row += [later for k, later in pairwise(proven) if later == k + 1][:1]
        fixed += by_bonferroni[1:2]
    return Stop(*(min(stops, default=None) for stops in (two, at_one, in_a_row, fixed)))


def proven_at(rows: Array, groups: Array, run: Run, alpha: float) -> tuple[list[int], list[int]]:
    """Return the checks that prove a loss, by their levels and by Bonferroni's."""
    items = CheckedItems(
        rows.astype(float), np.full(rows.shape[1], run.margin / 2), np.asarray(groups)
    )
    # No level is above alpha, and none is needed where no p-value is below it; nor a p-value where
    # the drop is within 1.2 standard errors of what is tested.
    error = np.maximum(rows.std(axis=1), 1e-9) / np.sqrt(rows.shape[1])
    is_worse = np.flatnonzero(rows.mean(axis=1) - run.margin / 2 > 1.2 * error)
    p_values = {int(k): p for k in is_worse if (p := items.p_value(int(k))) <= alpha}
    if not p_values:
        return [], []
    levels = items.levels(n_checks=run.n_checks, alpha=alpha)
    return (
        [k for k, p in p_values.items() if p <= levels[k]],
        [k for k, p in p_values.items() if p <= alpha / run.n_checks],
    )


def groups_of(run: Run, *, tied: bool) -> Array:
    """Return the number of every item's cluster, shape (n_capabilities, n_items)."""
    shape = (run.n_capabilities, run.n_items)
    alone = np.arange(np.prod(shape)).reshape(shape)
    if not tied:
        return alone
    if run.shares_documents:
        return np.tile(np.arange(run.n_items), (run.n_capabilities, 1))
    places = clusters_of(run)
    return np.stack([places + c * (places.max() + 1) for c in range(run.n_capabilities)])


def stops_of(run: Run, x: Array) -> list[Stop]:
    """Return the stop of every run, items in the clusters that they are drawn in."""
    groups = groups_of(run, tied=run.shares_documents or run.largest > 1)
    return [stop_of(changes, run, groups) for changes in x]


# --- runs that should go on ----------------------------------------------------------------------

TRUTHS = {"none": (0.0, 0.0), "half the margin": (0.5, 0.0),
          "none, one dip to the margin": (0.0, 1.0),
          "half the margin, one dip to it": (0.5, 0.5)}  # fmt: skip


def healthy(job: tuple[int, str, Run, int]) -> Row:
    """Return the shares of runs that are stopped without having lost more at two checks."""
    seed, truth, run, n_runs = job
    rng = np.random.default_rng([20261130, seed])
    x = graded(run, n_runs, rng) if truth.startswith("graded") else changes_of(run, n_runs, rng)
    stops = stops_of(run, x)
    return {
        "truth": truth,
        "capabilities": run.n_capabilities,
        "items": run.n_items,
        "margin": run.margin,
        "churn": run.changed,
        "correlation": f"{run.correlation:.2f}",
        "stopped": share([stop.two for stop in stops]),
        "Bonferroni": share([stop.fixed for stop in stops]),
        "in a row": share([stop.in_a_row for stop in stops]),
        "at one check": share([stop.at_one for stop in stops]),
    }


def share(stops: Sequence[int | None]) -> float:
    """Return the share of runs that are stopped."""
    return sum(stop is not None for stop in stops) / len(stops)


def graded(run: Run, n_runs: int, rng: np.random.Generator) -> Array:
    """Return graded changes: a few items collapse, all others gain a little."""
    collapses = changes_of(replace(run, churn=0.08, drop=0.08), n_runs, rng).astype(float)
    gain = (0.08 - run.drop) / 0.92
    return np.where(collapses > 0, 1.0, -gain)


def required() -> list[tuple[str, Run]]:
    """The cells of the requirement, of three capabilities."""
    return [
        (truth, Run(drop=drop * 0.05, dip=dip * 0.05, churn=churn, correlation=correlation))
        for correlation, churn in product((0.0, 0.5, 0.95), (0.10, 0.20))
        for truth, (drop, dip) in TRUTHS.items()
    ]


def corners() -> list[tuple[str, Run]]:
    """Extreme margins, numbers and churns, at half the margin: with a dip, and without."""
    cells = product((0.03, 0.15), (1, 6), (16, 64), (0.05, 0.40), (0.0, 0.95))
    return [
        (
            truth,
            Run(n_capabilities=g, n_items=n, margin=m, churn=churn, drop=m / 2,
                dip=TRUTHS[truth][1] * m, correlation=correlation),
        )
        for m, g, n, churn, correlation in cells
        for truth in ("half the margin", "half the margin, one dip to it")
    ]  # fmt: skip


def otherwise() -> list[tuple[str, Run]]:
    """What else may be: other memories, clusters, documents, depths, grades, numbers of checks."""
    cells = []
    for name, run in (
        ("half the margin", Run(drop=0.025)),
        ("one dip to the margin", Run(margin=0.15, drop=0.075, dip=0.075, churn=0.20)),
    ):
        for memory in ("stuck", "one step", "latent"):
            cells.append((f"{name}, {memory}", replace(run, memory=memory)))
        for correlation in (0.0, 0.95):
            tied = replace(run, correlation=correlation)
            cells += [
                (f"{name}, shared documents", replace(tied, shares_documents=True)),
                (f"{name}, clusters of 16 to 1", replace(tied, largest=16)),
                (f"{name}, five checks", replace(tied, n_checks=5)),
                (f"{name}, forty checks", replace(tied, n_checks=40)),
            ]
    for correlation in (0.0, 0.95):
        half = Run(drop=0.025, correlation=correlation)
        cells.append(("half the margin, one dip by 60 points", replace(half, dip=0.60)))
        cells += [("graded, few collapse", replace(half, n_items=n)) for n in (16, 64)]
    return cells


# --- runs that should be stopped -----------------------------------------------------------------

ONSET = 4


def late(job: tuple[int, str, Run, int]) -> Row:
    """Return how late a run is stopped whose drop rises to so many points (in the name)."""
    seed, name, run, n_runs = job
    final, n_falling = (int(word) for word in name.split())
    rng = np.random.default_rng([20261201, seed])
    x = rising(run, final / 100, ONSET, n_falling, n_runs, rng)
    stops = stops_of(run, x)
    beyond = ONSET + run.margin / (final / 100) * (run.n_checks - 1 - ONSET)
    half = beyond + (run.n_checks - 1 - beyond) / 2
    two = [stop.two for stop in stops if stop.two is not None]
    return {
        "rises to": f"{final} points",
        "in capabilities": f"{n_falling} of {run.n_capabilities}",
        "correlation": f"{run.correlation:.2f}",
        "beyond the margin from check": f"{beyond:.1f}",
        "stopped": len(two) / n_runs,
        "by half of what is left": sum(k <= half for k in two) / n_runs,
        "median check": f"{np.median(two):.0f}" if len(two) > n_runs / 2 else "–",
        "median late": f"{np.median(two) - beyond:.1f}" if len(two) > n_runs / 2 else "–",
        "Bonferroni, stopped": share([stop.fixed for stop in stops]),
        "at one check, stopped": share([stop.at_one for stop in stops]),
    }


def rises() -> list[tuple[str, Run]]:
    """Rises to 20, 30 and 50 points from the fifth check on; a quarter of the runs."""
    cells = product((20, 30, 50), ((1, 1), (3, 1), (3, 3), (6, 1), (6, 6)), (0.5, 0.95))
    return [
        (f"{final} {falling}", Run(n_capabilities=g, correlation=correlation))
        for final, (g, falling), correlation in cells
    ]


SECTIONS = {
    "As required": (required, healthy),
    "At the corners": (corners, healthy),
    "Otherwise": (otherwise, healthy),
    "How late": (rises, late),
}


def as_markdown(tables: dict[str, list[Row]], n_runs: int) -> str:
    """Return the page."""
    worst = max(row["stopped"] for rows in list(tables.values())[:-1] for row in rows)
    error = 100 * (0.05 * 0.95 / n_runs) ** 0.5
    parts = [
        "# Repeated checks of a training run",
        f"Simulated runs, {n_runs:,} a row, of 20 checks unless said: of a share of 5 % the "
        f"standard error is {error:.1f} points. *Stopped*: two checks have proven a loss of more "
        "than half the margin, in one capability or in all together, at 5 % for the whole run. Of "
        f"runs that have not lost it at two checks, at most {100 * worst:.1f} % are stopped. Other "
        "rules on the same runs: *Bonferroni*, levels of alpha over the checks; *in a row*, by two "
        "checks that are neighbours; *at one check*.",
        f"    python -m scripts.studies.repeated_checks --runs {n_runs}",
    ]
    for name, rows in tables.items():
        parts += [f"## {name}", str(SECTIONS[name][0].__doc__), table(rows)]
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Run the study; 1 where a rate is above what is allowed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000, help="training runs a row")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("reports/repeated-checks"))
    arguments = parser.parse_args()
    tables = {}
    with ProcessPoolExecutor(arguments.processes) as pool:
        for name, (cells, study) in SECTIONS.items():
            n_runs = arguments.runs // 4 if study is late else arguments.runs
            jobs = [(n, *cell, n_runs) for n, cell in enumerate(cells())]
            tables[name] = list(pool.map(study, jobs))
            print(f"{name}: {len(jobs)} cells", file=sys.stderr, flush=True)
    figures = {"runs": arguments.runs, "tables": tables}
    publish(as_markdown(tables, arguments.runs), arguments.out / "README.md", figures)
    stopped = [row for rows in list(tables.values())[:-1] for row in rows if row["stopped"] > MOST]
    for row in stopped:
        print(f"more than {100 * MOST:.0f} % stopped: {row}", file=sys.stderr)
    return 1 if stopped else 0


if __name__ == "__main__":
    sys.exit(main())
