"""Kinds of files that are not read here: what each is, and the one line that converts it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cliffguard.suites.rows.foreign import MARKDOWN, copied, in_shell, named_file

_JSONL = "to_json('rows.jsonl', orient='records', lines=True, date_format='iso')"


def _by_pandas(read: str, write: str = _JSONL, before: str = "") -> str:
    return f'{before}python -c "import pandas as p; p.{read}.{write}" makes rows'


def _sheet(engine: str) -> tuple[str, str]:
    read = f"read_excel('{{file}}', engine='{engine}', dtype=str, keep_default_na=False)"
    how = f'save the sheet as "CSV UTF-8", or, with pandas and {{package}}, {_by_pandas(read)}'
    packages = {"odf": "odfpy"}
    return "a spreadsheet", how.replace("{package}", packages.get(engine, engine))


_PACK = ("an archive", "unpack it, and name the file of rows inside")
_DATABASE = (
    "a database",
    "sqlite3 {word} .tables lists its tables, and sqlite3 -header -csv {word} "
    "'select * from TABLE' > rows.csv writes one",
)
_YAML = (
    "YAML",
    'write its longest list of objects as JSON Lines: python -c "import json, yaml; '
    "d = yaml.safe_load(open('{file}')); ls = d.values() if isinstance(d, dict) else [d]; "
    "n = lambda v: sum(isinstance(r, dict) for r in v) if isinstance(v, list) else -1; "
    '[print(json.dumps(r, default=str)) for r in max(ls, key=n)]" > rows.jsonl makes rows',
)
_MARKDOWN = (
    "a page",
    "write rows as JSON Lines, one object a line; where it is one table alone, "
    f"{MARKDOWN} {{word}} > rows.csv makes rows",
)
_HTML = (
    "a page",
    _by_pandas("read_html('{file}')[0]", before="where its first table holds the rows, "),
)
_WORD = (
    "a document",
    "write rows as JSON Lines, one object a line; where its first table holds them, with "
    "python-docx, python -c \"import csv, docx; csv.writer(open('rows.csv', 'w', newline='', "
    "encoding='utf-8')).writerows([c.text for c in r.cells] for r in "
    "docx.Document('{file}').tables[0].rows)\" makes rows",
)
_AVRO = (
    "Avro",
    'with fastavro, python -c "import fastavro, json; [print(json.dumps(r, default=str)) for r in '
    "fastavro.reader(open('{file}', 'rb'))]\" > rows.jsonl makes rows",
)
_TFRECORD = (
    "TensorFlow's records",
    'with tensorflow, python -c "import json, tensorflow as t; v = lambda f: [b.decode() for b in '
    "f.bytes_list.value] or [*f.int64_list.value] or [*f.float_list.value]; [print(json.dumps({k: "
    "v(f)[0] if len(v(f)) == 1 else v(f) for k, f in t.train.Example.FromString(r.numpy())"
    ".features.feature.items()})) for r in t.data.TFRecordDataset('{file}')]\" > rows.jsonl makes "
    "rows of its examples",
)
_PICKLE = (
    "a pickle, which can run code",
    _by_pandas("read_pickle('{file}')", before="where it is a frame of your own, "),
)
_LINES = ("JSON Lines", "name it .jsonl: {copied}")
_KINDS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys((".xlsx", ".xlsm"), _sheet("openpyxl")),
    ".xls": _sheet("xlrd"),
    ".ods": _sheet("odf"),
    ".numbers": ("a spreadsheet", 'save the sheet as "CSV UTF-8"'),
    **dict.fromkeys((".zip", ".tar", ".tgz", ".7z", ".rar"), _PACK),
    ".zst": ("compressed by zstd", "unpack it first: zstd -d {word}"),
    **dict.fromkeys((".pkl", ".pickle"), _PICKLE),
    ".feather": (
        "Arrow's file format",
        _by_pandas("read_feather('{file}')", "to_parquet('rows.parquet')"),
    ),
    ".orc": ("ORC", _by_pandas("read_orc('{file}')", "to_parquet('rows.parquet')")),
    ".avro": _AVRO,
    ".dta": ("a file of Stata", _by_pandas("read_stata('{file}')")),
    ".sav": ("a file of SPSS", _by_pandas("read_spss('{file}')", before="with pyreadstat, ")),
    ".sas7bdat": ("a file of SAS", _by_pandas("read_sas('{file}', encoding='utf-8')")),
    ".tfrecord": _TFRECORD,
    ".eval": (
        "a log of Inspect",
        "with inspect-ai, inspect log dump {word} > log.json makes one that is read",
    ),
    **dict.fromkeys((".html", ".htm"), _HTML),
    ".docx": _WORD,
    **dict.fromkeys((".yaml", ".yml"), _YAML),
    ".xml": (
        "XML",
        _by_pandas("read_xml('{file}', parser='etree')", before="write its elements: "),
    ),
    ".md": _MARKDOWN,
    **dict.fromkeys((".sqlite", ".sqlite3", ".db"), _DATABASE),
    ".jsonlines": _LINES,
}


def told_by_ending(path: Path) -> str:
    """Return ": it is …; …" for a file of another kind, or an empty text."""
    what, how = _KINDS.get(path.suffix.lower(), (None, ""))
    if what is None:
        return ""
    how = how.replace("'{file}'", named_file(str(path))).replace("{word}", in_shell(path))
    return f": it is {what}; {how.replace('{copied}', copied(path, 'rows.jsonl'))}"
