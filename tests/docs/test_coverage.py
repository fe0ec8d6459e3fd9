"""docs/coverage.md counts its own rows right, and names tasks that there are."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from cliffguard.suites.loading import read_suite

PAGE = (Path(__file__).parent.parent.parent / "docs" / "coverage.md").read_text(encoding="utf-8")
ROWS = [line.split("|")[1:5] for line in PAGE.splitlines() if re.match(r"\| [CWH]\d", line)]


def test_the_count_is_that_of_the_rows() -> None:
    """In the sentence above the table."""
    kinds = Counter(re.split(r"[:;, ]", cells[2].strip())[0] for cells in ROWS)

    assert len(ROWS) == len({cells[0] for cells in ROWS}) == 19
    assert (
        f"**{kinds['covered']} of 19 are covered, {kinds['partly']} partly, {kinds['not']} not.**"
        in PAGE
    )


def test_the_tasks_are_there() -> None:
    """Each is one of the suite that it is named after, and nothing covered is without one."""
    for row, _, kind, tasks in ROWS:
        named = re.findall(r"`([a-z-]+)/(\w+)`", tasks)
        assert bool(named) == (not kind.strip().startswith("not")), row
        for suite, task in named:
            _, written = read_suite(suite)
            there = {entry.name for body in written.capabilities.values() for entry in body.tasks}
            assert task in there, f"{suite} has no task {task}"
