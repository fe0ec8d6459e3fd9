"""The tables of docs/suites-reference.md that are written by hand have a row for all there is."""

from __future__ import annotations

import re
from typing import get_args

from cliffguard.core.settings import Ring
from cliffguard.suites.items import ITEM_KEYS
from cliffguard.suites.ladders import GENERATORS
from cliffguard.suites.loading import builtin_names
from cliffguard.suites.scorers import BY_LIKELIHOOD, OWN_METRICS, SCORERS
from tests.docs.blocks import CHECKOUT

PAGE = (CHECKOUT / "docs" / "suites-reference.md").read_text(encoding="utf-8")


def rows_under(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading, without its head."""
    _, _, after = PAGE.partition(f"\n{heading}\n")
    section = re.split(r"^#", after, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in section.split("\n") if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def names_under(heading: str) -> list[str]:
    """Return what the rows under a heading name first, without quotes and links."""
    return [re.sub(r"[`\[\]]|\(.*\)", "", cells[0]) for cells in rows_under(heading)]


def test_every_key_of_an_item_has_a_row() -> None:
    """Those of a row of JSON Lines, and the level under the task's name for it."""
    assert sorted(names_under("## An item")) == sorted([*ITEM_KEYS, "the task's level"])


def test_every_metric_of_own_items_has_a_row() -> None:
    """With its token limit, the part of the answer that counts, and whether it is graded."""
    rows = dict(
        zip(
            names_under("## Metrics of own items"),
            rows_under("## Metrics of own items"),
            strict=True,
        )
    )

    assert rows.keys() == {*OWN_METRICS}
    for name, scorer in SCORERS.items():
        _, answer, tokens, right = rows[name]
        assert tokens == str(scorer.max_tokens)
        assert answer == ("the first line" if scorer.is_one_line else "all")
        assert right.startswith("graded: ") == scorer.is_graded
    assert all(rows[name][2] == "" for name in BY_LIKELIHOOD)


def test_every_ring_and_every_ladder_has_a_row() -> None:
    """No more, and no less."""
    assert names_under("### Rings") == [*get_args(Ring)]
    assert sorted(names_under("### Ladders")) == sorted(GENERATORS)


def test_every_built_in_suite_is_named() -> None:
    """Whoever reads `suites ls` finds each name in the guide, the reference or README."""
    pages = [CHECKOUT / "README.md", CHECKOUT / "docs" / "suites.md"]
    text = PAGE + "".join(page.read_text(encoding="utf-8") for page in pages)

    assert [name for name in builtin_names() if f"`{name}`" not in text] == []
