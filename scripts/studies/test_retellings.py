"""The same facts in several forms: only the telling differs."""

from __future__ import annotations

from collections import Counter

import pytest

from scripts.studies.retellings import FORMS, nested, reading


@pytest.mark.parametrize("form", FORMS)
def test_the_answer_stands_everywhere_equally_often(form: str) -> None:
    """By its place in the telling; every prompt names all four choices."""
    kind, _, telling = form.partition(":")
    rows = {"reading": reading, "nested": nested}[kind](telling, 48)

    assert set(Counter(row["at"] for row in rows).values()) == {12}
    assert all(choice in row["prompt"] for row in rows for choice in row["choices"])


def test_told_twice_is_the_same_told_once_more() -> None:
    """The same facts and the same question, of which what stood last stands second then."""
    once, twice = reading("once", 8), reading("twice", 8)
    for before, after in zip(once, twice, strict=True):
        assert after["answer"] == before["answer"]
        assert after["prompt"].count(f" {after['answer']}.") == 2
        assert after["prompt"].endswith(before["prompt"].rsplit(". ", 1)[1])
