"""No trivial strategy of the report solves a ladder by its choices alone."""

from __future__ import annotations

import pytest

from cliffguard.suites import ladders
from cliffguard.suites.items import make_item
from scripts.make.ladder_table import Strategy, a_step_away, least_alike, most_alike, strategy_score


@pytest.mark.parametrize("name", sorted(ladders.GENERATORS))
@pytest.mark.parametrize(
    "pick", [a_step_away, most_alike, least_alike], ids=lambda pick: str(pick.__name__)
)
def test_the_choices_alone_are_no_hint(name: str, pick: Strategy) -> None:
    """Wrong choices are not made around the right one: it resembles them as they do each other."""
    levels = ladders.GENERATORS[name].levels[:6]
    rows = ladders.make(name, seed="c", n_per_level=100, levels=levels[: 2 if "key" in name else 6])
    level = ladders.GENERATORS[name].level_name
    items = [make_item(row, metric="acc", level=level, where="here") for row in rows]

    assert 0.20 < strategy_score(items, pick) < 0.30
