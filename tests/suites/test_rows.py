"""Rows as the world writes them: what is read, and what says how to make rows of it."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cliffguard.core.errors import SuiteError, UsageError
from cliffguard.core.files import read_jsonl
from cliffguard.suites.rows import packed, read_records, read_rows
from cliffguard.suites.train_data import read_training
from tests import support

ROWS = [{"prompt": "größe, 0", "answer": "a;b"}, {"prompt": "größe, 1", "answer": "c"}]


def written(path: Path, content: str | bytes, encoding: str = "utf-8") -> str:
    """Write a file and return its name."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return str(path)


def read(path: str) -> list[Any]:
    """Return the rows that a file holds."""
    return [row.value for row in read_records(path)]


LINES = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)
TABLE = 'prompt,answer\n"größe, 0",a;b\n"größe, 1",c\n'


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("lines.jsonl", LINES),
        ("mark.jsonl", "\ufeff" + LINES),
        ("list.json", json.dumps(ROWS)),
        ("list.jsonl", json.dumps(ROWS)),
        ("pretty.jsonl", json.dumps(ROWS, indent=1)),
        ("objects.jsonl", "\n".join(json.dumps(row, indent=1) for row in ROWS)),
        ("wrapped.json", json.dumps({"data": ROWS})),
        ("version.json", json.dumps({"version": "1.1", "data": ROWS}, indent=1)),
        ("after.json", json.dumps({"rows": ROWS, "features": [{"name": "prompt"}]})),
        ("page.json", json.dumps({"rows": [{"row_idx": 0, "row": row} for row in ROWS]})),
        ("pandas.json", json.dumps({"schema": {"pandas_version": "1.4.0"}, "data": ROWS})),
        ("table.csv", TABLE),
        ("mark.csv", "\ufeff" + TABLE.replace("\n", "\r\n")),
        ("semicolons.csv", 'prompt;answer\ngröße, 0;"a;b"\ngröße, 1;c\n'),
        ("sep.csv", '\ufeffsep=;\nprompt;answer\ngröße, 0;"a;b"\ngröße, 1;c\n'),
        ("bars.csv", "prompt|answer\ngröße, 0|a;b\ngröße, 1|c\n"),
        ("bars.psv", "prompt|answer\ngröße, 0|a;b\ngröße, 1|c\n"),
        ("tabs.csv", "prompt\tanswer\ngröße, 0\ta;b\ngröße, 1\tc\n"),
        ("tabs.tsv", "prompt\tanswer\ngröße, 0\ta;b\ngröße, 1\tc\n"),
        ("trailing.csv", 'prompt,answer,,\n"größe, 0",a;b,,\n"größe, 1",c,,\n,,,\n,,,\n'),
        ("ragged.csv", 'prompt,answer\n"größe, 0",a;b,\n"größe, 1",c,,\n'),
    ],
)
def test_the_same_rows_in_any_dress(tmp_path: Path, name: str, content: str) -> None:
    """Whoever wrote them, and with whatever: UTF-8, UTF-16, or compressed."""
    assert read(written(tmp_path / name, content)) == ROWS
    if not content.startswith("\ufeff"):
        assert read(written(tmp_path / name, content, "utf-16")) == ROWS
        content = "\ufeff" + content
        assert read(written(tmp_path / name, content, "utf-16-be")) == ROWS
    for ending, module in ((".gz", gzip), (".bz2", bz2), (".xz", lzma)):
        packed_file = written(tmp_path / f"{name}{ending}", module.compress(content.encode()))
        assert read(packed_file) == ROWS


def test_rows_keep_their_lines(tmp_path: Path) -> None:
    """A fault is named by the line on which its row begins."""
    text = json.dumps({"version": 1, "data": ROWS}, indent=1)
    path = written(tmp_path / "d.json", text)

    assert [row.line for row in read_records(path)] == [4, 8]
    path = written(tmp_path / "d.csv", "sep=;\na;b\n\n1;2\n")
    assert [row.line for row in read_records(path)] == [4]


def test_the_numbers_of_rows_are_named_as_pandas_does(tmp_path: Path) -> None:
    """The first column of to_csv has no name."""
    path = written(tmp_path / "d.csv", ",text\n0,a\n1,b\n")

    assert read(path)[1] == {"Unnamed: 0": "1", "text": "b"}


