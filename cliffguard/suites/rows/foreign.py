"""Words of the commands that messages print: names of files and keys, and what lines are."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MARKDOWN = "sed -E '2d; s/^ *[|] *//; s/ *[|] *$//; s/ *[|] */|/g'"


def named_file(name: str) -> str:
    """Return a file's name for Python inside the quotes of a shell, or FILE where it cannot be."""
    return repr("FILE" if {*name} & {*"\"'$`\\!"} or not name.isprintable() else name)


def new_file(source: str) -> str:
    """Return the file for rows made of another, which a shell empties before that is read."""
    return "rows.jsonl" if Path(source).name != "rows.jsonl" else "rows-2.jsonl"


def in_shell(path: Path) -> str:
    """Return a file's path as a word of a command."""
    return shlex.quote(str(path)) if str(path).isprintable() else "FILE"


_JQ_WORDS = frozenset(
    {"def", "if", "then", "else", "elif", "end", "as", "reduce", "foreach", "try", "catch"}
    | {"label", "import", "include", "and", "or", "not", "__loc__"}
)


def jq_name(key: str) -> str:
    """Return a key of an object as jq writes it."""
    is_word = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) and key not in _JQ_WORDS
    return key if is_word else json.dumps(key, ensure_ascii=False)


def jq_path(keys: Sequence[str]) -> str:
    """Return the way through objects to what lies below these keys, as jq writes it."""
    words = [jq_name(key) for key in keys]
    path = "".join(f"[{word}]" if word.startswith('"') else f".{word}" for word in words)
    return path if path.startswith(".") else f".{path}"


_UNPACKED = {".gz": "gzip -dc", ".bz2": "bzip2 -dc", ".xz": "xz -dc"}


def by_jq(program: str, path: Path) -> str:
    """Return the command that makes rows of a file of JSON with jq, also of a compressed one."""
    made, to = f"jq -c {shlex.quote(program)}", new_file(path.name)
    unpack = _UNPACKED.get(path.suffix.lower())
    if unpack is None:
        return f"{made} {in_shell(path)} > {to}"
    return f"{unpack} {in_shell(path)} | {made} > {to}"


def refuse_markdown(path: Path) -> str:
    """Return the command that makes cells of a table of Markdown."""
    return f"{MARKDOWN} {in_shell(path)} > rows.csv makes one of cells"


def without_lines_before(path: Path, line: int) -> str:
    """Return the command that leaves out what stands before the names of the columns."""
    to = "rows.csv" if path.name != "rows.csv" else "rows-2.csv"
    return f"tail -n +{line} {in_shell(path)} > {to} makes rows from there on"


def is_object(line: str) -> bool:
    """Return whether a line of text is an object of JSON."""
    try:
        return line.lstrip().startswith("{") and isinstance(json.loads(line), Mapping)
    except (ValueError, RecursionError):
        return False


def copied(path: Path, to: str) -> str:
    """Return the command that gives a file another ending; that of compression stays."""
    packed = path.suffix if path.suffix.lower() in _UNPACKED else ""
    return f"cp {in_shell(path)} {to}{packed}"


_PART = re.compile(r"(?P<stem>part|[\w.-]+(?=-\d{5}-of-))-\d{5}.*", re.ASCII)
_LINES = (".json", ".jsonl", ".ndjson")
_LONGEST_LINE = 1_000_000  # characters by which a file of objects is told


def together(folder: Path, names: Sequence[str]) -> str | None:
    """Return the command that makes one file of the parts in a folder, as Spark writes them.

    None where they are of several tables, as of splits, or of a kind that may have no names.
    """
    parts = [(match["stem"], name) for name in names if (match := _PART.fullmatch(name))]
    kinds = {(stem, Path(name).suffix) for stem, name in parts}
    if len(kinds) != 1:
        return None
    ((stem, ending),) = kinds
    pattern = f"{stem}-*{ending}"
    if ending in _LINES and _are_lines([folder / name for _, name in parts]):
        # awk ends the last line of each file, which cat would join to the next one.
        made = f"awk 1 {in_shell(folder)}/{pattern} > rows.jsonl"
    elif ending == ".parquet":
        named = f"sorted(map(str, Path({named_file(str(folder))}).glob({pattern!r})))"
        made = in_one(named, more="from pathlib import Path; ")
    else:
        return None
    return f"{made} makes one file of its parts, for --target rows.jsonl"


def in_one(files: str, more: str = "", to: str = "rows.jsonl") -> str:
    """Return the command that writes the rows of several files, a list in Python, into one."""
    return (
        f'python -c "import json; {more}from cliffguard.suites.rows import read_records; '
        f'[print(json.dumps(x.value)) for f in {files} for x in read_records(f)]" > {to}'
    )


def _are_lines(files: Sequence[Path]) -> bool:
    """Return whether files hold objects, one a line; some may be empty, but not all."""
    lines = list(filter(None, map(_first_line, files)))
    return bool(lines) and all(map(is_object, lines))


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline(_LONGEST_LINE)


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
    elif isinstance(value, str) and is_object(value):
        return f"JSON Lines are named .jsonl: {copied(path, new_file(path.name))}"
    elif isinstance(value, str) and any(separator in value for separator in "\t|;,"):
        return f"a table, whatever is between its cells, is named .csv: {copied(path, 'rows.csv')}"
    if not row:
        return "write each as an object"
    return (
        f'{name}python -c "import json; from cliffguard.suites.rows import read_rows; '
        f"[print(json.dumps({row})) for x in read_rows({named_file(str(path))})]"
        f'" > {new_file(path.name)} makes rows'
    )
