"""Repeated checks of one training run on the same items: is a loss proven, so that it may stop?

A run is checked K times, and K is known at its start. Every check asks the same few items of every
capability, so that neighbouring checks nearly repeat each other. Among 20 checks of 6 capabilities
a test at 5 % errs somewhere in most runs; so all of them share alpha.

*One check.* "The drop is half of the margin or less" is tested by Gaffke's bound
(`cliffguard.stats.graded`), which takes right or wrong, graded scores and clusters alike, and errs
no oftener than its level in the far tail of a few dozen items.

*Over checks.* Each spends its part of alpha by the joint distribution of the checks so far
(`cliffguard.stats.repeated_levels`).

*A stop takes two checks.* A run may dip at one check and be well at the next; a check that tells
the truth about a dip is no reason to stop. So a loss is proven where two checks have each rejected.
If no more than one check has really lost more than half the margin, whichever it is and however
much it lost, then another one must have erred, and all of them together do so with a chance of at
most alpha (Benjamini and Heller's partial conjunction, by Bonferroni's argument).

*Over capabilities.* A fifth of alpha goes to all capabilities taken together, the rest to each
alike. If together they lost more than half of their margins, one of them did.

References
----------
Benjamini and Heller (2008), Biometrics 64:1215-1222. Gaffke (2005), Mathematical Methods of
Statistics 14:451-467.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cliffguard.stats.graded import mean_interval, p_at_most
from cliffguard.stats.interval import check_open_fraction
from cliffguard.stats.repeated_levels import check_levels, neighbour_correlations

MOST_ITEMS = 64
"""Items of a capability that a check asks at the most."""

PROVEN_CHECKS = 2
"""Checks that must have proven a loss before the run may be stopped for it."""

FloatArray = NDArray[np.float64]

_LIMIT = 0.5  # of the margin: a stop takes a drop beyond it
_TOGETHER = 0.2  # of alpha, for the test of all capabilities together, as in the gate


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What is fixed before the first check of a run.

    Attributes
    ----------
    n_checks : int
        Checks that alpha is spent on, at least 1. A check beyond them proves nothing.
    margins : mapping of str to float
        Largest tolerated drop of every gating capability, strictly between 0 and 1.
    alpha : float
        Chance that a run is stopped without a loss, strictly between 0 and 1/2.
    """

    n_checks: int
    margins: Mapping[str, float]
    alpha: float = 0.05

    def __post_init__(self) -> None:
        check_open_fraction("2 alpha", 2 * self.alpha)
        if not (self.n_checks >= 1 and self.margins):
            raise ValueError("a run is checked at least once, in at least one capability.")
        for name, margin in self.margins.items():
            check_open_fraction(f"margin of {name}", margin)


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """What the last check says of a capability, or of all together.

    Attributes
    ----------
    n_items : int
        Items with a score on both sides.
    drop : float or None
        Base mean minus candidate mean over them; None where there are none.
    low, high : float
        Bounds of the true drop, each at `level`: over all checks of the run both ends of one
        capability err with a chance of at most what the capability has of alpha, each.
    level : float
        One-sided error rate of this check, given the checks before; 0 beyond the planned checks.
    proven_at : tuple of int
        Checks so far, the first being 0, at which the drop was beyond half the margin.
    """

    n_items: int
    drop: float | None
    low: float
    high: float
    level: float
    proven_at: tuple[int, ...]

    @property
    def is_lost(self) -> bool:
        """Whether two checks have proven a loss."""
        return len(self.proven_at) >= PROVEN_CHECKS


@dataclass(frozen=True, slots=True)
class RunFinding:
    """What all checks so far say of a run.

    Attributes
    ----------
    capabilities : mapping of str to CheckFinding
        In the order of the plan.
    together : CheckFinding or None
        Of the mean over all items; None where there is one capability.
    """

    capabilities: Mapping[str, CheckFinding]
    together: CheckFinding | None

    @property
    def lost(self) -> tuple[str, ...]:
        """Capabilities whose loss two checks have proven."""
        return tuple(name for name, finding in self.capabilities.items() if finding.is_lost)

    @property
    def may_stop(self) -> bool:
        """Whether a loss is proven, of one capability or of all together."""
        return bool(self.lost) or (self.together is not None and self.together.is_lost)

    @property
    def worst_drop(self) -> float | None:
        """Largest observed drop of a capability; None where nothing has a score."""
        drops = [f.drop for f in self.capabilities.values() if f.drop is not None]
        return max(drops, default=None)

    @property
    def worst_high(self) -> float:
        """Largest upper bound of a capability."""
        return max(finding.high for finding in self.capabilities.values())


def judge_run(
    changes: Mapping[str, Sequence[Sequence[float]] | FloatArray],
    plan: RunPlan,
    *,
    clusters: Mapping[str, Sequence[Hashable]] | None = None,
) -> RunFinding:
    """Judge a run after its last check so far.

    Parameters
    ----------
    changes : mapping of str to array of float, shape (k, n_items)
        Of every capability of the plan, a row for every check so far, a column for every item, in
        the same order at every check: base score minus candidate score, in [-1, 1]. NaN where the
        candidate gave no answer that could be scored: it proves no loss, and counts as a whole one
        in the upper bound.
    plan : RunPlan
        As it was at the start of the run.
    clusters : mapping of str to sequence of hashable, optional
        The group of every item of a capability, such as its document; capabilities that are not
        named have items that stand alone. Capabilities share a group where they share its name.

    Raises
    ------
    ValueError
        If capabilities are missing or more than planned, or differ in their checks, or values lie
        outside of [-1, 1].

    Notes
    -----
    The same input gives the same result, and a further row changes nothing of what earlier rows
    proved.
    """
    streams = _checked_items(changes, plan, clusters or {})
    of_all = _TOGETHER if len(streams) > 1 else 0.0
    alpha = plan.alpha * (1.0 - of_all) / len(streams)
    findings = {
        name: stream.judged(n_checks=plan.n_checks, alpha=alpha) for name, stream in streams.items()
    }
    together = None
    if of_all:
        everything = CheckedItems(
            np.concatenate([stream.rows for stream in streams.values()], axis=1),
            np.concatenate([stream.limits for stream in streams.values()]),
            np.concatenate([stream.groups for stream in streams.values()]),
        )
        together = everything.judged(n_checks=plan.n_checks, alpha=plan.alpha * of_all)
    return RunFinding(findings, together)


