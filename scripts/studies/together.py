"""What the gate does where items belong together, and where one part of a capability falls.

    python -m scripts.studies.together [--runs 2000] [--out reports/together]

On simulated counts of known truth. *Documents asked more than once*: false HELD at a drop of
exactly the margin, judged as if every row stood alone and as its clusters allow. *Documents in
several capabilities*: false FAIL when nothing is lost. *Parts*: how often one part that falls is
found, by its size and their number; how rarely parts at exactly the margin fail the gate; what
their share of alpha costs a capability that loses 5 or 10 points; and what it costs, in items that
are asked, that every part has had 25 before its capability is stopped as HELD. Prints Markdown,
writes it into `--out`; exits with 1 where an error is more frequent than 6.5 % and three standard
errors.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr

from cliffguard.compare.strata import BEFORE_HELD
from cliffguard.core.settings import Policy
from cliffguard.evaluate.alpha_shares import PARTS, TOGETHER
from cliffguard.evaluate.looks import look_fractions, n_items_at
from cliffguard.stats.multiplicity import Share, holm, pooled_p_value
from cliffguard.stats.paired import beyond_p, non_inferiority_p_values
from cliffguard.stats.simulate import Design, decide, draw
from scripts.studies import simulations
from scripts.studies.cluster import ALPHA, drawn, held_now
from scripts.studies.page import table

LEVEL = Policy().first_level
LIMIT = 0.065
Array = Any
Row = dict[str, Any]


# --- documents asked more than once --------------------------------------------------------------


def repeated(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """False HELD at the margin: as rows that stand alone, and as clusters."""
    settings = (
        ("100 passages x 10", 100, 10, 0.05, "correlation 0.3"),
        ("200 passages x 5", 200, 5, 0.05, "correlation 0.3"),
        ("250 documents x 4 formats", 250, 4, 0.05, "correlation 0.6"),
        ("60 topics x 20 that lose half", 60, 20, 0.05, "topics"),
        ("100 topics x 50 that lose half", 100, 50, 0.03, "topics"),
    )
    rows = []
    for name, n_clusters, size, margin, losses in settings:
        sizes = np.full(n_clusters, size)
        at = drawn(sizes, n_runs, losses, margin, rng)
        no = drawn(sizes, n_runs, losses, 0.0, rng)
        broken, fixed = (side.sum(axis=1) for side in at)
        alone = non_inferiority_p_values(broken, fixed, int(sizes.sum()), margin)
        rows.append(
            {
                "documents": name,
                "margin": margin,
                "losses": losses,
                "false HELD, rows alone": float((alone <= LEVEL).mean()),
                "false HELD": float((held_now(*at, sizes, margin) <= LEVEL).mean()),
                "HELD, nothing lost": float((held_now(*no, sizes, margin) <= LEVEL).mean()),
            }
        )
    return rows


# --- documents in several capabilities -----------------------------------------------------------


def shared(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """False FAIL by the test of all together where capabilities ask about the same documents."""
    rows = []
    for n_capabilities, n in ((8, 500), (11, 250), (20, 300)):
        for correlation in (0.0, 0.1, 0.4, 1.0):
            changes = _tied_changes(rng, n_runs, n_capabilities, n, correlation)
            by_itself, as_tied = [], []
            for run in changes:
                shares = [Share(float(d.mean()), float((d * d).mean()), float(n)) for d in run]
                pairs = [(a, b) for a in range(n_capabilities) for b in range(a)]
                tied = {(a, b): float((run[a] * run[b]).sum()) / n**2 for a, b in pairs}
                by_itself.append(pooled_p_value(shares))
                as_tied.append(pooled_p_value(shares, tied))
            level = LEVEL * TOGETHER
            rows.append(
                {
                    "capabilities": n_capabilities,
                    "documents": n,
                    "correlation": f"{correlation:.1f}",
                    "false FAIL together, untied": float((np.array(by_itself) <= level).mean()),
                    "false FAIL together": float((np.array(as_tied) <= level).mean()),
                }
            )
    return rows


def _tied_changes(
    rng: np.random.Generator, n_runs: int, n_capabilities: int, n: int, correlation: float
) -> Array:
    """Return changes without a drop: with the chance `correlation` a document's own, in all."""
    shape = (n_runs, n_capabilities, n)
    values, chances = np.array([1, 0, -1], dtype=np.int8), [0.05, 0.90, 0.05]
    independent = rng.choice(values, p=chances, size=shape)
    common = rng.choice(values, p=chances, size=(n_runs, 1, n))
    takes = rng.random(shape) < math.sqrt(correlation)
    return np.where(takes, common, independent).astype(float)


