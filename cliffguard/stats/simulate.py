"""Monte Carlo simulation of whole gates on arrays, for power analysis and error rates.

For planning (how likely is it that a checkpoint which lost nothing passes?) and for proof (how
often does the gate err?). The rules are those of `cliffguard.stats.evidence` for scores that are
right or wrong, and of the verdict; the project's tests hold both to each other on the same
answers. Items are independent, and of each capability a run is one row of counts, look by look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from cliffguard.stats.mean_margin import MeanTable, mean_size
from cliffguard.stats.multiplicity import shield_level
from cliffguard.stats.paired import mid_p_values, non_inferiority_p_values
from cliffguard.stats.sequential import (
    DROP_SPENDING,
    HELD_SPENDING,
    SpendingFunction,
    boundaries,
    z_of_p,
)

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Design:
    """One capability: the items that count at each look, and the truth about it.

    Attributes
    ----------
    looks : tuple of int
        Strictly rising; the last is what is planned.
    margin : float
        Largest tolerated drop, strictly between 0 and 1.
    drop : float
        The true drop.
    churn : float
        The true share of items that change; at least the drop in size.
    """

    looks: tuple[int, ...]
    margin: float
    drop: float = 0.0
    churn: float = 0.10


@dataclass(frozen=True, slots=True)
class Counts:
    """Broken and fixed items by run, capability and look, cumulated; shape (runs, K, looks).

    A capability with fewer looks than others repeats its last one.
    """

    broken: IntArray
    fixed: IntArray


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of every run; the last three by run and capability."""

    passed: BoolArray
    failed: BoolArray
    held: BoolArray
    lost: BoolArray
    n_asked: IntArray


def draw(designs: Sequence[Design], n_runs: int, rng: np.random.Generator) -> Counts:
    """Draw the answers of `n_runs` gates."""
    n_looks = max(len(design.looks) for design in designs)
    broken = np.zeros((n_runs, len(designs), n_looks), dtype=np.int64)
    fixed = np.zeros_like(broken)
    for number, design in enumerate(designs):
        churn = max(design.churn, abs(design.drop))
        chances = [(churn + design.drop) / 2, (churn - design.drop) / 2, 1 - churn]
        sizes = np.diff([0, *_padded(design.looks, n_looks)])
        steps = np.stack([rng.multinomial(n, chances, size=n_runs) for n in sizes], axis=1)
        totals = np.cumsum(steps, axis=1)
        broken[:, number], fixed[:, number] = totals[..., 0], totals[..., 1]
    return Counts(broken, fixed)


def decide(
    counts: Counts,
    designs: Sequence[Design],
    *,
    alpha: float,
    pooled_share: float,
    parts_share: float = 0.0,
    held_spending: SpendingFunction = HELD_SPENDING,
    stops_at_failure: bool = False,
    mean_margin: float | None = None,
) -> Outcomes:
    """Return the verdicts of the gates.

    Parameters
    ----------
    counts : Counts
        One row a run.
    designs : sequence of Design
        Of the capabilities, all gating; their truth is not looked at.
    alpha : float
        Error rate of the whole gate.
    pooled_share : float
        Share of alpha that the test of all capabilities together gets, where there are several.
    parts_share : float, optional
        Share of alpha that the parts of capabilities get; they are not simulated.
    held_spending : str, optional
        How alpha is spent on *held*; another rule than the gate's is for studies.
    stops_at_failure : bool, optional
        A proven loss ends the run. Otherwise what is undecided is asked on, and only what was lost
        is not.
    mean_margin : float, optional
        On the mean drop. What held is then asked on until the mean is proven to be below it, or
        the run has failed; the looks of all capabilities are those of one schedule.
    """
    n_capabilities, n_looks = len(designs), counts.broken.shape[-1]
    sizes = np.array([_padded(design.looks, n_looks) for design in designs])
    share = 1.0 - parts_share - (pooled_share if n_capabilities > 1 else 0.0)
    crossed = _crossed(counts, designs, sizes, alpha, share, held_spending, mean_margin)
    held, lost, shielded = np.zeros((3, *counts.broken.shape[:2]), dtype=bool)
    at = np.zeros(held.shape, dtype=int)  # the last look that was taken, by run and capability
    mean_held = np.full(len(held), mean_margin is None)
    for look in range(n_looks):
        # Asked on is what is undecided; what held waits with it while the mean is open.
        going = ~held & ~(lost.any(axis=1, keepdims=True) if stops_at_failure else lost)
        waiting = held & ~(mean_held | lost.any(axis=1))[:, None]
        at[going | waiting] = look
        # The mean counts only where all capabilities are at one look: they share its schedule.
        mean_held |= crossed.mean[:, look] & (at == look).all(axis=1)
        held |= going & crossed.held[..., look]
        shielded |= going & crossed.shielded[..., look]
        # Holm over the capabilities, each by the look that it came to and not by one beyond it.
        now = {rivals: _taken(dropped, at) for rivals, dropped in crossed.dropped.items()}
        lost |= _holm(now) & ~shielded  # what failed stays failed
    failed = np.asarray(lost.any(axis=1))
    if n_capabilities > 1:
        # A loss spread over all of them convicts, unless each alone is proven to have held.
        failed |= _pooled(counts, sizes, at, alpha * pooled_share) & ~shielded.all(axis=1)
    passed = np.asarray(held.all(axis=1) & mean_held & ~failed)
    n_asked = _taken(np.broadcast_to(sizes, counts.broken.shape), at)
    return Outcomes(passed, failed, held, lost, n_asked)