def test_a_comma_in_one_column_is_no_separator(tmp_path: Path) -> None:
    """A table of one column stays one."""
    assert read(written(tmp_path / "d.csv", "text\nhello; you\nworld\n")) == [
        {"text": "hello; you"},
        {"text": "world"},
    ]


def test_squads_questions_are_rows(tmp_path: Path) -> None:
    """Each with its paragraph's context and its article's title."""
    question = {"id": "1", "question": "Where?", "answers": [{"text": "hall"}]}
    article = {"title": "T", "paragraphs": [{"context": "C", "qas": [question, question]}]}

    rows = read(written(tmp_path / "d.json", json.dumps({"version": "2", "data": [article]})))

    assert rows == [{"title": "T", "context": "C", **question}] * 2


def test_one_row_is_no_wrapper(tmp_path: Path) -> None:
    """A chat, or a list of answers, is what a row may hold."""
    row = {"messages": [{"role": "user", "content": "u"}], "answers": [{"text": "x"}]}

    assert read(written(tmp_path / "d.jsonl", json.dumps(row))) == [row]


def test_objects_that_share_no_key_are_parts_of_one_row(tmp_path: Path) -> None:
    """A file of one record of Argilla's holds no rows by name."""
    row = {"fields": {"text": "Good"}, "responses": {"label": []}, "suggestions": {}}

    assert read(written(tmp_path / "d.jsonl", json.dumps(row))) == [row]


PANDAS = r"python -c .*to_json\('rows\.jsonl', orient='records', lines=True\)"


@pytest.mark.parametrize(
    ("name", "content", "error_id", "message"),
    [
        ("d.json", {"a": ["x", "y"], "b": ["1", "2"]}, "rows.shape", PANDAS),
        ("d.json", {"a": {"0": "x", "1": "y"}, "b": {"0": 1, "1": 2}}, "rows.shape", PANDAS),
        ("d.json", {"columns": ["a"], "index": [0, 1], "data": [[1]]}, "rows.shape", PANDAS),
        (
            "d.json",
            {"x": {"a": 1}, "y": {"a": 2}},
            "rows.shape",
            r"jq -c 'to_entries.*' \S*/d\.json",
        ),
        (
            "d.json",
            {"train": [{"a": 1}], "test": [{"a": 1}, {"a": 2}]},
            "rows.shape",
            r"'\.train\[\]'",
        ),
        ("d.json", {"my": {"file_name": "oa.jsonl"}}, "rows.shape", "such as oa.jsonl"),
        ("d.jsonl", b'{"a": 1},\n{"a": 2},\n', "rows.json", "JSON Lines no commas"),
        ("d.xlsx", b"PK", "rows.unknown-kind", 'spreadsheet; save the sheet as "CSV UTF-8"'),
        ("d.jsonl.zst", b"x", "rows.unknown-kind", "zstd -d"),
        ("d.zip", b"PK", "rows.unknown-kind", "unpack it"),
        ("d.csv", b"a,b\ngr\xf6\xdfe,x\n", "text.not-utf-8", "iconv -f WINDOWS-1252 -t UTF-8"),
        ("d.csv", "a,b\n1,2\n".encode("utf-16-le"), "text.not-utf-8", "save it as UTF-8"),
        ("d.csv", "a,b\n1,2\n".encode("utf-16-le"), "text.not-utf-8", "-f UTF-16LE -t UTF-8`$"),
        ("d.csv", "a,b\n1,2\n".encode("utf-16-be"), "text.not-utf-8", "-f UTF-16BE -t UTF-8`$"),
        ("d.csv", "a,答\n".encode("shift-jis"), "text.not-utf-8", "encoding that it has"),
        (
            "d.txt",
            b"Text\tLabel\na\tb\n",
            "rows.no-columns",
            r"is named \.csv: cp \S*/d\.txt rows\.csv$",
        ),
        ("d.txt", b"Text|Label\na|b\n", "rows.no-columns", r"cp \S*/d\.txt rows\.csv$"),
        ("d.csv", b"| a | b |\n|:--|---|\n| 1 | 2 |\n", "rows.markdown", "sed -E"),
        ("d.md", b"| a | b |\n|:--|---|\n| 1 | 2 |\n", "rows.unknown-kind", r"/d\.md > rows\.csv"),
        ("d.yaml", b"- a: 1\n", "rows.unknown-kind", "yaml.safe_load"),
        ("d.xml", b"<a/>", "rows.unknown-kind", "read_xml"),
        (
            "d.json",
            {f"p{n}": {"passage": "P", "qa_pairs": [{"question": "Q"}]} for n in range(2)},
            "rows.shape",
            "DROP",
        ),
        ("d.csv.gz", b"no gzip", "rows.packed", "unpack it"),
        ("d.csv", b"a,b,\n1,2,3\n", "rows.header", "column without a name"),
        ("d.csv", POINTER, "rows.lfs-pointer", "git lfs pull"),
        ("d.txt", POINTER, "rows.lfs-pointer", "git lfs pull"),
        ("d.parquet", POINTER, "rows.lfs-pointer", "git lfs pull"),
        ("d.jsonl.gz", POINTER, "rows.lfs-pointer", "git lfs pull"),
        ("d.csv", b"<!DOCTYPE html>\n<html>\n<p>Sign in\n", "rows.page", "download the file"),
        ("d.jsonl", b"\n<html lang='en'>\n", "rows.page", "download the file"),
    ],
)
def test_what_is_not_read_says_what_it_is(
    tmp_path: Path, name: str, content: Any, error_id: str, message: str
) -> None:
    """And how to convert it, in one line; valid JSON is never called invalid."""
    content = content if isinstance(content, bytes) else json.dumps(content).encode()

    with pytest.raises(UsageError, match=message) as caught:
        read(written(tmp_path / name, content))

    assert caught.value.id == error_id
    assert caught.value.exit_code == 2


