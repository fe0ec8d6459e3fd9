"""Other gates themselves, installed, on simulated answers: the check of rivals.py's rules.

In an environment of its own, which needs no cliffguard:

    pip install evalsig==0.1.2 statgate==0.1.1 pyrecall==0.12.1 numpy
    python -m scripts.studies.rival_packages [--runs 100] [--out reports/operating-characteristics]

The setting is that of `rivals.py`: eight capabilities of 2,000 items, 10 % churn, one of which
loses so much. Each package is asked about every capability by its own documented call, with its own
defaults and a margin of 3 points where it has one; a capability that fails fails the run, and all
must pass for a pass. Writes `rival-packages.md` and `rival-packages.json` into `--out`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

N_CAPABILITIES, N_ITEMS, CHURN, MARGIN, BASE = 8, 2000, 0.10, 0.03, 0.70
DROPS = (0.0, 0.03, 0.05, 0.10)
RESAMPLES = 1000  # of statgate's bootstrap and permutations, which has 10,000 by default
Array = Any
Judged = tuple[str, float]
"""Passed, failed or open; and the share of the items that were asked."""


def answers(rng: np.random.Generator, drop: float) -> tuple[Array, Array]:
    """Return the scores of base and candidate on one capability."""
    churn = max(CHURN, drop)
    broken, fixed = (churn + drop) / 2, (churn - drop) / 2
    kinds = rng.choice(4, p=[broken, fixed, BASE - broken, 1 - BASE - fixed], size=N_ITEMS)
    return np.isin(kinds, (0, 2)).astype(float), np.isin(kinds, (1, 2)).astype(float)


def by_evalsig(base: Array, candidate: Array) -> Judged:
    """`sequential_gate` for "less": it stops where a loss shows, and has no other end."""
    from evalsig.inference.sequential import sequential_gate

    result = sequential_gate(candidate - base, alternative="less")
    return ("failed" if result.stopped else "passed"), result.n_pairs / N_ITEMS


def by_statgate(base: Array, candidate: Array) -> Judged:
    """`evaluate_gate`: the bootstrap interval against the margin."""
    from statgate.config import GateSettings
    from statgate.verdict import Verdict, evaluate_gate

    settings = GateSettings(margin=MARGIN, seed=0, resamples=RESAMPLES, permutations=RESAMPLES)
    verdict = evaluate_gate(_records(base), _records(candidate), settings).verdict
    return {Verdict.SHIP: "passed", Verdict.BLOCK: "failed"}.get(verdict, "open"), 1.0


def by_statgate_in_batches(base: Array, candidate: Array) -> Judged:
    """`run_replay`: a mixture likelihood ratio at the margin, in batches of 25."""
    from statgate.config import GateSettings, SequentialSettings
    from statgate.sequential_runner import run_replay
    from statgate.verdict import Verdict

    replay = run_replay(
        _records(base),
        _records(candidate),
        GateSettings(margin=MARGIN, seed=0),
        SequentialSettings(max_cases=N_ITEMS),
    )
    outcome = {Verdict.SHIP: "passed", Verdict.BLOCK: "failed"}.get(replay.verdict, "open")
    return outcome, replay.pairs_used / N_ITEMS


def by_pyrecall(base: Array, candidate: Array) -> Judged:
    """The threshold of `ForgettingDetector`, on the category's means."""
    from pyrecall.detector import CategoryComparison, ForgettingDetector

    comparison = CategoryComparison("one", float(base.mean()), float(candidate.mean()))
    threshold = ForgettingDetector().threshold
    return (
        "failed" if comparison.score_before - comparison.score_after > threshold else "passed"
    ), 1.0


def _records(scores: Array) -> list[Any]:
    from statgate.records import EvalRecord

    # Its sequential mode goes by the sorted names: numbers of one width keep the order.
    return [EvalRecord(case_id=f"{n:05d}", score=float(s)) for n, s in enumerate(scores)]


RULES: dict[str, tuple[str, Callable[[Array, Array], Judged]]] = {
    "evalsig, sequential_gate": ("evalsig", by_evalsig),
    "statgate, compare": ("statgate", by_statgate),
    "statgate, sequential": ("statgate", by_statgate_in_batches),
    "pyrecall": ("pyrecall", by_pyrecall),
}


def study(n_runs: int) -> list[dict[str, Any]]:
    """Return a row for every rule."""
    rows: dict[str, dict[str, Any]] = {
        name: {"rule": name, "version": version(package)} for name, (package, _) in RULES.items()
    }
    for drop in DROPS:
        by_rule: dict[str, list[tuple[str, float]]] = {name: [] for name in RULES}
        for run in range(n_runs):
            rng = np.random.default_rng([int(1000 * drop), run])
            pairs = [answers(rng, drop if k == 0 else 0.0) for k in range(N_CAPABILITIES)]
            for name, (_, judge) in RULES.items():
                each = [judge(*pair) for pair in pairs]
                words = {word for word, _ in each}
                whole = "failed" if "failed" in words else "open" if "open" in words else "passed"
                by_rule[name].append((whole, float(np.mean([share for _, share in each]))))
        for name, verdicts in by_rule.items():
            shares = {w: np.mean([word == w for word, _ in verdicts]) for w in ("passed", "failed")}
            points = f"−{100 * drop:.0f}"
            share_asked = float(np.mean([share for _, share in verdicts]))
            named = ("ships the healthy", "false alarm", "items, healthy") if drop == 0 else (
                f"ships {points}", f"stops {points}", f"items, {points}")  # fmt: skip
            rows[name] |= dict(
                zip(
                    named,
                    (float(shares["passed"]), float(shares["failed"]), share_asked),
                    strict=True,
                )
            )
    return list(rows.values())


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown."""
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{' ---: |' * len(names)}"]
    for row in rows:
        cells = [f"{100 * v:.1f} %" if isinstance(v, float) else str(v) for v in row.values()]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Run the study and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("reports/operating-characteristics"))
    arguments = parser.parse_args()
    rows = study(arguments.runs)
    kinds = "\n".join(f"- **{name}**: {judge.__doc__}" for name, (_, judge) in RULES.items())
    text = (
        "# Other gates themselves on simulated answers\n\n"
        "The packages as released, in the setting of [rivals.md](rivals.md), "
        f"{arguments.runs} gates a column.\n\n"
        "    pip install evalsig==0.1.2 statgate==0.1.1 pyrecall==0.12.1 numpy\n"
        f"    python -m scripts.studies.rival_packages --runs {arguments.runs}\n\n"
        f"{table(rows)}\n\n{kinds}\n"
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "rival-packages.md").write_text(text, encoding="utf-8")
    plain = json.dumps(rows, indent=1) + "\n"
    (arguments.out / "rival-packages.json").write_text(plain, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
