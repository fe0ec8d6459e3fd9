"""What stands in data for nothing, lines of names, places to fill, and numbers of programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cliffguard import TargetData
from cliffguard.core.errors import UsageError
from cliffguard.suites.target import read_target
from tests.suites.target.data import items, reading, refused
from tests.suites.target.test_exports import command_in, run
from tests.suites.target.test_labels import labelled


def written(folder: Path, **keys: Any) -> Any:
    """Return the items of the rows that a command wrote."""
    return read_target(TargetData(data=str(folder / "rows.jsonl"), **keys)).task.items


def refused_file(path: Path, error_id: str) -> str:
    """Return the line with which a file is refused under an id."""
    with pytest.raises(UsageError) as caught:
        read_target(TargetData(data=str(path)))
    assert (caught.value.id, caught.value.exit_code) == (error_id, 2)
    return str(caught.value)


MARKS = [
    "NULL",
    "\\N",
    "nan",
    "NaN",
    "#N/A",
    "None",
    "N/A",
    "NA",
    "<NA>",
    "#VALUE!",
    "k.A.",
    "####",
]


@pytest.mark.parametrize("mark", MARKS)
def test_a_word_for_nothing_is_no_label(tmp_path: Path, mark: str) -> None:
    """Unless the labels are named; the command leaves its rows out."""
    rows = labelled("billing", mark, "security")

    message = refused(tmp_path, rows, "target.missing-mark")
    run(command_in(message)[0], tmp_path)

    assert "10 of 30" in message
    assert written(tmp_path)[0].choices == ("billing", "security")
    named = items(tmp_path, rows, labels=("billing", mark, "security"))
    assert named[1].answer == mark


def test_a_mark_of_the_end_is_no_part_of_a_text_either(tmp_path: Path) -> None:
    """No model says a special token as text: `4<|im_end|>` would be wrong of all of them."""
    labels = items(tmp_path, labelled("billing</s>", "security </s>"))
    assert labels[0].choices == ("billing", "security")

    rows = [{"question": f"Q{n}?", "answer": f"{n}<|im_end|>\n"} for n in range(4)]
    read = reading(tmp_path, rows)
    assert [item.answer for item in read.task.items] == ["0", "1", "2", "3"]
    assert any("4 of 4 right answers end with a template's mark" in note for note in read.notes)

    kept = [{"question": "q", "answer": "<s>old</s>"}, {"question": "r", "answer": "a < b"}]
    assert items(tmp_path, kept)[0].answer == "<s>old</s>"


def test_none_in_lower_case_is_a_label(tmp_path: Path) -> None:
    """As people write it."""
    assert items(tmp_path, labelled("none", "mild", "NONE of these"))[0].answer == "none"


def test_a_word_for_nothing_is_no_right_answer(tmp_path: Path) -> None:
    """Whoever names the metric means it, and reads how often."""
    rows = [{"question": f"Q{n}?", "answer": "nan" if n == 2 else f"a{n}"} for n in range(5)]

    message = refused(tmp_path, rows, "target.missing-mark")
    run(command_in(message)[0], tmp_path)

    assert "data.jsonl:3" in message
    assert len(written(tmp_path)) == 4
    read = reading(tmp_path, rows, metric="exact_match")
    assert any("1 of 5 right answers is a word for nothing" in note for note in read.notes)


def test_a_choice_of_its_row_may_be_called_so(tmp_path: Path) -> None:
    """`None` is an answer where it stands among the choices."""
    rows = [{"question": "Q?", "choices": ["1", "None"], "answer": "None"}]

    assert items(tmp_path, rows)[0].answer == "None"


def test_a_word_for_nothing_is_not_asked(tmp_path: Path) -> None:
    """A row without a question is left out; a part of one is left blank."""
    rows = [{"question": q, "answer": q} for q in ("a", "b", "c")]
    message = refused(tmp_path, [*rows, {"question": "NULL", "answer": "d"}], "target.missing-mark")
    run(command_in(message)[0], tmp_path)
    assert len(written(tmp_path)) == 3

    rows = [{"context": c, "question": f"Q{c}?", "answer": c} for c in ("a", "\\N")]
    rows[1]["answer"] = "b"
    keys = {"prompt": "{context}\n{question}"}
    run(command_in(refused(tmp_path, rows, "target.missing-mark", **keys))[0], tmp_path)
    assert written(tmp_path, **keys)[1].prompt == "Q\\N?"


def test_alpacas_rows_without_input_are_read_so(tmp_path: Path) -> None:
    """It is said, and nothing is asked in its place."""
    rows = [
        {"instruction": f"Say {n}", "input": "<noinput>" if n else "loudly", "output": str(n)}
        for n in range(3)
    ]

    read = reading(tmp_path, rows)

    assert [item.prompt for item in read.task.items] == ["Say 0\nloudly", "Say 1", "Say 2"]
    assert "input is '<noinput>' in 2 of 3 rows, and read as blank there." in read.notes


# --- lines that are no rows -----------------------------------------------------------------------


@pytest.mark.parametrize("head", ["question,answer\n", ",question,answer\n"])
def test_names_that_stand_again_are_no_row(tmp_path: Path, head: str) -> None:
    """Files that were joined have them in their midst."""
    number = "0," if head.startswith(",") else ""
    path = tmp_path / "data.csv"
    path.write_text(f"{head}{number}Q?,a\n{head}{number}R?,b\n", "utf-8")

    message = refused_file(path, "target.names-again")
    run(command_in(message)[0], tmp_path)

    assert "data.csv:3" in message
    assert [item.prompt for item in written(tmp_path)] == ["Q?", "R?"]


def test_names_in_another_order_are_no_row(tmp_path: Path) -> None:
    """Then the rows behind them are others, too."""
    (tmp_path / "data.csv").write_text("text,label\nt,a\nlabel,text\nb,u\n", "utf-8")

    assert "another order" in refused_file(tmp_path / "data.csv", "target.names-again")


def test_a_surveys_questions_are_no_rows(tmp_path: Path) -> None:
    """Qualtrics writes two lines below the names."""
    ids = '"{""ImportId"":""QID1""}","{""ImportId"":""QID2""}"'
    text = f"text,label\nPaste the ticket,Which team?\n{ids}\nt1,a\nt2,b\n"
    (tmp_path / "data.csv").write_text(text, "utf-8")

    message = refused_file(tmp_path / "data.csv", "target.names-again")
    run(command_in(message)[0], tmp_path)

    assert [item.prompt for item in written(tmp_path)] == ["t1", "t2"]


@pytest.mark.parametrize("is_page", [True, False])
def test_cells_that_a_viewer_has_cut_are_refused(tmp_path: Path, is_page: bool) -> None:
    """Whole ones are read, of a page and of its rows as lines."""
    rows = [
        {"row_idx": n, "row": {"text": f"t{n}", "label": "ab"[n]}, "truncated_cells": ["text"]}
        for n in range(2)
    ]
    path = tmp_path / "page.json"
    page = {"features": [], "rows": rows}
    lines = json.dumps(page) if is_page else "\n".join(map(json.dumps, rows))
    path.write_text(lines, "utf-8")

    assert "cut text" in refused_file(path, "rows.cut-cells")

    path.write_text(lines.replace('["text"]', "[]"), "utf-8")
    keys = {} if is_page else {"prompt": "row.text", "answer": "row.label"}
    assert len(read_target(TargetData(data=str(path), **keys)).task.items) == 2


# --- places to fill -------------------------------------------------------------------------------


@pytest.mark.parametrize("braces", ["{topic}", "{{topic}}", "{{ topic }}", "${topic}", "%(topic)s"])
@pytest.mark.parametrize("is_inner", [True, False])
def test_places_that_columns_fill_are_filled_by_a_command(
    tmp_path: Path, braces: str, is_inner: bool
) -> None:
    """In a text and in a chat; braces that name nothing are text."""
    cell = {"variables": {"topic": "refunds"}} if is_inner else {"topic": "refunds"}
    row = {"prompt": f"Write on {braces} as {{json}}", "completion": "ok", **cell}
    chat = [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": "ok"}]

    for given in (row, {"messages": chat, **cell}):
        message = refused(tmp_path, [given], "target.unfilled-places")
        run(command_in(message)[0], tmp_path)
        assert written(tmp_path)[0].spoken == "Write on refunds as {json}"
        ignored = ("variables.topic" if is_inner else "topic",)
        assert f"--target-ignore {ignored[0]}" in message
        assert braces in items(tmp_path, [given], ignore=ignored)[0].prompt


def test_a_place_that_is_part_of_the_text_is_ignored(tmp_path: Path) -> None:
    """And one that is called as the answer is what is to come."""
    row = {"prompt": "Say {lang} as {answer}", "answer": "b", "lang": "de"}

    refused(tmp_path, [row], "target.unfilled-places")

    assert items(tmp_path, [row], ignore=("lang",))[0].prompt == "Say {lang} as {answer}"


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [float, str])
def test_whole_floats_are_whole_numbers(tmp_path: Path, kind: Any) -> None:
    """As pandas writes them; a note says so, and one that is not whole keeps all."""
    rows = [{"question": f"Q{n}?", "answer": kind(float(n))} for n in range(3)]

    read = reading(tmp_path, rows)
    assert [item.answer for item in read.task.items] == ["0", "1", "2"]
    assert "0.0 is 0" in read.notes[0]

    rows.append({"question": "Q?", "answer": kind(2.5)})
    assert items(tmp_path, rows)[1].answer == "1.0"


def test_numbers_that_are_equal_contradict_nobody(tmp_path: Path) -> None:
    """Under a metric of numbers 5 and 5.0 are one answer."""
    rows = [{"question": "Q?", "answer": answer} for answer in ("5", "5.0", "5.00")]

    assert len(items(tmp_path, rows, metric="numeric")) == 3
    refused(tmp_path, rows, "target.conflicting-answers", metric="exact_match")


@pytest.mark.parametrize(
    ("flaw", "n_others"),
    [("", "1 of 40"), ("world", ""), ("World ", ""), (None, "1 of 40"), ("Sports", "1 of 40")],
)
def test_names_of_numbers_may_have_a_flaw(tmp_path: Path, flaw: Any, n_others: str) -> None:
    """A blank, another spelling or a slip makes no names of what are names."""
    rows = labelled(1, 2, 3, 4, n_rows=40, label_name=("World", "Sports", "Business", "Tech"))
    rows[8]["label_name"] = flaw

    message = refused(tmp_path, rows, "target.numbered-labels")

    assert (f"but for {n_others}" in message) is bool(n_others)
    assert "--target-answer label_name" in message


@pytest.mark.parametrize(
    "choices",
    [{"text": list("wxyz"), "label": list("1234")}, dict(zip("1234", "wxyz", strict=True))],
)
@pytest.mark.parametrize("answers", [(1, 2, 3), (1, 2, 4), (3.0, 1.0, 2.0)])
def test_a_number_that_labels_a_choice_is_that_choice(
    tmp_path: Path, choices: Any, answers: tuple[Any, ...]
) -> None:
    """Also where the last of them is no answer."""
    rows = [{"question": f"Q{n}?", "choices": choices, "answer": n} for n in answers]

    read = items(tmp_path, rows)

    assert [item.answer for item in read] == ["wxyz"[int(n) - 1] for n in answers]


def test_numbers_beside_labels_of_choices_may_be_places(tmp_path: Path) -> None:
    """One 0 shows it."""
    choices = {"text": list("wxyz"), "label": list("1234")}
    rows = [{"question": f"Q{n}?", "choices": choices, "answer": n} for n in (0, 1, 2)]

    assert [item.answer for item in items(tmp_path, rows)] == ["w", "x", "y"]


@pytest.mark.parametrize(
    ("answers", "right"),
    [((1, 2, 3), None), ((2, 2, 2, 2, 2), None), ((0, 1, 2), "wxy"), ((1, 2, 4), "wxz")],
)
def test_places_begin_where_nothing_else_is_left(
    tmp_path: Path, answers: tuple[int, ...], right: str | None
) -> None:
    """With neither 0 nor the last number nobody knows; both commands write letters."""
    rows = [
        {"question": f"Q{n}?", "choices": list("wxyz"), "answer": answer}
        for n, answer in enumerate(answers)
    ]
    if right is not None:
        assert [item.answer for item in items(tmp_path, rows)] == list(right)
        return

    message = refused(tmp_path, rows, "target.two-readings")
    first, after = command_in(message)
    run(first, tmp_path)
    assert written(tmp_path)[0].answer == "wxyz"[answers[0] - 1]
    run(command_in(after)[0], tmp_path)
    assert written(tmp_path)[0].answer == "wxyz"[answers[0]]
