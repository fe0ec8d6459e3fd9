"""Chats whose last turn, the right answer, holds a verdict of somebody's on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.suites.target.data import commands_in, done, items, line_of, questions, refused


def chat(n: int, **turn: Any) -> dict[str, Any]:
    """Return a row of a chat whose last turn holds something beside its text."""
    last = {"role": "assistant", "content": f"a{n}", **turn}
    return {"messages": [{"role": "user", "content": f"q{n}"}, last]}


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("feedback", "thumbs_up", "thumbs_down"),
        ("is_correct", True, False),
        ("error", False, True),
        ("status", "accepted", "rejected"),
        ("meta", {"is_safe": True, "accepted": "yes"}, {"is_safe": True, "accepted": "no"}),
    ],
)
def test_turns_that_are_rejected_are_no_right_answers(
    tmp_path: Path, key: str, good: Any, bad: Any
) -> None:
    """The command keeps the others; a chat that somebody else judged earlier stays."""
    rows = [chat(n, **{key: bad if n % 2 else good}) for n in range(6)]
    path = support.write_jsonl(tmp_path / "data.jsonl", rows)

    line = line_of(path, "target.judged-answers")
    (command,) = commands_in(line)

    assert "in 3 of 6 rows" in line
    assert questions(done(command, tmp_path)) == [(f"q{n}", f"a{n}") for n in (0, 2, 4)]
    assert len(items(tmp_path, [chat(n, **{key: good}) for n in range(6)])) == 6


def test_a_verdict_on_an_earlier_turn_judges_no_answer(tmp_path: Path) -> None:
    """That turn is part of the question."""
    later = [{"role": "user", "content": "More."}, {"role": "assistant", "content": "b"}]
    rows = [{"messages": [*chat(n, rating=n)["messages"], *later]} for n in range(3)]

    assert len(items(tmp_path, rows)) == 3


def test_turns_with_scores_are_not_all_right(tmp_path: Path) -> None:
    """Which of them is, the user says."""
    line = refused(tmp_path, [chat(n, rating=(-1) ** n) for n in range(4)], "target.judged-answers")

    assert "rating" in line
    assert "(1, -1)" in line


def test_a_turn_without_a_command_that_is_safe_has_none(tmp_path: Path) -> None:
    """Names of keys are a stranger's."""
    rows = [chat(n, **{"`id` correct": n % 2 == 0}) for n in range(4)]

    assert not commands_in(refused(tmp_path, rows, "target.judged-answers"))