def test_a_text_may_be_a_page(tmp_path: Path) -> None:
    """Models are trained on pages, too."""
    path = written(tmp_path / "d.txt", b"<html>\n<p>Some words.\n")

    assert [row.value for row in read_rows(str(path))] == ["<html>", "<p>Some words."]


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is larger than the limit is refused once the limit is reached."""
    monkeypatch.setattr(packed, "MOST_BYTES", 1000)
    path = written(tmp_path / "d.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 1000))

    with support.refused("rows.packed", 2):
        read(path)


def test_training_data_that_are_none_are_refused(tmp_path: Path) -> None:
    """An index of data sets holds no text of theirs; a folder and a pattern name their files."""
    index = written(tmp_path / "dataset_info.json", '{"my": {"file_name": "oa.jsonl"}}')
    written(tmp_path / "a.jsonl", "1")

    for path, error_id, file in (
        (index, "rows.shape", "oa.jsonl"),
        (str(tmp_path), "rows.folder", "a.jsonl, dataset_info.json"),
        (str(tmp_path / "*.jsonl"), "rows.no-file", "a.jsonl"),
    ):
        with support.refused(error_id, 2, file):
            read_training(path)


def test_items_of_a_suite_may_begin_with_a_mark(tmp_path: Path) -> None:
    """Editors on Windows put one there."""
    path = tmp_path / "items.jsonl"
    written(path, '\ufeff{"id": "1"}\n')

    assert list(read_jsonl(path, SuiteError)) == [(1, {"id": "1"})]


def test_splits_of_one_size_are_no_columns(tmp_path: Path) -> None:
    """A table of them would have a row of each in every row."""
    splits = {"train": [{"text": "a"}], "test": [{"text": "b"}]}

    with support.refused("rows.shape", 2):
        read(written(tmp_path / "d.json", json.dumps(splits)))


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("d.tsv", ["question\tanswer", '"Hello, he\ta', 'and left"\tb', "q\tc"]),
        ("d.psv", ["question|answer", '"Hello|a', "q|b", 'nine"|c']),
        ("d.csv", ["question\tanswer", "q\ta", '"A film of wit.\tb', 'Bad "\tc']),
        ("d.tsv", ["question\tanswer", '"big" or 5"\ta', "q\tb", "r\tc"]),
        ("d.tsv", ["question\tanswer", 'q\t"a', 'r"\tb', "s\tc"]),
        ("d.psv", ["question|answer", '"never closed|a', "q|b", "r|c"]),
    ],
)
def test_a_quote_swallows_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, lines: list[str]
) -> None:
    """Tables between tabs and bars are often written without quoting; the command reads them."""
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path / "elsewhere" / name, "\n".join(lines))

    with pytest.raises(UsageError) as caught:
        read(path)

    assert caught.value.id in ("rows.quote", "rows.csv", "rows.uneven")
    run_command(str(caught.value))
    separator = "|" if name.endswith("psv") else "\t"
    assert [list(row.values()) for row in read("rows.csv")] == [
        line.split(separator) for line in lines[1:]
    ]


def test_quotes_behind_backslashes_are_read_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MySQL and Spark write them so."""
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path / "elsewhere" / "d.csv", 'question,answer\n"a \\"b\\", c",d\n')

    with pytest.raises(UsageError) as caught:
        read(path)

    assert caught.value.id == "rows.csv"
    run_command(str(caught.value))
    assert read("rows.csv") == [{"question": 'a "b", c', "answer": "d"}]


