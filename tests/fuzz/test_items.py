"""Spoilt items, spoilt labels, and what people hand in as labels: a list, or one line of ours."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.hashing import sha256_now
from cliffguard.core.item_results import ITEMS_FILE, ItemsFile
from cliffguard.core.reviews import Review
from cliffguard.report.flips import lines_of
from cliffguard.report.item_order import largest
from cliffguard.report.items import as_plain, read_items
from cliffguard.report.labels import beside, read_labels, write_labels
from tests.fuzz.answering import answered, as_lines, fuzzed, spoilt
from tests.report import listed, samples

ROWS: list[Any] = [json.loads(canonical_json(as_plain(result))) for result in listed.RESULTS]
LABELS: list[Any] = [
    {"item": "b-1", "label": "real", "note": "", "date": "2026-01-02"},
    {"item": "if-1", "task": "follow", "label": "unclear", "reviewer": "ada"},
]
STORED: list[Any] = [
    {
        "capability": "instruction_following", "date": "", "is_broken": True, "item": "if-1",
        "items": "a" * 64, "label": "real", "note": "", "reviewer": "", "task": "follow",
    }
]  # fmt: skip


def naming(path: Path) -> Review:
    """Return a review that was written with a file of items, whatever is in it."""
    items = ItemsFile(file=ITEMS_FILE, sha256=sha256_now(path), n=1)
    return replace(samples.failed(), items=items)


@fuzzed
@given(content=spoilt(as_lines(ROWS), ROWS, as_lines))
@pytest.mark.parametrize("format", ["table", "json", "csv", "markdown"])
def test_items(format: Any, content: bytes, folder: Path) -> None:
    """Also where the review names their digest: then nothing but the lines can be doubted."""
    path = folder / ITEMS_FILE
    path.write_bytes(content)
    with answered():
        results = largest(read_items(naming(path), folder), 99)
        assert all(line.isascii() for line in lines_of(results, "json", (), width=80))
        for line in lines_of(results, format, (), width=80):
            line.encode("utf-8")


def as_csv(rows: Any) -> bytes:
    """Return a table with the columns of the first row."""
    text = io.StringIO(newline="")
    listed_rows = [row for row in (rows if isinstance(rows, list) else [rows]) if row]
    writer = csv.writer(text)
    for row in listed_rows:
        writer.writerow(row.values() if isinstance(row, dict) else [row])
    return ("item,label,note,date\r\n" + text.getvalue()).encode("utf-8", "replace")


@fuzzed
@given(
    content=spoilt(as_csv(LABELS), LABELS, as_csv) | spoilt(as_lines(LABELS), LABELS, as_lines),
    name=st.sampled_from(["labels.csv", "labels.jsonl"]),
)
def test_labels(content: bytes, name: str, folder: Path) -> None:
    """What is taken is written, and read again."""
    path = folder / name
    path.write_bytes(content)
    with answered():
        labels = read_labels(str(path), listed.RESULTS, samples.failed())
        write_labels(labels, folder)


@fuzzed
@given(content=spoilt(as_lines(STORED), STORED, as_lines))
def test_stored_labels(content: bytes, folder: Path) -> None:
    """Beside a review whose items are gone."""
    (folder / ITEMS_FILE).unlink(missing_ok=True)
    (folder / "labels.jsonl").write_bytes(content)
    items = ItemsFile(file=ITEMS_FILE, sha256="a" * 64, n=1)
    with answered():
        beside(replace(samples.failed(), items=items), folder).of("instruction_following", 3)
