"""The studies of scripts/studies/calibrate.py: simulated answers of known truth, one table each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cliffguard.core.settings import Policy
from cliffguard.evaluate.alpha_shares import TOGETHER
from cliffguard.evaluate.looks import looks_in_step
from cliffguard.stats.clusters import clustering
from cliffguard.stats.evidence import PairedSample
from cliffguard.stats.graded_evidence import GradedSample, e_process_evidence
from cliffguard.stats.paired import PairedCounts
from cliffguard.stats.simulate import Counts, Design, Outcomes, decide, draw

ALPHA = 0.05
Array = Any
Row = dict[str, Any]


def looks_of(n_items: int, *, sequential: bool) -> tuple[int, ...]:
    """Return the looks that the schedule takes at one task of `n_items`."""
    return looks_in_step([n_items])[0] if sequential else (n_items,)


def judged(designs: Sequence[Design], n_runs: int, rng: np.random.Generator) -> Outcomes:
    """Return the verdicts of simulated gates under the usual policy."""
    return _decided(draw(designs, n_runs, rng), designs)


def _decided(
    counts: Counts, designs: Sequence[Design], *, stops_at_failure: bool = False
) -> Outcomes:
    return decide(
        counts,
        designs,
        alpha=Policy().first_level,
        pooled_share=TOGETHER,
        stops_at_failure=stops_at_failure,
    )


def errors(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """False verdicts: nothing lost, and one capability exactly at the margin."""
    rows = []
    for n_capabilities in (1, 4, 8, 16):
        for n, margin in (
            (100, 0.05),
            (200, 0.05),
            (1000, 0.05),
            (1000, 0.03),
            (5000, 0.03),
        ):
            for churn in (0.03, 0.10, 0.20):
                for sequential in (True, False):
                    looks = looks_of(n, sequential=sequential)
                    calm = Design(looks, margin, churn=churn)
                    none = judged([calm] * n_capabilities, n_runs, rng)
                    edge = replace(calm, drop=margin)
                    outcomes = judged([edge, *[calm] * (n_capabilities - 1)], n_runs, rng)
                    rows.append(
                        {
                            "capabilities": n_capabilities,
                            "items": n,
                            "margin": margin,
                            "churn": churn,
                            "looks": len(looks),
                            "false FAIL": none.failed.mean(),
                            "false PASS": outcomes.passed.mean(),
                            "false HELD": outcomes.held[:, 0].mean(),
                            "PASS when nothing is lost": none.passed.mean(),
                            "items asked": none.n_asked.mean() / n,
                        }
                    )
    return rows


def power(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """One capability of eight loses so much: how often FAIL, and after how many items.

    A FAIL ends the run, or (`after_failure: finish`) the rest is asked on.
    """
    rows = []
    for n in (500, 1000, 5000):
        for drop in (0.03, 0.05, 0.10):
            for churn in (0.10, 0.20):
                row: Row = {"items": n, "drop": drop, "churn": churn}
                for sequential in (True, False):
                    looks = looks_of(n, sequential=sequential)
                    calm = Design(looks, 0.05, churn=churn)
                    designs = [replace(calm, drop=drop), *[calm] * 7]
                    counts = draw(designs, n_runs, rng)
                    outcomes = _decided(counts, designs, stops_at_failure=True)
                    how = "sequential" if sequential else "fixed"
                    row[f"FAIL, {how}"] = outcomes.failed.mean()
                    row[f"PASS, {how}"] = outcomes.passed.mean()
                    if sequential:
                        row["items asked, stop"] = outcomes.n_asked.mean() / n
                        finished = _decided(counts, designs)
                        row["items asked, finish"] = finished.n_asked.mean() / n
                rows.append(row)
    return rows


def diffuse(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """Eight capabilities lose the same little."""
    rows = []
    for n in (500, 1000, 2000):
        for drop in (0.010, 0.015, 0.020):
            looks = looks_of(n, sequential=False)
            outcomes = judged([Design(looks, 0.03, drop=drop)] * 8, n_runs, rng)
            alone = outcomes.lost.any(axis=1).mean()
            rows.append(
                {
                    "items": n,
                    "drop": drop,
                    "FAIL by Holm alone": alone,
                    "FAIL": outcomes.failed.mean(),
                }
            )
    return rows


def graded(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """Graded scores whose mean drop is exactly the margin of five points, or none."""

    def even(n: int, drop: float) -> Array:
        moved = rng.random(n) < 0.25
        return np.clip(np.where(moved, rng.uniform(-0.6, 0.6, n), 0.0) + drop, -1, 1)

    def collapses(n: int, drop: float) -> Array:
        lost = rng.random(n) < drop + 0.025
        return np.where(lost, 1.0, -0.025 / (0.975 - drop))

    rows = []
    for name, scores in (("even", even), ("many small gains, few collapses", collapses)):
        for n in (100, 500, 2000):
            at, no = (
                [
                    e_process_evidence(GradedSample(scores(n, drop)), margin=0.05, alpha=ALPHA)
                    for _ in range(n_runs)
                ]
                for drop in (0.05, 0.0)
            )
            rows.append(
                {
                    "scores": name,
                    "items": n,
                    "false HELD": np.mean([evidence.p_held <= ALPHA for evidence in at]),
                    "false drop": np.mean([evidence.p_dropped <= ALPHA for evidence in no]),
                    "HELD when nothing is lost": np.mean(
                        [evidence.p_held <= ALPHA for evidence in no]
                    ),
                }
            )
    return rows


def clusters(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """Passages that break together, at a drop of exactly the margin of five points, and at none.

    Every passage has its own rate of broken items, beta-distributed; 2 % of items are fixed.
    """
    rows = []
    for n_clusters in (24, 40, 100):
        for size in (5, 20):
            for correlation in (0.0, 0.1, 0.3, 0.6, 1.0):
                at = _passages(rng, n_runs, n_clusters, size, 0.05, correlation)
                no = _passages(rng, n_runs, n_clusters, size, 0.0, correlation)
                rows.append(
                    {
                        "clusters": n_clusters,
                        "items each": size,
                        "correlation": f"{correlation:.1f}",
                        "false HELD": _held_share(at, lambda sample: sample.p_held(0.05)),
                        "false drop": _held_share(no, lambda sample: sample.p_dropped()),
                        "HELD when nothing is lost": _held_share(
                            no, lambda sample: sample.p_held(0.05)
                        ),
                    }
                )
    return rows


def mixed_clusters(rng: np.random.Generator, n_runs: int) -> list[Row]:
    """Passages beside single items: a drop of exactly the margin, correlation 0.3, 2 % fixed."""
    rows = []
    for n_single, n_clusters, size, margin in (
        (500, 24, 20, 0.05),
        (1000, 20, 50, 0.03),
        (1000, 20, 50, 0.05),
    ):
        names = np.concatenate([np.repeat(np.arange(n_clusters), size), -1 - np.arange(n_single)])
        held = 0
        for _ in range(n_runs):
            chances = np.concatenate(
                [
                    np.repeat(rates(rng, n_clusters, _broken(margin), 0.3), size),
                    np.full(n_single, _broken(margin)),
                ]
            )
            fixed = rng.random(len(names)) < _FIXED
            broken = (rng.random(len(names)) < chances) & ~fixed
            counts = PairedCounts(int(broken.sum()), int(fixed.sum()), len(names))
            estimate = clustering(broken.astype(float) - fixed, names)
            held += PairedSample(counts, 0, len(names), clustering=estimate).p_held(margin) <= ALPHA
        rows.append(
            {
                "single items": n_single,
                "clusters": n_clusters,
                "items each": size,
                "margin": margin,
                "false HELD": held / n_runs,
            }
        )
    return rows


def _held_share(samples: Sequence[PairedSample], p_of: Callable[[PairedSample], float]) -> float:
    return float(np.mean([p_of(sample) <= ALPHA for sample in samples]))


def _passages(
    rng: np.random.Generator,
    n_runs: int,
    n_clusters: int,
    size: int,
    drop: float,
    correlation: float,
) -> list[PairedSample]:
    names = np.repeat(np.arange(n_clusters), size)
    samples = []
    for _ in range(n_runs):
        fixed = rng.random(len(names)) < _FIXED
        chances = rates(rng, n_clusters, _broken(drop), correlation)
        broken = (rng.random(len(names)) < np.repeat(chances, size)) & ~fixed
        counts = PairedCounts(int(broken.sum()), int(fixed.sum()), len(names))
        estimate = clustering(broken.astype(float) - fixed, names)
        samples.append(PairedSample(counts, 0, len(names), clustering=estimate))
    return samples


_FIXED = 0.02  # share of items that are fixed, each by itself; of the others some are broken


def _broken(drop: float) -> float:
    """Return the rate of broken items among those that are not fixed, at this drop."""
    return (drop + _FIXED) / (1 - _FIXED)


def rates(
    rng: np.random.Generator, shape: int | tuple[int, int], mean: float, correlation: float
) -> Array:
    """Return a rate for every cluster, beta-distributed: `correlation` is that of its items."""
    if correlation == 0.0 or mean == 0.0:
        return np.full(shape, mean)
    if correlation == 1.0:
        return (rng.random(shape) < mean).astype(float)
    spread = (1 - correlation) / correlation
    return rng.beta(mean * spread, (1 - mean) * spread, size=shape)
