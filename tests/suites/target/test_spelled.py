"""Answers that call a choice otherwise than by its text, its letter or its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.suites.target.data import commands_in, done, items, line_of, questions, refused

CITIES = ("Paris", "Rome", "Bonn", "Oslo")


def rows_of(*answers: Any, options: Any = CITIES) -> list[dict[str, Any]]:
    """Return a row for each right answer, with the same options."""
    return [
        {"question": f"q{n}", "options": options, "answer": answer}
        for n, answer in enumerate(answers)
    ]


@pytest.mark.parametrize(
    "answers",
    [
        ("Option A", "option b"),
        ("option 1", "Option 2"),
        ("A. Paris", "B) Rome"),
        ("Paris.", "rome"),
        ("(A)", "B."),
        ("Choice (A)", "Rome"),
    ],
)
def test_the_command_writes_the_choice_that_is_meant(
    tmp_path: Path, answers: tuple[str, str]
) -> None:
    """Whatever stands around it."""
    path = support.write_jsonl(tmp_path / "data.jsonl", rows_of(*answers))

    (command,) = commands_in(line_of(path, "target.no-choice"))

    assert questions(done(command, tmp_path)) == [("q0", "Paris"), ("q1", "Rome")]


@pytest.mark.parametrize("answer", ["E. Paris", "A. Rome", "Option 5", "Madrid", "option 0"])
def test_what_means_no_choice_for_sure_has_no_command(tmp_path: Path, answer: str) -> None:
    """A letter before the text of another choice may mean either."""
    line = refused(tmp_path, rows_of(answer, "A"), "target.no-choice")

    assert "it means" not in line
    assert not commands_in(line)


@pytest.mark.parametrize(
    ("several", "lone", "error_id"),
    [
        (["A", "C"], ["B"], "target.several-choices"),
        ([0, 2], [1], "target.several-choices"),
        ("AC", "B", "target.no-choice"),
        ("A, C", "B", "target.no-choice"),
        ("A and C", "B", "target.no-choice"),
        ("A、C", "B", "target.no-choice"),
    ],
)
def test_rows_of_several_choices_together_are_left_out(
    tmp_path: Path, several: Any, lone: Any, error_id: str
) -> None:
    """Either alone is not right, and no metric that is recommended says so."""
    path = support.write_jsonl(tmp_path / "data.jsonl", rows_of(several, lone))

    line = line_of(path, error_id)
    (command,) = commands_in(line)

    assert "right together" in line
    assert questions(done(command, tmp_path)) == [("q1", "Rome")]


@pytest.mark.parametrize("name", ["Option {}", "choice_{}", "option{}"])
def test_options_that_count_have_letters_too(tmp_path: Path, name: str) -> None:
    """A is the first of them, also where one before is blank in a row."""
    columns = [name.format(n) for n in range(1, 5)]
    cells = dict(zip(columns, CITIES, strict=True))
    rows = [
        {"question": "q0", **cells, "answer": "A"},
        {"question": "q1", **cells, columns[0]: None, "answer": "D"},
    ]
    choices = "".join(f"{{{column}}}" for column in columns)

    assert [item.answer for item in items(tmp_path, rows, choices=choices)] == ["Paris", "Oslo"]


@pytest.mark.parametrize("keys", [("key", "value"), ("label", "text"), ("id", "text")])
def test_objects_of_a_letter_and_a_text_are_choices(tmp_path: Path, keys: tuple[str, str]) -> None:
    """MedQA's source, ARC's and Prodigy's."""
    options = [dict(zip(keys, pair, strict=True)) for pair in zip("ABCD", CITIES, strict=True)]

    (item,) = items(tmp_path, rows_of("C", options=options))

    assert (item.choices, item.answer) == (CITIES, "Bonn")
