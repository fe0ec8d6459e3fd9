"""The shapes that a fall along a ladder can have. The tests behind them are in `stats.cliff`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Shape = Literal["level", "uniform", "gradual", "unresolved", "cliff"]
"""*level*: no drop is proven. *uniform*: one is, and it does not differ by level. The others
differ: *gradual* follows a line, *cliff* is a step that no line explains, beyond the margin;
*unresolved* looks like a step, but a line or the margin cannot be ruled out."""

LEAST_LEVELS = 4
"""Fewer levels than this cannot tell a step from a line."""


@dataclass(frozen=True, slots=True)
class Fall:
    """What the tests say of one ladder. Cuts count levels: cut c lies after the c-th level.

    Attributes
    ----------
    cut : int
        Levels before the fall, by the largest contrast; 1 … n_levels - 1.
    cuts : tuple of int
        Cuts that the data do not tell from it.
    p_differs : float
        One-sided p-value of "the drop is the same at every level".
    p_abrupt : float or None
        p-value of "it grows in a straight line"; None below 4 levels.
    fits_step : bool
        Whether a step fits better than a line, proven or not. True below 4 levels.
    drop_past : float
        Mean drop of the items past the cut.
    """

    cut: int
    cuts: tuple[int, ...]
    p_differs: float
    p_abrupt: float | None
    fits_step: bool
    drop_past: float


def shape_of(
    fall: Fall, *, p_differs: float, margin: float, alpha: float, has_dropped: bool
) -> Shape:
    """Name the shape of a fall.

    Parameters
    ----------
    fall : Fall
        As `find_fall` returned it.
    p_differs : float
        Its `p_differs`, adjusted where several ladders are looked at.
    margin : float
        A cliff's mean drop past the cut exceeds it.
    alpha : float
        Error rate of each question.
    has_dropped : bool
        Whether a drop over the whole ladder is proven: tells *uniform* from *level*.
    """
    if p_differs > alpha:
        return "uniform" if has_dropped else "level"
    if fall.p_abrupt is not None and fall.p_abrupt <= alpha and fall.drop_past > margin:
        return "cliff"
    return "unresolved" if fall.fits_step else "gradual"
