"""Kinds of files that are not read: the command that a line names makes one that is."""

from __future__ import annotations

import ast
import importlib.util
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cliffguard.core.errors import UsageError
from cliffguard.suites.rows import read_records
from tests import support
from tests.suites.target.data import commands_in, done

ROWS = [{"question": "Wo ist Köln?", "answer": "am Rhein"}, {"question": "R?", "answer": "c"}]


def _page(path: Path) -> None:
    cells = "".join(f"<tr><td>{r['question']}</td><td>{r['answer']}</td></tr>" for r in ROWS)
    head = "<meta charset='utf-8'><table><tr><th>question</th><th>answer</th></tr>"
    path.write_text(f"{head}{cells}</table>", encoding="utf-8")


def _avro(path: Path) -> None:
    import fastavro

    fields = [{"name": name, "type": "string"} for name in ROWS[0]]
    schema = {"type": "record", "name": "r", "fields": fields}
    with path.open("wb") as file:
        fastavro.writer(file, schema, ROWS)


def _document(path: Path) -> None:
    import docx

    document = docx.Document()
    table = document.add_table(rows=0, cols=2)
    for texts in ([*ROWS[0]], *([*row.values()] for row in ROWS)):
        for cell, text in zip(table.add_row().cells, texts, strict=True):
            cell.text = text
    document.save(str(path))


def _spss(path: Path) -> None:
    import pyreadstat

    pyreadstat.write_sav(_frame(), str(path))


def _frame() -> Any:
    import pandas

    return pandas.DataFrame(ROWS)


WRITERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    ".orc": ("pandas", lambda path: _frame().to_orc(path)),
    ".feather": ("pandas", lambda path: _frame().to_feather(path)),
    ".pkl": ("pandas", lambda path: _frame().to_pickle(path)),
    ".dta": ("pandas", lambda path: _frame().to_stata(path, write_index=False, version=118)),
    ".html": ("lxml", _page),
    ".xml": ("pandas", lambda path: _frame().to_xml(path, index=False, parser="etree")),
    ".xlsx": ("openpyxl", lambda path: _frame().to_excel(path, index=False)),
    ".ods": ("odf", lambda path: _frame().to_excel(path, index=False, engine="odf")),
    ".avro": ("fastavro", _avro),
    ".docx": ("docx", _document),
    ".sav": ("pyreadstat", _spss),
}


@pytest.mark.parametrize("ending", WRITERS)
def test_a_command_converts_a_file(tmp_path: Path, ending: str) -> None:
    """With a package that is well known; where it is not here, the line is not tried."""
    package, write = WRITERS[ending]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"no {package} here")
    path = tmp_path / f"data{ending}"
    write(path)

    made = done(commands_in(_line(path))[-1], tmp_path)

    rows = [row.value for row in read_records(str(made))]
    assert [{name: row[name] for name in ROWS[0]} for row in rows] == ROWS


def _line(path: Path) -> str:
    with support.refused("rows.unknown-kind", 2, str(path)) as caught:
        list(read_records(str(path)))
    return str(caught.value)


def test_a_table_of_a_database_is_written(tmp_path: Path) -> None:
    """Once its name stands where the line has TABLE."""
    path = tmp_path / "data.db"
    with sqlite3.connect(path) as database:
        database.execute("create table faq (question, answer)")
        database.executemany("insert into faq values (:question, :answer)", ROWS)

    command = _line(path).split(" tables, and ")[1].split(" writes one")[0]
    made = done(command.replace("TABLE", "faq"), tmp_path)

    assert [row.value for row in read_records(str(made))] == ROWS


@pytest.mark.parametrize("ending", [".eval", ".tfrecord", ".xls", ".zip", ".numbers", ".sas7bdat"])
def test_a_file_of_another_kind_is_told(tmp_path: Path, ending: str) -> None:
    """What it is and what to do; no other ending is guessed."""
    path = tmp_path / f"data{ending}"
    path.write_bytes(b"x")

    line = _line(path)

    assert ": it is a" in line or ": it is TensorFlow" in line
    for command in commands_in(line):  # its package is too large to try it with
        assert ast.parse(command.split('"')[1])
    assert "did you mean" not in line


# --- values of Arrow's types ---------------------------------------------------------------------


def test_values_of_parquet_are_as_json_has_them(tmp_path: Path) -> None:
    """Decimals are numbers, dates and binary text are text, maps are objects; also inside."""
    import datetime
    from decimal import Decimal

    import pyarrow
    from pyarrow import parquet

    day = datetime.date(2024, 1, 2)
    columns = {
        "whole": pyarrow.array([Decimal("3"), None], pyarrow.decimal128(10, 0)),
        "zeros": pyarrow.array([Decimal("3.00"), Decimal("2.50")], pyarrow.decimal128(10, 2)),
        "day": pyarrow.array([day, None]),
        "moment": pyarrow.array([datetime.datetime(2024, 1, 2, 3, 4)] * 2),
        "text": pyarrow.array(["Köln".encode(), None], pyarrow.binary()),
        "picture": pyarrow.array([b"\x89PNG", None], pyarrow.large_binary()),
        "options": pyarrow.array(
            [[("A", "one"), ("B", "two")], None], pyarrow.map_(pyarrow.string(), pyarrow.string())
        ),
        "twice": pyarrow.array([[("A", 1), ("A", 2)]] * 2, pyarrow.map_("string", "int64")),
        "inside": pyarrow.array(
            [{"days": [day], "n": 1}, None],
            pyarrow.struct([("days", pyarrow.list_(pyarrow.date32())), ("n", pyarrow.int64())]),
        ),
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "d.parquet")

    first, second = (row.value for row in read_records(str(tmp_path / "d.parquet")))

    assert first == {
        "whole": 3,
        "zeros": 3,
        "day": "2024-01-02",
        "moment": "2024-01-02T03:04:00",
        "text": "Köln",
        "picture": b"\x89PNG",
        "options": {"A": "one", "B": "two"},
        "twice": [("A", 1), ("A", 2)],
        "inside": {"days": ["2024-01-02"], "n": 1},
    }
    assert second["zeros"] == 2.5
    assert [name for name in second if second[name] is None] == [
        *("whole", "day", "text", "picture", "options", "inside")
    ]


def test_binary_that_is_no_text_says_so(tmp_path: Path) -> None:
    """Where it would be asked."""
    import pyarrow
    from pyarrow import parquet

    from cliffguard import TargetData
    from cliffguard.suites.target import read_target

    path = tmp_path / "d.parquet"
    parquet.write_table(pyarrow.table({"question": [b"\xff\xfe"], "answer": ["b"]}), path)

    with pytest.raises(UsageError) as caught:
        read_target(TargetData(data=str(path)))

    assert caught.value.id == "target.no-text"
    assert "binary that is no UTF-8" in str(caught.value)
