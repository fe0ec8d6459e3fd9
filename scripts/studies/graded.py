"""How often graded scores in one look are judged wrongly, and how often a lossless one is held.

    python -m scripts.studies.graded [--runs 2000] [--bets 1000] [--out FOLDER]

Changes are drawn from distributions whose mean is exactly the margin, or exactly nothing; among
them are those that break other tests. Beside the order-free bound (`cliffguard.stats.graded`) stand
bets in the order drawn (`cliffguard.stats.e_values`) and Johnson's t, corrected for skewness.
Prints Markdown, and writes `graded.md` and `graded.json` into `--out` (default
reports/operating-characteristics). Exits with 1 when a false verdict is more frequent than 5.5 %
and three standard errors.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t

from cliffguard.stats.e_values import held_wealth, p_value
from cliffguard.stats.graded import each_p_at_least
from scripts.studies.graded_draws import CLUSTERS, SETTINGS, SIZES, sizes_of
from scripts.studies.page import publish

ALPHA = 0.05
HIGHEST_LEVEL = 0.055
_AT_ONCE = 1000  # samples in memory

Array = NDArray[np.float64]
Row = dict[str, Any]


def study(rng: np.random.Generator, n_runs: int, n_bets: int) -> list[Row]:
    """Return a row for every distribution of items that stand alone, size and margin."""
    rows = []
    for name, (draw, sizes) in SETTINGS.items():
        for n_items, margin in sizes:
            shape = (min(n_runs, _AT_ONCE), n_items)
            parts = []
            for _ in range(0, n_runs, _AT_ONCE):
                at, none = draw(rng, shape, margin), draw(rng, shape, 0.0)
                parts.append(_rates(at, none, margin) | _johnson(at, none, margin))
            bets = [draw(rng, (n_bets, n_items), drop) for drop in (margin, 0.0)]
            rows.append(
                {"changes": name, "items": n_items, "margin": margin}
                | _mean(parts)
                | _bets(*bets, margin)
            )
    return rows


def _rates(at: Array, none: Array, margin: float, weights: Array | None = None) -> Row:
    """Return the shares of samples that are judged so, at the margin and at no loss."""
    return {
        "false HELD": _share(each_p_at_least(at, margin, weights=weights)),
        "false drop": _share(each_p_at_least(-none, 0.0, weights=weights)),
        "false beyond": _share(each_p_at_least(-at, -margin, weights=weights)),
        "HELD at no loss": _share(each_p_at_least(none, margin, weights=weights)),
    }


def _bets(at: Array, none: Array, margin: float, weights: Array | None = None) -> Row:
    return {
        "bets: false HELD": _held_by_bets(at, margin, weights),
        "bets: HELD at no loss": _held_by_bets(none, margin, weights),
    }


def _johnson(at: Array, none: Array, margin: float) -> Row:
    return {
        "Johnson's t: false HELD": _share(johnson(at, margin)),
        "Johnson's t: HELD at no loss": _share(johnson(none, margin)),
    }


def johnson(samples: Array, mean: float) -> Array:
    """P-value of "the mean is `mean` or more" by a t corrected for skewness, row by row.

    Johnson (1978), Journal of the American Statistical Association 73:536-544. Samples without any
    spread are taken at their word.
    """
    n, off = samples.shape[1], samples.mean(axis=1) - mean
    spread = samples.std(axis=1, ddof=1)
    s = np.where(spread > 0.0, spread, 1.0)
    skew = ((samples - samples.mean(axis=1, keepdims=True)) ** 3).mean(axis=1) / s**3
    t = np.sqrt(n) * (off + skew * s / (6 * n) + skew * off**2 / (3 * s)) / s
    return np.where(spread > 0.0, student_t.cdf(t, n - 1), np.where(off < 0.0, 0.0, 1.0))


def _mean(parts: list[Row]) -> Row:
    return {name: float(np.mean([part[name] for part in parts])) for name in parts[0]}


def _share(p_values: Array) -> float:
    return float(np.mean(p_values <= ALPHA))


def _held_by_bets(samples: Array, margin: float, weights: Array | None) -> float:
    held = [
        p_value(held_wealth(x, margin=margin, weights=None if weights is None else weights[i]))
        for i, x in enumerate(samples)
    ]
    return _share(np.array(held))


def clusters(rng: np.random.Generator, n_runs: int, n_bets: int) -> list[Row]:
    """Return a row for every way in which clusters lose, kind of sizes, and number of clusters."""
    rows = []
    for name, draw in CLUSTERS.items():
        for kind in SIZES:
            for n_clusters, margin in ((40, 0.10), (100, 0.05), (300, 0.05)):
                parts = []
                for _ in range(0, n_runs, _AT_ONCE):
                    shape = (min(n_runs, _AT_ONCE), n_clusters)
                    sizes, every = sizes_of(kind, rng, shape)
                    weights = sizes / sizes.max(axis=1, keepdims=True)
                    at, none = (draw(rng, sizes, every, drop) for drop in (margin, 0.0))
                    parts.append(_rates(at, none, margin, weights))
                rows.append(
                    {"changes": name, "sizes": kind, "clusters": n_clusters, "margin": margin}
                    | _mean(parts)
                    | _bets(at[:n_bets], none[:n_bets], margin, weights[:n_bets])
                )
    return rows


# --- telling it ----------------------------------------------------------------------------------


def as_markdown(figures: dict[str, Any], command: str) -> str:
    """Return both tables with what made them."""
    n_runs, n_bets = figures["runs"], figures["bets"]
    return (
        "\n\n".join(
            [
                "# Graded scores in one look",
                f"Nominal error 5 %; {n_runs:,} samples a row, so that a share of 5 % has a "
                f"standard error of {100 * math.sqrt(0.05 * 0.95 / n_runs):.1f} points; of bets "
                f"{n_bets:,}. *False HELD* and *false beyond* at a drop of exactly the margin, "
                "*false drop* at exactly none.",
                f"    {command}",
                _worst([*figures["items"], *figures["clusters"]]),
                "## Items that stand alone",
                _table(figures["items"]),
                "## Clusters, by their weighted means",
                _table(figures["clusters"]),
            ]
        )
        + "\n"
    )


def _worst(rows: list[Row]) -> str:
    largest = [
        f"{name} {100 * max(r[name] for r in rows):.1f} %"
        for name in rows[0]
        if name.startswith("false")
    ]
    return f"Largest of {len(rows)} settings: {', '.join(largest)}."


def _table(rows: list[Row]) -> str:
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{' ---: |' * len(names)}"]
    lines += [f"| {' | '.join(_cell(name, row[name]) for name in names)} |" for row in rows]
    return "\n".join(lines)


def _cell(name: str, value: Any) -> str:
    if isinstance(value, float):
        return f"{100 * value:.0f}" if name == "margin" else f"{100 * value:.1f} %"
    return str(value)


def too_often(rows: list[Row], n_runs: int) -> list[str]:
    """Return the settings in which a false verdict is more frequent than chance explains."""
    limit = HIGHEST_LEVEL + 3 * math.sqrt(HIGHEST_LEVEL * (1 - HIGHEST_LEVEL) / n_runs)
    return [
        f"{name} {100 * row[name]:.1f} % in {row}"
        for row in rows
        for name in ("false HELD", "false drop", "false beyond")
        if row[name] > limit
    ]


def main() -> int:
    """Run the study; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--runs", type=int, default=2000, help="samples a setting, in thousands from there on"
    )
    parser.add_argument("--bets", type=int, default=1000, help="of them also bet on")
    parser.add_argument("--out", type=Path, default=Path("reports/operating-characteristics"))
    given = parser.parse_args()
    rng = np.random.default_rng(20261201)
    figures: dict[str, Any] = {"runs": given.runs, "bets": min(given.bets, given.runs)}
    figures["items"] = study(rng, given.runs, given.bets)
    figures["clusters"] = clusters(rng, given.runs, given.bets)
    command = f"python -m scripts.studies.graded --runs {given.runs} --bets {given.bets}"
    text = as_markdown(figures, command)
    publish(text, given.out / "graded.md", figures)
    wrong = too_often([*figures["items"], *figures["clusters"]], given.runs)
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
