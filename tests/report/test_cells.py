"""Cells for spreadsheets: nothing is computed, nothing is lost, and each stays in its column."""

from __future__ import annotations

import csv

import pytest

from cliffguard.report.cells import csv_cell, guarded, unguarded

COMPUTED = [
    "=1", "+1", "-1", "@SUM", "\t=1", "\n=1", "  =1", "\u00a0=1", "\u3000+1", "\u200b=1",
    "\u200d\u2060 -1", "\ufeff@x", "＝1", "＋1", "－1", "＠x", " \u200b＝1", "'=1", "''@x",
]  # fmt: skip


@pytest.mark.parametrize("text", COMPUTED)
def test_what_a_spreadsheet_would_compute_is_text(text: str) -> None:
    """Behind blanks and what has no width too; and it comes back as it was."""
    assert guarded(text) == f"'{text}"
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", ["", "plain", "'quoted'", "a=b", "5 - 3", "don't", "−5", " x"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    """Both ways."""
    assert guarded(text) == text
    assert unguarded(text) == text


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_cell_stays_in_its_column(separator: str) -> None:
    """Also where a spreadsheet separates at semicolons, as in half of Europe."""
    cells = ["a;b", '=1;"2"', "c,d", "e\tf", 'say "x"', "two\nlines", 3, None]
    line = separator.join(map(csv_cell, cells))

    (row,) = csv.reader([line] if "\n" not in line else line.splitlines(keepends=True),
                        delimiter=separator)  # fmt: skip

    assert row == ["" if cell is None else str(cell) for cell in cells]
