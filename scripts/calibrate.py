"""How often the whole gate errs, and what it costs: simulated answers with known truth.

    python scripts/calibrate.py [--runs 2000] [--out reports/operating-characteristics]

The decisions are those of `cliffguard.schedule`, `stats.evidence` and `verdict.judge`, written for
arrays so that thousands of gates can be run; `tests/test_calibrate.py` holds them to the gate
itself. Prints Markdown, and writes `README.md` and `figures.json` into `--out`. Exits with 1 when
a false verdict is more frequent than alpha and three standard errors.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from cliffguard.schedule import look_fractions, n_items_at
from cliffguard.stats.cliff import find_fall
from cliffguard.stats.evidence import graded_evidence
from cliffguard.stats.ladder import shape_of
from cliffguard.stats.paired import mcnemar_mid_p, non_inferiority_p
from cliffguard.stats.sequential import boundaries
from cliffguard.verdict import POOLED_SHARE

ALPHA = 0.05
Array = Any


@dataclass(frozen=True)
class Gates:
    """What became of many simulated gates: per run, and per run and capability."""

    passed: Array
    failed: Array
    held: Array
    lost: Array
    n_asked: Array


def looks_of(n_items: int, *, sequential: bool) -> tuple[int, ...]:
    """Return the looks that the schedule takes at one task of `n_items`."""
    if not sequential:
        return (n_items,)
    return tuple(n_items_at(share, n_items) for share in look_fractions([n_items], [n_items]))


def answers(
    rng: np.random.Generator,
    n_runs: int,
    looks: Sequence[int],
    drops: Sequence[float],
    churn: float,
) -> tuple[Array, Array]:
    """Return broken and fixed items by run, capability and look, cumulated."""
    counts = []
    for drop in drops:
        moved = max(churn, abs(drop))
        chances = [(moved + drop) / 2, (moved - drop) / 2, 1 - moved]
        steps = [rng.multinomial(n, chances, size=n_runs) for n in np.diff([0, *looks])]
        counts.append(np.cumsum(np.stack(steps, axis=1), axis=1))
    both = np.stack(counts, axis=1)
    return both[..., 0], both[..., 1]


def judged(broken: Array, fixed: Array, looks: Sequence[int], margin: float) -> Gates:
    """Return the verdicts of gates over capabilities that are all looked at at `looks`."""
    n_runs, n_capabilities, n_looks = broken.shape
    sizes = np.array(looks)
    z_held = np.stack(
        [_z(broken[..., k], fixed[..., k], _held_p(int(n), margin)) for k, n in enumerate(looks)],
        axis=-1,
    )
    z_dropped = _z(broken, fixed, lambda b, f: mcnemar_mid_p(n_broken=b, n_fixed=f))
    convicts = (broken - fixed) / sizes >= margin
    convicts[..., -1] = True
    z_dropped = np.where(convicts, z_dropped, -np.inf)
    share = 1 - POOLED_SHARE if n_capabilities > 1 else 1.0
    edge_held = _edges(looks, ALPHA)
    crossed = {
        rivals: np.maximum.accumulate(z_dropped >= _edges(looks, ALPHA * share / rivals), axis=-1)
        for rivals in range(1, n_capabilities + 1)
    }
    held = np.zeros((n_runs, n_capabilities), dtype=bool)
    lost = np.zeros_like(held)
    over = np.zeros(n_runs, dtype=bool)
    at = np.zeros(held.shape, dtype=int)
    for look in range(n_looks):
        going = ~held & ~over[:, None]
        at[going] = look
        held |= going & (z_held[..., look] >= edge_held[look])
        now = {
            rivals: np.take_along_axis(found, at[..., None], axis=-1)[..., 0]
            for rivals, found in crossed.items()
        }
        lost = _holm(now) & ~held
        over |= lost.any(axis=1)
    passed = held.all(axis=1)
    failed = over | (_pooled(broken, fixed, sizes, at) & ~passed & (n_capabilities > 1))
    return Gates(passed & ~failed, failed, held, lost, sizes[at])


def _edges(looks: Sequence[int], alpha: float) -> Array:
    return np.array(boundaries(tuple(looks), n_planned=looks[-1], alpha=alpha))


def _holm(crossed: dict[int, Array]) -> Array:
    """Return what Holm rejects, given what crosses at alpha over each number of rivals."""
    n_capabilities = len(crossed)
    rejected = np.zeros_like(crossed[1])
    for _ in range(n_capabilities):
        left = n_capabilities - rejected.sum(axis=1)
        for rivals in range(1, n_capabilities + 1):
            rejected |= crossed[rivals] & (left == rivals)[:, None]
    return rejected


def _pooled(broken: Array, fixed: Array, sizes: Array, at: Array) -> Array:
    b, f = (np.take_along_axis(x, at[..., None], axis=-1)[..., 0] for x in (broken, fixed))
    n = sizes[at]
    variance = ((b + f) / n / n).sum(axis=1)
    z = ((b - f) / n).sum(axis=1) / np.sqrt(np.maximum(variance, 1e-12))
    return ndtr(-z) <= ALPHA * POOLED_SHARE


def _held_p(n_items: int, margin: float) -> Callable[[int, int], float]:
    def p_value(n_broken: int, n_fixed: int) -> float:
        return non_inferiority_p(n_broken=n_broken, n_fixed=n_fixed, n_items=n_items, margin=margin)

    return p_value


def _z(broken: Array, fixed: Array, p_of: Callable[[int, int], float]) -> Array:
    """Return the normal statistic of every pair of counts; each distinct pair is tested once."""
    pairs = np.stack([broken.ravel(), fixed.ravel()], axis=1)
    distinct, places = np.unique(pairs, axis=0, return_inverse=True)
    z = np.array([-ndtri(p_of(int(b), int(f))) for b, f in distinct])
    return np.clip(z, -8, 8)[places.ravel()].reshape(broken.shape)


# --- the studies ----------------------------------------------------------------------------------


def errors(rng: np.random.Generator, n_runs: int) -> list[dict[str, Any]]:
    """False verdicts: nothing lost, and one capability exactly at the margin."""
    rows = []
    for n_capabilities in (1, 4, 8, 16):
        for n, margin in ((200, 0.05), (1000, 0.05), (1000, 0.03), (5000, 0.03)):
            for churn in (0.03, 0.10, 0.20):
                for sequential in (True, False):
                    looks = looks_of(n, sequential=sequential)
                    calm = [0.0] * n_capabilities
                    none = judged(*answers(rng, n_runs, looks, calm, churn), looks, margin)
                    edge = [margin, *calm[1:]]
                    one = judged(*answers(rng, n_runs, looks, edge, churn), looks, margin)
                    rows.append(
                        {
                            "capabilities": n_capabilities,
                            "items": n,
                            "margin": margin,
                            "churn": churn,
                            "looks": len(looks),
                            "false FAIL": none.failed.mean(),
                            "false PASS": one.passed.mean(),
                            "false HELD": one.held[:, 0].mean(),
                            "PASS when nothing is lost": none.passed.mean(),
                            "items asked": none.n_asked.mean() / n,
                        }
                    )
    return rows


def power(rng: np.random.Generator, n_runs: int) -> list[dict[str, Any]]:
    """One capability of eight loses so much: how often FAIL, and after how many items."""
    rows = []
    for n in (500, 1000, 5000):
        for drop in (0.03, 0.05, 0.10):
            for churn in (0.10, 0.20):
                row: dict[str, Any] = {"items": n, "drop": drop, "churn": churn}
                for sequential in (True, False):
                    looks = looks_of(n, sequential=sequential)
                    found = judged(
                        *answers(rng, n_runs, looks, [drop, *[0.0] * 7], churn), looks, 0.05
                    )
                    how = "sequential" if sequential else "fixed"
                    row[f"FAIL, {how}"] = found.failed.mean()
                    row[f"PASS, {how}"] = found.passed.mean()
                    if sequential:
                        row["items asked"] = found.n_asked.mean() / n
                rows.append(row)
    return rows


def diffuse(rng: np.random.Generator, n_runs: int) -> list[dict[str, Any]]:
    """Eight capabilities lose the same little."""
    rows = []
    for n in (500, 1000, 2000):
        for drop in (0.010, 0.015, 0.020):
            looks = looks_of(n, sequential=False)
            found = judged(*answers(rng, n_runs, looks, [drop] * 8, 0.10), looks, 0.03)
            alone = found.lost.any(axis=1).mean()
            rows.append(
                {"items": n, "drop": drop, "FAIL by Holm alone": alone, "FAIL": found.failed.mean()}
            )
    return rows


def graded(rng: np.random.Generator, n_runs: int) -> list[dict[str, Any]]:
    """Graded scores whose mean drop is exactly the margin of five points, or none."""

    def even(n: int, drop: float) -> Array:
        moved = rng.random(n) < 0.25
        return np.clip(np.where(moved, rng.uniform(-0.6, 0.6, n), 0.0) + drop, -1, 1)

    def collapses(n: int, drop: float) -> Array:
        lost = rng.random(n) < drop + 0.025
        return np.where(lost, 1.0, -0.025 / (0.975 - drop))

    rows = []
    for name, draw in (("even", even), ("many small gains, few collapses", collapses)):
        for n in (100, 500, 2000):
            at = [graded_evidence(draw(n, 0.05), margin=0.05, alpha=ALPHA) for _ in range(n_runs)]
            no = [graded_evidence(draw(n, 0.0), margin=0.05, alpha=ALPHA) for _ in range(n_runs)]
            rows.append(
                {
                    "scores": name,
                    "items": n,
                    "false HELD": np.mean([one.p_held <= ALPHA for one in at]),
                    "false drop": np.mean([one.p_dropped <= ALPHA for one in no]),
                    "HELD when nothing is lost": np.mean([one.p_held <= ALPHA for one in no]),
                }
            )
    return rows


CLIFFS = {
    "none": [0.0] * 6,
    "the same 3 points": [0.03] * 6,
    "a line to 20 points": list(np.linspace(0.0, 0.20, 6)),
    "10 points past level 3": [0.02] * 3 + [0.12] * 3,
    "20 points past level 3": [0.02] * 3 + [0.22] * 3,
    "20 points past level 5": [0.02] * 5 + [0.22],
}


def cliffs(rng: np.random.Generator, n_runs: int) -> list[dict[str, Any]]:
    """Six levels: what is named, and where."""
    rows = []
    for name, drops in CLIFFS.items():
        for n in (50, 100, 200):
            falls = [
                find_fall([_level(rng, drop, n) for drop in drops], n_permutations=299, n_lines=299)
                for _ in range(n_runs)
            ]
            named = [
                shape_of(f, p_differs=f.p_differs, margin=0.05, alpha=ALPHA, has_dropped=True)
                for f in falls
            ]
            true_cut = 5 if "level 5" in name else 3
            differing = [f for f in falls if f.p_differs <= ALPHA]
            is_step = "past" in name
            rows.append(
                {
                    "truth": name,
                    "items a level": n,
                    "differs": len(differing) / n_runs,
                    "cliff": np.mean([shape == "cliff" for shape in named]),
                    "cut right": _share(differing, lambda f, c=true_cut: f.cut == c, is_step),
                    "within one": _share(
                        differing, lambda f, c=true_cut: abs(f.cut - c) <= 1, is_step
                    ),
                    "true cut in the set": _share(
                        differing, lambda f, c=true_cut: c in f.cuts, is_step
                    ),
                }
            )
    return rows


def _level(rng: np.random.Generator, drop: float, n: int) -> Array:
    moved = max(0.10, drop + 0.02)
    return rng.choice(
        [1.0, 0.0, -1.0], p=[(moved + drop) / 2, 1 - moved, (moved - drop) / 2], size=n
    )


def _share(falls: Sequence[Any], holds: Callable[[Any], bool], is_asked: bool) -> float | None:
    return float(np.mean([holds(fall) for fall in falls])) if falls and is_asked else None


# --- the report -----------------------------------------------------------------------------------

TITLES = {
    "errors": "False verdicts. FAIL when nothing is lost; PASS when one capability lost the margin",
    "power": "One capability of eight loses so much, margin 5 points",
    "diffuse": "Eight capabilities lose the same, margin 3 points, 10 % churn, one look",
    "graded": "Graded scores, by betting; margin 5 points",
    "cliffs": "Ladders of six levels, about 10 % churn",
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
    told = ", ".join(f"{name} {100 * share:.1f} %" for name, share in worst.items())
    return f"Largest of {len(rows)} settings: {told}."


def table(rows: Sequence[dict[str, Any]]) -> str:
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{' ---: |' * len(names)}"]
    lines += [f"| {' | '.join(_cell(name, row[name]) for name in names)} |" for row in rows]
    return "\n".join(lines)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{100 * value:.1f} %" if name not in ("drop", "margin") else f"{100 * value:.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def too_often(figures: dict[str, Any]) -> list[str]:
    """Return the settings in which a false verdict is more frequent than chance explains."""
    limits = {
        study: ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / figures[n_runs])
        for study, n_runs in (("errors", "runs"), ("graded", "graded_runs"))
    }
    checked = [("errors", name) for name in ("false FAIL", "false PASS", "false HELD")]
    checked += [("graded", name) for name in ("false HELD", "false drop")]
    return [
        f"{name} {100 * row[name]:.1f} % in {row}"
        for study, name in checked
        for row in figures[study]
        if row[name] > limits[study]
    ]


def main() -> int:
    """Run the studies; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000, help="gates a setting")
    parser.add_argument("--ladder-runs", type=int, default=300, help="ladders a setting")
    parser.add_argument("--out", type=Path, default=Path("reports/operating-characteristics"))
    arguments = parser.parse_args()
    rng = np.random.default_rng(20261125)
    figures: dict[str, Any] = {"runs": arguments.runs, "ladder_runs": arguments.ladder_runs}
    for name, study in (("errors", errors), ("power", power), ("diffuse", diffuse)):
        figures[name] = study(rng, arguments.runs)
        print(f"{name}: done", file=sys.stderr)
    figures["graded_runs"] = min(arguments.runs, 1000)
    figures["graded"] = graded(rng, figures["graded_runs"])
    figures["cliffs"] = cliffs(rng, arguments.ladder_runs)
    told = (
        f"python scripts/calibrate.py --runs {arguments.runs} --ladder-runs {arguments.ladder_runs}"
    )
    text = as_markdown(figures, told)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "README.md").write_text(text, encoding="utf-8")
    plain = json.dumps(figures, indent=1, default=float)
    (arguments.out / "figures.json").write_text(plain + "\n", encoding="utf-8")
    print(text)
    wrong = too_often(figures)
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
