"""How often the whole gate errs, and what it costs: simulated answers with known truth.

    python -m scripts.studies.calibrate [--runs 2000] [--out reports/operating-characteristics]

The decisions are those of `cliffguard.stats.simulate`, which the project's tests hold to the gate
itself. Prints Markdown, and writes `README.md` and `figures.json` into `--out`. Exits with 1 when
a false verdict is more frequent than alpha and three standard errors.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

from scripts.studies import ladder_simulations, simulations
from scripts.studies.page import publish, table

ALPHA = simulations.ALPHA

TITLES = {
    "errors": "False verdicts. FAIL when nothing is lost; PASS when one capability lost the margin",
    "power": "One capability of eight loses so much, margin 5 points",
    "diffuse": "Eight capabilities lose the same, margin 3 points, 10 % churn, one look",
    "graded": "Graded scores, by betting; margin 5 points",
    "clusters": "Passages whose items break together, one look, margin 5 points",
    "mixed": "Passages beside single items, correlation 0.3, one look",
    "shapes": "Ladders of six levels, about 10 % churn: which shape is named, and where",
    "false_cliffs": "Declines in a line or at a constant rate (3 × the ladders): called a cliff",
    "smooth": "Smooth declines that are neither: called a cliff",
    "steps": "True steps: called a cliff",
}


STUDIES = {
    "errors": simulations.errors,
    "power": simulations.power,
    "diffuse": simulations.diffuse,
    "clusters": simulations.clusters,
    "mixed": simulations.mixed_clusters,
}

LADDER_STUDIES = {
    "shapes": ladder_simulations.shapes,
    "false_cliffs": ladder_simulations.false_cliffs,
    "smooth": ladder_simulations.smooth,
    "steps": ladder_simulations.steps,
}


def as_markdown(figures: dict[str, Any], command: str) -> str:
    """Return the tables of a study."""
    parts = [
        "# Operating characteristics",
        "What the gate decides on simulated answers whose truth is known. Nominal error: 5 %. "
        f"{figures['runs']} gates a row, so that a share of 5 % has a standard error of "
        f"{100 * math.sqrt(0.05 * 0.95 / figures['runs']):.1f} points; of graded scores "
        f"{figures['graded_runs']}, of ladders {figures['ladder_runs']}.",
        f"    {command}",
        _worst(figures),
    ]
    for name, title in TITLES.items():
        rows = figures[name]
        parts += [f"## {title}", table(rows)]
    return "\n\n".join(parts) + "\n"


def _worst(figures: dict[str, Any]) -> str:
    rows = figures["errors"]
    worst = {
        name: max(row[name] for row in rows) for name in ("false FAIL", "false PASS", "false HELD")
    }
    largest = ", ".join(f"{name} {100 * share:.1f} %" for name, share in worst.items())
    return f"Largest of {len(rows)} settings: {largest}."


# Above it the level is known not to be kept; see `cliffguard.stats.clusters`.
_MOST_CORRELATION = "0.1"


def too_often(figures: dict[str, Any]) -> list[str]:
    """Return the settings in which a false verdict is more frequent than chance explains."""
    limits = {
        study: ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / figures[n_runs])
        for study, n_runs in (("errors", "runs"), ("graded", "graded_runs"), ("clusters", "runs"))
    }
    checked = [("errors", name) for name in ("false FAIL", "false PASS", "false HELD")]
    checked += [
        (study, n) for study in ("graded", "clusters") for n in ("false HELD", "false drop")
    ]
    return _false_cliffs(figures) + [
        f"{name} {100 * row[name]:.1f} % in {row}"
        for study, name in checked
        for row in figures[study]
        if row[name] > limits[study] and row.get("correlation", "0.0") <= _MOST_CORRELATION
    ]


def _false_cliffs(figures: dict[str, Any]) -> list[str]:
    n_ladders = ladder_simulations.NULL_RUNS * figures["ladder_runs"]
    limit = ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / n_ladders)
    return [
        f"called a cliff {100 * share:.1f} % at {name} in {row['truth']}, {row['levels']} levels"
        for row in figures["false_cliffs"]
        for name, share in row.items()
        if isinstance(share, float) and share > limit
    ]


def _of_gates(n_runs: int) -> dict[str, Any]:
    rng = np.random.default_rng(20261125)
    figures: dict[str, Any] = {"runs": n_runs}
    for name, study in STUDIES.items():
        figures[name] = study(rng, n_runs)
        print(f"{name}: done", file=sys.stderr)
    figures["graded_runs"] = min(n_runs, 1000)
    figures["graded"] = simulations.graded(rng, figures["graded_runs"])
    return figures


def _of_ladders(n_runs: int) -> dict[str, Any]:
    rng = np.random.default_rng(20261126)  # of its own, so that --ladders gives the same
    figures = {}
    for name, study in LADDER_STUDIES.items():
        figures[name] = study(rng, n_runs)
        print(f"{name}: done", file=sys.stderr)
    return figures


def main() -> int:
    """Run the studies; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000, help="gates a setting")
    parser.add_argument("--ladder-runs", type=int, default=300, help="ladders a setting")
    parser.add_argument("--ladders", action="store_true", help="keep the other figures of --out")
    parser.add_argument("--gates", action="store_true", help="keep the ladders' figures of --out")
    parser.add_argument("--out", type=Path, default=Path("reports/operating-characteristics"))
    arguments = parser.parse_args()
    known: dict[str, Any] = {}
    if arguments.ladders or arguments.gates:
        known = json.loads((arguments.out / "figures.json").read_text(encoding="utf-8"))
    figures = known if arguments.ladders else {**known, **_of_gates(arguments.runs)}
    if not arguments.gates:
        figures |= {"ladder_runs": arguments.ladder_runs, **_of_ladders(arguments.ladder_runs)}
    command = (
        f"python -m scripts.studies.calibrate --runs {figures['runs']} "
        f"--ladder-runs {figures['ladder_runs']}"
    )
    text = as_markdown(figures, command)
    publish(text, arguments.out / "README.md", figures)
    wrong = too_often(figures)
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
