"""How often the gate errs for whoever follows "about N items would decide", run after run.

    python -m scripts.studies.rerun [--runs 10000] [--looks] [--out reports/reruns]

A capability of right-or-wrong items is judged in one look; where nothing is decided, as many items
as the report says are asked in all, the old ones among them, and it is judged again with what is
left of alpha (`cliffguard.stats.runs`). Beside it, what any rule of choosing sizes could reach, and
what the reserve costs a single run. With `--looks`: the same where every run takes all the looks of
its schedule, into `looks.md`. Writes `README.md`; exits with 1 where an error rate exceeds
5.5 %.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from cliffguard.evaluate.alpha_shares import TOGETHER
from cliffguard.stats.paired import mcnemar_mid_p, non_inferiority_p
from cliffguard.stats.power import items_to_decide
from cliffguard.stats.runs import run_level
from cliffguard.stats.sequential import DROP_SPENDING, HELD_SPENDING, boundaries
from cliffguard.stats.simulate import Design, decide, draw
from scripts.studies import simulations
from scripts.studies.page import publish, table

ALPHA = simulations.ALPHA
RESERVES = (0.0, 0.05, 0.1, 0.2)
SETTINGS = ((300, 0.05, 0.10), (300, 0.03, 0.10), (400, 0.03, 0.20))  # items, margin, churn
N_RUNS = (1, 2, 4)
RESERVE = 0.05  # the default of a policy
MOST_ITEMS = 20_000
LIMIT = 0.055
Row = dict[str, Any]


@cache
def p_values(n_broken: int, n_fixed: int, n_items: int, margin: float) -> tuple[float, float]:
    """Return the p-values of "the drop is the margin or more" and of "there is none"."""
    return (
        non_inferiority_p(n_broken=n_broken, n_fixed=n_fixed, n_items=n_items, margin=margin),
        mcnemar_mid_p(n_broken=n_broken, n_fixed=n_fixed),
    )


@cache
def advised(n_broken: int, n_fixed: int, n_items: int, margin: float, level: float) -> int:
    """Return how many items the report would say."""
    return items_to_decide(
        n_broken=n_broken, n_fixed=n_fixed, n_items=n_items, margin=margin, alpha=level, power=0.9
    )


def levels_of(reserve: float | None, n_runs: int) -> list[float]:
    """Return the level of each run; without a reserve, the whole alpha every time."""
    if reserve is None:
        return [ALPHA] * n_runs
    levels: list[float] = []
    for _ in range(n_runs):
        levels.append(run_level(alpha=ALPHA, reserve=reserve, spent=sum(levels)))
    return levels


def followed(
    rng: np.random.Generator,
    n_users: int,
    setting: tuple[int, float, float],
    drop: float,
    levels: Sequence[float],
) -> tuple[float, float, int]:
    """Return the shares of users who end with HELD and with REGRESSED, and their median items."""
    n_first, margin, churn = setting
    chances = [(churn + drop) / 2, (churn - drop) / 2, 1 - churn]
    outcomes, sizes = {"held": 0, "dropped": 0}, []
    for _ in range(n_users):
        counts, n, target = np.zeros(2, dtype=int), 0, n_first
        for number, level in enumerate(levels):
            counts = counts + rng.multinomial(target - n, chances)[:2]
            n = target
            p_held, p_dropped = p_values(int(counts[0]), int(counts[1]), n, margin)
            if p_held <= level or p_dropped <= level:
                outcomes["held" if p_held <= level else "dropped"] += 1
                break
            if number + 1 == len(levels) or not levels[number + 1]:
                break
            target = advised(int(counts[0]), int(counts[1]), n, margin, levels[number + 1])
            target = min(MOST_ITEMS, target)
            if target <= n:
                break
        sizes.append(n)
    return outcomes["held"] / n_users, outcomes["dropped"] / n_users, int(np.median(sizes))


def errors(rng: np.random.Generator, n_users: int) -> list[Row]:
    """The report's own number, followed: at the whole alpha each time, and with the reserve."""
    rows = []
    for setting in SETTINGS:
        for n_runs in N_RUNS:
            for reserve in (None, 0.05, 0.1):
                levels = levels_of(reserve, n_runs)
                at = followed(rng, n_users, setting, setting[1], levels)
                no = followed(rng, n_users, setting, 0.0, levels)
                rows.append(
                    {
                        "first items": setting[0],
                        "margin": setting[1],
                        "churn": setting[2],
                        "runs": n_runs,
                        "reserve": "alpha each time" if reserve is None else f"{reserve:g}",
                        "false PASS": at[0],
                        "false FAIL": no[1],
                        "PASS when nothing is lost": no[0],
                        "items, median": no[2],
                    }
                )
    return rows


