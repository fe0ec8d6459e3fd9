"""Lines of files of samples: any system's ends, and damage at its byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliffguard.core.canonical_json import MOST_LEVELS, parse_json
from cliffguard.runners.lmeval_logs.lines import rows_in
from tests import support

ROWS = [{"a": "ä\r\n\u2028\x85"}, {"b": 10**30}, {"c": 1.5}]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=repr)
@pytest.mark.parametrize("is_list", [False, True])
def test_lines_end_as_on_any_system(end: str, is_list: bool, tmp_path: Path) -> None:
    """A line is counted and read alike; what only some call a line's end is text."""
    texts = [json.dumps(row, ensure_ascii=False) for row in ROWS]
    text = f"[{f',{end}'.join(texts)}]" if is_list else end.join([*texts[:2], "  ", texts[2]])
    path = tmp_path / "samples_t.jsonl"
    path.write_bytes(text.encode())

    assert list(rows_in(path)) == list(zip([1, 2, 3 if is_list else 4], ROWS, strict=True))


@pytest.mark.parametrize(
    "blank", ["", " \t", "\x0b\x0c", "\x1c", "\x1d\x1e\x1f ", "\u2028", "\x85"], ids=ascii
)
@pytest.mark.parametrize("is_ascii", [False, True])
def test_a_blank_line_is_passed_over(blank: str, is_ascii: bool, tmp_path: Path) -> None:
    """Whatever a text calls a blank, first or later, beside lines of ASCII and others."""
    lines = [json.dumps(row, ensure_ascii=is_ascii) for row in ROWS]
    path = tmp_path / "samples_t.jsonl"
    path.write_bytes("\n".join([blank, lines[0], blank, *lines[1:], blank, ""]).encode())

    assert list(rows_in(path)) == list(zip([2, 4, 5], ROWS, strict=True))


def test_a_byte_that_is_no_utf8_is_named_by_its_place_in_the_file(tmp_path: Path) -> None:
    """However many lines stand before it."""
    path = tmp_path / "samples_t.jsonl"
    path.write_bytes(b'{"a": 1}\n' * 5000 + b'{"b": "\xff"}\n')

    with support.refused("samples.not-utf8", 12, f"byte {9 * 5000 + 7}"):
        list(rows_in(path))


@given(st.integers(1, 2 * MOST_LEVELS), st.booleans())
def test_so_deep_and_no_deeper(depth: int, is_list: bool) -> None:
    """A value of as many levels is read, one more is refused, whatever lies beside it."""
    value: Any = 0
    for _ in range(depth):
        value = [1, value, "x"] if is_list else {"a": 1, "b": value}
    text = json.dumps(value)

    if depth <= MOST_LEVELS:
        assert parse_json(text) == value
    else:
        with pytest.raises(ValueError, match="nested too deeply"):
            parse_json(text)
