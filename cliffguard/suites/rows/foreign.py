"""Formats that are not read here: what each is, and the one line that converts it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_SHEET = ("a spreadsheet", 'save the sheet as "CSV UTF-8"')
_PACK = ("an archive", "unpack it, and name the file of rows inside")
_YAML = (
    "YAML",
    'write its longest list of objects as JSON Lines: python -c "import json, yaml; '
    "d = yaml.safe_load(open('{file}')); ls = d.values() if isinstance(d, dict) else [d]; "
    "n = lambda v: sum(isinstance(r, dict) for r in v) if isinstance(v, list) else -1; "
    '[print(json.dumps(r, default=str)) for r in max(ls, key=n)]" > rows.jsonl makes rows',
)
_MARKDOWN = "sed -E '2d; s/^ *[|] *//; s/ *[|] *$//; s/ *[|] */|/g'"
_FOREIGN: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods", ".numbers"), _SHEET),
    **dict.fromkeys((".zip", ".tar", ".tgz", ".7z", ".rar"), _PACK),
    ".zst": ("compressed by zstd", "unpack it first: zstd -d FILE"),
    ".pkl": ("a pickle, which can run code", "write rows.jsonl with pandas: "
             "frame.to_json('rows.jsonl', orient='records', lines=True)"),
    ".feather": ("Arrow's file format", "write it with pandas: python -c \"import pandas as p; "
                 "p.read_feather('{file}').to_parquet('rows.parquet')\""),
    ".yaml": _YAML,
    ".yml": _YAML,
    ".xml": ("XML", "write its elements with pandas: python -c \"import pandas as p; "
             "p.read_xml('{file}', parser='etree').to_json('rows.jsonl', orient='records', "
             "lines=True)\""),
    ".md": ("a page", "write rows as JSON Lines, one object a line; where it is one table alone, "
            f"{_MARKDOWN} {{word}} > rows.csv makes rows"),
    ".sqlite": ("a database", "write the table as CSV: sqlite3 -header -csv FILE 'select …'"),
    ".db": ("a database", "write the table as CSV: sqlite3 -header -csv FILE 'select …'"),
}  # fmt: skip


def named_file(name: str) -> str:
    """Return a file's name for Python inside the quotes of a shell, or FILE where it cannot be."""
    return repr("FILE" if {*name} & {*"\"'$`\\!"} or not name.isprintable() else name)


def new_file(source: str) -> str:
    """Return the file for rows made of another, which a shell empties before that is read."""
    return "rows.jsonl" if Path(source).name != "rows.jsonl" else "rows-2.jsonl"


def in_shell(path: Path) -> str:
    """Return a file's path as a word of a command."""
    return shlex.quote(str(path)) if str(path).isprintable() else "FILE"


def refuse_markdown(path: Path) -> str:
    """Return the command that makes cells of a table of Markdown."""
    return f"{_MARKDOWN} {in_shell(path)} > rows.csv makes one of cells"


def without_lines_before(path: Path, line: int) -> str:
    """Return the command that leaves out what stands before the names of the columns."""
    to = "rows.csv" if path.name != "rows.csv" else "rows-2.csv"
    return f"tail -n +{line} {in_shell(path)} > {to} makes rows from there on"


def told_by_ending(path: Path) -> str:
    """Return ": it is …; …" for a file of another kind, or an empty text."""
    if path.suffix.lower() not in _FOREIGN:
        return ""
    what, how = _FOREIGN[path.suffix.lower()]
    how = how.replace("'{file}'", named_file(str(path))).replace("{word}", in_shell(path))
    return f": it is {what}; {how}"


_INDEX = ("file_name", "hf_hub_url", "ms_hub_url", "script_url", "cloud_file_name")


def told_by_shape(value: Any, path: Path) -> str | None:
    """Return what an object that is a whole file holds in place of rows, and how to make some."""
    pairs = f"it holds answers by question; {_pairs_command(path)}" if are_pairs(value) else None
    if (advice := index_told(value) or pairs) is not None:
        return advice
    inner = list(value.values()) if isinstance(value, Mapping) else []
    if len(inner) > 1 and all(isinstance(part, list) for part in inner):
        return _columns_told(value, path)
    if len(inner) > 1 and all(isinstance(part, Mapping) for part in inner):
        keys = [tuple(map(str, part)) for part in inner]
        if len(set(keys)) == 1 and all(key.isdecimal() for key in keys[0]):
            return f"it holds columns, not rows; {_by_pandas(path, 'read_json(f)')}"
        if all("qa_pairs" in part and "passage" in part for part in inner):
            return _drop_told(path)
        if set.intersection(*map(set, keys)):  # else they are parts of one row
            to = new_file(path.name)
            return f"it holds rows by name; jq -c '.[]' {in_shell(path)} > {to} makes a row of each"
    return None


_MOST_COLUMNS = 20  # of a row whose values are all texts


