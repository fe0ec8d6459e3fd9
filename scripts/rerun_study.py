"""How often the gate errs for whoever follows "about N items would decide", run after run.

    python scripts/rerun_study.py [--runs 10000] [--out reports/reruns]

A capability of right-or-wrong items is judged in one look; where nothing is decided, as many items
as the report says are asked in all, the old ones among them, and it is judged again with what is
left of alpha (`cliffguard.stats.runs`). Beside it, what any rule of choosing sizes could reach, and
what the reserve costs a single run. Writes `README.md`; exits with 1 where an error rate exceeds
5.5 %.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import calibrate
import numpy as np
import studies

from cliffguard.shares import TOGETHER
from cliffguard.stats.gates import Design, decide, draw
from cliffguard.stats.paired import mcnemar_mid_p, non_inferiority_p
from cliffguard.stats.power import items_to_decide
from cliffguard.stats.runs import run_level, worst_error

ALPHA = studies.ALPHA
RESERVES = (0.0, 0.05, 0.1, 0.2)
SETTINGS = ((300, 0.05, 0.10), (300, 0.03, 0.10), (400, 0.03, 0.20))  # items, margin, churn
N_RUNS = (1, 2, 4)
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


def bounds() -> list[Row]:
    """What the worst rule of choosing sizes reaches, by the reserve and the number of runs."""
    return [
        {
            "reserve": f"{reserve:g}",
            **{f"{n} runs": worst_error(levels_of(reserve, n)) for n in (2, 3, 4, 6)},
        }
        for reserve in RESERVES[1:]
    ]


def price(rng: np.random.Generator, n_gates: int) -> list[Row]:
    """What a reserve costs a single run that lost nothing: 8 capabilities, 10 % churn."""
    rows = []
    for n_items, margin in ((400, 0.05), (500, 0.05), (1000, 0.03), (2000, 0.03)):
        designs = [Design(studies.looks_of(n_items, sequential=True), margin)] * 8
        counts = draw(designs, n_gates, rng)
        row: Row = {"items": n_items, "margin": margin}
        for reserve in RESERVES:
            found = decide(counts, designs, alpha=ALPHA * (1 - reserve), pooled_share=TOGETHER)
            row[f"PASS, reserve {reserve:g}"] = found.passed.mean()
        rows.append(row)
    return rows


def main() -> int:
    """Run the study; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=Path("reports/reruns"))
    arguments = parser.parse_args()
    rng = np.random.default_rng(17)
    found, worst, costs = errors(rng, arguments.runs), bounds(), price(rng, arguments.runs)
    parts = [
        "# Runs after runs",
        'For whoever follows the report\'s own "about N items would decide": the old items are '
        "kept, and all are judged again. Alpha is 5 %; false PASS at a drop of exactly the margin, "
        "false FAIL at none. At most 20,000 items.",
        f"    python scripts/rerun_study.py --runs {arguments.runs}",
        "## The report's number, followed",
        calibrate.table(found),
        "## Any rule of choosing the number of items, at the worst",
        "By dynamic programming (`cliffguard.stats.runs.worst_error`): sizes chosen by whoever "
        "sees everything and wants an error.",
        calibrate.table(worst),
        "## What a reserve costs a single run in which nothing was lost",
        "8 capabilities, 10 % churn, all looks.",
        calibrate.table(costs),
    ]
    text = "\n\n".join(parts) + "\n"
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "README.md").write_text(text, encoding="utf-8")
    print(text)
    wrong = [
        row
        for row in found
        if row["reserve"] != "alpha each time" and max(row["false PASS"], row["false FAIL"]) > LIMIT
    ]
    print("\n".join(map(str, wrong)), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
