"""How often the whole ledger errs: single capabilities, all together, parts, looks, two runs.

    python -m scripts.studies.ledger [--gates 20000] [--out reports/ledger]

Every gate has all of it at once. A capability's items lie in parts of one size; looks are those of
the schedule; a gate that is open after its first run is run again on twice the items, the old ones
among them, with all the looks that the schedule takes there and with what alpha is left. *Nothing
lost*: no part has a drop. *Parts at the margin*: half of the parts of every capability lose the
margin and half gain it, so that every mean is 0 and no part is beyond it. *One at the margin*: one
capability loses exactly the margin. Prints Markdown and writes it into `--out`; exits with 1 where
a false verdict is more frequent than 5.5 % and three standard errors.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

from cliffguard.core.settings import Policy
from cliffguard.evaluate.alpha_shares import PARTS, TOGETHER
from cliffguard.stats.paired import beyond_p_values
from cliffguard.stats.runs import run_level
from cliffguard.stats.simulate import Counts, Design, decide
from scripts.studies import simulations
from scripts.studies.page import publish, table

MARGIN, CHURN, LIMIT = 0.05, 0.12, 0.055
POLICY = Policy()
AT_ONCE = 500  # gates, for memory
Array = Any
Row = dict[str, Any]
TRUTHS = ("nothing lost", "parts at the margin", "one at the margin")


def drops_of(truth: str, n_capabilities: int, n_parts: int) -> Array:
    """Return the true drop of every part, shape (n_capabilities, n_parts)."""
    drops = np.zeros((n_capabilities, n_parts))
    if truth == "parts at the margin":
        drops[:, 0 : 2 * (n_parts // 2) : 2] = MARGIN
        drops[:, 1 : 2 * (n_parts // 2) : 2] = -MARGIN
    elif truth == "one at the margin":
        drops[0] = MARGIN
    return drops


def drawn(
    sizes: tuple[int, ...], drops: Array, n_gates: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return broken and fixed items, cumulated: (gates, capabilities, parts, looks).

    `sizes` are the items of a part by each look.
    """
    steps = np.diff([0, *sizes])
    shape = (n_gates, *drops.shape, len(sizes))
    broken = rng.binomial(np.broadcast_to(steps, shape), (CHURN + drops[..., None]) / 2)
    left = (CHURN - drops[..., None]) / 2 / (1 - (CHURN + drops[..., None]) / 2)
    fixed = rng.binomial(np.broadcast_to(steps, shape) - broken, left)
    return broken.cumsum(axis=-1), fixed.cumsum(axis=-1)


def judged(
    broken: Array, fixed: Array, sizes: tuple[int, ...], n_parts: int, level: float
) -> tuple[Array, Array]:
    """Return which gates pass and which fail in one run at this level of alpha."""
    looks = tuple(n * n_parts for n in sizes)
    designs = [Design(looks, MARGIN)] * broken.shape[1]
    counts = Counts(broken.sum(axis=2), fixed.sum(axis=2))
    share = PARTS if n_parts > 1 else 0.0
    outcomes = decide(counts, designs, alpha=level, pooled_share=TOGETHER, parts_share=share)
    if n_parts == 1:
        return outcomes.passed, outcomes.failed
    lost = np.zeros(len(broken), dtype=bool)
    n_in_all = broken.shape[1] * n_parts
    for look, n in enumerate(sizes):  # each capability's parts are tested where it stopped
        stopped = outcomes.n_asked == looks[look]
        p_values = beyond_p_values(
            broken[..., look].ravel(), fixed[..., look].ravel(), n, MARGIN
        ).reshape(broken.shape[:3])
        rejects = (p_values * n_in_all <= level * share).any(axis=2)
        lost |= (rejects & stopped).any(axis=1)
    return outcomes.passed & ~lost, outcomes.failed | lost


def _part_looks(n: int, n_parts: int) -> tuple[int, ...]:
    """Return the items of a part by each look of the schedule at `n` items."""
    looks = simulations.looks_of(n, sequential=True)
    return tuple(dict.fromkeys(max(1, look // n_parts) for look in looks))


def row_of(
    truth: str, n_capabilities: int, n_parts: int, n: int, n_gates: int, rng: np.random.Generator
) -> Row:
    """Simulate one setting."""
    looks, more = _part_looks(n, n_parts), _part_looks(2 * n, n_parts)
    sizes = tuple(sorted({*looks, *more}))
    first_looks, more_looks = ([sizes.index(k) for k in look_sizes] for look_sizes in (looks, more))
    drops = drops_of(truth, n_capabilities, n_parts)
    first = POLICY.first_level
    second = run_level(alpha=POLICY.alpha, reserve=POLICY.reserve, spent=first)
    totals = np.zeros(4)
    for _ in range(n_gates // AT_ONCE):
        broken, fixed = drawn(sizes, drops, AT_ONCE, rng)
        passed, failed = judged(
            broken[..., first_looks], fixed[..., first_looks], looks, n_parts, first
        )
        again = judged(broken[..., more_looks], fixed[..., more_looks], more, n_parts, second)
        is_open = ~passed & ~failed
        totals += [
            passed.sum(),
            failed.sum(),
            (passed | (is_open & again[0])).sum(),
            (failed | (is_open & again[1])).sum(),
        ]
    shares = totals / (n_gates // AT_ONCE * AT_ONCE)
    is_loss = truth == "one at the margin"
    return {
        "truth": truth,
        "capabilities": n_capabilities,
        "parts in all": n_capabilities * n_parts if n_parts > 1 else 0,
        "items each": n,
        "false PASS, one run": float(shares[0]) if is_loss else None,
        "false PASS, two runs": float(shares[2]) if is_loss else None,
        "false FAIL, one run": None if is_loss else float(shares[1]),
        "false FAIL, two runs": None if is_loss else float(shares[3]),
        "PASS, one run": None if is_loss else float(shares[0]),
    }


SETTINGS = (
    (1, 1, 500), (1, 5, 500), (1, 20, 1000), (4, 1, 500), (4, 5, 500), (4, 50, 2500),
    (8, 1, 500), (8, 5, 500), (8, 25, 1000), (20, 1, 500), (20, 10, 500),
)  # fmt: skip
"""Capabilities, parts of each, items of each."""


def main() -> int:
    """Run the study; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gates", type=int, default=2000, help="gates a row")
    parser.add_argument("--out", type=Path, default=Path("reports/ledger"))
    arguments = parser.parse_args()
    rng = np.random.default_rng(20261128)
    rows = [
        row_of(truth, *setting, arguments.gates, rng)
        for truth in TRUTHS
        for setting in SETTINGS
        if setting[1] > 1 or truth != "parts at the margin"
    ]
    text = (
        "# The ledger, all of it at once\n\n"
        f"Margin {100 * MARGIN:g} points, {100 * CHURN:g} % churn, alpha {POLICY.alpha}, reserve "
        f"{POLICY.reserve}; {arguments.gates} gates a row.\n\n"
        f"    python -m scripts.studies.ledger --gates {arguments.gates}\n\n{table(rows)}\n"
    )
    publish(text, arguments.out / "README.md")
    error = 3 * math.sqrt(LIMIT * (1 - LIMIT) / arguments.gates)
    wrong = [
        f"{name} {value:.4f} in {row}"
        for row in rows
        for name, value in row.items()
        if name.startswith("false") and value is not None and value > LIMIT + error
    ]
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
