"""How alpha is spent over the looks, where the looks lie, and how items are dealt: three tables.

    python -m scripts.studies.looks [--runs 4000] [--out reports/looks]

Simulated gates of eight capabilities, decided by `cliffguard.stats.simulate`. Every rule of a
setting sees the same answers. Prints Markdown and writes it to `README.md` in `--out`.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cliffguard.core.items import Item, Task
from cliffguard.core.settings import Plan, Policy
from cliffguard.evaluate.allocation import deal
from cliffguard.evaluate.alpha_shares import TOGETHER
from cliffguard.evaluate.looks import n_items_at
from cliffguard.stats.sequential import HELD_SPENDING, SpendingFunction, look_sizes
from cliffguard.stats.simulate import Counts, Design, Outcomes, decide, draw
from cliffguard.store.shards import SHARD_ITEMS
from scripts.studies.page import publish, table
from scripts.studies.simulations import ALPHA, Row, looks_of

N_CAPABILITIES = 8
SPENDINGS: tuple[SpendingFunction, ...] = ("linear", "quadratic", "cubic")
LOOKS = {"first 100, growth 1.25": (100, 1.25), "first 100, growth 1.5": (100, 1.5),
         "first 200, growth 1.25": (200, 1.25), "first 400, growth 1.25": (400, 1.25)}  # fmt: skip


def judged(counts: Counts, designs: Sequence[Design], spending: SpendingFunction) -> Outcomes:
    """Return the verdicts of simulated gates that spend alpha on HELD by this rule."""
    return decide(counts, designs, alpha=ALPHA, pooled_share=TOGETHER, held_spending=spending)


def spending_rules(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """By the rule for HELD's side, for candidates that lost nothing, the margin, or 10 points."""
    rows: list[Row] = []
    for n in (500, 1000, 2000):
        for margin in (0.03, 0.05):
            for churn in (0.10, 0.20):
                setting = {"items": n, "margin": margin, "churn": churn}
                once = Design((n,), margin, churn=churn)
                often = replace(once, looks=looks_of(n, sequential=True))
                (one_look,) = _by_rule(once, (HELD_SPENDING,), rng, n_runs)
                several = _by_rule(often, SPENDINGS, rng, n_runs)
                rows.append({**setting, "spent on HELD": "one look", **one_look})
                rows += [
                    {**setting, "spent on HELD": rule, **row}
                    for rule, row in zip(SPENDINGS, several, strict=True)
                ]
    return rows


def _by_rule(
    calm: Design, rules: Sequence[SpendingFunction], rng: np.random.Generator, n_runs: int
) -> list[Row]:
    """Return what each rule makes of the same answers."""
    n = calm.looks[-1]
    truths = [calm, replace(calm, drop=calm.margin), replace(calm, drop=0.10)]
    drawn = [_drawn(truth, calm, rng, n_runs) for truth in truths]
    rows: list[Row] = []
    for rule in rules:
        none, edge, ten = (judged(*sample, rule) for sample in drawn)
        rows.append(
            {
                **_lossless(none, n),
                "false PASS": edge.passed.mean(),
                "FAIL at the margin": edge.failed.mean(),
                "FAIL at 10 points": ten.failed.mean(),
                "asked there": ten.n_asked.mean() / n,
            }
        )
    return rows


