"""What the gate decides on recorded answers of real fine-tunes, and how often it errs on them.

    python -m scripts.studies.recorded [--orders 100] [--draws 400] [--out reports/recorded-flips]

Reads `answers.json`, which `record_flips.py` makes. The whole gate runs over every candidate, in
many orders of the items. Then each capability is resampled, whole clusters at a time, in two ways
that make the truth known: with the sides of random clusters exchanged nothing is lost, and every
proven drop is an error; and with the recorded drop as the margin, every "held" is one. Writes
`README.md` and `figures.json`; exits with 1 where an error is more frequent than alpha and three
standard errors.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cliffguard.core.items import Capability, Item, Suite, Task
from cliffguard.core.reviews import Outcome, Verdict
from cliffguard.core.settings import CapabilityPolicy, EvalSettings, Policy, TargetPolicy
from cliffguard.evaluate.schedule import Schedule
from cliffguard.stats.clusters import clustering
from cliffguard.stats.evidence import PairedSample, sequential_evidence
from cliffguard.stats.paired import PairedCounts
from scripts.studies import simulations
from scripts.studies.made import Answers, judged, made_answer, made_task
from scripts.studies.page import publish, table

ALPHA = simulations.ALPHA
CANDIDATES = ("healthy", "gentle", "warm", "hot", "overtrained")
POLICY = Policy(
    target=TargetPolicy(min_gain=0.05),
    # Recorded on 22 kinds of questions, worth 19 clusters of one size; HELD takes 20 at least.
    capabilities={"out_of_domain_qa": CapabilityPolicy(margin=0.08, gate=False)},
)
LEAST_DROP = 0.02  # that serves as a margin
Array = Any
Recorded = dict[str, Any]


# --- the whole gate -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gate:
    """The recorded suite, and the answers of every checkpoint."""

    suite: Suite
    tasks: tuple[Task, ...]
    answers: dict[str, Answers]

    def run(self, candidate: str, *, seed: int, early: bool = True) -> tuple[Verdict, int, int]:
        """Return the verdict over one order of the items, how many were asked, and of how many."""
        protocol = EvalSettings(seed=seed)
        full = {c.name for c in self.suite.capabilities if c.ring == "target"}
        schedule = Schedule(self.tasks, protocol, in_full=full, stops_early=early)
        sides = self.answers["base"], self.answers[candidate]
        verdict, comparison = judged(self.suite, POLICY, schedule, sides)
        return (
            verdict,
            sum(capability.counts.n_asked for capability in comparison.capabilities),
            sum(capability.counts.n_planned for capability in comparison.capabilities),
        )


def gate_of(recorded: Recorded) -> Gate:
    """Return the recorded tasks as a suite."""
    tasks, rings = [], {}
    answers: dict[str, Answers] = {}
    for name, row in recorded["tasks"].items():
        n = len(row["right"]["base"])
        items = tuple(
            Item(
                id=f"{name}-{i}",
                digest=f"{name}-{i}",
                prompt=f"{name} {i}",
                choices=("a", "b"),
                answer="a",
                level=row["levels"][i] if row["levels"] else None,
                cluster=None if row["clusters"][i] is None else str(row["clusters"][i]),
            )
            for i in range(n)
        )
        tasks.append(
            made_task(
                name,
                items,
                suite="recorded",
                capability=row["capability"],
                chance=0.25,
                level="level" if row["levels"] else None,
            )
        )
        rings[row["capability"]] = row["ring"]
        for side, scores in row["right"].items():
            answers.setdefault(side, {})[name] = {
                item.id: made_answer(item, float(score))
                for item, score in zip(items, scores, strict=True)
            }
    capabilities = tuple(
        Capability(
            name=name,
            ring=ring,
            description="",
            covers=(),
            margin=None,
            tasks=tuple(task for task in tasks if task.capability == name),
        )
        for name, ring in rings.items()
    )
    suite = Suite(name="recorded", version=1, description="", capabilities=capabilities, digest="")
    return Gate(suite, tuple(tasks), answers)


def verdicts(gate: Gate, n_orders: int) -> list[dict[str, Any]]:
    """What the gate says of each candidate, in many orders of the items."""
    rows = []
    for candidate in CANDIDATES:
        runs = [gate.run(candidate, seed=seed) for seed in range(n_orders)]
        whole, _, n_planned = gate.run(candidate, seed=0, early=False)
        outcomes = [verdict.outcome for verdict, _, _ in runs]
        rows.append(
            {
                "candidate": candidate,
                "everything asked": str(whole.outcome),
                "PASS": _share(outcomes, Outcome.PASS),
                "FAIL": _share(outcomes, Outcome.FAIL),
                "INCONCLUSIVE": _share(outcomes, Outcome.INCONCLUSIVE),
                "items asked": float(np.mean([n_asked for _, n_asked, _ in runs])) / n_planned,
            }
        )
    return rows


def _share(outcomes: Sequence[Outcome], wanted: Outcome) -> float:
    return float(np.mean([outcome is wanted for outcome in outcomes]))


# --- resampling -----------------------------------------------------------------------------------


def populations(recorded: Recorded, candidate: str) -> dict[str, tuple[Array, Array]]:
    """Return the changes of every capability's items and the clusters that they are in."""
    by_capability: dict[str, list[tuple[Array, Array]]] = {}
    for name, row in recorded["tasks"].items():
        base, other = (
            np.array([float(c) for c in row["right"][side]]) for side in ("base", candidate)
        )
        places = np.array(
            [
                f"{name} {number}" if cluster is None else str(cluster)
                for number, cluster in enumerate(row["clusters"])
            ]
        )
        by_capability.setdefault(row["capability"], []).append((base - other, places))
    return {
        name: (np.concatenate([x for x, _ in parts]), np.concatenate([p for _, p in parts]))
        for name, parts in by_capability.items()
    }


