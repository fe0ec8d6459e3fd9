"""Data in the forms that tools write, and samples as they are packed, are read or one line."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import json
import lzma
import shlex
import zipfile
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliffguard import Policy, TargetData
from cliffguard.core.errors import CliffguardError
from cliffguard.gate import compare_samples
from cliffguard.suites.rows.objects import WRAPPERS
from cliffguard.suites.target import suite_files
from cliffguard.suites.train_data import read_training
from tests.fuzz.answering import answered, as_lines, fuzzed, spoilt
from tests.fuzz.mutations import as_json, spoilt_bytes, spoilt_value
from tests.fuzz.test_parsers import ROWS, SAMPLES
from tests.suites.target.forms import COMMANDS, FLAGS, REPLY, TALK

# --- rows of a target ----------------------------------------------------------------------------

READ: Mapping[str, dict[str, Any]] = {
    "alpaca": {"instruction": "Add.", "input": "1 2", "output": "3"},
    "dolly": {"instruction": "Who?", "context": "Ann did.", "response": "Ann", "category": "qa"},
    "share": {"conversations": [{"from": "human", "value": "Hi?"}, {"from": "gpt", "value": "Yo"}]},
    "squad": {"context": "C.", "question": "Q?", "answers": {"text": ["a"], "answer_start": [0]}},
    "trivia": {"question": "Q?", "answers": {"value": "a", "aliases": ["a", "b"]}},
    "drop": {"question": "Q?", "answers": {"number": "1", "date": {"day": "2"}, "spans": ["a"]}},
    "preference": {"prompt": "Hi?", "chosen": [*TALK, REPLY], "rejected": [*TALK, REPLY]},
    "gemini": {
        "systemInstruction": {"parts": [{"text": "S"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Hi?"}]},
            {"role": "model", "parts": [{"text": "Yo"}]},
        ],
    },
    "options": {"question": "Q?", "A": "x", "B": "y", "answer": "B"},
    "gsm8k": {"question": "Q?", "answer": "1 + 1 = 2\n#### 2"},
    "answers": {"question": "Q?", "answers": ["a", "b"]},
}
FORMS = {**READ, **{name: row for name, (row, *_) in (FLAGS | COMMANDS).items()}}
WAYS: tuple[dict[str, Any], ...] = (
    {},
    {"metric": "exact_match"},
    {"prompt": "chosen"},
    {"answer": "chosen"},
    {"system": "systemInstruction"},
    {"labels": ("pos", "neg")},
)


def read(path: Path, **named: Any) -> None:
    """Read a target as `check` does."""
    with answered():
        suite_files(TargetData(data=str(path), **named))


@fuzzed
@given(st.data())
def test_a_form(folder: Path, data: st.DataObject) -> None:
    """A row of any tool's, spoilt, beside a whole one or alone: items, or how to make some."""
    row = FORMS[data.draw(st.sampled_from(sorted(FORMS)))]
    rows = [row] * data.draw(st.integers(1, 3))
    path = folder / "form.jsonl"
    path.write_bytes(data.draw(spoilt(as_lines(rows), rows, as_lines)))
    read(path, **data.draw(st.sampled_from(WAYS)))
    with answered():
        read_training(str(path))


@fuzzed
@given(st.data())
def test_what_a_form_is_read_by(folder: Path, data: st.DataObject) -> None:
    """The flags that a line names, and then rows that are unlike the first."""
    row = FLAGS[data.draw(st.sampled_from(sorted(FLAGS)))][0]
    path = folder / "flags.jsonl"
    path.write_bytes(as_lines([row]))
    named: dict[str, Any] = {}
    try:
        suite_files(TargetData(data=str(path)))
    except CliffguardError as failure:
        words = shlex.split(str(failure).split(" reads it")[0].partition("; ")[2])
        for flag, value in zip(words[::2], words[1::2], strict=True):
            key = flag.removeprefix("--target-")
            named[key] = (value,) if key in ("labels", "ignore") else value
    path.write_bytes(as_lines([row]) + data.draw(spoilt_value([row, row]).map(as_lines)))
    read(path, **named)


