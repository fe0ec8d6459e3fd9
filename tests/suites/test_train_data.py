"""Fine-tuning data: every format gives its texts with their lines; damage is named."""

from __future__ import annotations

import json
import subprocess
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cliffguard.suites.train_data import TrainingText, read_training, training_caveats
from tests import support


def write(path: Path, text: str) -> str:
    """Write a file; return its path as a user names it."""
    path.write_text(text, encoding="utf-8")
    return str(path)


def texts_of(path: str) -> list[tuple[int, str]]:
    """Return line and text of every row."""
    return [(row.line, row.text) for row in read_training(path)]


# --- what a row says -----------------------------------------------------------------------------


def test_a_row_is_all_of_its_texts_in_order(tmp_path: Path) -> None:
    """Texts at any depth count, numbers and the names of keys do not."""
    row = {"prompt": "a", "n": 3, "meta": {"tags": ["b", "c"], "flag": True}, "completion": "d"}
    path = support.write_jsonl(tmp_path / "t.jsonl", [row])

    assert texts_of(str(path)) == [(1, "a\nb\nc\nd")]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}]},
        {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yes"}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}, "yes"]},
    ],
)
def test_of_a_chat_only_what_is_said_counts(tmp_path: Path, row: dict[str, Any]) -> None:
    """Who speaks is no text of the fine-tune."""
    path = support.write_jsonl(tmp_path / "t.jsonl", [row])

    assert texts_of(str(path)) == [(1, "hi\nyes")]


def test_a_chat_in_a_cell_is_read_as_one(tmp_path: Path) -> None:
    """A table has it as JSON, which escapes line ends and letters; other JSON is what it says."""
    chat = json.dumps([{"role": "user", "content": "Gr\u00f6\u00dfe?\nNow"}])
    path = support.write_jsonl(tmp_path / "t.jsonl", [{"messages": chat, "out": '[{"a": "b"}]'}])

    assert texts_of(str(path)) == [(1, 'Gr\u00f6\u00dfe?\nNow\n[{"a": "b"}]')]
    deep = "[" * 900 + "]" * 900
    assert texts_of(str(support.write_jsonl(tmp_path / "d.jsonl", [{"t": deep}]))) == [(1, deep)]


def test_tokens_beside_a_name_are_no_text(tmp_path: Path) -> None:
    """Where it came from is all that a tokenised row says: nothing could be found in it."""
    rows = [{"input_ids": [1, 2], "source": "web"}]

    with support.refused("training.no-text", 2):
        texts_of(str(support.write_jsonl(tmp_path / "t.jsonl", rows)))


def test_a_row_without_text_is_refused_with_its_line(tmp_path: Path) -> None:
    """Token ids hold no text: nothing could be found in them, and nothing is skipped."""
    path = support.write_jsonl(tmp_path / "t.jsonl", [{"text": "a"}, {"input_ids": [1, 2]}])

    with support.refused("training.no-text", 2, "t.jsonl:2", "input_ids"):
        read_training(str(path))


def test_rows_of_blank_text_are_counted(tmp_path: Path) -> None:
    """They are rows in which nothing is found, and are said to be."""
    rows = [{"text": ""}, {"text": "a"}, {"prompt": " \n", "completion": "\t"}, {"text": "b"}]

    texts = read_training(str(support.write_jsonl(tmp_path / "t.jsonl", rows)))

    (caveat,) = training_caveats(texts)
    assert caveat.text.startswith("2 of 4 rows of the training data hold blank texts alone, such ")
    assert "t.jsonl:1" in caveat.text
    assert training_caveats(texts[1:2]) == ()


PROSE = "the keeper of the old lighthouse climbed its stairs every evening and lit a lamp " * 20


def test_lines_that_an_editor_wrapped_are_told(tmp_path: Path) -> None:
    """An item over two of them is in no row; one sentence a line is what is read."""
    path = tmp_path / "book.txt"
    path.write_text(textwrap.fill(PROSE, 72))
    (caveat,) = training_caveats(read_training(str(path)))
    assert caveat.id == "training.wrapped-lines"

    command = caveat.text.partition("; awk")[2].partition(" makes a line")[0]
    subprocess.run(f"awk{command}", shell=True, cwd=tmp_path, check=True)
    rows = read_training(str(tmp_path / "rows.txt"))
    assert ([row.text.strip() for row in rows], training_caveats(rows)) == ([PROSE.strip()], ())

    path.write_text("".join(f"the keeper said {'very ' * (n % 9)}much\n" for n in range(60)))
    assert training_caveats(read_training(str(path))) == ()


@pytest.mark.parametrize("blank", ["", " \n\t", "\u00a0"])
def test_data_of_blank_texts_alone_are_refused(tmp_path: Path, blank: str) -> None:
    """Nothing could be found in any row: no overlap would be no news."""
    path = support.write_jsonl(tmp_path / "t.jsonl", [{"text": blank}, {"text": blank}])

    with support.refused("training.blank", 2) as caught:
        read_training(str(path))
    assert (caught.value.id, caught.value.exit_code) == ("training.blank", 2)


# --- formats -------------------------------------------------------------------------------------


