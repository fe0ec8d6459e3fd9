"""What the built-in suites can decide: by `plan`, and by the gate itself on drawn answers.

    python -m scripts.studies.suite_power [--runs 200] [--suite NAME ...] [--out DIR]
    python -m scripts.studies.suite_power --suite adjacent --gating reports/positions/NAME.json ...

For every suite that gates, under the policy that holds where none is given. Answers are drawn for
the suite's own items: a tenth of them changes, in both directions alike (*healthy*), or so that one
capability, each in turn, loses ten points (*cliff*); items of a cluster change together, with the
correlation that `plan` expects. They go through the schedule, the comparison and the judge as real
ones do. Of lm-eval's tasks, which hold no items of ours, stand-ins are asked, as many as the limits
leave of the published test sets. With `--gating`, the figures of scripts.studies.positions of one
model or several, only the levels count that gate on each of them, and `plan` alone is asked. Prints
Markdown and writes it to `README.md` in `--out`, or to `by-model.md`.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import yaml

from cliffguard.core.answers import Answer
from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.reviews import Outcome
from cliffguard.core.settings import Plan, Policy
from cliffguard.evaluate.schedule import plan_looks
from cliffguard.gate import default_policy, with_margins
from cliffguard.planning.power import PowerAnalysis, power_analysis
from cliffguard.suites.loading import load_suite
from scripts.studies.gating_levels import Gating, gating_of, restricted
from scripts.studies.made import Answers, judged, made_answer
from scripts.studies.page import table

SUITES = (
    "adjacent", "neighbours", "general-knowledge", "format-leak", "refusals", "ladders",
    "ladders-generated", "ladders-shadow", "long-context", "public-quick", "public-standard",
    "public-full", "reasoned", "tools", "chat", "structure",
)  # fmt: skip
PARTS, SIZES = yaml.safe_load(
    Path(__file__).with_name("public_sizes.yaml").read_text(encoding="utf-8")
).values()  # by entry of a suite
CHURN = 0.10
LOSS = 0.10  # of one capability, under *cliff*
CORRELATION = 0.05  # of the changes within a cluster, as `plan` expects it
BASE_RIGHT = 2 / 3  # of the items that do not change
_SEED = 18
_MOST_ITEMS, _LEAST_RUNS = 300_000, 10  # of large suites fewer runs are made
_CLIFFS = 4  # times as many healthy candidates as cliffs, which are found at once


@dataclass(frozen=True, slots=True)
class Trial:
    """One suite as it would be run, and the answers that its items can get."""

    plan: Plan
    suite: Suite
    tasks: tuple[Task, ...]
    policy: Policy
    scored: Mapping[str, tuple[Answer, Answer]]  # item of a task → wrong, right

    @property
    def gating(self) -> list[str]:
        """The capabilities that can stop a pass."""
        kinds = {c.name: self.policy.role(c.name, c.ring) for c in self.suite.capabilities}
        return [name for name, role in kinds.items() if role == "gating"]

    def analysis(self) -> PowerAnalysis:
        """Return what `plan --churn 0.1` says."""
        churn = {capability.name: CHURN for capability in self.suite.capabilities}
        return power_analysis(self.plan, [self.suite], self.tasks, self.policy, churn=churn)


@dataclass(frozen=True, slots=True)
class Tally:
    """How often candidates of one kind got which verdict, and after how many items."""

    passed: float
    failed: float
    n_asked: float


def trial_of(name: str, gating: Gating | None = None) -> Trial:
    """Return a built-in suite with its items, or as many stand-ins."""
    suite = load_suite(name)
    if gating is not None:
        suite = restricted(suite, gating)
    tasks = tuple(
        part
        for capability in suite.capabilities
        for task in capability.tasks
        for part in _with_items(task)
    )
    scored = {
        f"{task.name} {item.id}": (made_answer(item, 0.0), made_answer(item, 1.0))
        for task in tasks
        for item in task.items
    }
    policy = with_margins(default_policy([suite]), [suite])
    return Trial(Plan(candidate="candidate", suites=(name,)), suite, tasks, policy, scored)


def _with_items(task: Task) -> Iterator[Task]:
    """Return a task of ours as it is; of lm-eval's, each that its name stands for."""
    if not task.stock:
        yield task
        return
    for part in range(PARTS.get(task.entry, 1)):
        name = task.name if task.entry not in PARTS else f"{task.name}_{part}"
        n_items = SIZES[task.entry]
        items = tuple(
            Item(
                id=str(n),
                digest=f"{name} {n}",
                prompt=f"{name} {n}",
                choices=("a", "b"),
                answer="a",
                level=None,
                cluster=None,
            )
            for n in range(min(n_items, task.limit or n_items))
        )
        yield replace(task, name=name, items=items, digest=name, chance=task.chance or 0.0)


