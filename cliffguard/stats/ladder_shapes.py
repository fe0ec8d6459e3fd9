"""Shapes of a fall along a ladder: cliff, gradual, uniform, easiest (tests: `stats.onset`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Shape = Literal["level", "uniform", "easiest", "gradual", "unresolved", "cliff"]
"""*level*: no drop is proven. *uniform*: one is, and it does not provably differ by level. The
others do. *easiest*: more is lost at the easiest levels than past them. Of what is lost past a
cut, *gradual* follows a line or a constant rate, *cliff* is a step that neither explains, beyond
the margin; *unresolved* looks like a step, but a line, a rate or the margin cannot be ruled out,
or the items are too few to ask."""

LEAST_LEVELS = 4
"""Fewer levels than this cannot tell a step from a line."""

LEAST_ITEMS = 25
"""Nor can fewer items than this at any level."""

ABRUPT_SHARE = 1.1
"""Of alpha, at which "a line or a rate" is rejected: a cliff takes two more findings, so that lines
and rates would be called one less often than at alpha (decision 68)."""


@dataclass(frozen=True, slots=True)
class Onset:
    """What the tests say of one ladder. Cuts count levels: cut c lies after the c-th level.

    Attributes
    ----------
    cut : int
        Levels before the fall, by the largest contrast; 1 … n_levels - 1.
    cuts : tuple of int
        Cuts that the data do not tell from it.
    p_differs : float
        p-value of "the drop is the same at every level", against both directions.
    p_abrupt : float or None
        p-value of "it grows in a straight line, or at a constant rate": the larger of the two.
        None below 4 levels or 25 items at a level, and where it eases.
    fits_step : bool
        Whether a step fits better than both, proven or not. True where that is not asked.
    drop_past : float
        Mean drop of the items past the cut.
    drop_before : float or None
        Mean drop of the items before it; None in reviews that did not note it.
    eases : bool
        Whether more was lost before the cut than past it, proven or not.
    """

    cut: int
    cuts: tuple[int, ...]
    p_differs: float
    p_abrupt: float | None
    fits_step: bool
    drop_past: float
    drop_before: float | None = None
    eases: bool = False

    @property
    def drop_where_worse(self) -> float:
        """Mean drop of the items on that side of the cut which lost more."""
        return self.drop_before if self.eases and self.drop_before is not None else self.drop_past


def shape_of(
    fall: Onset, *, p_differs: float, margin: float, alpha: float, has_dropped: bool
) -> Shape:
    """Name the shape of a fall.

    Parameters
    ----------
    fall : Fall
        As `find_onset` returned it.
    p_differs : float
        Its `p_differs`, adjusted where several ladders are looked at.
    margin : float
        A cliff's mean drop past the cut exceeds it, and one at the easiest levels that before it
        where no drop over the whole ladder is proven.
    alpha : float
        Error rate of each question; a cliff's abruptness is tested at `ABRUPT_SHARE` of it.
    has_dropped : bool
        Whether a drop over the whole ladder is proven: tells *uniform* from *level*.
    """
    if p_differs > alpha:
        return "uniform" if has_dropped else "level"
    if fall.eases:
        return "easiest" if has_dropped or fall.drop_where_worse > margin else "level"
    if (
        fall.p_abrupt is not None
        and fall.p_abrupt <= ABRUPT_SHARE * alpha
        and fall.drop_past > margin
    ):
        return "cliff"
    return "unresolved" if fall.fits_step else "gradual"