@dataclass(frozen=True, slots=True)
class CheckedItems:
    """The items of one test, at every check so far.

    Attributes
    ----------
    rows : ndarray, shape (k, n_items)
        Changes, NaN where there is none.
    limits : ndarray, shape (n_items,)
        Half of each item's margin; what is tested is their mean.
    groups : ndarray of int, shape (n_items,)
        Number of each item's cluster, from 0 on.
    """

    rows: FloatArray
    limits: FloatArray
    groups: NDArray[np.int64]

    def judged(self, *, n_checks: int, alpha: float) -> CheckFinding:
        """Judge the last check, after those before; parameters as in `check_levels`."""
        levels = self.levels(n_checks=n_checks, alpha=alpha)
        proven_at = tuple(
            k for k, level in enumerate(levels) if level > 0.0 and self.p_value(k) <= level
        )
        last, level = self.rows[-1], levels[-1]
        scored = last[~np.isnan(last)]
        low, high = self._bounds(last, level)
        drop = float(scored.mean()) if len(scored) else None
        return CheckFinding(len(scored), drop, low, high, level, proven_at)

    def levels(self, *, n_checks: int, alpha: float) -> tuple[float, ...]:
        """Return the level of every check, by the correlations that the items show."""
        n_scored = np.maximum((~np.isnan(self.rows)).sum(axis=1, keepdims=True), 1)
        means = np.nansum(self.rows, axis=1, keepdims=True) / n_scored
        deviations = np.nan_to_num(self.rows - means)  # no score deviates by nothing
        by_group = np.stack([self._sums(row) for row in deviations])
        return check_levels(neighbour_correlations(by_group), n_checks=n_checks, alpha=alpha)

    def p_value(self, k: int) -> float:
        """Return the p-value of "the drop at this check is the limit or less"."""
        scored = ~np.isnan(self.rows[k])
        if not scored.any():
            return 1.0
        return _p_at_most(*self._means(self.rows[k]), float(self.limits[scored].mean()))

    def _bounds(self, row: FloatArray, level: float) -> tuple[float, float]:
        if level <= 0.0 or np.isnan(row).all():
            return -1.0, 1.0
        x, weights = self._means(row)
        interval = mean_interval(x, confidence=1.0 - 2.0 * level, weights=weights)
        if not np.isnan(row).any():
            return interval.low, interval.high
        worst, weights = self._means(np.nan_to_num(row, nan=1.0))
        high = mean_interval(worst, confidence=1.0 - 2.0 * level, weights=weights).high
        return interval.low, high

    def _means(self, row: FloatArray) -> tuple[FloatArray, FloatArray | None]:
        """Return the mean of every cluster with a score, and their weights; None if all are 1."""
        sizes = self._sums((~np.isnan(row)).astype(float))
        has_score = sizes > 0.0
        sums, sizes = self._sums(np.nan_to_num(row))[has_score], sizes[has_score]
        if (sizes == 1.0).all():
            return np.sort(sums), None
        return sums / sizes, sizes / sizes.max()

    def _sums(self, values: FloatArray) -> FloatArray:
        return np.bincount(self.groups, weights=values).astype(float)


def _p_at_most(x: FloatArray, weights: FloatArray | None, limit: float) -> float:
    """Return `p_at_most`, remembered: every check asks again about all checks before it."""
    return _remembered_p(x.tobytes(), None if weights is None else weights.tobytes(), limit)


@lru_cache(maxsize=4096)
def _remembered_p(x: bytes, weights: bytes | None, limit: float) -> float:
    each = None if weights is None else np.frombuffer(weights)
    return p_at_most(np.frombuffer(x), limit, weights=each)


def _checked_items(
    changes: Mapping[str, Sequence[Sequence[float]] | FloatArray],
    plan: RunPlan,
    clusters: Mapping[str, Sequence[Hashable]],
) -> dict[str, CheckedItems]:
    if set(changes) != set(plan.margins):
        raise ValueError(f"changes of {sorted(changes)}, planned {sorted(plan.margins)}.")
    places: dict[Hashable, int] = {}
    streams = {}
    for name, margin in plan.margins.items():
        rows = np.asarray(changes[name], dtype=float)
        if rows.ndim != 2 or not rows.size:
            raise ValueError(f"{name}: a row for every check, each with at least one item.")
        if (np.abs(rows) > 1).any():
            raise ValueError(f"{name}: a change lies between -1 and 1.")
        names = clusters.get(name, [(name, item) for item in range(rows.shape[1])])
        if len(names) != rows.shape[1]:
            raise ValueError(f"{name}: {len(names)} cluster names for {rows.shape[1]} items.")
        groups = np.array([places.setdefault(key, len(places)) for key in names])
        streams[name] = CheckedItems(rows, np.full(len(names), _LIMIT * margin), groups)
    if len({len(stream.rows) for stream in streams.values()}) > 1:
        raise ValueError("every capability takes part in every check.")
    return streams
