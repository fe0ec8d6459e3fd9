"""Shortening: what is short enough stays as it is, and what is cut says so."""

from __future__ import annotations

import pytest

from cliffguard.core.texts import (
    clip,
    clip_start,
    cut_end,
    cut_middle,
    first_and_more,
    first_line,
    first_of,
    shorten,
)


def test_what_fits_is_left_alone() -> None:
    """At the limit nothing is cut, and one character beyond it something is."""
    for cut in (cut_middle, cut_end, clip, clip_start, shorten):
        assert cut("abcdef", 6) == "abcdef"
        assert cut("abcdefg", 6) != "abcdefg"


def test_what_is_cut_says_so() -> None:
    """Each keeps what its readers need: both ends, the beginning, a width, the number left out."""
    assert cut_middle("abcdefg", 4) == "ab…fg"
    assert cut_middle("abcdefg", 4, mark=" […] ") == "ab […] fg"
    assert cut_end("abcdefg", 4) == "abcd…"
    assert clip("abcdefg", 4) == "abc…"
    assert clip_start("abcdefg", 4) == "…efg"
    assert shorten("abc defg", 4) == "abc … (4 more characters)"
    assert first_of(["a", "b", "c"], 2) == "a, b, …"
    assert first_and_more(["a", "b", "c"], 2) == "a, b and 1 more"
    assert first_and_more(["a", "b"], 2) == "a, b"


@pytest.mark.parametrize(
    ("failure", "otherwise", "expected"),
    [
        (ValueError("one\ntwo"), None, "one"),
        (ValueError("x" * 300), None, "x" * 200),
        (ValueError(), None, "ValueError"),
        (ValueError(), "", ""),
    ],
)
def test_the_reason_is_one_line(failure: Exception, otherwise: str | None, expected: str) -> None:
    """Of what a library raised the first line is told; of what says nothing, its type."""
    assert first_line(failure, otherwise=otherwise) == expected
