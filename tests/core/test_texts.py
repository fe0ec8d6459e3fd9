"""Shortening: what is short enough stays as it is, and what is cut says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import cliffguard
from cliffguard.core.texts import (
    clip,
    clip_start,
    cut_end,
    cut_middle,
    first_and_more,
    first_line,
    first_of,
    n_things,
    plural,
    shorten,
    whole_characters,
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


@pytest.mark.parametrize(
    ("n", "text"), [(0, "0 items"), (1, "1 item"), (1.0, "1 item"), (2000, "2,000 items")]
)
def test_one_thing_is_no_things(n: float, text: str) -> None:
    """The word goes by the number."""
    assert n_things(n, "item", ",g") == text
    assert plural(n, "is", "are") == ("is" if n == 1 else "are")


COUNTED = re.compile(
    r"\{(?:(?:len|sum)\([^{}]*\)|(?:\w+\.)*_?n_\w+)(?::[^{}]*)?\} (?:items|rows|answers|files|tasks"
    r"|prompts|models|samples|candidates|texts|choices|questions|documents|shards|pairs|suites"
    r"|clusters|days|minutes|layers|spans|annotators|capabilities)\b"
)
"""A count in a text, before a word for several."""


def test_counts_stand_before_words_that_go_by_them() -> None:
    """A text that would say "1 items" uses n_things; numpy's package has no texts for people."""
    root = Path(cliffguard.__file__).parent
    paths = [path for path in sorted(root.rglob("*.py")) if path.parent.name != "stats"]

    assert [(path.name, COUNTED.findall(path.read_text(encoding="utf-8"))) for path in paths] == [
        (path.name, []) for path in paths
    ]


@pytest.mark.parametrize(
    ("text", "whole"),
    [("plain", "plain"), ("café 😀", "café 😀"), ("half \ud83d, é", "half \ufffd, é")],
)
def test_half_a_character_is_replaced_and_nothing_else(text: str, whole: str) -> None:
    """Only what UTF-8 cannot hold."""
    assert whole_characters(text) == whole
