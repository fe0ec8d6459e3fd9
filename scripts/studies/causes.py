"""How often is a cause found where there is none: healthy candidates, and drops without a cause?

    python -m scripts.studies.causes [--reports 500] [--out reports/causes]

Draws wrong answers of both sides with the causes that they show at a background rate, and tests
them as `compare.diagnostics.causes` does. No answer is read. Writes `README.md`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from cliffguard.compare.diagnostics.causes import FOUND_LEVEL
from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.compare.diagnostics.wrong_answers import Fits, WrongAnswers, thinned
from cliffguard.core.diagnosis import READ, CauseName
from cliffguard.stats.multiplicity import holm
from scripts.studies.page import publish, table

CAUSES = tuple(cause for cause in READ if cause != "bad_call")  # which few capabilities can have

Rng = np.random.Generator
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Design:
    """What a report is drawn by.

    `is_lost`: 10 to 40 points of right answers are lost at random. `slope` is the standard
    deviation, over causes, of how the logit of a rate moves with one of difficulty. Of changed
    items a share of at least `guard` of the causes counts: the better answer shows the others too.
    """

    name: str
    is_lost: bool = False
    slope: float = 0.0
    guard: float = 1.0
    has_clusters: bool = False


class Row:
    """What a test needs of an item."""

    def __init__(self, cluster: int) -> None:
        self.cluster = cluster


@dataclass(frozen=True)
class Drawn:
    """A capability: its wrong answers, and how many of the broken items show each cause."""

    wrong: WrongAnswers
    n_broken: dict[CauseName, int]


def logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def draw(rng: Rng, design: Design) -> Drawn:
    """Return a capability of 60 to 400 items, a base that has 20 to 95 % right, churn 5-30 %."""
    n_items, accuracy = int(rng.integers(60, 401)), rng.uniform(0.2, 0.95)
    size = int(rng.integers(2, 11)) if design.has_clusters else 1
    clusters = np.arange(n_items) // size
    n_clusters = int(clusters[-1]) + 1
    spread = rng.uniform(0.3, 2.0)
    ease = rng.normal(size=n_items) * spread
    if design.has_clusters:
        ease += (rng.normal(size=n_clusters) * spread)[clusters]
    right = logistic(np.log(accuracy / (1 - accuracy)) + ease)
    base = rng.random(n_items) < right
    churn = min(1.0, rng.uniform(0.05, 0.3) / max(1e-3, float(np.mean(2 * right * (1 - right)))))
    by_cluster = design.has_clusters and rng.random() < 0.5
    again = (rng.random(n_clusters) < churn)[clusters] if by_cluster else (
        rng.random(n_items) < churn
    )  # fmt: skip
    anew = rng.random(n_items) < right
    if by_cluster and rng.random() < 0.5:  # a document flips as a whole, either way
        anew = (rng.random(n_clusters) < 0.5)[clusters]
    candidate = np.where(again, anew, base)
    if design.is_lost:
        candidate = _less(rng, candidate, clusters if by_cluster else None)
    shown = _shown(rng, design, ease, clusters, again)
    return _wrong(rng, design, (base, candidate), shown, clusters)


def _less(rng: Rng, right: Flags, clusters: NDArray[np.int64] | None) -> Flags:
    """Return right answers of which 10 to 40 points are lost, by clusters where there are any."""
    there = rng.permutation(np.flatnonzero(right))
    n_lost = min(len(there), round(rng.uniform(0.1, 0.4) * len(right)))
    if clusters is not None:
        order = rng.permutation(int(clusters[-1]) + 1)
        there = there[np.argsort(order[clusters[there]], kind="stable")]
    left = right.copy()
    left[there[:n_lost]] = False
    return left


def _shown(
    rng: Rng, design: Design, ease: NDArray[np.float64], clusters: NDArray[np.int64], again: Flags
) -> tuple[Flags, Flags]:
    """Return what both sides' answers would show were they wrong; shape (n_items, n_causes)."""
    alpha = np.full(len(CAUSES) + 1, rng.choice([0.2, 1.0, 5.0]))
    rates = np.clip(rng.dirichlet(alpha)[: len(CAUSES)], 1e-3, 0.98)
    standard = (ease - ease.mean()) / max(float(ease.std()), 1e-6)
    sides: tuple[list[Flags], list[Flags]] = ([], [])
    for rate in rates:
        topic = rng.normal(size=int(clusters[-1]) + 1) * rng.choice([0.0, 1.5])
        logit = np.log(rate / (1 - rate)) + rng.normal() * design.slope * standard
        chance = logistic(logit + topic[clusters])
        base = rng.random(len(ease)) < chance
        is_other = again | (rng.random(len(ease)) < 0.5)
        sides[0].append(base)
        sides[1].append(np.where(is_other, rng.random(len(ease)) < chance, base))
    return np.array(sides[0]).T, np.array(sides[1]).T


