"""Changes of simulated training runs of known truth, for `scripts.studies.repeated_checks`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Array = Any
Memory = Literal["copied", "stuck", "one step", "latent"]


@dataclass(frozen=True, slots=True)
class Run:
    """A kind of training run.

    `correlation` is that of the changes of neighbouring checks; `memory` how they come about: an
    item's change is copied from the check before; or it is stuck for the whole run; or a check has
    it in common with the next one alone; or a hidden normal value drifts. `dip` is what the run
    loses more at one check, drawn at random, in every capability. With `shares_documents` all
    capabilities ask about the same documents, and half of all changes are a document's. `largest`
    is the size of the largest cluster, whose items change alike; 1: items stand alone.
    """

    n_checks: int = 20
    n_capabilities: int = 3
    n_items: int = 64
    margin: float = 0.05
    churn: float = 0.10
    drop: float = 0.0
    dip: float = 0.0
    correlation: float = 0.5
    memory: Memory = "copied"
    shares_documents: bool = False
    largest: int = 1

    @property
    def changed(self) -> float:
        """Share of items that change at a check: the churn, and never below the drop."""
        return max(self.churn, self.drop)


def changes_of(run: Run, n_runs: int, rng: np.random.Generator) -> Array:
    """Return changes of shape (n_runs, n_checks, n_capabilities, n_items)."""
    shape = (n_runs, run.n_checks, run.n_capabilities, run.n_items)
    x = remembered(run, shape, rng)
    if run.shares_documents:
        common = remembered(run, (n_runs, run.n_checks, 1, run.n_items), rng)
        takes = rng.random((n_runs, 1, *shape[2:])) < np.sqrt(0.5)
        x = np.where(takes, common, x)
    if run.largest > 1:
        x = x[..., clusters_of(run)]
    if run.dip:
        dipped(x, run, rng)
    return x


def clusters_of(run: Run) -> Array:
    """Return the cluster of every item: one of the largest size, each next one half of it."""
    sizes: list[int] = []
    size = run.largest
    while sum(sizes) < run.n_items:
        sizes.append(min(size, run.n_items - sum(sizes)))
        size = max(1, size // 2) if len(sizes) % 2 == 0 else size
    return np.repeat(np.arange(len(sizes)), sizes)


def dipped(x: Array, run: Run, rng: np.random.Generator) -> None:
    """Break items that had not changed at one check of every run, so that the drop is so deep."""
    at = rng.integers(run.n_checks, size=len(x))
    rows = x[np.arange(len(x)), at]
    breaks = (rows == 0) & (rng.random(rows.shape) < run.dip / (1.0 - run.changed))
    x[np.arange(len(x)), at] = np.where(breaks, 1, rows)


def remembered(run: Run, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return changes, each of mean `drop`, with the run's memory from check to check."""
    if run.memory == "latent":
        return _latent(run, shape, rng)
    fresh = drawn(run, shape, rng)
    if run.memory == "stuck":
        keeps = rng.random(shape) < np.sqrt(run.correlation)
        return np.where(keeps, drawn(run, (shape[0], 1, *shape[2:]), rng), fresh)
    if run.memory == "one step":  # each check takes half of its items from either of two draws
        before = drawn(run, (shape[0], shape[1] + 1, *shape[2:]), rng)
        halves = rng.random((shape[0], 1, *shape[2:])) < 0.5
        parity = (np.arange(shape[1]) % 2 == 0)[None, :, None, None]
        return np.where(halves == parity, before[:, 1:], before[:, :-1])
    keeps = rng.random(shape) < run.correlation
    for k in range(1, shape[1]):
        fresh[:, k] = np.where(keeps[:, k], fresh[:, k - 1], fresh[:, k])
    return fresh


def drawn(run: Run, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return independent changes: 1 is broken, -1 fixed."""
    u = rng.random(shape)
    n_broken, n_fixed = (run.changed + run.drop) / 2, (run.changed - run.drop) / 2
    return (u < n_broken).astype(np.int8) - (u > 1.0 - n_fixed).astype(np.int8)


def _latent(run: Run, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    from scipy.special import ndtri

    hidden = rng.standard_normal(shape)
    step = np.sqrt(1.0 - run.correlation**2)
    for k in range(1, shape[1]):
        hidden[:, k] = run.correlation * hidden[:, k - 1] + step * hidden[:, k]
    broken = hidden < ndtri((run.changed + run.drop) / 2)
    fixed = hidden > -ndtri((run.changed - run.drop) / 2)
    return broken.astype(np.int8) - fixed.astype(np.int8)


def rising(run: Run, final: float, onset: int, n_falling: int, n_runs: int,
           rng: np.random.Generator) -> Array:  # fmt: skip
    """Return changes of runs whose drop rises from 0 at check `onset` to `final` at the last.

    An item that is lost stays lost, and those that are not change as in `run`. It happens in the
    first `n_falling` capabilities.
    """
    x = changes_of(run, n_runs, rng)
    drops = final * np.clip(np.arange(run.n_checks) - onset, 0, None) / (run.n_checks - 1 - onset)
    falls_at = rng.random((n_runs, 1, n_falling, run.n_items))
    lost = falls_at < drops[None, :, None, None]
    x[:, :, :n_falling] = np.where(lost, 1, x[:, :, :n_falling])
    return x
