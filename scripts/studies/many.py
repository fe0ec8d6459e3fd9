"""Several candidates of which one is shipped: does their joint distribution beat a share of alpha?

    python -m scripts.studies.many [--runs 2000] [--out reports/many]

Simulated checkpoints of one run, whose answers to the same items change together: an item's change
is that of the checkpoint before with a chance that is about their correlation, and drawn anew
otherwise. Four rules decide which of them may be shipped. Prints Markdown and writes it to
`README.md` in `--out`.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cliffguard.stats.joint import Together, correlation_of, joint_levels
from cliffguard.stats.paired import score_z
from cliffguard.stats.sequential import HELD_SPENDING, boundaries
from scripts.studies.page import publish, table
from scripts.studies.simulations import ALPHA, Row, looks_of

Array = Any
CHURN = 0.10
GAIN = -0.05  # of a candidate that lost one capability, in the others: nothing else stops it
N_PATHS = 1000
RULES = ("whole alpha each", "value from within one", "one joint value", "share of alpha", "closed")


@dataclass(frozen=True)
class Setting:
    """Candidates on capabilities of `n` items each; neighbours' changes have this correlation."""

    n_candidates: int
    n_capabilities: int
    correlation: float
    n: int = 500
    margin: float = 0.05
    sequential: bool = False

    @property
    def looks(self) -> tuple[int, ...]:
        """Return the looks that every candidate takes."""
        return looks_of(self.n, sequential=self.sequential)


def changes(setting: Setting, drops: Array, rng: np.random.Generator) -> Array:
    """Return one run's changes, (candidates, capabilities, items), of true mean `drops`."""
    shape = (setting.n_capabilities, setting.n)
    drawn = np.empty((setting.n_candidates, *shape), dtype=np.int8)
    uniform = rng.random(shape, dtype=np.float32)
    for number, drop in enumerate(drops):
        if number:
            is_new = rng.random(shape, dtype=np.float32) >= setting.correlation
            uniform[is_new] = rng.random(int(is_new.sum()), dtype=np.float32)
        churn = np.maximum(CHURN, np.abs(drop))[:, None]
        broken, fixed = (churn + drop[:, None]) / 2, (churn - drop[:, None]) / 2
        drawn[number] = (uniform < broken).astype(np.int8) - (uniform > 1 - fixed)
    return drawn


def p_values(x: Array, setting: Setting, levels: Array) -> Array:
    """Return the least of the levels at which each proof succeeds; 1 where at none."""
    broken, fixed = np.cumsum(x > 0, axis=-1), np.cumsum(x < 0, axis=-1)
    z = np.stack(
        [score_z(broken[..., n - 1], fixed[..., n - 1], n, setting.margin) for n in setting.looks],
        axis=-1,
    )
    p = np.ones(z.shape[:-1])
    for level in levels[::-1]:
        edges = boundaries(
            setting.looks, n_planned=setting.n, alpha=float(level), spending=HELD_SPENDING
        )
        p[(z >= np.array(edges)).any(axis=-1)] = level
    return p


def simulated(
    setting: Setting, drops: Array, n_runs: int, rng: np.random.Generator
) -> Iterator[tuple[Array, dict[str, Any]]]:
    """Yield of each run the p-values of each candidate's proofs, and the levels of each rule."""
    k, alpha = setting.n_candidates, ALPHA
    levels = np.geomspace(alpha / k, alpha, 33)
    nothing = np.zeros((k, setting.n_capabilities))
    everything = np.ones_like(nothing)
    for _ in range(n_runs):
        x = changes(setting, drops, rng)
        p = p_values(x, setting, levels)
        passes = p.max(axis=1)
        rules: dict[str, Any] = {"whole alpha each": alpha, "share of alpha": alpha / k}
        if passes.min() > alpha / k and passes.min() <= alpha:
            together = [
                Together(correlation_of(x[:, number].astype(float)), setting.looks)
                for number in range(setting.n_capabilities)
            ]
            for rule, table_of in (
                ("value from within one", nothing),
                ("one joint value", everything),
                ("closed", p),
            ):
                rules[rule] = joint_levels(table_of, together, alpha=alpha, n_paths=N_PATHS)
        else:  # no rule between the two can tell these candidates apart
            rules |= dict.fromkeys(RULES[1:3] + RULES[4:], alpha / k)
        yield p, rules


