"""More of what speaks for a candidate never speaks against it: order in the p-value of HELD."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliffguard.stats.paired import non_inferior, non_inferiority_p, non_inferiority_p_values

ROUNDING = 1e-9  # relative, of a p-value; equal statistics may differ in their last digits
MARGINS = (0.02, 0.03, 0.04, 0.05, 0.065, 0.08, 0.10)


def p_by_table(n_items: int, margin: float, *, size: int) -> np.ndarray:
    """Return p by broken and fixed items, NaN where there is no such table."""
    broken, fixed = np.divmod(np.arange(size * size), size)
    possible = broken + fixed <= n_items
    p_values = np.full(size * size, np.nan)
    p_values[possible] = non_inferiority_p_values(
        broken[possible].astype(float), fixed[possible].astype(float), n_items, margin
    )
    return p_values.reshape(size, size)


def rises(before: np.ndarray, after: np.ndarray) -> int:
    """Count the tables whose p is larger after than before; NaN compares as no."""
    return int((after > before * (1 + ROUNDING)).sum())


def disorder(n_items: int, margins: tuple[float, ...]) -> dict[str, int]:
    """Count what is out of order among all tables of a number of items and its next."""
    size = n_items + 1
    counts = dict.fromkeys(("unchanged", "fixed", "broken", "margin"), 0)
    narrower = None
    for margin in margins:
        p = p_by_table(n_items, margin, size=size)
        counts["unchanged"] += rises(p, p_by_table(n_items + 1, margin, size=size))
        counts["fixed"] += rises(p[:, :-1], p[:, 1:])
        counts["broken"] += rises(p[1:], p[:-1])
        if narrower is not None:
            counts["margin"] += rises(narrower, p)
        narrower = p
    return counts


ORDERED = {"unchanged": 0, "fixed": 0, "broken": 0, "margin": 0}


@pytest.mark.parametrize("n_items", [20, 59, 98, 99, 150, 297, 298, 299, 300])
def test_every_table_is_in_order(n_items: int) -> None:
    """No table's p rises by an item that both answer alike, one fixed, one unbroken, or margin."""
    assert disorder(n_items, MARGINS) == ORDERED


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1, 500, 50))
def test_every_table_of_every_number_of_items_is_in_order(first: int) -> None:
    """The same up to 500 items, also for margins beyond those that anyone takes."""
    margins = (0.005, *MARGINS[::2], 0.25, 0.5)
    assert [disorder(n, margins) for n in range(first, first + 50)] == [ORDERED] * 50


@pytest.mark.parametrize(
    ("n_broken", "n_fixed", "margin", "n_items"), [(19, 4, 0.08, 297), (8, 6, 0.03, 296)]
)
def test_held_stays_held_past_300_items(
    n_broken: int, n_fixed: int, margin: float, n_items: int
) -> None:
    """Two tables that enumeration held at the first of these numbers and not at the next.

    Where each is held first is for the p-value to say; once held, it stays so.
    """
    counts = {"n_broken": n_broken, "n_fixed": n_fixed, "margin": margin, "alpha": 0.05}
    held = [non_inferior(**counts, n_items=n) for n in range(n_items - 20, n_items + 20)]
    assert held == sorted(held)
    assert held[-1]


@st.composite
def questions(draw: st.DrawFn) -> dict[str, float]:
    """Return a table that could be held, and a margin."""
    n_items = draw(st.integers(20, 500))
    n_fixed = draw(st.integers(0, n_items // 3))
    n_broken = draw(st.integers(0, min(n_items - n_fixed, n_fixed + n_items // 8)))
    margin = draw(st.floats(0.02, 0.10))
    return {"n_broken": n_broken, "n_fixed": n_fixed, "n_items": n_items, "margin": margin}


@settings(max_examples=200, deadline=None)
@given(questions(), st.integers(1, 300), st.floats(0.0, 0.05), st.floats(1e-6, 0.05))
def test_held_is_never_unmade(
    question: dict[str, float], more: int, wider: float, alpha: float
) -> None:
    """By more items that both answer alike, by a wider margin, or by a less strict alpha."""
    p = non_inferiority_p(**question)
    longer = question | {"n_items": question["n_items"] + more}
    assert non_inferiority_p(**longer) <= p * (1 + ROUNDING)
    bounded = question | {"margin": question["margin"] + wider}
    assert non_inferiority_p(**bounded) <= p * (1 + ROUNDING)
    assert non_inferior(**question, alpha=alpha) == (p <= alpha)
