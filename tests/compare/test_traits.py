"""Keys of patterns: what commands, addresses and items.jsonl have of them."""

from __future__ import annotations

import shlex

from hypothesis import example, given
from hypothesis import strategies as st

from cliffguard.compare.diagnostics.traits import Trait
from cliffguard.report.clean import clean, one_line
from cliffguard.report.commands import in_backticks, on_a_line


def key_of(text: str) -> str:
    """Return the key of a pattern that is of a text."""
    key: str = Trait("pull", f"pull:word:{text}", text).labels()["key"]
    return key


@example(" \x1f 0")  # what stands between two blanks goes, and one of them
@given(st.text(st.characters() | st.sampled_from("`|<>@…\u202e\u200b \n\ud800"), max_size=120))
def test_a_key_is_the_same_wherever_it_is_shown(text: str) -> None:
    """Whatever the data say: on a page, in a command, in backticks."""
    key = key_of(text)

    assert key.isascii()
    assert len(key) <= 80
    assert one_line(clean(key)) == on_a_line(key, "KEY") == in_backticks(key, "KEY") == key
    assert shlex.split(shlex.quote(key)) == [key]


@given(st.sets(st.text(st.sampled_from("ab…. `ü|"), max_size=6), min_size=2, max_size=2))
def test_unlike_texts_have_unlike_keys(texts: set[str]) -> None:
    """What is left out of a key stands in its digest."""
    first, second = texts

    assert key_of(first) != key_of(second)