def shares(
    setting: Setting, drops: Array, n_runs: int, rng: np.random.Generator, who: Array
) -> Row:
    """Return how often one of the candidates `who` may be shipped, by rule."""
    counts = dict.fromkeys(RULES, 0)
    for p, rules in simulated(setting, drops, n_runs, rng):
        for rule in RULES:
            counts[rule] += bool((p[who] <= rules[rule] * (1 + 1e-9)).all(axis=1).any())
    return {rule: counts[rule] / n_runs for rule in RULES}


def lost(setting: Setting, places: Sequence[int | None]) -> Array:
    """Return the true drops where each candidate lost the capability at its place (None: none)."""
    drops = np.zeros((setting.n_candidates, setting.n_capabilities))
    for number, capability in enumerate(places):
        if capability is not None:
            drops[number] = GAIN
            drops[number, capability] = setting.margin
    return drops


WORST: dict[str, tuple[int | None, ...]] = {
    "all the same": (0,) * 8,
    "each another": tuple(range(8)),
    "four pairs of neighbours": (0, 0, 1, 1, 2, 2, 3, 3),
    "two halves": (0, 0, 0, 0, 1, 1, 1, 1),
    "every second, each another": (0, None, 1, None, 2, None, 3, None),
}


def errors(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """Some candidate that lost a margin is shipped: eight candidates, eight capabilities."""
    rows: list[Row] = []
    for correlation in (0.95, 0.99):
        for sequential in (False, True):
            setting = Setting(8, 8, correlation, sequential=sequential)
            for name, places in WORST.items():
                bad = np.array([capability is not None for capability in places])
                chances = shares(setting, lost(setting, places), n_runs, rng, bad)
                rows.append({"correlation": correlation, "looks": len(setting.looks),
                             "lost": name, **chances})  # fmt: skip
    return rows


def gains(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """Something ships, where no candidate lost anything."""
    rows: list[Row] = []
    designs = [(1, 0.95), (1, 0.99), (3, 0.95), (3, 0.99), (8, 0.8), (8, 0.95), (8, 0.99)]
    for n_capabilities, correlation in designs:
        for n_candidates in (2, 3, 5, 8, 20):
            for sequential in (False, True):
                setting = Setting(n_candidates, n_capabilities, correlation, sequential=sequential)
                drops = np.zeros((n_candidates, n_capabilities))
                everyone = np.ones(n_candidates, dtype=bool)
                chances = shares(setting, drops, n_runs // 4, rng, everyone)
                rows.append({
                    "capabilities": n_capabilities, "correlation": correlation,
                    "candidates": n_candidates, "looks": len(setting.looks),
                    **{rule: chances[rule] for rule in RULES[2:]},
                    "gain": chances["closed"] - chances["share of alpha"],
                })  # fmt: skip
    return rows


STUDIES = {"A bad one ships": errors, "Something ships": gains}


def as_markdown(tables: dict[str, list[Row]], n_runs: int) -> str:
    """Return the tables, each under its title, with the command that makes them."""
    error = 100 * math.sqrt(0.05 * 0.95 / n_runs)
    parts = [
        "# Many candidates, one of which is shipped",
        "Simulated checkpoints of one run, each capability of 500 items with a margin of 5 points "
        f"and 10 % flips, at alpha 5 % in all. {n_runs:,} runs a row in the first table (standard "
        f"error {error:.1f} points at 5 %), {n_runs // 4:,} in the second (up to "
        f"{50 / math.sqrt(n_runs // 4):.1f} points, shared by the rules of a row). *Correlation* "
        "is that of neighbours' changes. A candidate that lost a capability gained 5 points in "
        "the others.",
        "*Whole alpha each* and *value from within one* (the largest of the candidates' statistics "
        "in one capability, by their joint distribution) do not hold where each lost another. *One "
        "joint value* holds there whatever the p-values are. *Closed* is the rule of "
        "`cliffguard.stats.joint`, which looks at the p-values.",
        f"    python -m scripts.studies.many --runs {n_runs}",
    ]
    for name, rows in tables.items():
        parts += [f"## {name}", str(STUDIES[name].__doc__).splitlines()[0], table(rows)]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Run the studies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000, help="simulated choices a row")
    parser.add_argument("--out", type=Path, default=Path("reports/many"))
    arguments = parser.parse_args()
    rng = np.random.default_rng(20261202)
    tables = {name: study(rng, arguments.runs) for name, study in STUDIES.items()}
    text = as_markdown(tables, arguments.runs)
    publish(text, arguments.out / "README.md")


if __name__ == "__main__":
    main()
