"""Other gates' rules on the same simulated answers: false alarms, what they ship, items asked.

    python -m scripts.studies.rivals [--runs 2000] [--out reports/operating-characteristics]

The rules are those published, written here for arrays; the packages themselves are not run. Eight
capabilities, one of which loses so much; a rule without a third word passes what it does not fail.
Writes `rivals.md` and `rivals.json` into `--out`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import bdtr, ndtr
from scipy.stats import t as student_t

from cliffguard.evaluate.alpha_shares import TOGETHER
from cliffguard.stats.simulate import Counts, Design, decide, draw
from scripts.studies import simulations
from scripts.studies.page import publish, table

N_CAPABILITIES = 8
N_ITEMS = 2000
MARGIN = 0.03
CHURN = 0.10
BASE = 0.70  # accuracy of the base, which only the unpaired test needs
ALPHA = simulations.ALPHA
DROPS = (0.0, 0.03, 0.05, 0.10)
Array = Any
Verdicts = tuple[Array, Array, Array]
"""Per run: passed, failed, share of the items that were asked."""

RULES: dict[str, str] = {
    "raw threshold": "FAIL where a capability's observed drop exceeds the margin",
    "mean of all": "FAIL where the mean observed drop over the capabilities exceeds the margin",
    "lm-eval, unpaired z": "scripts/model_comparator.py: two-sided p < 0.05 from both standard "
    "errors, as if the items were others; FAIL where a significant change is a drop",
    "NeMo gate": "95 % t interval of the paired change against max_drop: GO below, NO-GO beyond, "
    "else INCONCLUSIVE; no correction over benchmarks",
    "pyrecall": "FAIL where a category's mean falls by more than 10 points",
    "plug-in confidence sequence": "as in evalsig: normal mixture with the running standard "
    "deviation put in, rho = 1, from 30 items on, looked at after every item; here with a margin",
    "McNemar alone": "arXiv:2602.10144: a one-sided exact test of each task, no margin; FAIL where "
    "p < 0.05",
    "cliffguard, one look": "--no-early-stop",
    "cliffguard": "as it runs",
}


def final(broken: Array, fixed: Array) -> tuple[Array, Array]:
    """Return the counts at the last look."""
    return broken[..., -1], fixed[..., -1]


def all_asked(passed: Array, failed: Array) -> Verdicts:
    """Return verdicts of a rule that asks everything."""
    return passed & ~failed, failed, np.ones(len(failed))


def raw(broken: Array, fixed: Array, threshold: float) -> Verdicts:
    """Return what a threshold on each observed drop says."""
    b, f = final(broken, fixed)
    failed = ((b - f) / N_ITEMS > threshold).any(axis=1)
    return all_asked(~failed, failed)


def mean_of_all(broken: Array, fixed: Array) -> Verdicts:
    """Return what a threshold on the mean drop says."""
    b, f = final(broken, fixed)
    failed = ((b - f) / N_ITEMS).mean(axis=1) > MARGIN
    return all_asked(~failed, failed)


def unpaired(broken: Array, fixed: Array) -> Verdicts:
    """Return what two means with their own standard errors say."""
    b, f = final(broken, fixed)
    after = BASE - (b - f) / N_ITEMS
    errors = (BASE * (1 - BASE) + after * (1 - after)) / N_ITEMS
    failed = (2 * ndtr(-(BASE - after) / np.sqrt(errors)) < ALPHA).any(axis=1)
    return all_asked(~failed, failed)


def interval_gate(broken: Array, fixed: Array) -> Verdicts:
    """Return what the t interval of the paired change says."""
    b, f = final(broken, fixed)
    drop = (b - f) / N_ITEMS
    error = np.sqrt(((b + f) / N_ITEMS - drop**2) / (N_ITEMS - 1))
    reach = student_t.isf(0.025, N_ITEMS - 1) * error
    return all_asked((drop + reach < MARGIN).all(axis=1), (drop - reach > MARGIN).any(axis=1))


def mcnemar(broken: Array, fixed: Array) -> Verdicts:
    """Return what the exact test says, each task by itself."""
    b, f = final(broken, fixed)
    failed = (bdtr(f, b + f, 0.5) < ALPHA).any(axis=1)
    return all_asked(~failed, failed)


def confidence_sequence(rng: np.random.Generator, n_runs: int, drop: float) -> Verdicts:
    """Return what a plug-in confidence sequence says that is looked at after every item."""
    n = np.arange(1, N_ITEMS + 1)
    held, lost, n_asked = [], [], []
    for number in range(N_CAPABILITIES):
        true_drop = drop if number == 0 else 0.0
        moved = max(CHURN, true_drop)
        chances = [(moved + true_drop) / 2, 1 - moved, (moved - true_drop) / 2]
        x = rng.choice(
            np.array([1.0, 0.0, -1.0], dtype=np.float32), p=chances, size=(n_runs, N_ITEMS)
        )
        mean = np.cumsum(x, axis=1) / n
        sd = np.sqrt(np.maximum(np.cumsum(x * x, axis=1) / n - mean**2, 1e-12))
        reach = sd * np.sqrt((n + 1) / n**2 * np.log((n + 1) / ALPHA**2))
        is_held = (mean + reach < MARGIN) & (n >= 30)
        is_lost = (mean - reach > 0) & (n >= 30)
        first_held, first_lost = (
            np.where(crossed.any(axis=1), crossed.argmax(axis=1), N_ITEMS)
            for crossed in (is_held, is_lost)
        )
        held.append(first_held < np.minimum(first_lost, N_ITEMS))
        lost.append(first_lost < np.minimum(first_held, N_ITEMS))
        n_asked.append(np.minimum(np.minimum(first_held, first_lost) + 1, N_ITEMS))
    failed = np.any(lost, axis=0)
    return np.all(held, axis=0) & ~failed, failed, np.mean(n_asked, axis=0) / N_ITEMS


def ours(broken: Array, fixed: Array, looks: tuple[int, ...]) -> Verdicts:
    """Return what this gate says."""
    designs = [Design(looks, MARGIN)] * N_CAPABILITIES
    outcomes = decide(
        Counts(broken, fixed),
        designs,
        alpha=ALPHA,
        pooled_share=TOGETHER,
        stops_at_failure=True,
    )
    return outcomes.passed, outcomes.failed, outcomes.n_asked.mean(axis=1) / N_ITEMS


def study(rng: np.random.Generator, n_runs: int) -> list[dict[str, Any]]:
    """Return a row for every rule."""
    rows: dict[str, dict[str, Any]] = {name: {"rule": name} for name in RULES}
    looks = simulations.looks_of(N_ITEMS, sequential=True)
    for drop in DROPS:
        calm = Design(looks, MARGIN, churn=CHURN)
        drawn = draw([replace(calm, drop=drop), *[calm] * (N_CAPABILITIES - 1)], n_runs, rng)
        counts = (drawn.broken, drawn.fixed)
        last = tuple(count[..., -1:] for count in counts)
        methods: dict[str, Callable[[], Verdicts]] = {
            "raw threshold": lambda c=counts: raw(*c, MARGIN),
            "mean of all": lambda c=counts: mean_of_all(*c),
            "lm-eval, unpaired z": lambda c=counts: unpaired(*c),
            "NeMo gate": lambda c=counts: interval_gate(*c),
            "pyrecall": lambda c=counts: raw(*c, 0.10),
            "plug-in confidence sequence": lambda d=drop: confidence_sequence(rng, n_runs, d),
            "McNemar alone": lambda c=counts: mcnemar(*c),
            "cliffguard, one look": lambda c=last: ours(*c, (N_ITEMS,)),
            "cliffguard": lambda c=counts: ours(*c, looks),
        }
        for name, verdicts in methods.items():
            passed, failed, share_asked = verdicts()
            points = f"−{100 * drop:.0f}"
            if drop == 0.0:
                rows[name]["false alarm"] = float(failed.mean())
                rows[name]["ships the healthy"] = float(passed.mean())
                rows[name]["items, healthy"] = float(share_asked.mean())
            else:
                rows[name][f"ships {points}"] = float(passed.mean())
                rows[name][f"stops {points}"] = float(failed.mean())
                rows[name][f"items, {points}"] = float(share_asked.mean())
    return list(rows.values())


def as_markdown(rows: list[dict[str, Any]], n_runs: int) -> str:
    """Return the table, and what each rule is."""
    rules = "\n".join(f"- **{name}**: {what}." for name, what in RULES.items())
    return (
        "# Other rules on the same answers\n\n"
        f"{N_CAPABILITIES} capabilities of {N_ITEMS:,} items, {100 * CHURN:.0f} % churn, margin "
        f"{100 * MARGIN:.0f} points, {n_runs:,} gates a column; one capability loses 3, 5 or 10 "
        "points. *Ships* is PASS, *stops* is FAIL; what is left is INCONCLUSIVE. At −3 the loss is "
        "the margin: PASS is an error for whoever has a margin.\n\n"
        f"    python -m scripts.studies.rivals --runs {n_runs}\n\n"
        f"{table(rows)}\n\n{rules}\n"
    )


def main() -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path("reports/operating-characteristics"))
    arguments = parser.parse_args()
    rows = study(np.random.default_rng(7), arguments.runs)
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = as_markdown(rows, arguments.runs)
    publish(text, arguments.out / "rivals.md", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
