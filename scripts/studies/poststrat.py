"""Base answers in store to items that the candidate was not asked: do they help the verdict?

    python -m scripts.studies.poststrat [--runs 20000] [--out reports/poststratification]

The drop can be estimated within the items that the base has right and those that it has wrong, and
weighed by how many of either there are among all items that the base has answered
(post-stratification). Two tests of HELD by it stand beside today's: one with the estimated variance
(Wald), one with the variance under the hypothesis (score), as Tango's. On simulated answers and on
the recorded ones of five fine-tunes. Prints Markdown and writes it to `README.md` in `--out`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from cliffguard.stats.paired import null_variance, score_z
from cliffguard.stats.sequential import HELD_SPENDING, boundaries
from scripts.studies.page import publish, table
from scripts.studies.recorded import CANDIDATES, populations
from scripts.studies.simulations import ALPHA, Row, looks_of

Array = Any
RECORDED = Path("reports/recorded-flips/answers.json")
LEAST_DROP = 0.02  # of a recorded capability that serves as a margin
SHARE = 0.2  # of the base's items that a candidate is planned to answer, in the second case
METHODS = ("now", "Wald", "score")


def z_values(right: Array, broken: Array, fixed: Array, n: int, weight: Array, n_base: int,
             margin: float) -> dict[str, Array]:  # fmt: skip
    """Return the statistics of HELD.

    Of `n` items the base has `right` right, of which `broken` broke; `fixed` of the others were
    fixed. Of `n_base` items, these among them, it has the share `weight` right.
    """
    wrong = n - right
    p_broken, p_fixed = broken / np.maximum(right, 1), fixed / np.maximum(wrong, 1)
    drop = weight * p_broken - (1 - weight) * p_fixed
    within = weight**2 * p_broken * (1 - p_broken) / np.maximum(right, 1)
    within += (1 - weight) ** 2 * p_fixed * (1 - p_fixed) / np.maximum(wrong, 1)
    between = weight * (1 - weight) * (p_broken + p_fixed) ** 2 / n_base
    wald = (margin - drop) / np.sqrt(np.maximum(within + between, 1e-9))
    # Under the hypothesis: rates as Tango estimates them, from those that are weighed anew.
    total = null_variance(weight * p_broken, (1 - weight) * p_fixed, margin)
    rate = (total + margin * (1 + margin)) / 2
    spread = rate / np.maximum(weight, 1e-9) + (rate - margin) / np.maximum(1 - weight, 1e-9)
    explained = np.minimum(weight * (1 - weight) * spread**2, total)
    score = (margin - drop) / np.sqrt((total - explained * (1 - n / n_base)) / n)
    now = score_z(broken.astype(float), fixed.astype(float), n, margin)
    return {"now": now, "Wald": wald, "score": score}


def judged(x: Array, right: Array, looks: tuple[int, ...], margin: float) -> dict[str, Row]:
    """Return how often HELD is said by each test, and after which share of the planned items.

    `x` are changes and `right` says what the base had right, of shape (runs, base's items).
    """
    n_base = x.shape[1]
    weight = right.mean(axis=1)
    edges = boundaries(looks, n_planned=looks[-1], alpha=ALPHA, spending=HELD_SPENDING)
    counts = [np.cumsum(what, axis=1, dtype=np.int32) for what in (right, x > 0, x < 0)]
    held = {name: np.zeros(len(x), dtype=bool) for name in METHODS}
    n_asked = {name: np.full(len(x), looks[-1]) for name in METHODS}
    for n, edge in zip(looks, edges, strict=True):
        z = z_values(*(count[:, n - 1] for count in counts), n, weight, n_base, margin)
        for name in METHODS:
            new = (z[name] > edge) & ~held[name]
            n_asked[name][new] = n
            held[name] |= new
    return {
        name: {"held": held[name].mean(), "asked": n_asked[name].mean() / looks[-1]}
        for name in METHODS
    }


def drawn(n_runs: int, n: int, accuracy: float, churn: float, drop: float,
          rng: np.random.Generator) -> tuple[Array, Array]:  # fmt: skip
    """Draw changes and what the base had right."""
    broken, fixed = (churn + drop) / 2, (churn - drop) / 2
    right = rng.random((n_runs, n), dtype=np.float32) < accuracy
    u = rng.random((n_runs, n), dtype=np.float32)
    changed = np.where(right, u < broken / accuracy, u < fixed / (1 - accuracy))
    return np.where(changed, np.where(right, 1, -1), 0).astype(np.int8), right


def simulated(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """The base on 2,000 items: the candidate on all of them by looks, or on 400 in one look."""
    rows: list[Row] = []
    cases = {"all, by looks": looks_of(2000, sequential=True), "400, one look": (400,)}
    for name, looks in cases.items():
        margin = 0.03 if looks[-1] == 2000 else 0.05
        for accuracy in (0.5, 0.65, 0.85, 0.95):
            for churn in (margin, 0.10, 0.20):
                if (churn - 0.0) / 2 > 1 - accuracy:
                    continue  # more to be fixed than the base has wrong
                row: Row = {"asked": name, "margin": margin, "base right": accuracy, "churn": churn}
                for truth, drop in (("false HELD", margin), ("HELD at no loss", 0.0)):
                    by_method = _in_parts(n_runs if drop else n_runs // 4, looks, accuracy, churn,
                                      drop, margin, rng)  # fmt: skip
                    row |= {f"{truth}, {method}": by_method[method]["held"] for method in METHODS}
                row |= {
                    f"items, {method}": by_method[method]["asked"] for method in ("now", "score")
                }
                rows.append(row)
    return rows


def _in_parts(n_runs: int, looks: tuple[int, ...], accuracy: float, churn: float, drop: float,
              margin: float, rng: np.random.Generator) -> dict[str, Row]:  # fmt: skip
    n_parts = max(1, n_runs // 500)
    parts = [
        judged(*drawn(n_runs // n_parts, 2000, accuracy, churn, drop, rng), looks, margin)
        for _ in range(n_parts)
    ]
    return {
        name: {key: float(np.mean([part[name][key] for part in parts])) for key in parts[0][name]}
        for name in METHODS
    }


def recorded(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """Recorded answers, resampled: the candidate on a fifth of the base's items, in one look.

    Clusters are left out, and of the variance of a change its part that the base's answer explains
    is shown: as much less is the variance where the base's items are without end.
    """
    answers = json.loads(RECORDED.read_text(encoding="utf-8"))
    rows: list[Row] = []
    for candidate in CANDIDATES:
        base = populations(_as_base(answers), candidate)
        for name, (x, _) in populations(answers, candidate).items():
            if not x.any() or any(cluster is not None for cluster in _clusters(answers, name)):
                continue
            right, drop = base[name][0] > 0, float(x.mean())
            row: Row = {
                "candidate": candidate,
                "capability": name,
                "drop": f"{100 * drop:.1f}",
                "churn": float(np.abs(x).mean()),
                "explained": _explained(x, right),
            }
            for truth, margin in (("false HELD", drop), ("HELD at 5 points more", drop + 0.05)):
                if (truth == "false HELD" and drop < LEAST_DROP) or margin <= 0:
                    continue
                picked = rng.integers(len(x), size=(n_runs // 20, 2000))
                by_method = judged(x[picked], right[picked], (round(2000 * SHARE),), margin)
                row |= {f"{truth}, {method}": by_method[method]["held"] for method in METHODS}
            rows.append(row)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return [{key: row.get(key) for key in columns} for row in rows]


def _as_base(answers: Row) -> Row:
    """Return the record with candidates that have everything wrong: the change is the base's."""
    tasks = {
        name: {**row, "right": {side: bits if side == "base" else "0" * len(bits)
                                for side, bits in row["right"].items()}}
        for name, row in answers["tasks"].items()
    }  # fmt: skip
    return {**answers, "tasks": tasks}


def _clusters(answers: Row, capability: str) -> list[Any]:
    rows = [row for row in answers["tasks"].values() if row["capability"] == capability]
    return [cluster for row in rows for cluster in row["clusters"]]


def _explained(x: Array, right: Array) -> float:
    means = np.where(right, x[right].mean(), x[~right].mean() if (~right).any() else 0.0)
    return float(means.var() / x.var())


STUDIES = {"Simulated answers": simulated, "Recorded answers": recorded}


def as_markdown(tables: dict[str, list[Row]], n_runs: int) -> str:
    """Return the tables, each under its title, with the command that makes them."""
    parts = [
        "# Base answers that the candidate was not asked",
        f"False HELD at a drop of exactly the margin, alpha 5 %; {n_runs:,} runs a row, a quarter "
        f"of them at no loss, {n_runs // 20:,} of the recorded ones. *Now*: Tango's test on the "
        "pairs alone; *Wald* and *score* are post-stratified by whether the base was right. All "
        "by the normal quantile, HELD's alpha spent by the cube over the looks. *Items* are asked "
        "at no loss.",
        f"    python -m scripts.studies.poststrat --runs {n_runs}",
    ]
    for name, rows in tables.items():
        parts += [f"## {name}", str(STUDIES[name].__doc__).splitlines()[0], table(rows)]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Run the studies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20000, help="simulated answers a row")
    parser.add_argument("--out", type=Path, default=Path("reports/poststratification"))
    arguments = parser.parse_args()
    rng = np.random.default_rng(20261203)
    tables = {name: study(rng, arguments.runs) for name, study in STUDIES.items()}
    text = as_markdown(tables, arguments.runs)
    publish(text, arguments.out / "README.md")


if __name__ == "__main__":
    main()