def are_pairs(value: Any) -> bool:
    """Return whether an object that is a whole file has questions as keys: {question: answer}."""
    if not isinstance(value, Mapping) or len(value) < 2:
        return False
    n_long = sum(len(str(key).split()) > 3 for key in value)
    is_long = len(value) > _MOST_COLUMNS or 2 * n_long > len(value)
    return is_long and all(isinstance(answer, str) for answer in value.values())


def _pairs_command(path: Path) -> str:
    read = f"json.load(open({named_file(str(path))}, encoding='utf-8-sig')).items()"
    made = "[print(json.dumps({'question': q, 'answer': a})) for q, a in " + read + "]"
    return f'python -c "import json; {made}" > {new_file(path.name)} makes rows'


_TAGGED = re.compile(r"\S+(?:\s+\S+){0,2}\s+(?:O|[BIESLU]-\w+)")  # a word of CoNLL's


def rows_of(value: Any, path: Path) -> str:
    """Return how rows with named columns are made of a list, or of a line of text."""
    row, name = "", ""
    if isinstance(value, list) and len(value) == 2 and all(isinstance(v, str) for v in value):
        row = "dict(zip(('question', 'answer'), x.value))"
        name = "where each is a question and its answer, "
    elif isinstance(value, str) and value.startswith("__label__"):
        words = "for w in x.value.split() if"
        text = f"' '.join(w {words} not w.startswith('__label__'))"
        row = f"{{'text': {text}, 'label': [w[9:] {words} w.startswith('__label__')]}}"
        name = "these are fastText's lines; "
    elif isinstance(value, str) and _TAGGED.fullmatch(value.strip()):
        return (
            "these are words with tags, as CoNLL has them, which no metric of a target scores; "
            "write each sentence as an object, with what is tagged as text"
        )
    elif isinstance(value, str) and any(separator in value for separator in "\t|;,"):
        return (
            f"a table, whatever is between its cells, is named .csv: cp {in_shell(path)} rows.csv"
        )
    if not row:
        return "write each as an object"
    return (
        f'{name}python -c "import json; from cliffguard.suites.rows import read_rows; '
        f"[print(json.dumps({row})) for x in read_rows({named_file(str(path))})]"
        f'" > {new_file(path.name)} makes rows'
    )


def _drop_told(path: Path) -> str:
    """Return how rows are made of DROP's file; several spans of one answer are right together."""
    answers = (
        "[s for s in (a['number'], ' '.join(filter(None, a['date'].values())), *a['spans'][:1]) "
        "if s]"
    )
    row = f"{{'context': p['passage'], 'question': q['question'], 'answers': {answers}}}"
    each = "for p in rows for q in p['qa_pairs'] for a in [q['answer']] if len(a['spans']) < 2"
    return (
        f"it holds DROP's passages by name; python -c \"import json; rows = json.load(open("
        f'{named_file(str(path))})).values(); [print(json.dumps({row})) {each}]" > '
        f"{new_file(path.name)} makes rows"
    )


def _columns_told(value: Mapping[str, Any], path: Path) -> str | None:
    if {"columns", "data"} <= value.keys():
        made = "read_json(f, orient='split')"
        return f"it holds columns and data apart, as pandas splits them; {_by_pandas(path, made)}"
    if all(isinstance(row, Mapping) and not _is_turn(row) for v in value.values() for row in v):
        names = ", ".join(map(str, list(value)[:5]))
        return f"it holds several lists ({names}); write one of them into a file of its own"
    if len({len(part) for part in value.values()}) == 1 and not any(map(_is_chat, value.values())):
        return f"it holds columns, not rows; {_by_pandas(path, 'DataFrame(json.load(open(f)))')}"
    return None


def _is_chat(value: Sequence[Any]) -> bool:
    return all(isinstance(turn, Mapping) and _is_turn(turn) for turn in value)


def _is_turn(value: Mapping[str, Any]) -> bool:
    return "role" in value or "from" in value


def index_told(value: Any) -> str | None:
    """Return what to do where an object describes data sets and holds none, or None."""
    if not isinstance(value, Mapping) or not value:
        return None
    inner = list(value.values())
    if all(isinstance(entry, Mapping) and any(key in entry for key in _INDEX) for entry in inner):
        files = [str(entry["file_name"]) for entry in inner if entry.get("file_name")]
        named = f", such as {files[0]}" if files else ""
        return f"it lists data sets and holds none; name the file of rows{named}"
    if "features" in value and {"builder_name", "dataset_name", "splits"} & value.keys():
        return "it describes a data set and holds none; name the file of rows"
    return None


def _by_pandas(path: Path, made: str) -> str:
    write = "to_json('rows.jsonl', orient='records', lines=True)"
    named = f"import json, pandas as p; f={named_file(str(path))}"
    return f"""python -c "{named}; p.{made}.{write}" makes rows"""