def test_a_quoted_cell_may_hold_lines(tmp_path: Path) -> None:
    """A line inside of it that has not all the cells of a row is none."""
    path = written(tmp_path / "d.tsv", 'question\tanswer\n"a\nb"\tc\n"d\te\tf\ng"\th\n')

    assert read(path) == [
        {"question": "a\nb", "answer": "c"},
        {"question": "d\te\tf\ng", "answer": "h"},
    ]


def run_command(message: str) -> None:
    """Run the command of Python that a message prints, in this folder, as a shell would."""
    match = re.search(r'(python -c ".*?"(?: > \S+)?|tail .*?)(?= makes rows)|cp \S+ \S+$', message)
    assert match is not None, message
    command = match[0].replace("python", sys.executable, 1)
    subprocess.run(["bash", "-c", command], check=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.json", json.dumps({"prompt": ["a", "b"], "answer": ["c", "d"]})),
        ("d.yaml", "prompts: [x, y, z]\ntests:\n  - {prompt: a, answer: c}\n"),
        ("d.yaml", "- {prompt: a, answer: c}\n"),
        ("d.csv", "Report,,\n,,\nprompt,answer,\na,c,\n"),
        ("d.csv", "# exported by X\nprompt,answer\na,c\n"),
        ("d.txt", "prompt\tanswer\na\tc\n"),
        ("d.jsonl", "{'prompt': 'a', 'answer': 'c'}\n"),
    ],
)
def test_a_printed_conversion_makes_rows_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str
) -> None:
    """It names the file with its folder, and is run where the user stands."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError) as caught:
        read(written(tmp_path / "elsewhere" / name, content))

    run_command(str(caught.value))
    (made,) = tmp_path.glob("rows.*")
    assert read(str(made))[0] == {"prompt": "a", "answer": "c"}


@pytest.mark.parametrize(
    ("name", "content", "row"),
    [
        (
            "d.json",
            json.dumps({f"q{n}": "a" for n in range(30)}),
            {"question": "q0", "answer": "a"},
        ),
        (
            "d.json",
            json.dumps({f"What is the name of {n}?": "a" for n in range(3)}),
            {"question": "What is the name of 0?", "answer": "a"},
        ),
        ("d.json", json.dumps([["q", "a"], ["r", "b"]]), {"question": "q", "answer": "a"}),
        ("d.txt", "__label__a one, two\n__label__b three\n", {"text": "one, two", "label": ["a"]}),
        (
            "d.txt",
            "__label__a __label__b one\n",
            {"text": "one", "label": ["a", "b"]},
        ),
    ],
)
def test_rows_without_named_columns_get_them_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str, row: dict[str, Any]
) -> None:
    """Questions as keys, pairs, and fastText's lines."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError) as caught:
        read(written(tmp_path / "elsewhere" / name, content))

    run_command(str(caught.value))
    assert read("rows.jsonl")[0] == row


def test_numbers_before_rows_are_left_out_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As grep and cat print them."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError) as caught:
        read(written(tmp_path / "elsewhere" / "d.jsonl", '1\t{"a": "b"}\n2\t{"a": "c"}\n'))

    match = re.search(r"sed -E .* > rows.jsonl", str(caught.value))
    assert match is not None
    subprocess.run(["bash", "-c", match[0]], check=True)
    assert read("rows.jsonl") == [{"a": "b"}, {"a": "c"}]


def test_json_text_sequences_are_rows(tmp_path: Path) -> None:
    """RFC 7464: a record separator begins each."""
    assert read(written(tmp_path / "d.jsonl", '\x1e{"a": 1}\n\x1e{"a": 2}\n')) == [
        {"a": 1},
        {"a": 2},
    ]


def test_questions_as_keys_are_training_data(tmp_path: Path) -> None:
    """An item is looked for in what was asked, too."""
    path = written(tmp_path / "d.json", json.dumps({f"q{n}": f"a{n}" for n in range(30)}))

    texts = read_training(path)

    assert len(texts) == 30
    assert texts[3].text == "q3\na3"
