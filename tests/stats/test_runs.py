"""Several runs, one error rate."""

from __future__ import annotations

import pytest

from cliffguard.stats.runs import run_level


def levels(n_runs: int, reserve: float = 0.1) -> list[float]:
    """Return the levels of runs one after the other, at an alpha of 5 %."""
    spent: list[float] = []
    for _ in range(n_runs):
        spent.append(run_level(alpha=0.05, reserve=reserve, spent=sum(spent)))
    return spent


def test_the_first_run_leaves_the_reserve_and_each_later_one_half() -> None:
    """Of an alpha of 5 %, 4.5 and 0.25, 0.125, …"""
    assert levels(4) == pytest.approx([0.045, 0.0025, 0.00125, 0.000625])


def test_what_was_not_spent_is_there_for_the_next_run() -> None:
    """All but the reserve, as for a first one."""
    assert run_level(alpha=0.05, reserve=0.1, spent=0.01) == pytest.approx(0.035)


@pytest.mark.parametrize("spent", [0.05, 0.06])
def test_where_nothing_is_left_the_level_is_nothing(spent: float) -> None:
    """Not a small number, which some number of items would reach."""
    assert run_level(alpha=0.05, reserve=0.1, spent=spent) == 0.0
    assert run_level(alpha=0.05, reserve=0.0, spent=0.05) == 0.0
