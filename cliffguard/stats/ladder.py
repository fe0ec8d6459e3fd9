"""Where on a ladder of levels a drop is proven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cliffguard.stats.interval import check_open_fraction
from cliffguard.stats.multiplicity import holm
from cliffguard.stats.paired import check_paired_counts, mcnemar_mid_p


class LevelCounts(NamedTuple):
    """The paired counts of one level."""

    n_broken: int
    n_fixed: int
    n_items: int


@dataclass(frozen=True, slots=True)
class LadderEdge:
    """Where the fall begins.

    Attributes
    ----------
    edge : int or None
        Index of the first broken level, counted from 0. None if no level is broken.
    adjusted_p_values : tuple of float
        Per level, the one-sided mid-p-value of "no drop", Holm-adjusted over the levels.
    """

    edge: int | None
    adjusted_p_values: tuple[float, ...]


def first_broken_level(levels: Sequence[LevelCounts], *, margin: float, alpha: float) -> LadderEdge:
    """Find the first level at which the candidate has provably dropped.

    A level is *broken* when a drop is proven there (adjusted p-value at most `alpha`) and the
    observed drop exceeds the margin. The proof is that the drop is above zero; that it is above
    the margin is what was observed, not proven.

    The edge says where a drop is proven, not that it is abrupt: a steady decline has an edge too,
    wherever it first becomes large enough for the items of a level to show it. Levels before
    the edge are not thereby held, nor are levels after it necessarily broken.

    Parameters
    ----------
    levels : sequence of LevelCounts
        Counts per level, easiest first; at least one level, each with at least one item.
    margin : float
        Largest tolerated drop, strictly between 0 and 1.
    alpha : float
        Chance of naming any level broken when no level has dropped, strictly between 0 and 1.

    Returns
    -------
    LadderEdge
    """
    check_open_fraction("margin", margin)
    check_open_fraction("alpha", alpha)
    if not levels:
        raise ValueError("levels must hold at least one level.")
    for level in levels:
        check_paired_counts(level.n_broken, level.n_fixed, level.n_items)
    adjusted = holm([mcnemar_mid_p(n_broken=x.n_broken, n_fixed=x.n_fixed) for x in levels])
    broken = (
        index
        for index, (level, p_value) in enumerate(zip(levels, adjusted, strict=True))
        if p_value <= alpha and (level.n_broken - level.n_fixed) / level.n_items > margin
    )
    return LadderEdge(edge=next(broken, None), adjusted_p_values=tuple(adjusted))
