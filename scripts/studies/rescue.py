"""How often a scale that lost the margin passes after it was chosen, and how often one passes.

    python -m scripts.studies.rescue [--runs 20000] [--out reports/rescue]

A rescue looks at every scale on one half of the items, takes one by the rule of
`cliffguard.planning.scale_choice`, and judges it on the other half, look by look. The answers of
scales are drawn independently, which is the worst case for a choice: the best of several looks
better than it is the more, the less they have in common. *Lost* is a scale of which a capability
truly drops by the margin or more, or whose target truly gains nothing. Beside the rule stand two
others: the largest gain among those whose drops are estimated below the margin, and the scale
whose least proof is the nearest. Prints Markdown and writes it into `--out`; exits with 1 where a
scale that lost passes more often than 5.5 % and three standard errors, in rows in which one is
chosen 500 times or more, or so after five grids. `--runs 500` is small.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cliffguard.core.rescues import Fitness, ScalePoint
from cliffguard.core.settings import Policy
from cliffguard.evaluate.alpha_shares import TOGETHER
from cliffguard.planning.scale_choice import GRID, chosen_point
from cliffguard.stats.paired import mid_p_values, non_inferiority_p_values
from cliffguard.stats.runs import run_level
from cliffguard.stats.simulate import Design, decide, draw
from scripts.studies.page import publish, table
from scripts.studies.simulations import looks_of

MARGIN, LIMIT = 0.05, 0.055
LEAST_CHOSEN = 500  # rescues in which a lost scale is chosen; of fewer a rate says little
LEVEL = Policy().first_level
SCALES = GRID[1:]
Array = Any
Row = dict[str, Any]
Curve = Callable[[float], float]
Choice = Callable[[Sequence[ScalePoint]], ScalePoint | None]


class Truth(NamedTuple):
    """What truly becomes of a fine-tune at a scale.

    `drop` is that of one capability, `others` the part of it that all others lose too. `gain` is
    the target's; None: there is none.
    """

    drop: Curve
    others: float = 0.0
    gain: Curve | None = None


def level(value: float) -> Curve:
    """Return a curve that is the same at every scale."""
    return lambda _: value


def rising(end: float, power: float = 1.0) -> Curve:
    """Return a curve that rises from 0 to `end`, at first slowly where `power` is above 1."""
    return lambda scale: float(end * scale**power)


TRUTHS: dict[str, Truth] = {
    "all scales at the margin": Truth(level(MARGIN)),
    "all at the margin, in all capabilities": Truth(level(MARGIN), others=1.0),
    "all at the margin, gain alike": Truth(level(MARGIN), gain=level(0.2)),
    "all a fifth beyond it": Truth(level(1.2 * MARGIN), gain=level(0.2)),
    "nothing lost, nothing gained": Truth(level(0.0), gain=level(0.0)),
    "drop to 5, in proportion": Truth(rising(0.05), gain=rising(0.2)),
    "drop to 10, in proportion": Truth(rising(0.1), gain=rising(0.2)),
    "drop to 10, late": Truth(rising(0.1, 3), gain=rising(0.2)),
    "drop to 20, in proportion": Truth(rising(0.2), gain=rising(0.2)),
    "drop to 20, late": Truth(rising(0.2, 3), gain=rising(0.2)),
    "drop to 20, late, no target": Truth(rising(0.2, 3)),
    "drop to 20 everywhere, late": Truth(rising(0.2, 3), others=1.0, gain=rising(0.2)),
    "nothing lost": Truth(level(0.0), gain=rising(0.2)),
}
SIZES = (100, 300, 1000)  # items of a capability, and of the target, in a half


class Drawn(NamedTuple):
    """Answers of one scale on one half, by run: what passes, is out, its least proof, its gain."""

    passed: Array
    is_out: Array
    p_held: Array
    drop: Array
    gain: Array | None


def drawn(
    truth: Truth, scale: float, looks: tuple[int, ...], churn: float, n_capabilities: int,
    n_runs: int, rng: np.random.Generator,
) -> Drawn:  # fmt: skip
    """Draw the answers of a scale to a half, and judge them; drops are by run and capability."""
    drop = truth.drop(scale)
    dropping = Design(looks, MARGIN, drop=drop, churn=churn)
    designs = [dropping, *[replace(dropping, drop=truth.others * drop)] * (n_capabilities - 1)]
    counts = draw(designs, n_runs, rng)
    outcomes = decide(counts, designs, alpha=LEVEL, pooled_share=TOGETHER)
    n = looks[-1]
    broken, fixed = counts.broken[..., -1].astype(float), counts.fixed[..., -1].astype(float)
    drops = (broken - fixed) / n
    p_held = non_inferiority_p_values(broken, fixed, n, MARGIN).max(axis=1)
    passed, is_out, gains = outcomes.passed, outcomes.failed | (drops >= MARGIN).any(axis=1), None
    if truth.gain is not None:
        gain = truth.gain(scale)
        target = Design((n,), MARGIN, drop=-gain, churn=max(churn, gain))
        rows = draw([target], n_runs, rng)
        lost, won = rows.broken[:, 0, -1].astype(float), rows.fixed[:, 0, -1].astype(float)
        gains = (won - lost) / n
        p_gain = mid_p_values(won, lost)
        p_held = np.maximum(p_held, p_gain)
        passed, is_out = passed & (p_gain <= LEVEL), is_out | (gains <= 0)
    return Drawn(passed, is_out, p_held, drops.max(axis=1), gains)


def points_of(scales: Sequence[Drawn], run: int) -> list[ScalePoint]:
    """Return the curve of one run."""
    points = []
    for scale, rows in zip(SCALES, scales, strict=True):
        able: Fitness = "passes" if rows.passed[run] else "open"
        points.append(
            ScalePoint(
                scale=scale,
                worst="capability",
                drop=float(rows.drop[run]),
                margin=MARGIN,
                gain=None if rows.gain is None else float(rows.gain[run]),
                p_values=(float(rows.p_held[run]),),
                fitness="out" if rows.is_out[run] else able,
                reason="",
            )
        )
    return points


def by_estimates(points: Sequence[ScalePoint]) -> ScalePoint | None:
    """Choose the largest gain, or scale, of those whose drops are estimated below the margin."""
    able = [point for point in points if point.fitness != "out"]
    key: Callable[[ScalePoint], float] = lambda p: p.scale if p.gain is None else p.gain  # noqa: E731
    return max(able, key=key, default=None)


def by_least_proof(points: Sequence[ScalePoint]) -> ScalePoint | None:
    """Choose the scale whose least proof is the nearest, whatever it gains."""
    able = [point for point in points if point.fitness != "out"]
    return min(able, key=lambda point: point.p_values, default=None)


RULES: dict[str, Choice] = {
    "rule": chosen_point,
    "by estimates": by_estimates,
    "by the least proof": by_least_proof,
}


def is_lost(truth: Truth, scale: float) -> bool:
    """Return whether a scale must not pass."""
    worst = truth.drop(scale) * max(1.0, truth.others)
    return worst >= MARGIN - 1e-12 or (truth.gain is not None and truth.gain(scale) <= 0.0)


def study(
    name: str, n_items: int, churn: float, n_capabilities: int, n_runs: int,
    rng: np.random.Generator,
) -> Row:  # fmt: skip
    """Return how one truth fares under each rule."""
    truth = TRUTHS[name]
    halves = [
        [drawn(truth, scale, looks, churn, n_capabilities, n_runs, rng) for scale in SCALES]
        for looks in ((n_items,), looks_of(n_items, sequential=True))
    ]
    row: Row = {"truth": name, "items": n_items, "churn": churn, "capabilities": n_capabilities}
    lost = np.array([is_lost(truth, scale) for scale in SCALES])
    curves = [points_of(halves[0], run) for run in range(n_runs)]
    for rule, choose in RULES.items():
        picked = [choose(points) for points in curves]
        index = np.array([-1 if p is None else SCALES.index(p.scale) for p in picked])
        passes = np.array(
            [i >= 0 and bool(halves[1][i].passed[run]) for run, i in enumerate(index)]
        )
        is_bad = (index >= 0) & lost[index]
        n_bad = int(is_bad.sum())
        if rule == "rule":
            row["lost is chosen"] = n_bad / n_runs
            row["lost passes, of those chosen"] = float(passes[is_bad].mean()) if n_bad else None
            row["lost passes"] = float((passes & is_bad).mean())
            row["none"] = float((index < 0).mean())
            limit = LIMIT + 3 * math.sqrt(LIMIT * (1 - LIMIT) / max(1, n_bad))
            row["_errs"] = n_bad >= LEAST_CHOSEN and float(passes[is_bad].mean()) > limit
        good = passes & ~is_bad
        row[f"PASS, {rule}"] = float(good.mean())
        if truth.gain is not None and good.any():
            gains = [truth.gain(SCALES[i]) for i in index[good]]
            row[f"gain, {rule}"] = f"{100 * float(np.mean(gains)):.1f}"
        else:
            row[f"gain, {rule}"] = None
    return row


GRIDS = 5


def grid_after_grid(drop: float, n_items: int, churn: float, n_runs: int, seed: int) -> Row:
    """Return how often one of so many lost scales passes, each judged on the same half.

    A scale is judged in every grid, which is the worst case: the rule often finds none. Each spends
    its whole level, as in `cliffguard.run.look`.
    """
    rng = np.random.default_rng(seed)
    design = Design(looks_of(n_items, sequential=True), MARGIN, drop=drop, churn=churn)
    row: Row = {"drop": f"{100 * drop:g}", "items": n_items, "churn": churn}
    spent = 0.0
    passed, fresh = np.zeros(n_runs, bool), np.zeros(n_runs, bool)
    for number in range(1, GRIDS + 1):
        counts = draw([design], n_runs, rng)
        level = run_level(alpha=Policy().alpha, reserve=Policy().reserve, spent=spent)
        spent += level
        fresh |= decide(counts, [design], alpha=LEVEL, pooled_share=TOGETHER).passed
        passed |= decide(counts, [design], alpha=level, pooled_share=TOGETHER).passed
        row[f"{number}, ledger"] = float(passed.mean())
        if number in (1, GRIDS):
            row[f"{number}, each anew"] = float(fresh.mean())
    return row


def main() -> int:
    """Run the study and write its page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--out", type=Path, default=Path("reports/rescue"))
    given = parser.parse_args()
    rng = np.random.default_rng(18)
    rows = [
        study(name, n_items, churn, n_capabilities, given.runs, rng)
        for name in TRUTHS
        for n_items in SIZES
        for churn in (0.1, 0.2)
        for n_capabilities in (1, 4)
    ]
    errs = [row.pop("_errs") for row in rows]
    repeated = [
        grid_after_grid(drop, n_items, churn, given.runs, seed=number)
        for number, (drop, n_items, churn) in enumerate(
            (drop, n_items, churn)
            for drop in (MARGIN, 1.2 * MARGIN)
            for n_items in SIZES
            for churn in (0.1, 0.2)
        )
    ]
    limit = LIMIT + 3 * math.sqrt(LIMIT * (1 - LIMIT) / given.runs)
    errs += [row[f"{GRIDS}, ledger"] > limit for row in repeated]
    publish(_page(rows, repeated, given.runs), given.out / "README.md")
    return int(any(errs))


