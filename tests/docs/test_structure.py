"""Every row of the tables in docs/structure.md is scored as it says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from cliffguard.suites.scorers import SCORERS
from tests.docs.blocks import CHECKOUT

PAGE = (CHECKOUT / "docs" / "structure.md").read_text(encoding="utf-8")
CALL = '{"name": "pay", "arguments": {"to": "Ada", "sum": 3}}'
WORDS = {1.0: "right", 0.0: "wrong", None: "unreadable"}


class Row(NamedTuple):
    """One answer, and what the page says of it."""

    metric: str
    rule: str
    right: str
    response: str
    stated: str


def rows() -> Iterator[Row]:
    """Yield the rows of the tables, whose heads say that they are of answers."""
    metric, is_of_answers = "", False
    for line in PAGE.splitlines():
        if heading := re.fullmatch(r"## `(\w+)`", line):
            metric, is_of_answers = heading[1], False
        elif line == "| rule | right answer | said | is |":
            is_of_answers = True
        elif not line.startswith("|"):
            is_of_answers = False
        elif is_of_answers and not line.startswith("|---"):
            cells = re.split(r"(?<!\\)\|", line)[1:-1]
            yield Row(metric, *(text_in(cell) for cell in cells))


def text_in(cell: str) -> str:
    """Return what a cell stands for."""
    text = cell.strip().replace(r"\|", "|").replace("⏎", "\n")
    return text[1:-1].strip(" ") if text.startswith("`") and text != "`" else text


@pytest.mark.parametrize("row", [*rows()], ids=lambda row: f"{row.metric}: {row.rule}")
def test_a_row_is_scored_as_it_says(row: Row) -> None:
    """Right, wrong or unreadable; the right answer is one that the metric takes."""
    scorer = SCORERS[row.metric]
    right = CALL if row.right == "the call" else row.right
    scorer.check(right)

    assert WORDS[scorer.best(row.response, [right])] == row.stated


def test_every_rule_has_three_rows() -> None:
    """Of each metric of structure."""
    of_rules = Counter((row.metric, row.rule) for row in rows())

    assert set(of_rules.values()) == {3}
    structured = {
        name for name, scorer in SCORERS.items() if "structure" in scorer.score.__module__
    }
    assert {metric for metric, _ in of_rules} == structured | {"json_schema"}