def drawn(trial: Trial, losing: str | None, rng: np.random.Generator) -> tuple[Answers, Answers]:
    """Return both sides' answers to all items; the capability `losing` loses ten points."""
    sides: tuple[Answers, Answers] = ({}, {})
    leanings: dict[tuple[str, str], float] = {}
    spread = math.sqrt(CORRELATION * CHURN)
    for task in trial.tasks:
        loss = LOSS if task.capability == losing else 0.0
        for side in sides:
            side[task.name] = {}
        draws = rng.random((len(task.items), 2)).tolist()
        for item, (change, right) in zip(task.items, draws, strict=True):
            leaning = 0.0
            if item.cluster is not None:
                key = (task.capability, item.cluster)
                if key not in leanings:
                    leanings[key] = spread * rng.choice((-1.0, 1.0))
                leaning = leanings[key]
            before, after = _scores(change, right < BASE_RIGHT, loss + leaning)
            answers = trial.scored[f"{task.name} {item.id}"]
            sides[0][task.name][item.id] = answers[before]
            sides[1][task.name][item.id] = answers[after]
    return sides


def _scores(change: float, is_right: bool, drop: float) -> tuple[bool, bool]:
    """Return whether base and candidate are right, for a uniform draw and an expected drop."""
    churn = max(CHURN, abs(drop))
    if change < (churn + drop) / 2:
        return True, False
    if change < churn:
        return False, True
    return is_right, is_right


def verdict_of(trial: Trial, sides: tuple[Answers, Answers]) -> tuple[Outcome, int]:
    """Return the verdict of the gate over these answers, and after how many items."""
    schedule = plan_looks(trial.tasks, [trial.suite], trial.plan.protocol, trial.policy)
    verdict, comparison = judged(trial.suite, trial.policy, schedule, sides)
    return verdict.outcome, sum(row.counts.n_asked for row in comparison.capabilities)


def tally(trial: Trial, losing: Sequence[str | None], n_runs: int) -> Tally:
    """Return what becomes of `n_runs` candidates that lose each of these in turn."""
    rng = np.random.default_rng(_SEED)
    # How a fall grows along a ladder decides nothing, and takes half of the time.
    with patch("cliffguard.compare.ladder_levels.find_onset", return_value=None):
        runs = [
            verdict_of(trial, drawn(trial, losing[n % len(losing)], rng)) for n in range(n_runs)
        ]
    outcomes = [outcome for outcome, _ in runs]
    return Tally(
        passed=outcomes.count(Outcome.PASS) / n_runs,
        failed=outcomes.count(Outcome.FAIL) / n_runs,
        n_asked=float(np.mean([n for _, n in runs])),
    )


