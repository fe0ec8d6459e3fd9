"""The change that CONTRIBUTING.md walks through can be made as it is written there."""

from __future__ import annotations

import ast

from cliffguard.suites import scorers
from tests.docs.blocks import CHECKOUT, blocks_of

ROWS, FUNCTION, LINE = (
    block.text
    for block in blocks_of(CHECKOUT / "CONTRIBUTING.md")
    if block.language == "python" and "starts_with" in block.text
)


def test_the_metric_of_the_walk_scores_its_rows() -> None:
    """Its function knows the names of `suites/scorers.py`, and gives the scores that it says."""
    names = dict(vars(scorers))
    exec(FUNCTION, names)
    (metric,) = eval(f"{{{LINE}}}", names).values()
    rows = [ast.literal_eval(line)[0] for line in ROWS.splitlines()]

    assert len(rows) == 2
    for name, answer, right, score in rows:
        assert name in LINE
        assert metric.score(answer, right) == score, answer
