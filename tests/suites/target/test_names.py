"""What names of columns and of files say: the flag or the command for them, done as printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cliffguard import TargetData
from cliffguard.suites.target import read_target
from tests.suites.target.data import (
    commands_in,
    done,
    flags_in,
    items,
    line_of,
    questions,
    refused,
)

USER, RIGHT = {"role": "user", "content": "Q?"}, {"role": "assistant", "content": "b"}


# --- names that say what a column is -------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"prompt": "Text.", "summary": "b"}, "summary"),
        ({"prompt": "Text.", "highlights": "b", "id": "x"}, "highlights"),
        ({"question": "Q?", "long_answer": "b c d", "final_decision": "yes"}, "final_decision"),
        ({"question": "Q?", "query": "SELECT a FROM b", "toks": ["a"]}, "query"),
        ({"question": "Q?", "possible_answers": ["a", "b"], "aliases": ["c"]}, "possible_answers"),
        ({"Question": "Q?", "Category": "Misc", "Best Answer": "b"}, "Best Answer"),
        ({"prompt": "Text.", "tgt": "b"}, "tgt"),
    ],
)
def test_what_is_made_of_a_question_may_be_right(
    tmp_path: Path, row: dict[str, Any], name: str
) -> None:
    """A category is not, where a column is an answer by its name."""
    line = refused(tmp_path, [row] * 2, "target.no-column")

    assert name in line.split("what is right may be in ")[1].split(", ")
    assert "Category" not in line.split("what is right")[1]


def test_a_question_beside_a_text_is_not_right(tmp_path: Path) -> None:
    """A query is an answer where it is written in SQL."""
    row = {"text": "Some text.", "query": "who wrote it?"}

    assert "may be in" not in refused(tmp_path, [row] * 2, "target.no-column")


def test_what_is_right_may_end_a_chat(tmp_path: Path) -> None:
    """It does so rather than being a category."""
    row = {"prompt": "Q?", "messages": [USER, RIGHT], "category": "open"}

    line = refused(tmp_path, [row] * 2, "target.no-column", prompt="prompt")

    assert "category" not in line.split("COLUMN")[1]
    keys = flags_in(line.rsplit("; ", 1)[1])
    assert items(tmp_path, [row] * 2, **keys)[0].answer == "b"


@pytest.mark.parametrize(
    ("row", "prompt"),
    [
        ({"scenario": "alarm", "intent": "set", "utt": "wake me up"}, "utt"),
        ({"task": "gec", "src": "Mend it: he go", "tgt": "he goes"}, "src"),
        ({"scenario": "A man walks in and sits down.", "label": "b"}, "scenario"),
    ],
)
def test_a_category_is_not_what_is_asked(tmp_path: Path, row: dict[str, Any], prompt: str) -> None:
    """Though it goes by the name of a part, which holds words elsewhere."""
    assert f"; '{{{prompt}}}' " in refused(tmp_path, [row] * 2, "target.no-column")


@pytest.mark.parametrize(
    "header",
    ["Frage;Antwort", "السؤال;الإجابة", "Pregunta;Respuesta", "问题;答案", "Вопрос;Ответ"],
)
def test_names_in_other_languages_are_offered(tmp_path: Path, header: str) -> None:
    """Done as printed, the flags read the table."""
    path = tmp_path / "d.csv"
    path.write_text(f"{header}\nWhat is it?;b\nWho is it?;c\n", encoding="utf-8")

    line = line_of(path, "target.no-column")

    assert "line 1 is a row" not in line
    assert questions(path, **flags_in(line.rsplit("; ", 1)[1])) == [
        ("What is it?", "b"),
        ("Who is it?", "c"),
    ]


def test_a_line_of_names_above_sentences_is_no_row(tmp_path: Path) -> None:
    """However unusual the names are."""
    path = tmp_path / "d.csv"
    sentences = "The first of them is here and well,The second of them is here,a\n"
    path.write_text(f"sent_more,sent_less,kind\n{sentences * 2}", encoding="utf-8")

    assert "line 1 is a row" not in line_of(path, "target.no-column")


# --- wrong options in one text -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "right", "first"),
    [("no; never", "yes; sure", "yes"), ("no|never", "yes", "yes"), ("no; never", "y|s", "y|s")],
)
def test_wrong_options_in_one_text_are_taken_apart(
    tmp_path: Path, wrong: str, right: str, first: str
) -> None:
    """The command makes choices of them; several right ones are one choice, the first."""
    path = tmp_path / "d.csv"
    row = f"{right},{wrong}"
    path.write_text(f"Question,Correct Answers,Incorrect Answers\nQ?,{row}\nR?,{row}\n")

    line = line_of(path, "target.wrong-text", answer="Correct Answers")

    (item, _) = read_target(TargetData(data=str(done(commands_in(line)[0], tmp_path)))).task.items
    assert (item.choices, item.answer) == ((first, "no", "never"), first)
    # As one text, several right ones would be an answer that nobody gives.
    assert ("--target-ignore" in line) == (";" not in right)


# --- several files -------------------------------------------------------------------------------


def _parts(folder: Path, names: tuple[str, ...]) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_text(f'{{"question": "{name}?", "answer": "b"}}')
    (folder / "_SUCCESS").touch()
    return folder


def test_parts_of_a_table_are_put_together(tmp_path: Path) -> None:
    """Also where the last line of one has no end."""
    folder = _parts(tmp_path / "my out", ("part-00000-x.json", "part-00001-x.json"))
    line = line_of(folder, "rows.folder")

    command = re.findall(r"awk 1 .+ > rows\.jsonl", line)[0]

    prompts = [prompt for prompt, _ in questions(done(command, tmp_path))]
    assert prompts == ["part-00000-x.json?", "part-00001-x.json?"]


def test_parts_of_a_parquet_table_are_put_together(tmp_path: Path) -> None:
    """By a command that reads them as they are read here."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    for number in (0, 1):
        table = pyarrow.table({"question": [f"Q{number}?"], "answer": ["b"]})
        (tmp_path / "d").mkdir(exist_ok=True)
        parquet.write_table(table, tmp_path / "d" / f"train-0000{number}-of-00002.parquet")

    (command,) = commands_in(line_of(tmp_path / "d", "rows.folder"))

    assert questions(done(command, tmp_path)) == [("Q0?", "b"), ("Q1?", "b")]


def test_splits_are_not_put_together(tmp_path: Path) -> None:
    """Parts of two tables are no table."""
    names = ("train-00000-of-00001.json", "test-00000-of-00001.json")

    assert "name one file of" in line_of(_parts(tmp_path / "d", names), "rows.folder")