@dataclass(frozen=True, slots=True)
class _Crossed:
    """Which boundaries the statistics of each look cross, by run, capability and look.

    `dropped` is by the number of capabilities that Holm shares alpha among, and once crossed stays
    so; `mean`, of all capabilities together, is by run and look.
    """

    held: BoolArray
    shielded: BoolArray
    dropped: dict[int, BoolArray]
    mean: BoolArray


def _crossed(
    counts: Counts,
    designs: Sequence[Design],
    sizes: IntArray,
    alpha: float,
    share: float,
    held_spending: SpendingFunction,
    mean_margin: float | None,
) -> _Crossed:
    n_looks = sizes.shape[1]
    z_held = np.stack(
        [_z_held(counts, number, design, n_looks) for number, design in enumerate(designs)], axis=1
    )
    # Before the last look a drop counts only if it also reaches the margin as observed.
    margins = np.array([design.margin for design in designs])
    convicts = (counts.broken - counts.fixed) / sizes >= margins[:, None]
    convicts |= sizes == sizes[:, -1:]
    z_dropped = np.where(convicts, z_of_p(mid_p_values(counts.broken, counts.fixed)), -np.inf)
    dropped = {
        rivals: np.maximum.accumulate(
            z_dropped >= _edges(designs, n_looks, alpha * share / rivals, DROP_SPENDING), axis=-1
        )
        for rivals in range(1, len(designs) + 1)
    }
    mean = np.ones((len(z_held), n_looks), dtype=bool)
    if mean_margin is not None:
        mean = _mean_below(counts, sizes, alpha, mean_margin, held_spending)
    return _Crossed(
        held=z_held >= _edges(designs, n_looks, alpha, held_spending),
        shielded=z_held >= _edges(designs, n_looks, shield_level(alpha), held_spending),
        dropped=dropped,
        mean=mean,
    )


def _taken(values: NDArray[T], at: IntArray) -> NDArray[T]:
    """Return, by run and capability, the value at the look that each came to."""
    return np.take_along_axis(values, at[..., None], axis=-1)[..., 0]


def _padded(looks: Sequence[int], n_looks: int) -> list[int]:
    return [*looks, *[looks[-1]] * (n_looks - len(looks))]


def _edges(
    designs: Sequence[Design], n_looks: int, alpha: float, spending: SpendingFunction
) -> FloatArray:
    rows = []
    for design in designs:
        edges = boundaries(
            tuple(design.looks), n_planned=design.looks[-1], alpha=alpha, spending=spending
        )
        rows.append([*edges, *[edges[-1]] * (n_looks - len(edges))])
    return np.array(rows)


def _z_held(counts: Counts, number: int, design: Design, n_looks: int) -> FloatArray:
    """Return the statistic against "the drop is the margin or more", by run and look."""
    columns = [
        non_inferiority_p_values(
            counts.broken[:, number, look].astype(float),
            counts.fixed[:, number, look].astype(float),
            n,
            design.margin,
        )
        for look, n in enumerate(_padded(design.looks, n_looks))
    ]
    return z_of_p(np.stack(columns, axis=1))


def _mean_below(
    counts: Counts, sizes: IntArray, alpha: float, margin: float, spending: SpendingFunction
) -> BoolArray:
    """Return whether the mean drop is proven to be below its margin, by run and look."""
    looks = tuple(mean_size(sizes[:, look]) for look in range(sizes.shape[1]))
    edges = boundaries(looks, n_planned=looks[-1], alpha=alpha, spending=spending)
    columns = []
    for look, (n, edge) in enumerate(zip(sizes.T, edges, strict=True)):
        b, f = counts.broken[..., look], counts.fixed[..., look]
        table = MeanTable((b - f) / n, (b + f) / n, np.asarray(n, dtype=float), margin=margin)
        columns.append(z_of_p(table.p_at_least(margin)) >= edge)
    return np.stack(columns, axis=1)


def _holm(crossed: dict[int, BoolArray]) -> BoolArray:
    """Return what Holm rejects, given what crosses at alpha over each number of rivals."""
    rejected = np.zeros_like(crossed[1])
    # Each round rejects more or nothing: one more rejection leaves the rest a larger share.
    for _ in crossed:
        left = len(crossed) - rejected.sum(axis=1)
        for rivals, crosses in crossed.items():
            rejected |= crosses & (left == rivals)[:, None]
    return rejected


def _pooled(counts: Counts, sizes: IntArray, at: IntArray, alpha: float) -> BoolArray:
    """Return whether all capabilities together have dropped, each at the look that it came to."""
    b, f, n = (
        _taken(values, at)
        for values in (counts.broken, counts.fixed, np.broadcast_to(sizes, counts.broken.shape))
    )
    # Each weighed by the root of its items, as `pooled_p_value` does.
    z = ((b - f) / np.sqrt(n)).sum(axis=1) / np.sqrt(np.maximum(((b + f) / n).sum(axis=1), 1e-12))
    return np.asarray(ndtr(-z) <= alpha)