def look_places(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """By where the looks lie, under the gate's rules: what an early or a dense look is good for."""
    rows: list[Row] = []
    for n, margin, churn in ((500, 0.05, 0.10), (1000, 0.03, 0.10), (2000, 0.05, 0.20)):
        for name, (first, ratio) in LOOKS.items():
            sizes = [
                math.ceil(k / SHARD_ITEMS) * SHARD_ITEMS
                for k in look_sizes(n, first=first, ratio=ratio)
            ]
            looks = tuple(dict.fromkeys(min(n, size) for size in sizes))
            calm = Design(looks, margin, churn=churn)
            none = judged(*_drawn(calm, calm, rng, n_runs), HELD_SPENDING)
            ten = judged(*_drawn(replace(calm, drop=0.10), calm, rng, n_runs), HELD_SPENDING)
            rows.append(
                {
                    "items": n,
                    "margin": margin,
                    "churn": churn,
                    "looks at": name,
                    "looks": len(looks),
                    **_lossless(none, n),
                    "FAIL at 10 points": ten.failed.mean(),
                    "asked there": ten.n_asked.mean() / n,
                }
            )
    return rows


CHURNS = (0.03, 0.05, 0.08, 0.10, 0.10, 0.14, 0.20, 0.25)


def dealt_items(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """Eight capabilities of unlike churn (3 to 25 %), as many items in all: how they are dealt."""
    rows: list[Row] = []
    tasks = [_task(number, 8000) for number in range(N_CAPABILITIES)]
    expected = {task.capability: churn for task, churn in zip(tasks, CHURNS, strict=True)}
    for n_items, margin in ((4000, 0.05), (8000, 0.03), (8000, 0.05), (16000, 0.03)):
        for name, churn in (("evenly", dict.fromkeys(expected, 0.1)), ("by churn", expected)):
            plan = Plan(candidate="x", suites=("x",), items=n_items)
            policy = Policy(default_margin=margin)
            shares = deal(plan, [], tasks, policy, churn)
            sizes = [n_items_at(shares[t.capability].fraction, len(t.items)) for t in tasks]
            row: Row = {"items": n_items, "margin": margin, "dealt": name, "each": _each(sizes)}
            for how, is_sequential in (("one look", False), ("looks", True)):
                designs = [
                    Design(looks_of(n, sequential=is_sequential), margin, churn=rate)
                    for n, rate in zip(sizes, CHURNS, strict=True)
                ]
                outcomes = judged(draw(designs, n_runs, rng), designs, HELD_SPENDING)
                row[f"PASS, {how}"] = outcomes.passed.mean()
                row[f"FAIL, {how}"] = outcomes.failed.mean()
            row["asked, looks"] = outcomes.n_asked.sum(axis=1).mean() / n_items
            rows.append(row)
    return rows


def _each(sizes: Sequence[int]) -> str:
    return f"{min(sizes):,} to {max(sizes):,}"


def _task(number: int, n_items: int) -> Task:
    """Return a task of multiple choice; the dealing reads ids alone."""
    items = [
        Item(id=f"{n}", digest="", prompt="", choices=("a", "b"), answer="a", level=None,
             cluster=None)
        for n in range(n_items)
    ]  # fmt: skip
    name = f"task {number}"
    return Task(
        name=name, entry=name, suite="x", capability=name, stock=False, metric="acc", filter=None,
        chance=0.5, level=None, gate_levels=None, num_fewshot=None, max_tokens=None, stop=(),
        limit=None, cost=None, items=tuple(items), digest="",
    )  # fmt: skip


def _drawn(
    design: Design, others: Design, rng: np.random.Generator, n_runs: int
) -> tuple[Counts, list[Design]]:
    designs = [design, *[others] * (N_CAPABILITIES - 1)]
    return draw(designs, n_runs, rng), designs


def _lossless(outcomes: Outcomes, n_items: int) -> Row:
    return {
        "lossless PASS": outcomes.passed.mean(),
        "lossless FAIL": outcomes.failed.mean(),
        "asked": outcomes.n_asked.mean() / n_items,
    }


STUDIES = {
    "What is spent on HELD": spending_rules,
    "Where the looks lie": look_places,
    "How items are dealt": dealt_items,
}


def as_markdown(tables: dict[str, list[Row]], n_runs: int) -> str:
    """Return the tables, each under its title, with the command that makes them."""
    parts = [
        "# Looks, alpha and items",
        f"Simulated gates of {N_CAPABILITIES} capabilities at alpha 5 %, {n_runs:,} a row: of a "
        f"share of 5 % the standard error is {_error(0.05, n_runs):.1f} points, of 50 % it is "
        f"{_error(0.5, n_runs):.1f}. *False PASS*: one capability lost exactly the margin; *at 10 "
        "points*: one lost 10. *Asked* is the share of the items.",
        f"    python -m scripts.studies.looks --runs {n_runs}",
    ]
    for name, rows in tables.items():
        parts += [f"## {name}", str(STUDIES[name].__doc__).splitlines()[0], table(rows)]
    return "\n\n".join(parts) + "\n"


def _error(share: float, n_runs: int) -> float:
    return 100 * math.sqrt(share * (1 - share) / n_runs)


def main() -> None:
    """Run the studies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=4000, help="gates a row")
    parser.add_argument("--out", type=Path, default=Path("reports/looks"))
    arguments = parser.parse_args()
    rng = np.random.default_rng(20261201)
    tables = {name: study(rng, arguments.runs) for name, study in STUDIES.items()}
    text = as_markdown(tables, arguments.runs)
    publish(text, arguments.out / "README.md")


if __name__ == "__main__":
    main()
