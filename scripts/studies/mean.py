"""A margin on the mean drop beside a wider one for each capability: errors, power and price.

    python -m scripts.studies.mean [--runs 2000] [--out reports/mean-margin]

Simulated gates with all looks, decided by `cliffguard.stats.simulate` at the level of a first run.
Prints Markdown and writes it to `README.md` in `--out`; exits with 1 where a candidate whose mean
drop is the margin passes in more than 5.5 %.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from scipy.special import ndtr

from cliffguard.core.settings import Policy
from cliffguard.evaluate.alpha_shares import TOGETHER
from cliffguard.evaluate.looks import looks_in_step
from cliffguard.stats.mean_margin import MeanTable
from cliffguard.stats.paired import null_variance
from cliffguard.stats.simulate import Design, decide, draw
from scripts.studies.page import publish, table
from scripts.studies.simulations import Row, looks_of

MEAN, EACH = 0.015, 0.08
LIMIT = 0.055
LEVEL = Policy().first_level
passing = partial(decide, alpha=LEVEL, pooled_share=TOGETHER)


LOSSES = {
    "all lose 1.5": (MEAN,) * 8,
    "four lose 3": (0.03,) * 4 + (0.0,) * 4,
    "two lose 6": (0.06,) * 2 + (0.0,) * 6,
    "two gain 3, six lose 3": (-0.03,) * 2 + (0.03,) * 6,
}
"""Of which the mean is the margin exactly."""


def errors(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """False PASS: eight capabilities whose mean drop is exactly the margin of 1.5 points."""
    rows: list[Row] = []
    sizes: dict[str, tuple[int, ...]] = {f"{n:,} each": (n,) * 8 for n in (250, 500, 1000)}
    sizes["100 to 2,000"] = (100, 200, 400, 800, 1000, 1200, 1600, 2000)
    for name, each in sizes.items():
        for churn in (0.03, 0.10, 0.20):
            row: Row = {"items": name, "churn": churn}
            for loss, drops in LOSSES.items():
                designs = [
                    Design(looks, EACH, drop=drop, churn=churn)
                    for looks, drop in zip(looks_in_step(each), drops, strict=True)
                ]
                counts = draw(designs, n_runs, rng)
                row[loss] = passing(counts, designs, mean_margin=MEAN).passed.mean()
            rows.append(row)
    return rows


def power(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """PASS when nothing is lost: a margin for each alone, or one on the mean beside it."""
    rows: list[Row] = []
    for n in (250, 500, 1000):
        for churn in (0.10, 0.20):
            row: Row = {"items": n, "churn": churn}
            calm = Design(looks_of(n, sequential=True), EACH, churn=churn)
            counts = draw([calm] * 8, n_runs, rng)
            for margin in (0.03, 0.05, 0.08):
                outcomes = passing(counts, [replace(calm, margin=margin)] * 8)
                row[f"each {100 * margin:g}"] = outcomes.passed.mean()
                row[f"asked, each {100 * margin:g}"] = outcomes.n_asked.mean() / n
            outcomes = passing(counts, [calm] * 8, mean_margin=MEAN)
            row["mean 1.5, each 8"] = outcomes.passed.mean()
            row["asked, mean 1.5, each 8"] = outcomes.n_asked.mean() / n
            rows.append(row)
    return rows


def price(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """PASS where something is lost: one capability of eight, or all of them."""
    rows: list[Row] = []
    losses = {f"one loses {100 * d:g}": (d, *[0.0] * 7) for d in (0.03, 0.05, 0.08)}
    losses |= {f"all lose {100 * d:g}": (d,) * 8 for d in (0.005, 0.01)}
    for n in (250, 500, 1000):
        for name, drops in losses.items():
            calm = Design(looks_of(n, sequential=True), EACH)
            designs = [replace(calm, drop=drop) for drop in drops]
            counts = draw(designs, n_runs, rng)
            row: Row = {"items": n, "churn": 0.10, "loss": name}
            for margin in (0.03, 0.05):
                tight = [replace(design, margin=margin) for design in designs]
                row[f"each {100 * margin:g}"] = passing(counts, tight).passed.mean()
            row["mean 1.5, each 8"] = passing(counts, designs, mean_margin=MEAN).passed.mean()
            rows.append(row)
    return rows


def stopped(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """What is not done: the mean tested once, on drops of which some were stopped as HELD.

    All of eight lose 1.5 points.
    """
    rows: list[Row] = []
    for n in (250, 500, 1000):
        for churn in (0.10, 0.20):
            design = Design(looks_of(n, sequential=True), EACH, drop=MEAN, churn=churn)
            counts = draw([design] * 8, n_runs, rng)
            outcomes = passing(counts, [design] * 8)
            at = np.searchsorted(design.looks, outcomes.n_asked)[..., None]
            b = np.take_along_axis(counts.broken, at, axis=-1)[..., 0] / outcomes.n_asked
            f = np.take_along_axis(counts.fixed, at, axis=-1)[..., 0] / outcomes.n_asked
            tested = MeanTable(b - f, b + f, outcomes.n_asked.astype(float), margin=MEAN)
            is_below = tested.p_at_least(MEAN) <= LEVEL
            is_right = passing(counts, [design] * 8, mean_margin=MEAN).passed
            rows.append(
                {
                    "items": n,
                    "churn": churn,
                    "tested on what was stopped": (outcomes.passed & is_below).mean(),
                    "asked on (the gate)": is_right.mean(),
                }
            )
    return rows


PLACES = {
    "eight of 500, all lose 1.5": ((500,) * 8, (MEAN,) * 8),
    "eight of 500, nothing is lost": ((500,) * 8, (0.0,) * 8),
    "100 beside 5,000, which loses nothing": ((100, 5000), (2 * MEAN, 0.0)),
    "100 beside two of 3,000": ((100, 3000, 3000), (3 * MEAN, 0.0, 0.0)),
    "50 beside two of 3,000": ((50, 3000, 3000), (3 * MEAN, 0.0, 0.0)),
}


def places(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """The proof of the mean alone, in one look: at which drops the variances are taken.

    Restricted to the margin for each, a small capability that lost all of it is overlooked.
    """
    rows: list[Row] = []
    for name, (sizes, drops) in PLACES.items():
        for churn in (0.03, 0.10):
            designs = [Design((n,), EACH, d, churn) for n, d in zip(sizes, drops, strict=True)]
            counts, n = draw(designs, n_runs, rng), np.array(sizes, dtype=float)
            b, f = counts.broken[..., 0] / n, counts.fixed[..., 0] / n
            alike = np.sqrt((null_variance(b, f, MEAN) / n).sum(axis=1)) / len(sizes)
            placed = MeanTable(b - f, b + f, n, margin=MEAN).p_at_least(MEAN)
            rows.append(
                {
                    "lost in": name,
                    "churn": churn,
                    "the margin for each": (
                        ndtr(((b - f).mean(axis=1) - MEAN) / alike) <= LEVEL
                    ).mean(),
                    "the likeliest (the gate)": (placed <= LEVEL).mean(),
                }
            )
    return rows


STUDIES = {
    "False PASS": errors,
    "PASS when nothing is lost": power,
    "The price": price,
    "Why what held is asked on": stopped,
    "Where the drop is placed": places,
}


def as_markdown(tables: dict[str, list[Row]], n_runs: int) -> str:
    """Return the tables, each under its title, with the command that makes them."""
    parts = [
        "# A margin on the mean drop",
        f"Simulated gates of eight capabilities with all looks, {n_runs:,} a row, at "
        f"{100 * LEVEL:g} % (alpha 5 %, of which 5 % are for later runs). `mean_margin` is 1.5 "
        "points, the margin of each capability 8. *Asked* is the share of the items.",
        f"    python -m scripts.studies.mean --runs {n_runs}",
    ]
    for name, rows in tables.items():
        about = " ".join(str(STUDIES[name].__doc__).split())
        parts += [f"## {name}", about, table(rows)]
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Run the studies; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000, help="gates a row")
    parser.add_argument("--out", type=Path, default=Path("reports/mean-margin"))
    arguments = parser.parse_args()
    rng = np.random.default_rng(20261215)
    tables = {name: study(rng, arguments.runs) for name, study in STUDIES.items()}
    text = as_markdown(tables, arguments.runs)
    publish(text, arguments.out / "README.md")
    wrong = [row for row in tables["False PASS"] if max(row[loss] for loss in LOSSES) > LIMIT]
    print("\n".join(map(str, wrong)), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