def with_looks(rng: np.random.Generator, n_users: int) -> list[Row]:
    """The report's own number, followed, where every run takes all looks of its schedule."""
    rows = []
    levels = levels_of(RESERVE, max(N_RUNS))
    for setting in SETTINGS:
        at, no = (_each_ends(rng, n_users, setting, drop, levels) for drop in (setting[1], 0.0))
        for n_runs in N_RUNS:
            rows.append(
                {
                    "first items": setting[0],
                    "margin": setting[1],
                    "churn": setting[2],
                    "runs": n_runs,
                    "looks in all": f"{np.mean([end.looks[:n_runs][-1] for end in at]):.1f}",
                    "false PASS": _share_of(at, "held", n_runs),
                    "false FAIL": _share_of(no, "dropped", n_runs),
                    "PASS when nothing is lost": _share_of(no, "held", n_runs),
                }
            )
    return rows


class _End(NamedTuple):
    """How a user ends: with what, in which run (from 1), and the looks taken by each run."""

    outcome: str
    run: int
    looks: list[int]


def _share_of(ends: Sequence[_End], outcome: str, n_runs: int) -> float:
    return sum(end.outcome == outcome and end.run <= n_runs for end in ends) / len(ends)


def _each_ends(
    rng: np.random.Generator,
    n_users: int,
    setting: tuple[int, float, float],
    drop: float,
    levels: Sequence[float],
) -> list[_End]:
    return [_ends(rng, setting, drop, levels) for _ in range(n_users)]


def _ends(
    rng: np.random.Generator,
    setting: tuple[int, float, float],
    drop: float,
    levels: Sequence[float],
) -> _End:
    """Follow one user through the runs; the items of a run are the first of the next one's."""
    target, margin, churn = setting
    sides = np.zeros((2, 0), dtype=int)
    looks: list[int] = []
    for number, level in enumerate(levels, start=1):
        draws = rng.random(target - sides.shape[1])
        is_broken = draws < (churn + drop) / 2
        is_fixed = (draws >= (churn + drop) / 2) & (draws < churn)
        sides = np.concatenate([sides, np.stack([is_broken, is_fixed])], axis=1)
        totals = sides.cumsum(axis=1)
        edges = edges_of(target, level)
        for index, n in enumerate(edges.looks):
            n_broken, n_fixed = map(int, totals[:, n - 1])
            p_held, p_dropped = p_values(n_broken, n_fixed, n, margin)
            convicts = n == target or (n_broken - n_fixed) / n >= margin
            if p_held <= edges.held[index] or (convicts and p_dropped <= edges.dropped[index]):
                looks.append(index + 1 + (looks[-1] if looks else 0))
                outcome = "held" if p_held <= edges.held[index] else "dropped"
                return _End(outcome, number, looks)
        looks.append(len(edges.looks) + (looks[-1] if looks else 0))
        if number == len(levels):
            break
        wanted = advised(n_broken, n_fixed, target, margin, levels[number])
        if min(MOST_ITEMS, wanted) <= target:
            break
        target = min(MOST_ITEMS, wanted)
    return _End("open", len(levels), looks)


class _Edges(NamedTuple):
    """The looks of a run, and the largest p-values by which it ends there."""

    looks: tuple[int, ...]
    held: tuple[float, ...]
    dropped: tuple[float, ...]


@cache
def edges_of(n_items: int, level: float) -> _Edges:
    """Return the boundaries of a run of so many items at its level of alpha."""
    looks = simulations.looks_of(n_items, sequential=True)
    held, dropped = (
        tuple(map(float, ndtr(-np.asarray(bounds))))
        for bounds in (
            boundaries(looks, n_planned=n_items, alpha=level, spending=spending)
            for spending in (HELD_SPENDING, DROP_SPENDING)
        )
    )
    return _Edges(looks, held, dropped)


def bounds() -> list[Row]:
    """What the worst rule of choosing sizes reaches, by the reserve and the number of runs."""
    return [
        {
            "reserve": f"{reserve:g}",
            **{f"{n} runs": worst_error(levels_of(reserve, n)) for n in (2, 3, 4, 6)},
        }
        for reserve in RESERVES[1:]
    ]