def _page(rows: Sequence[Row], repeated: Sequence[Row], n_runs: int) -> str:
    errors = [{k: v for k, v in row.items() if not k.startswith(("PASS", "gain"))} for row in rows]
    about = ("truth", "items", "churn", "capabilities")
    chances = [
        {k: v for k, v in row.items() if k in about or k.startswith(("PASS", "gain"))}
        for row in rows
        if any(row[f"PASS, {rule}"] for rule in RULES)
    ]
    often = [row for row in rows if row["lost is chosen"] * n_runs >= LEAST_CHOSEN]
    worst = max((row["lost passes, of those chosen"] for row in often), default=0.0)
    return PAGE.format(
        scales=", ".join(f"{scale:g}" for scale in SCALES),
        n_runs=n_runs,
        least=LEAST_CHOSEN,
        n_often=len(often),
        worst=100 * worst,
        errors=table(errors),
        grids=GRIDS,
        most=100 * max(row[f"{GRIDS}, ledger"] for row in repeated),
        anew=100 * max(row[f"{GRIDS}, each anew"] for row in repeated),
        repeated=table(repeated),
        chances=table(chances),
    )


PAGE = """\
# The scale of a fine-tune, chosen on one half of the items and judged on the other

Margin 5 points, alpha 0.05, reserve 0.05, scales {scales}; {n_runs:,} rescues a row. `items` are
those of a capability, and of the target, in a half; but for what a row says, one capability drops
and the others lose nothing.

    python -m scripts.studies.rescue --runs {n_runs}

## How often a scale that lost passes

Of those that were chosen at most {worst:.1f} % pass, in {n_often} rows in which that happens
{least} times or more. The rule has no part in it: the judged half had none in the choice.

{errors}

## How often a scale that lost passes, where grids are tried until one does

One capability; every scale drops by `drop` points, another one is judged with every grid, always on
the same half, and nobody goes on after a PASS. Under the ledger each is a further run at scales of
one fine-tune: after {grids} grids one has passed in at most {most:.1f} %, and in {anew:.1f} % were
each judged anew. Another seed or limit judges no item that chose, so that it is no other half.

{repeated}

## How often one passes that lost nothing beyond the margin, and what it gains

Under the rule, and under two others: the largest gain (without a target, the largest scale) among
those whose drops are estimated below the margin, and the scale whose least proof is the nearest.
`gain` is the true one of those that pass, in points.

{chances}
"""


if __name__ == "__main__":
    sys.exit(main())