# --- parts ---------------------------------------------------------------------------------------


def parts(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """One part loses so much, the others nothing; churn 10 %, margin 5 points."""
    rows = []
    for n_parts in (5, 57, 200):
        for size in (10, 25, 100, 250):
            row: Row = {"parts": n_parts, "items each": size}
            row["all at the margin: FAIL"] = _share_found(
                rng, n_runs, n_parts, size, 0.05, every=True
            )
            for loss in (0.15, 0.30, 0.55):
                column = f"one loses {100 * loss:.0f}: found"
                row[column] = _share_found(rng, n_runs, n_parts, size, loss, every=False)
            rows.append(row)
    return rows


def _share_found(
    rng: np.random.Generator, n_runs: int, n_parts: int, size: int, loss: float, *, every: bool
) -> float:
    p_value = _by_counts(size)
    n_found = 0
    for _ in range(n_runs // 10):
        drops = np.full(n_parts, loss if every else 0.0)
        drops[0] = loss
        churn = np.maximum(0.10, drops)
        broken = rng.binomial(size, (churn + drops) / 2)
        rate = np.where(drops < churn, (churn - drops) / 2, 0.0)
        fixed = rng.binomial(size - broken, rate / (1 - (churn + drops) / 2))
        p_values = [p_value(int(b), int(f)) for b, f in zip(broken, fixed, strict=True)]
        n_found += min(holm(p_values)) <= LEVEL * PARTS
    return n_found / (n_runs // 10)


def _by_counts(size: int) -> Callable[[int, int], float]:
    known: dict[tuple[int, int], float] = {}

    def p_value(broken: int, fixed: int) -> float:
        if (broken, fixed) not in known:
            known[broken, fixed] = beyond_p(
                n_broken=broken, n_fixed=fixed, n_items=size, margin=0.05
            )
        return known[broken, fixed]

    return p_value


def price(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """What the share of the parts costs: one capability of eight loses 5 or 10 points."""
    rows = []
    for n in (250, 500, 1000):
        looks = simulations.looks_of(n, sequential=True)
        for loss in (0.05, 0.10):
            calm = Design(looks, 0.05)
            designs = [Design(looks, 0.05, drop=loss), *[calm] * 7]
            counts = draw(designs, n_runs, rng)
            row: Row = {"items": n, "drop": loss}
            for how, share in (("without parts", 0.0), ("with parts", PARTS)):
                outcomes = decide(
                    counts, designs, alpha=LEVEL, pooled_share=TOGETHER, parts_share=share
                )
                row[f"FAIL {how}"] = float(outcomes.failed.mean())
            rows.append(row)
    return rows


def before_held(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """Items asked where each part has to have 25, or all it has, before HELD; margin 5 points.

    The parts are of one size; those of one task come in random order, several tasks side by side.
    """
    settings = [(f"{n_parts} of one task", n, n_parts, simulations.looks_of(n, sequential=True))
                for n in (1000, 4000) for n_parts in (2, 10, 57)]  # fmt: skip
    for n_tasks, size in ((2, 500), (10, 250), (57, 250)):
        fractions = look_fractions([size] * n_tasks, [size] * n_tasks)
        looks = tuple(n_tasks * n_items_at(fraction, size) for fraction in fractions)
        settings.append((f"{n_tasks} tasks", n_tasks * size, n_tasks, looks))
    rows = []
    for name, n, n_parts, looks in settings:
        row: Row = {"parts": name, "items planned": n}
        least = _first_with_25(rng, n_runs, n, n_parts, looks, are_tasks="tasks" in name)
        for loss in (0.0, 0.05, 0.10):
            designs = [Design(looks, 0.05, drop=loss)]
            outcomes = decide(
                draw(designs, n_runs, rng),
                designs,
                alpha=LEVEL,
                pooled_share=TOGETHER,
                parts_share=PARTS,
            )
            n_asked, held = outcomes.n_asked[:, 0], outcomes.held[:, 0]
            label = "nothing lost" if not loss else f"{100 * loss:.0f} points lost"
            row[f"{label}: asked without"] = float(n_asked.mean() / n)
            row[f"{label}: asked"] = float(
                np.where(held, np.maximum(n_asked, least), n_asked).mean() / n
            )
        rows.append(row)
    return rows


def _first_with_25(
    rng: np.random.Generator,
    n_runs: int,
    n: int,
    n_parts: int,
    looks: tuple[int, ...],
    *,
    are_tasks: bool,
) -> Array:
    """Return the items at the first look at which every part has had its 25, run by run."""
    if are_tasks:
        return np.full(
            n_runs, next(look for look in looks if look >= min(BEFORE_HELD * n_parts, n))
        )
    part_of = np.arange(n) % n_parts
    enough = np.minimum(BEFORE_HELD, np.bincount(part_of))
    first = np.empty(n_runs, dtype=int)
    for run in range(n_runs):
        order = rng.permutation(part_of)
        first[run] = next(
            look for look in looks if (np.bincount(order[:look], minlength=n_parts) >= enough).all()
        )
    return first


def weights(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """Eight capabilities of 1,000 items lose 1.5 points; beside them one of 30 items that gates."""
    rows = []
    for beside in (None, 30):
        sizes = [1000] * 8 + ([] if beside is None else [beside])
        equal, rooted = [], []
        for _ in range(n_runs):
            broken = rng.binomial(sizes, 0.0575)
            fixed = rng.binomial(np.array(sizes) - broken, 0.0425 / (1 - 0.0575))
            shares = [
                Share((b - f) / n, (b + f) / n, float(n))
                for b, f, n in zip(broken, fixed, sizes, strict=True)
            ]
            drop, variance = (
                sum(s.drop for s in shares),
                sum(s.square / s.n_effective for s in shares),
            )
            equal.append(float(ndtr(-drop / math.sqrt(variance))))
            rooted.append(pooled_p_value(shares))
        level = LEVEL * TOGETHER
        rows.append(
            {
                "one of 30 items beside them": "no" if beside is None else "yes",
                "FAIL together, equal weights": float((np.array(equal) <= level).mean()),
                "FAIL together": float((np.array(rooted) <= level).mean()),
            }
        )
    return rows


TABLES: dict[str, Callable[[np.random.Generator, int], list[Row]]] = {
    "Documents asked more than once, one look": repeated,
    "Documents in several capabilities, nothing lost, 10 % churn": shared,
    "One part falls: margin 5 points, at the parts' share of alpha": parts,
    "What the parts cost a capability that loses": price,
    "The test of all together and a small capability": weights,
    "What it costs that each part has had 25 items before HELD": before_held,
}


def wrong(tables: dict[str, list[Row]], n_runs: int) -> list[str]:
    """Return what errs more often than it may."""
    error = 3 * math.sqrt(LIMIT * (1 - LIMIT) / n_runs)
    checked = ("false HELD", "false FAIL together", "all at the margin: FAIL")
    return [
        f"{name} {row[name]:.3f} in {row}"
        for rows in tables.values()
        for row in rows
        for name in checked
        if name in row and row[name] > LIMIT + error
    ]


def main() -> int:
    """Run the studies; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000, help="samples a row; of parts a tenth")
    parser.add_argument("--out", type=Path, default=Path("reports/together"))
    arguments = parser.parse_args()
    rng = np.random.default_rng(20261128)
    tables = {title: study(rng, arguments.runs) for title, study in TABLES.items()}
    text = (
        "# Items that belong together, and parts\n\n"
        f"At alpha {ALPHA}, of which a first run spends {LEVEL:.4g}; {arguments.runs} samples a "
        f"row, of parts {arguments.runs // 10}.\n\n"
        f"    python -m scripts.studies.together --runs {arguments.runs}\n\n"
        + "\n\n".join(f"## {title}\n\n{table(rows)}" for title, rows in tables.items())
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "README.md").write_text(text + "\n", encoding="utf-8")
    print(text)
    problems = wrong(tables, arguments.runs)
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