def worst_error(levels: Sequence[float]) -> float:
    """Return the chance of a false rejection under the worst possible choice of every run's size.

    Parameters
    ----------
    levels : sequence of float
        The level of each run, each strictly between 0 and 1.

    Returns
    -------
    float
        The supremum over all rules by which the number of items of a run may depend on everything
        seen before. Of a normal statistic, by dynamic programming over its value: with ρ times the
        items, Z is normal around z/√ρ with variance 1 - 1/ρ. On a grid, to about 1e-4.

    References
    ----------
    Proschan and Hunsberger (1995), Biometrics 51:1315-1324, of two runs.
    """
    edges = -ndtri(np.asarray(levels))
    z = np.linspace(-_REACH, _REACH, _N_PLACES)
    cuts = np.concatenate([[-np.inf], (z[1:] + z[:-1]) / 2, [np.inf]])
    later = np.zeros_like(z)  # the chance of a rejection after this run, by where it came to
    for edge in edges[:0:-1]:
        going_on = np.where(z < edge, later, 0.0)
        later = np.max([_after(z, cuts, ratio, edge, going_on) for ratio in _RATIOS], axis=0)
    first = np.diff(ndtr(cuts))
    return float(levels[0] + first @ np.where(z < edges[0], later, 0.0))


_REACH, _N_PLACES = 7.0, 561
_RATIOS = 1 + np.geomspace(1e-3, 1e4, 61)  # by which a run may be larger than the one before


def _after(
    z: NDArray[np.float64],
    cuts: NDArray[np.float64],
    ratio: float,
    edge: float,
    going_on: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the chance of a rejection in a run of `ratio` times the items, or after it."""
    centre, sd = z / math.sqrt(ratio), math.sqrt(1 - 1 / ratio)
    now = ndtr((centre - edge) / sd)
    if not going_on.any():
        return np.asarray(now)
    places = np.diff(ndtr((cuts[None, :] - centre[:, None]) / sd), axis=1)
    return np.asarray(now + places @ going_on)


def price(rng: np.random.Generator, n_gates: int) -> list[Row]:
    """What a reserve costs a single run that lost nothing: 8 capabilities, 10 % churn."""
    rows = []
    for n_items, margin in ((400, 0.05), (500, 0.05), (1000, 0.03), (2000, 0.03)):
        designs = [Design(simulations.looks_of(n_items, sequential=True), margin)] * 8
        counts = draw(designs, n_gates, rng)
        row: Row = {"items": n_items, "margin": margin}
        for reserve in RESERVES:
            outcomes = decide(counts, designs, alpha=ALPHA * (1 - reserve), pooled_share=TOGETHER)
            row[f"PASS, reserve {reserve:g}"] = outcomes.passed.mean()
        rows.append(row)
    return rows


def _with_looks_alone(rng: np.random.Generator, n_users: int, out: Path) -> int:
    """Write the table of runs with several looks; return the exit code."""
    rows = with_looks(rng, n_users)
    parts = [
        "# Runs after runs, each with all its looks",
        'For whoever follows the report\'s own "about N items would decide": every run takes all '
        f"looks of its schedule at its own level. Alpha is 5 %, reserve {RESERVE:g}. *looks in "
        "all*: of those who lost the margin, in the mean.",
        f"    python -m scripts.studies.rerun --looks --runs {n_users}",
        table(rows),
    ]
    text = "\n\n".join(parts) + "\n"
    publish(text, out / "looks.md")
    return int(any(max(row["false PASS"], row["false FAIL"]) > LIMIT for row in rows))


def main() -> int:
    """Run the study; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--looks", action="store_true", help="every run takes several looks")
    parser.add_argument("--out", type=Path, default=Path("reports/reruns"))
    arguments = parser.parse_args()
    rng = np.random.default_rng(17)
    if arguments.looks:
        return _with_looks_alone(rng, arguments.runs, arguments.out)
    rows, worst, costs = errors(rng, arguments.runs), bounds(), price(rng, arguments.runs)
    parts = [
        "# Runs after runs",
        'For whoever follows the report\'s own "about N items would decide": the old items are '
        "kept, and all are judged again. Alpha is 5 %; false PASS at a drop of exactly the margin, "
        "false FAIL at none. At most 20,000 items.",
        f"    python -m scripts.studies.rerun --runs {arguments.runs}",
        "## The report's number, followed",
        table(rows),
        "## Any rule of choosing the number of items, at the worst",
        "By dynamic programming (`worst_error` in `scripts/studies/rerun.py`): sizes chosen by "
        "whoever sees everything and wants an error.",
        table(worst),
        "## What a reserve costs a single run in which nothing was lost",
        "8 capabilities, 10 % churn, all looks.",
        table(costs),
    ]
    text = "\n\n".join(parts) + "\n"
    publish(text, arguments.out / "README.md")
    wrong = [
        row
        for row in rows
        if row["reserve"] != "alpha each time" and max(row["false PASS"], row["false FAIL"]) > LIMIT
    ]
    print("\n".join(map(str, wrong)), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
