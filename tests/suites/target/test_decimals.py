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


def test_commas_between_thousands_are_read_as_ever(tmp_path: Path) -> None:
    """Also those of India; and texts are compared as texts."""
    answers = ("1,234", "-1,234,567.5", "1,23,456", "5,000.", "\u22122,000", "3")

    assert len(items(tmp_path, rows_of(*answers), metric="numeric")) == 6
    assert len(items(tmp_path, rows_of("0,5", "1,5"))) == 2


def test_what_is_no_number_is_not_taken_for_a_decimal(tmp_path: Path) -> None:
    """$1,000.50 has a group of three digits; its sign is what has to go."""
    refused(tmp_path, rows_of("$1,000.50", "3"), "item.answer", metric="numeric")