LISTED = json.dumps([{"text": "a"}, {"text": "b\nc"}], indent=2)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("t.jsonl", '{"text": "a"}\n\n"b"\n', [(1, "a"), (3, "b")]),
        ("t.json", LISTED, [(2, "a"), (5, "b\nc")]),
        ("t.json", '{"text": "a"}\n{"text": "b"}\n', [(1, "a"), (2, "b")]),
        ("t.csv", 'x,y\n"a\nb",x\nc,y\n', [(1, "x\ny"), (2, "a\nb\nx"), (4, "c\ny")]),
        ("t.txt", "a b\n\nc\n", [(1, "a b"), (3, "c")]),
    ],
    ids=["JSON Lines", "a list", "JSON Lines called .json", "CSV, its header a row", "text"],
)
def test_a_row_has_the_line_at_which_it_begins(
    name: str, text: str, expected: list[tuple[int, str]], tmp_path: Path
) -> None:
    """The one in an editor, over blank lines and cells with breaks."""
    assert texts_of(write(tmp_path / name, text)) == expected


def test_parquet_counts_rows(tmp_path: Path) -> None:
    """Columns that hold no text are left alone, nested ones are read."""
    import pyarrow
    from pyarrow import parquet

    rows = [
        {"n": 1, "messages": [{"role": "user", "content": "a"}]},
        {"n": 2, "messages": [{"role": "user", "content": "b"}, {"role": "x", "content": "c"}]},
    ]
    path = tmp_path / "t.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)

    assert texts_of(str(path)) == [(1, "a"), (2, "b\nc")]


def test_text_in_a_binary_column_counts(tmp_path: Path) -> None:
    """Hive and old Spark write it so; a picture beside it is no text."""
    import pyarrow
    from pyarrow import parquet

    columns = {"id": ["a"], "prompt": ["Größe?".encode()], "picture": [b"\x89PNG\xff"]}
    path = tmp_path / "d.parquet"
    parquet.write_table(pyarrow.table(columns), path)

    (text,) = read_training(str(path))

    assert text.parts == ("a", "Größe?")


def test_a_saved_dataset_is_read(tmp_path: Path) -> None:
    """What save_to_disk writes is a folder of Arrow files; the source names the file."""
    import datasets

    datasets.Dataset.from_list([{"text": "a"}, {"text": "b"}]).save_to_disk(tmp_path / "saved")

    rows = read_training(str(tmp_path / "saved"))

    assert [(row.line, row.text) for row in rows] == [(1, "a"), (2, "b")]
    assert Path(rows[0].source).parent == tmp_path / "saved"


def save_splits(folder: Path, names: Sequence[str]) -> Path:
    """Save a dataset of several splits."""
    import datasets

    dataset = datasets.Dataset.from_list([{"text": "a"}])
    datasets.DatasetDict(dict.fromkeys(names, dataset)).save_to_disk(folder)
    return folder


def test_the_only_split_of_a_saved_dataset_is_read(tmp_path: Path) -> None:
    """Where there is one, there is nothing to choose."""
    assert texts_of(str(save_splits(tmp_path / "saved", ["train"]))) == [(1, "a")]


def test_of_several_splits_one_must_be_named(tmp_path: Path) -> None:
    """Which split was trained on is not guessed; its own folder can be given."""
    folder = save_splits(tmp_path / "saved", ["train", "test"])

    with support.refused("rows.split", 2):
        read_training(str(folder))
    assert texts_of(str(folder / "train")) == [(1, "a")]


# --- damage --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("t.jsonl", '{"a": "b"}\n{"a": \n', ("rows.json", 2, "t.jsonl:2")),
        ("t.jsonl", '{"a": "b"} {"c": "d"}\n', ("rows.json", 2, "t.jsonl:1")),
        ("t.jsonl", '{"a": "b"}\n' + "[" * 100_000, ("rows.json", 2, "t.jsonl:2")),
        ("t.json", '[\n{"a": "b"},\n{"a" "b"}\n]', ("rows.json", 2, "t.json:3")),
        ("t.json", '[\n{"a": "b"}\n', ("rows.json", 2, "t.json:3")),
        ("t.json", '["a"]\n\n"b"', ("rows.json", 2, "t.json:3")),
        ("t.json", '["a",\n7]', ("training.no-text", 2, "t.json:2")),
        ("t.json", "[]", ("training.empty", 2, "t.json")),
        ("t.csv", "a,b\nc\n", ("rows.uneven", 2, "t.csv:2")),
        ("t.csv", 'a,b\nc,"d', ("rows.csv", 2, "t.csv:2")),
        ("t.txt", "\n \n", ("training.empty", 2, "t.txt")),
        ("t.parquet", "PAR1", ("rows.table", 2, "t.parquet")),
        ("t.jsonI", "{}", ("rows.unknown-kind", 2, ".json")),
    ],
)
def test_damage_is_named_with_its_place(tmp_path: Path, name: str, text: str, error: Any) -> None:
    """One line with file, line and reason."""
    with support.refused(*error):
        read_training(write(tmp_path / name, text))


def test_a_parquet_file_of_numbers_is_refused(tmp_path: Path) -> None:
    """Tokenised data cannot be compared with prompts."""
    import pyarrow
    from pyarrow import parquet

    path = tmp_path / "t.parquet"
    parquet.write_table(pyarrow.table({"input_ids": [[1, 2], [3]]}), path)

    with support.refused("rows.tokenised", 2, "input_ids"):
        read_training(str(path))


def test_the_text_of_a_row_is_its_parts() -> None:
    """Parts are joined by line breaks."""
    assert TrainingText(parts=("a", "b"), source="t", line=1).text == "a\nb"