def changes(recorded: Recorded) -> list[dict[str, Any]]:
    """What was recorded: the drop, what flipped, and how much it flips together."""
    rows = []
    for candidate in CANDIDATES:
        for name, (x, places) in populations(recorded, candidate).items():
            rows.append(
                {
                    "candidate": candidate,
                    "capability": name,
                    "items": len(x),
                    "drop": float(x.mean()),
                    "churn": float(np.abs(x).mean()),
                    "clusters": len(set(places)) if len(set(places)) < len(x) else None,
                    "design effect": f"{clustering(x, places).design_effect:.2f}",
                }
            )
    return rows


def errors(
    recorded: Recorded,
    n_draws: int,
    rng: np.random.Generator,
    candidates: Sequence[str] = CANDIDATES,
) -> list[dict[str, Any]]:
    """False "dropped" where the sides are exchanged, false "held" where the drop is the margin."""
    rows = []
    for candidate in candidates:
        for name, (x, places) in populations(recorded, candidate).items():
            if not x.any():
                continue
            groups = [x[places == cluster] for cluster in dict.fromkeys(places)]
            looks = simulations.looks_of(len(x), sequential=True)
            drawn = [_drawn(groups, rng) for _ in range(n_draws)]
            swapped = [_exchanged(sample, rng) for sample in drawn]
            drop = float(x.mean())
            rows.append(
                {
                    "candidate": candidate,
                    "capability": name,
                    "drop": drop,
                    "churn": float(np.abs(x).mean()),
                    "false drop": float(
                        np.mean([_evidence(s, looks, 0.05).p_dropped <= ALPHA for s in swapped])
                    ),
                    "false HELD": float(
                        np.mean([_evidence(s, looks, drop).p_held <= ALPHA for s in drawn])
                    )
                    if drop >= LEAST_DROP
                    else None,
                }
            )
    return rows


Drawn = tuple[Array, Array]
"""Changes and the clusters that they are in, in the order of a run."""


def _drawn(groups: Sequence[Array], rng: np.random.Generator) -> Drawn:
    """Draw as many clusters as there are, with replacement; their items in random order."""
    picked = rng.integers(len(groups), size=len(groups))
    x = np.concatenate([groups[group] for group in picked])
    places = np.concatenate([np.full(len(groups[group]), n) for n, group in enumerate(picked)])
    order = rng.permutation(len(x))
    return x[order], places[order]


def _exchanged(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    x, places = drawn
    signs = rng.choice([-1.0, 1.0], size=places.max() + 1)
    return x * signs[places], places


def _evidence(drawn: Drawn, looks: Sequence[int], margin: float) -> Any:
    x, places = drawn
    sizes = [*(n for n in looks if n < len(x)), len(x)]
    samples = [
        PairedSample(
            PairedCounts(int((x[:n] > 0).sum()), int((x[:n] < 0).sum()), n),
            n_lost=0,
            n_asked=n,
            clustering=clustering(x[:n], places[:n]) if len(set(places[:n])) < n else None,
        )
        for n in sizes
    ]
    return sequential_evidence(samples, n_planned=len(x), margin=margin, alpha=ALPHA)


# --- the report -----------------------------------------------------------------------------------


def as_markdown(figures: dict[str, Any], command: str) -> str:
    """Return the tables."""
    worst = max(max(row["false drop"], row["false HELD"] or 0.0) for row in figures["errors"])
    parts = [
        "# The gate on recorded answers",
        "Five fine-tunes of SmolLM2-135M-Instruct on help-desk tickets, from gentle to "
        "over-trained, and every answer that they and their base gave "
        "(`scripts/studies/record_flips.py`). "
        "The demo's policy; margins of 5 points, 8 for out_of_domain_qa, which lies in too few "
        "clusters to be held and is monitored. science_qa is 500 "
        "questions of ARC-easy, physical_commonsense 500 of PIQA.",
        f"    {command}",
        f"## The verdicts, over {figures['orders']} orders of the items",
        table(figures["verdicts"]),
        "## What changed",
        table(figures["changes"]),
        f"## Errors where the truth is known, {figures['draws']} resamples a row",
        f"Nominal 5 %; the largest is {100 * worst:.1f} %. *False drop*: the two sides of random "
        "clusters are exchanged, so that nothing is lost. *False HELD*: the margin is the recorded "
        "drop (from 2 points on). All looks are taken.",
        table(figures["errors"]),
    ]
    return "\n\n".join(parts) + "\n"


def too_often(figures: dict[str, Any]) -> list[str]:
    """Return the rows in which an error is more frequent than chance explains."""
    limit = ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / figures["draws"])
    return [
        f"{name}: {row}"
        for row in figures["errors"]
        for name in ("false drop", "false HELD")
        if (row[name] or 0.0) > limit
    ]


def main() -> int:
    """Run the study; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=100)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--out", type=Path, default=Path("reports/recorded-flips"))
    arguments = parser.parse_args()
    recorded = json.loads((arguments.out / "answers.json").read_text(encoding="utf-8"))
    figures = {
        "orders": arguments.orders,
        "draws": arguments.draws,
        "verdicts": verdicts(gate_of(recorded), arguments.orders),
        "changes": changes(recorded),
        "errors": errors(recorded, arguments.draws, np.random.default_rng(1)),
    }
    command = (
        f"python -m scripts.studies.recorded --orders {arguments.orders} --draws {arguments.draws}"
    )
    text = as_markdown(figures, command)
    publish(text, arguments.out / "README.md", figures)
    wrong = too_often(figures)
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
