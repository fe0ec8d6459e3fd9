"""Right answers with a decimal comma, as half of Europe writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import support
from tests.suites.target.data import commands_in, done, items, line_of, questions, refused


def rows_of(*answers: str) -> list[dict[str, str]]:
    """Return a row for each right answer."""
    return [{"question": f"q{n}", "answer": answer} for n, answer in enumerate(answers)]


@pytest.mark.parametrize(
    ("answers", "right", "keys"),
    [
        (("0,5", "1,5"), ["0.5", "1.5"], {"metric": "numeric"}),
        (("1.234,50", "0,125"), ["1234.50", "0.125"], {"metric": "numeric"}),
        (("Er zahlt 1,5.\n#### 1,5", "x\n#### 2"), ["1.5", "2"], {}),
        (("7", "12345,678"), ["7", "12345.678"], {"metric": "numeric"}),
    ],
)
def test_decimal_commas_become_points(
    tmp_path: Path, answers: tuple[str, ...], right: list[str], keys: dict[str, str]
) -> None:
    """They would be read as commas between thousands: 1,5 as 15."""
    path = support.write_jsonl(tmp_path / "data.jsonl", rows_of(*answers))

    (command,) = commands_in(line_of(path, "target.decimal-comma", **keys))

    assert [answer for _, answer in questions(done(command, tmp_path), **keys)] == right


def test_no_command_where_a_number_may_be_either(tmp_path: Path) -> None:
    """1,234 beside 1,5 is a thousand to one, and a little more than one to another."""
    for unclear in ("1,234", "1.234"):
        line = refused(tmp_path, rows_of("1,5", unclear), "target.decimal-comma", metric="numeric")
        assert not commands_in(line)


@pytest.mark.parametrize(
    ("answers", "without", "decimal"),
    [
        (("2.000", "7"), ["2000", "7"], ["2.0000", "7"]),
        (("-1.250", "12.375"), ["-1250", "12375"], ["-1.2500", "12.3750"]),
        (("x\n#### 2.000", "y\n#### 7"), ["2000", "7"], ["2.0000", "7"]),
    ],
)
def test_a_point_that_may_part_thousands_is_refused(
    tmp_path: Path, answers: tuple[str, ...], without: list[str], decimal: list[str]
) -> None:
    """A command for either reading makes rows that are read."""
    path = support.write_jsonl(tmp_path / "data.jsonl", rows_of(*answers))

    line = line_of(path, "target.point", metric="numeric")
    commands = commands_in(line)

    assert ". or " not in line  # 2.000 may be 2, not "2."

    for command, right in zip(commands, (without, decimal), strict=True):
        folder = tmp_path / right[0]
        folder.mkdir()
        made = questions(done(command, folder), metric="numeric")
        assert [answer for _, answer in made] == right


@pytest.mark.parametrize(
    "other", ["0.5", ".25", "3.14", "1.2345", "2000.125", "1,234.5", "1,234,567"]
)
def test_another_answer_says_what_a_point_is(tmp_path: Path, other: str) -> None:
    """One whose point can only be decimal; and numbers of JSON are none that anybody writes."""
    assert len(items(tmp_path, rows_of("2.000", other), metric="numeric")) == 2
    plain: list[dict[str, object]] = [{"question": "q", "answer": 2.125}]
    assert len(items(tmp_path, plain, metric="numeric")) == 1


def test_a_chat_is_told_to_write_the_number(tmp_path: Path) -> None:
    """A command would have to find it in a text."""
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "Es sind 2.000."}]

    line = refused(tmp_path, [{"messages": turns}], "target.point")

    assert not commands_in(line)
    assert line.endswith("write 2000 or 2.0000")


def test_commas_between_thousands_are_read_as_ever(tmp_path: Path) -> None:
    """Also those of India; and texts are compared as texts."""
    answers = ("1,234", "-1,234,567.5", "1,23,456", "5,000.", "\u22122,000", "3")

    assert len(items(tmp_path, rows_of(*answers), metric="numeric")) == 6
    assert len(items(tmp_path, rows_of("0,5", "1,5"))) == 2


def test_what_is_no_number_is_not_taken_for_a_decimal(tmp_path: Path) -> None:
    """$1,000.50 has a group of three digits; its sign is what has to go."""
    refused(tmp_path, rows_of("$1,000.50", "3"), "item.answer", metric="numeric")


def test_long_numbers_of_which_a_spreadsheet_kept_six_digits_are_refused(tmp_path: Path) -> None:
    """No model could say them; whoever names the metric means it, and Avogadro is no account."""
    rows = rows_of("1.23457E+15", "4.2E+12", "7.00001E+14", "n/k")

    line = refused(tmp_path, rows, "target.lost-digits")

    assert "as do 3 of 4" in line
    assert items(tmp_path, rows, metric="exact_match")[0].answer == "1.23457E+15"
    assert items(tmp_path, rows_of("6.02E+23", "3E+11", "1.98900E+30"))[0].answer == "6.02E+23"
