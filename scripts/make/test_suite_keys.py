"""The tables of docs/suites-reference.md follow the records, and do not vanish with their marks."""

from __future__ import annotations

from pathlib import Path

import pytest

from cliffguard.config import schema
from scripts.make.documents import suite_keys


def test_every_key_of_a_suite_has_a_row() -> None:
    """With what it may be, what holds without it, and its description."""
    whole = schema("suite")
    rows = set(suite_keys.page().split("\n"))

    for record in (whole, *whole["$defs"].values()):
        for name, key in record["properties"].items():
            ends = f" | {key['description']} |"
            assert any(row.startswith(f"| `{name}` | ") and row.endswith(ends) for row in rows), (
                name
            )


@pytest.mark.parametrize("table", ["keys of TaskFile", "keys of TargetData", "usual columns"])
def test_a_page_without_a_mark_is_refused(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a table would be gone, and the page up to date."""
    page = tmp_path / "page.md"
    text = suite_keys.PAGE.read_text(encoding="utf-8")
    page.write_text(text.replace(f"<!-- {table} -->", ""), encoding="utf-8")
    monkeypatch.setattr(suite_keys, "PAGE", page)

    with pytest.raises(ValueError, match=table):
        suite_keys.page()


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ({"type": "integer", "minimum": 1}, "whole number, at least 1"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text"),
        ({"type": "array", "items": {"type": "string"}}, "list of text"),
        ({"type": "string", "format": "date"}, "date"),
        ({"$ref": "#/$defs/TaskFile"}, "[task](#task)"),
    ],
)
def test_what_a_value_is_stands_in_words(key: dict[str, object], words: str) -> None:
    """From its JSON Schema, with its bounds."""
    assert suite_keys._kind(key) == words