def row_of(name: str, n_runs: int) -> dict[str, object]:
    """Return the row of one suite."""
    trial = trial_of(name)
    analysis = trial.analysis()
    n_runs = min(n_runs, max(_LEAST_RUNS, _MOST_ITEMS // analysis.n_planned))
    healthy = tally(trial, [None], n_runs)
    cliff = tally(trial, trial.gating, max(_LEAST_RUNS, n_runs // _CLIFFS))
    margins = sorted(
        {round(100 * trial.policy.margin(capability), 1) for capability in trial.gating}
    )
    return {
        "suite": name,
        "gating": len(trial.gating),
        "margins": "–".join(f"{margin:g}" for margin in {margins[0]: 0, margins[-1]: 0}),
        "items": f"{analysis.n_planned:,}",
        "runs": n_runs,
        "passes, by plan": _percent(analysis.chance_pass),
        "passes, by the gate": _percent(healthy.passed),
        "fails": _percent(healthy.failed),
        "asked": f"{healthy.n_asked:,.0f}",
        "cliff: found": _percent(cliff.failed),
        "cliff: passes": _percent(cliff.passed),
        "cliff: asked": f"{cliff.n_asked:,.0f}",
    }


def model_row(name: str, model: str, gating: Gating) -> dict[str, object]:
    """Return the row of what gates of a suite on one model."""
    trial = trial_of(name, gating)
    counted = [
        i for t in trial.tasks if t.capability in trial.gating for i in t.items if t.gates(i)
    ]
    levels = [
        t.name if t.gate_levels is None else f"{t.name} {', '.join(map(str, t.gate_levels))}"
        for t in trial.tasks
        if t.capability in trial.gating
    ]
    return {
        "suite": name,
        "model": model,
        "gates": "; ".join(levels) or "nothing",
        "items that count": len(counted),
        "passes, by plan": _percent(trial.analysis().chance_pass) if counted else "–",
    }


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def main() -> None:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description="What the built-in suites can decide.")
    parser.add_argument("--runs", type=int, default=200, help="healthy candidates of a suite")
    parser.add_argument("--suite", action="append", help="repeatable; all that gate")
    parser.add_argument("--gating", action="append", type=Path, help="figures of positions")
    parser.add_argument("--out", type=Path, help="folder for README.md")
    arguments = parser.parse_args()
    page = "by-model.md" if arguments.gating else "README.md"
    rows: list[dict[str, object]] = []
    for row in _rows(arguments):
        rows.append(row)
        print(row, file=sys.stderr)
        text = (
            BY_MODEL.format(table=table(rows))
            if arguments.gating
            else as_text(rows, arguments.runs)
        )
        if arguments.out is not None:  # row by row: the last ones take long
            arguments.out.mkdir(parents=True, exist_ok=True)
            (arguments.out / page).write_text(text, "utf-8")
    print(text)


def _rows(arguments: argparse.Namespace) -> Iterator[dict[str, object]]:
    for name in arguments.suite or SUITES:
        if not arguments.gating:
            yield row_of(name, arguments.runs)
        for path in arguments.gating or ():
            yield model_row(name, *gating_of(path))


def as_text(rows: Sequence[Mapping[str, object]], n_runs: int) -> str:
    """Return the page with these rows."""
    return TEXT.format(table=table(rows), n_runs=n_runs, error=100 * math.sqrt(0.09 / n_runs))


TEXT = """\
# What the built-in suites can decide

    python -m scripts.studies.suite_power --runs {n_runs} --out reports/suite-power

Under the policy that holds where none is given (alpha 0.05, the suites' own margins, in points),
if a tenth of the items changes: how likely a *healthy* candidate, which lost nothing, is to pass,
by `cliffguard plan --churn 0.1` and by the gate itself; how often it fails; after how many of the
items it is decided. A *cliff* is a candidate that lost ten points in one capability, each in turn;
of it there are a quarter of the runs, and ten at least. In per cent; in {n_runs} runs a share of 90
has a standard error of {error:.1f} points. Larger suites get fewer runs.

{table}

Answers are drawn for the suite's own items and clusters. Within a cluster changes have a
correlation of 0.05, as `plan` expects. The base is right on two items in three; where a base has
nothing to lose, fewer capabilities count, and passing is easier. Of `public-*` the items are
stand-ins, as many as the limits leave of the published sets (`scripts/studies/public_sizes.yaml`),
each on its own.
"""

BY_MODEL = """\
# What still gates on a model, and what that can decide

    python -m scripts.studies.suite_power --suite adjacent \\
      --gating reports/positions/NAME.json … --out reports/suite-power

Where only those levels count that gate on a model ([positions](../positions/README.md)): how likely
a candidate that lost nothing is to pass, by `cliffguard plan --churn 0.1`, in per cent. Levels
that were not asked there do not count.

{table}
"""

if __name__ == "__main__":
    main()