def _wrong(
    rng: Rng,
    design: Design,
    right: tuple[Flags, Flags],
    shown: tuple[Flags, Flags],
    clusters: NDArray[np.int64],
) -> Drawn:
    kept = rng.uniform(design.guard, 1.0, size=len(CAUSES))
    both = thinned(np.flatnonzero(~right[0] & ~right[1]).tolist())
    wrong: list[Fits] = []
    n_broken: dict[CauseName, int] = {}
    for side in (0, 1):
        is_changed = right[1 - side]
        counts = ~is_changed[:, None] | (rng.random(shown[side].shape) < kept)
        fits = [frozenset(np.array(CAUSES)[row].tolist()) for row in shown[side] & counts]
        rows = [
            (cast(CountedItem, Row(int(clusters[number]))), fits[number])
            for number in [*np.flatnonzero(~right[side] & is_changed), *both]
        ]
        wrong.append(rows)
    lost = [fits[number] for number in np.flatnonzero(right[0] & ~right[1])]
    n_broken = {cause: sum(cause in each for each in lost) for cause in CAUSES}
    return Drawn(WrongAnswers(wrong[1], wrong[0]), n_broken)


def is_any_found(report: list[Drawn]) -> bool:
    """Return whether a report names a cause as found: by Holm, over what could be."""
    tried = [
        (each.wrong.p_value(cause), each.n_broken[cause])
        for each in report
        for cause in CAUSES
        if each.wrong.n_fits(cause) and each.wrong.attainable_p(cause) <= FOUND_LEVEL
    ]
    adjusted = holm([p_value for p_value, _ in tried])
    return any(p <= FOUND_LEVEL and n for p, (_, n) in zip(adjusted, tried, strict=True))


def designs() -> list[Design]:
    """Return what is simulated, each without clusters and with them."""
    return [
        Design(name, is_lost, slope, guard, has_clusters)
        for has_clusters in (False, True)
        for name, is_lost, slope, guard in (
            ("healthy", False, 0.0, 1.0),
            ("healthy", False, 1.0, 0.5),
            ("lost at random", True, 0.0, 1.0),
            ("lost at random", True, 0.0, 0.5),
            ("lost at random", True, 0.5, 1.0),
            ("lost at random", True, 1.0, 1.0),
        )
    ]


def simulated(design: Design, n_reports: int, seed: int) -> dict[str, Any]:
    """Return the row of a design: reports of one to eight capabilities each."""
    rng = np.random.default_rng(seed)
    n_named = sum(
        is_any_found([draw(rng, design) for _ in range(rng.integers(1, 9))])
        for _ in range(n_reports)
    )
    return {
        "candidate": design.name,
        "clusters": "2-10 items" if design.has_clusters else "none",
        "slope": str(design.slope),
        "guard": str(design.guard),
        "reports": n_reports,
        "that name a cause": n_named,
        "share": f"{100 * n_named / n_reports:.1f} %",
    }


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """Return the page."""
    return "\n\n".join([
        "# Causes where there are none",
        "How many reports name a cause as *found* though the candidate brought none: wrong answers "
        "of both sides show causes at the same rates. A report has one to eight capabilities of 60 "
        "to 400 items; the base has 20 to 95 % of them right, answers change by 5 to 30 %, and of "
        "candidates that *lost* 10 to 40 points of right answers are gone at random, in half of "
        "the capabilities with clusters by whole clusters, which flip as a whole there.",
        "    python -m scripts.studies.causes",
        "*Slope*: by how many logits a rate moves with a standard deviation of difficulty, itself "
        "drawn for each cause with this standard deviation. Where it is not 0, wrong answers to "
        "easy items fail otherwise than those to hard ones, and who loses easy items seems to fail "
        "in a new way: the comparison cannot tell that from a cause. *Guard*: the least share of "
        "answers to changed items whose cause counts, since the better answer may show it too.",
        table(rows),
    ]) + "\n"  # fmt: skip


def main() -> None:
    """Simulate all designs and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reports", type=int, default=500, help="of each design")
    parser.add_argument("--out", type=Path, default=Path("reports/causes"))
    arguments = parser.parse_args()
    rows = [simulated(each, arguments.reports, seed) for seed, each in enumerate(designs())]
    publish(as_markdown(rows), arguments.out / "README.md")


if __name__ == "__main__":
    main()