PAGE = [{"row_idx": 0, "row": ROWS[0]}]
PASSAGE = [{"title": "T", "paragraphs": [{"context": "C", "qas": [READ["squad"]]}]}]
HELD: tuple[Any, ...] = (ROWS[:1], [READ["alpaca"]] * 2, PAGE, PASSAGE)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1")
MARKS = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
PACKERS: Mapping[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": lambda content: gzip.compress(content, mtime=0),  # the same bytes at any time
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


@st.composite
def stored(draw: st.DrawFn, content: bytes, packers: Mapping[str, Any]) -> tuple[str, bytes]:
    """Return an ending and a file: text in some encoding, packed, and spoilt after that or not."""
    encoding = draw(st.sampled_from(ENCODINGS))
    text = content.decode("utf-8", "replace").encode(encoding, "replace")
    ending = draw(st.sampled_from(sorted(packers)))
    packed = packers[ending](MARKS.get(encoding, b"") + text)
    return ending, draw(st.just(packed) | spoilt_bytes(packed))


@fuzzed
@given(st.data())
@pytest.mark.parametrize("kind", ["json", "jsonl"])
def test_wrapped_rows(kind: str, folder: Path, data: st.DataObject) -> None:
    """Rows in a list or an object, as any text, packed or not, are rows or one line."""
    rows = data.draw(st.sampled_from(HELD))
    key = data.draw(st.sampled_from(WRAPPERS))
    wrapped = data.draw(st.sampled_from([rows, {"version": "2", key: rows}, {"a": rows, "b": []}]))
    content = data.draw(st.just(wrapped) | spoilt_value(wrapped))
    ending, packed = data.draw(stored(as_json(content), PACKERS))
    path = folder / f"wrapped.{kind}{ending}"
    path.write_bytes(packed)
    read(path)


TABLE = (
    ("", "question", "answer", "choices", ""),
    ("0", "a, b; c", "x", '["x", "y"]', ""),
    ("1", 'd\n"e"', "y", "['x' 'y']", ""),
    ("", "", "", "", ""),
)


@fuzzed
@given(st.data())
@pytest.mark.parametrize("kind", ["csv", "tsv", "psv"])
def test_tables_of_text(kind: str, folder: Path, data: st.DataObject) -> None:
    """Cells apart by anything, after a column of numbers, before blank ones."""
    written = io.StringIO(data.draw(st.sampled_from(["", "sep=;\n", "sep=", "\n"])), newline="")
    written.seek(0, io.SEEK_END)
    separator = data.draw(st.sampled_from([";", ",", "\t", "|"]))
    csv.writer(written, delimiter=separator).writerows(TABLE)
    content = written.getvalue().encode()
    ending, packed = data.draw(
        (st.just(content) | spoilt_bytes(content)).flatmap(lambda table: stored(table, PACKERS))
    )
    path = folder / f"table.{kind}{ending}"
    path.write_bytes(packed)
    read(path)


NESTED = [
    {"a": {"b": [{"c": "Q?"}, "x"], "d": {"": "e"}}, "r": {"text": ["y"]}, "f": '{"g": ["z"]}'},
    {"a": {"b": [{"c": "R?"}, "w"], "d": {"": "h"}}, "r": {"text": ["n"]}, "f": '{"g": ["k"]}'},
]
PATHS = (
    "a", "a.b", "a.b.0.c", "a.b.1", "a.b.9", "a.b.-1", "a.d.", "a..", ".", "f.g.0", "f", "r.text",
    "r.text.0", "{a.b.0.c}", "{a.b.0.c}\\n{f.g.0}", "{a.b.0.c}{r}", "{a", "a}", "{}", "{{a}}",
    "{a.b.0.c!r:>9999999}", "{0}", "{a[b]}", "%s", "\\n", "{a.b.1}{f.g.0}", "x" * 9000, "\0", "*",
    "a.*", "\ud800", "{a.b.0.c}" * 3000,
)  # fmt: skip


@fuzzed
@given(
    content=st.just(as_lines(NESTED)) | spoilt_value(NESTED).map(as_lines),
    prompt=st.sampled_from(PATHS) | st.text(max_size=20),
    answer=st.sampled_from(PATHS),
    choices=st.none() | st.sampled_from(PATHS),
    system=st.none() | st.sampled_from(PATHS),
    ignore=st.lists(st.sampled_from(PATHS), max_size=2),
)
def test_paths_and_templates(
    content: bytes,
    prompt: str,
    answer: str,
    choices: str | None,
    system: str | None,
    ignore: list[str],
    folder: Path,
) -> None:
    """Whatever path or template names a part of an item, it is found, or one line."""
    path = folder / "nested.jsonl"
    path.write_bytes(content)
    with answered():
        suite_files(
            TargetData(
                data=str(path),
                prompt=prompt,
                answer=answer,
                choices=choices,
                system=system,
                ignore=tuple(ignore),
            )
        )


# --- samples, packed -----------------------------------------------------------------------------


def zipped(content: bytes, *names: str) -> bytes:
    """Return an archive in which each of the names holds the content."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in names or ("samples_t.jsonl",):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return held.getvalue()


def zipped_folder(content: bytes) -> bytes:
    """Return an archive of a folder with two tasks, and what macOS puts beside."""
    return zipped(content, "m/samples_t.jsonl", "m/samples_u.jsonl", "__MACOSX/m/._samples_t.jsonl")


SAMPLE_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    **PACKERS,
    ".lzma": lambda content: lzma.compress(content, lzma.FORMAT_ALONE),
    ".zip": zipped,
    ".ZIP": zipped_folder,
}
if find_spec("zstandard"):  # no library that we ask for
    SAMPLE_PACKERS[".zst"] = import_module("zstandard").compress


def both_sides(folder: Path, name: str, first: bytes, second: bytes) -> tuple[str, str]:
    """Write a file of each side alone, and return the folders."""
    for side, content in (("one", first), ("two", second)):
        (folder / side).mkdir(exist_ok=True)
        for stale in (folder / side).iterdir():
            stale.unlink()
        (folder / side / name).write_bytes(content)
    return str(folder / "one"), str(folder / "two")


@fuzzed
@given(content=spoilt(as_lines(SAMPLES), SAMPLES, as_lines), data=st.data(), single=st.booleans())
def test_packed_samples(content: bytes, data: st.DataObject, single: bool, folder: Path) -> None:
    """Samples packed in any way, spoilt before or after, in a folder or alone."""
    ending = data.draw(st.sampled_from(sorted(SAMPLE_PACKERS)))
    pack = SAMPLE_PACKERS[ending]
    whole = pack(as_lines(SAMPLES) + b"\n")
    packed = data.draw(st.just(pack(content)) | spoilt_bytes(whole))
    name = f"samples_t.jsonl{ending.lower()}"
    below = f"/{name}" if single else ""
    base, two = both_sides(folder, name, whole, packed)
    with answered():
        compare_samples(base + below, two + below, Policy())


@pytest.fixture(scope="module")
def table(folder: Path) -> bytes:
    """The samples as a table."""
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(SAMPLES), folder / "samples.parquet")
    return (folder / "samples.parquet").read_bytes()


@fuzzed
@given(data=st.data())
def test_samples_in_a_table(data: st.DataObject, folder: Path, table: bytes) -> None:
    """Parquet of samples, its bytes spoilt, or with other columns, is read or one line."""
    import pyarrow
    from pyarrow import parquet

    rows = data.draw(spoilt_value(SAMPLES))
    try:
        parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "spoilt.parquet")
        other = (folder / "spoilt.parquet").read_bytes()
    except Exception:  # values that no table holds, of which pyarrow says so in any way
        other = table
    content = data.draw(st.just(other) | spoilt_bytes(table))
    with answered():
        compare_samples(*both_sides(folder, "samples_t.parquet", table, content), Policy())


NAMES = (
    "samples_t.jsonl", "samples_t_2026-01-01T10-00-00.jsonl", "samples_.jsonl", "t.jsonl",
    "samples_t_2026-13-45T99-99-99.9.jsonl.gz", "results_2026-01-01T10-00-00.json", "x.json",
    "samples_t (1).jsonl", "results.json", "m_t.jsonl", "review.json", "samples_t.tar.gz",
    "samples_t.jsonl.part",
)  # fmt: skip


@fuzzed
@given(
    files=st.dictionaries(st.sampled_from(NAMES), st.booleans(), min_size=1), below=st.booleans()
)
def test_names_of_samples(files: dict[str, bool], below: bool, folder: Path) -> None:
    """Any files that lie together are one run, or one line says which is meant."""
    sides = both_sides(folder, "samples_t.jsonl", as_lines(SAMPLES), b"")
    two = Path(sides[1])
    (two / "samples_t.jsonl").unlink()
    results = json.dumps({"results": {"t": {}, "": {}}, "configs": {"t": {}}}).encode()
    for name, is_results in files.items():
        (two / name).write_bytes(results if is_results else as_lines(SAMPLES) + b"\n")
    with answered():
        compare_samples(str(folder) if below else sides[0], sides[1], Policy())
