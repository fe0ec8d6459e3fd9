"""Answers that are no good labels, and prompts that two rows answer otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.suites.target.data import items, reading, refused

NAMES = ("joy", "anger", "grief")


def labelled(*labels: Any, n_rows: int = 30, **more: Any) -> list[dict[str, Any]]:
    """Return rows whose labels go round; a tuple in `more` goes round with them."""
    return [
        {
            "text": f"Row {n}",
            "label": labels[n % len(labels)],
            **{key: values[n % len(values)] for key, values in more.items()},
        }
        for n in range(n_rows)
    ]


@pytest.mark.parametrize("numbers", [(0, 1, 2), (10, 20, 30), ("0", "1", "2"), (0.0, 1.0, 2.0)])
@pytest.mark.parametrize("n_rows", [30, 6])
def test_numbers_beside_their_names_are_refused(
    tmp_path: Path, numbers: tuple[Any, ...], n_rows: int
) -> None:
    """A model knows what grief is, and not what 2 is; few rows are no other matter."""
    rows = labelled(*numbers, n_rows=n_rows, label_text=NAMES)

    message = refused(tmp_path, rows, "target.numbered-labels")

    assert "--target-answer label_text" in message
    assert items(tmp_path, rows, answer="label_text")[1].answer == "anger"


def test_true_and_false_beside_their_names_are_refused(tmp_path: Path) -> None:
    """Alone they are words; beside "neg" and "pos" they are numbers in disguise."""
    rows = labelled(False, True)
    assert items(tmp_path, rows)[0].choices == ("false", "true")

    refused(tmp_path, labelled(False, True, label_text=("neg", "pos")), "target.numbered-labels")


def test_a_column_that_is_no_name_is_not_taken_for_one(tmp_path: Path) -> None:
    """Ratings with a source beside them stay ratings."""
    rows = labelled(1, 2, 3, 4, 5, source=("web", "post"))

    assert items(tmp_path, rows)[0].choices == ("1", "2", "3", "4", "5")


def test_numbers_from_0_without_names_are_refused(tmp_path: Path) -> None:
    """They are places in a list that the file does not have; the flags name or keep them."""
    rows = labelled(0, 1, 2)

    message = refused(tmp_path, rows, "target.numbered-labels")

    assert "--target-labels 0 --target-labels 1" in message
    assert items(tmp_path, rows, labels=NAMES)[2].answer == "grief"
    assert items(tmp_path, rows, labels=("0", "1", "2"))[2].answer == "2"
    assert reading(tmp_path, rows, metric="exact_match").task.metric == "exact_match"


@pytest.mark.parametrize("stem", ["LABEL_", "label", "class ", "Class-"])
def test_numbers_behind_a_word_for_labels_have_no_names(tmp_path: Path, stem: str) -> None:
    """`LABEL_0` is what a config says that was given no names; grade 1 is a grade."""
    labels = tuple(f"{stem}{n}" for n in range(3))
    rows = labelled(*labels)

    refused(tmp_path, rows, "target.numbered-labels")

    assert items(tmp_path, rows, labels=labels)[2].answer == f"{stem}2"
    assert items(tmp_path, labelled("grade 0", "grade 1"))[1].answer == "grade 1"


def test_floats_as_labels_are_refused(tmp_path: Path) -> None:
    """Pandas writes 1.0 for 1 where a column has gaps; as places they are whole numbers."""
    rows = labelled(1.0, 3.0)

    assert "floats (1.0, 3.0)" in refused(tmp_path, rows, "target.float-labels")
    assert items(tmp_path, labelled(1.0, 2.0), labels=NAMES)[1].answer == "grief"


def test_named_numbers_are_labels_and_no_places(tmp_path: Path) -> None:
    """Who names 1 to 5 means the texts: 4 is not the fifth of them."""
    made = items(tmp_path, labelled(1, 2, 3, 4), labels=("1", "2", "3", "4", "5"))

    assert [item.answer for item in made[:4]] == ["1", "2", "3", "4"]


def test_spellings_of_one_label_are_refused(tmp_path: Path) -> None:
    """Case and blanks make no other label; named once, any spelling is it."""
    rows = labelled("New York", "new  york ", "NEW YORK", "Rome")

    message = refused(tmp_path, rows, "target.label-spellings")

    assert "'NEW YORK', 'New York', 'new  york'" in message
    made = items(tmp_path, rows, labels=("New York", "Rome"))
    assert {item.answer for item in made} == {"New York", "Rome"}


def test_many_spellings_do_not_make_an_open_set(tmp_path: Path) -> None:
    """Twenty-two spellings of two labels are two labels, badly written."""
    spellings = [
        "".join(c.upper() if n >> position & 1 else c for position, c in enumerate("shipping"))
        for n in range(22)
    ]

    refused(tmp_path, labelled(*spellings, "other"), "target.label-spellings")


# --- two answers to one prompt -------------------------------------------------------------------


def test_rows_that_contradict_each_other_are_left_out_and_counted(tmp_path: Path) -> None:
    """Nobody can be right on both; the reports say so, too, and other ids stay."""
    rows = [{"prompt": f"q{max(n, 1)}", "answer": f"a {n}"} for n in range(40)]

    read = reading(tmp_path, rows)

    assert len(read.task.items) == 38
    assert read.task.items[0].id == "target-00003"
    (remark,) = read.suite.remarks
    assert remark.id == "target.conflicts-left-out"
    assert remark.text.startswith("2 of 40 rows have a prompt")
    assert "data.jsonl:1 and " in remark.text
    assert "a 0" not in remark.text
    assert remark.text in read.notes


def test_more_than_a_twentieth_is_too_much(tmp_path: Path) -> None:
    """5 % may go, and no more; the message has both lines."""
    rows = [{"prompt": f"q{max(n, 1)}", "answer": f"a {n}"} for n in range(39)]

    message = refused(tmp_path, rows, "target.conflicting-answers")

    assert message.startswith("2 of 39 rows")
    assert "--target-prompt" in message


def test_what_tells_rows_apart_makes_them_two_questions(tmp_path: Path) -> None:
    """Other choices, another system prompt; and a copy, or another case, contradicts nobody."""
    rows = [{"prompt": "Which?", "choices": [f"a{n}", "b"], "answer": f"a{n}"} for n in range(4)]
    assert len(items(tmp_path, rows)) == 4
    systems = [{"prompt": "q", "system": f"s{n}", "answer": f"a{n}"} for n in range(4)]
    assert len(items(tmp_path, systems, system="system")) == 4
    copies = [{"prompt": "q", "answer": answer} for answer in ("Paris", "paris", "Paris")]
    assert len(items(tmp_path, copies)) == 3


@pytest.mark.parametrize("unknown", [-1, "-1", "-"])
def test_a_row_without_a_label_is_no_class(tmp_path: Path, unknown: Any) -> None:
    """GLUE and SNLI write -1 and - for it, which no model can be right about."""
    rows = [{"text": f"t{n}", "label": n % 3 if n % 9 else unknown} for n in range(60)]
    if unknown == "-":
        rows = [{**row, "label": {0: "yes", 1: "no"}.get(row["label"], "-")} for row in rows]

    assert "leave such rows out" in refused(tmp_path, rows, "target.no-label")
    names = ("-1", "0", "1", "2", "-", "yes", "no")
    assert items(tmp_path, rows, labels=names)[0].answer == str(unknown)


def test_a_test_split_has_no_labels(tmp_path: Path) -> None:
    """Where every answer is -1, there is nothing to be right about."""
    rows = [{"text": f"t{n}", "label": -1} for n in range(30)]

    assert "name a split with labels" in refused(tmp_path, rows, "target.no-label")


def test_labels_of_two_unicode_forms_are_one(tmp_path: Path) -> None:
    """Other systems write an accent as a character of its own."""
    spelt = ("Gr\u00f6\u00dfe", "Gro\u0308\u00dfe", "Preis")
    rows = [{"text": f"t{n}", "label": spelt[n % 3]} for n in range(60)]

    refused(tmp_path, rows, "target.label-spellings")
    made = items(tmp_path, rows, labels=("Gr\u00f6\u00dfe", "Preis"))
    assert {item.answer for item in made} == {"Gr\u00f6\u00dfe", "Preis"}


@pytest.mark.parametrize("kind", [int, str])
def test_places_that_never_are_the_first_are_not_guessed(tmp_path: Path, kind: type) -> None:
    """They may count from 1, with the last choice never right."""
    rows = [
        {"question": f"q{n}", "choices": ["w", "x", "y", "z"], "answer": kind(n % 3 + 1)}
        for n in range(40)
    ]

    assert "may count from 1" in refused(tmp_path, rows, "target.two-readings")
    rows[7]["answer"] = kind(0)
    assert items(tmp_path, rows)[0].answer == "x"


def test_a_period_makes_no_other_label(tmp_path: Path) -> None:
    """Yes. and yes are one answer of two annotators."""
    refused(tmp_path, labelled("Yes.", "yes", "no"), "target.label-spellings")


@pytest.mark.parametrize("answer", [10**400, -(10**400), "9" * 5000, "\u0661" * 5000])
@pytest.mark.parametrize("keys", [{"choices": ["x", "y"]}, {"choices": None}])
def test_a_number_of_any_length_is_no_place(
    tmp_path: Path, answer: Any, keys: dict[str, Any]
) -> None:
    """It is among no choices and no labels, and the line that says so stays short."""
    rows = [{"question": f"Q{n}?", "answer": answer, **keys} for n in range(2)]
    named = {} if keys["choices"] else {"labels": ("x", "y")}

    assert len(refused(tmp_path, rows, "target.no-choice", **named)) < 600


@pytest.mark.parametrize(
    "spellings", [("yes", "yes\u200b"), ("in-scope", "In_Scope"), ("in scope", "in-scope")]
)
def test_spellings_that_look_alike_are_refused(tmp_path: Path, spellings: tuple[str, str]) -> None:
    """What has no width, and what joins words, makes no other label."""
    refused(tmp_path, labelled(*spellings, "other"), "target.label-spellings")


def test_a_sign_and_a_range_are_no_spelling(tmp_path: Path) -> None:
    """Hyphens join words, and not numbers."""
    assert items(tmp_path, labelled("1-2", "1 2", "x"))[0].choices
