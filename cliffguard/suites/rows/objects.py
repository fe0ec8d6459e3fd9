"""Rows of JSON: one on each line, one after the other, a list, or a list inside an object."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cliffguard.core.canonical_json import TwoKeysError, refuse_depth, single_keys
from cliffguard.core.errors import UsageError
from cliffguard.suites.rows.foreign import by_jq, in_shell, named_file, new_file
from cliffguard.suites.rows.packed import kind_of, read_packed
from cliffguard.suites.rows.row import Row, row_of

WRAPPERS = (
    "data", "Data", "rows", "examples", "items", "instances", "records", "samples", "questions",
    "dataset", "train", "validation", "dev", "test", "eval",
)  # fmt: skip
"""Keys under which an object may hold the rows of a whole file."""


def from_json(path: Path) -> Iterator[Row]:
    """Yield the rows of JSON text, each with the line on which it begins.

    Values follow each other on lines of their own, as JSON Lines have them, or spread over several
    lines each. A list that is the whole file is read row by row, and so is one under a key of
    `WRAPPERS` in an object that is the whole file.
    """
    text = read_packed(path)
    if _is_list(text, may_be_lines=kind_of(path) != ".json"):
        start = text.index("[")
        yield from _listed(text, start, path, 1 + text.count("\n", 0, start))
        return
    values = _values(text, path)
    first = next(values, None)
    if first is None:
        return
    second = next(values, None)
    inside = None if second is not None else _wrapped(first[0])
    if inside is not None:
        yield from _inner(text, path, inside, _about(first[0], inside))
        return
    for value, line in (first, *([] if second is None else [second]), *values):
        yield row_of(value, path, line)


def _is_list(text: str, *, may_be_lines: bool) -> bool:
    """Return whether the file is one list, and not JSON Lines whose rows are lists."""
    begun = text.lstrip(_SPACE)
    line, _, more = begun.partition("\n")
    return begun.startswith("[") and not (may_be_lines and more.strip() and _is_whole(line))


def _is_whole(line: str) -> bool:
    try:
        _, end = _JSON.raw_decode(line)
    except (ValueError, RecursionError):
        return False
    return not line[end:].strip()


def _values(text: str, path: Path) -> Iterator[tuple[Any, int]]:
    """Yield values that each begin on a line of their own, with that line."""
    position, line = 0, 1
    while True:
        start = _past_space(text, position)
        line += text.count("\n", position, start)
        if start == len(text):
            return
        value, end = _decoded(text, start, path, line)
        rest = text[end : _line_end(text, end)].strip()
        if rest:
            place_of_it = line + text.count("\n", start, end)
            advice = _advice_behind(value, rest, path)
            raise UsageError(
                f"{path}:{place_of_it}: not valid JSON: something follows the row; {advice}",
                id="rows.json",
            )
        yield value, line
        line += text.count("\n", start, end)
        position = end


def _advice_behind(value: Any, rest: str, path: Path) -> str:
    """Return what to do where something follows a row on its line."""
    if rest == ",":
        return "a list needs its brackets [ ], JSON Lines no commas"
    if isinstance(value, int) and rest.lstrip(":.) ").startswith("{"):
        command = f"sed -E 's/^[0-9]+[^{{]*//' {in_shell(path)} > {new_file(path.name)}"
        return f"{command} leaves out the numbers of lines"
    if isinstance(value, Mapping) and rest.startswith("{"):
        return f"where rows follow each other, {by_jq('.', path)} gives each a line of its own"
    return "write each row on a line of its own"


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _listed(text: str, start: int, path: Path, line: int) -> Iterator[Row]:
    """Yield the values of the list that begins at a place, which nothing follows."""
    end = start
    for value, begun, past in _elements(text, start, path, line):
        end = past
        if begun:
            yield row_of(value, path, begun)
    if rest := text[end:].strip():
        line += text.count("\n", start, text.index(rest, end))
        raise UsageError(
            f"{path}:{line}: not valid JSON: something follows the list", id="rows.json"
        )


def _elements(text: str, start: int, path: Path, line: int) -> Iterator[tuple[Any, int, int]]:
    """Yield (value, line, end) for all of a list; the last is (None, 0, end of the list)."""
    position = start + 1
    while True:
        begun = _past_space(text, position)
        line += text.count("\n", position, begun)
        if text[begun : begun + 1] == "]":
            yield None, 0, begun + 1
            return
        value, position = _decoded(text, begun, path, line)
        yield value, line, position
        line += text.count("\n", begun, position)
        end = _past_space(text, position)
        line += text.count("\n", position, end)
        if text[end : end + 1] not in (",", "]"):
            raise UsageError(
                f"{path}:{line}: not valid JSON: the list ends without a bracket", id="rows.json"
            )
        position = end + (text[end] == ",")


def _wrapped(value: Any) -> str | None:
    """Return the key under which an object that is a whole file holds its rows, or None."""
    if not isinstance(value, Mapping):
        return None
    keys = [key for key in WRAPPERS if _is_rows(value.get(key))]
    return keys[0] if len(keys) == 1 else None


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(o, Mapping) for o in value)


# What a file says of itself, beside its rows.
_FILE_KEYS = """
version name title description license licence citation homepage url author authors date id created
created_at updated updated_at language format schema_version count total canary comment comments
contact credits source sources dataset keywords metrics
"""


def _about(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return what an object says beside its rows and of all of them: a passage, instructions.

    Each row has it, as a column; what a file says of itself and numbers of it are left out.
    """
    return {
        name: cell
        for name, cell in value.items()
        if name != key
        and name.casefold() not in _FILE_KEYS.split()
        and isinstance(cell, (str, list, Mapping))
        and not _is_rows(cell)
        and not (isinstance(cell, Mapping) and "pandas_version" in cell)  # orient="table"
    }


def _inner(text: str, path: Path, key: str, about: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the rows of the list under a key, once the text is known to hold it.

    They keep their lines: the object is walked over again, key by key. `about` is of each row.
    """
    position = _past_space(text, 0) + 1
    while True:
        name, position = _JSON.raw_decode(text, _past_space(text, position))
        start = _past_space(text, _past_space(text, position) + 1)  # past the colon
        if name == key:
            for value, line, _ in _elements(text, start, path, 1 + text.count("\n", 0, start)):
                if line:
                    yield from _unnested({**about, **value}, path, line)
            return
        _, position = _JSON.raw_decode(text, start)
        position = _past_space(text, position) + 1  # past the comma


def _unnested(value: Any, path: Path, line: int) -> Iterator[Row]:
    """Yield a row, or the questions inside it: SQuAD's files have them below their paragraphs."""
    paragraphs = value.get("paragraphs")
    if _is_rows(paragraphs) and all(_is_rows(paragraph.get("qas")) for paragraph in paragraphs):
        about = {key: cell for key, cell in value.items() if key != "paragraphs"}
        for paragraph in paragraphs:
            passage = {key: cell for key, cell in paragraph.items() if key != "qas"}
            for question in paragraph["qas"]:
                yield row_of({**about, **passage, **question}, path, line)
        return
    inner = value.get("row")
    if "row_idx" in value and isinstance(inner, Mapping):  # a page of a data set's viewer
        value = inner
    yield row_of(value, path, line)


_SPACE = " \t\r\n\x1e"  # the last begins a row of JSON text sequences (RFC 7464)
_PRINTED = re.compile(r"[\[{]\s*[\[{]*'")  # how Python prints a row


_JSON = json.JSONDecoder(object_pairs_hook=single_keys)


def _past_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in _SPACE:
        position += 1
    return position


def _advice(text: str, start: int, path: Path) -> str:
    """Return what to do about a row that is no JSON."""
    if _PRINTED.match(text, start) is None:
        return "mend the row, or leave it out"
    lines = f"(l for l in open({named_file(str(path))}, encoding='utf-8') if l.strip())"
    made = f"[print(json.dumps(ast.literal_eval(l))) for l in {lines}]"
    return (
        "these rows are as Python prints them: "
        f'python -c "import ast, json; {made}" > {new_file(path.name)} makes rows'
    )


def _decoded(text: str, start: int, path: Path, line: int) -> tuple[Any, int]:
    """Return the JSON value that begins at a place, and where it ends."""
    try:
        value, end = _JSON.raw_decode(text, start)
        refuse_depth(value)
    except TwoKeysError as failure:
        raise UsageError(
            f"{path}:{line}: {failure.msg}; leave out the one that is not meant",
            id="rows.two-keys",
        ) from None
    except (ValueError, RecursionError) as failure:
        if not isinstance(failure, json.JSONDecodeError):  # it may well be valid
            reason = "nested too deeply" if isinstance(failure, RecursionError) else str(failure)
            message = f"too much for one row: {reason}; leave the row out"
        else:
            message = f"not valid JSON: {failure.msg}; {_advice(text, start, path)}"
        raise UsageError(f"{path}:{line}: {message}", id="rows.json") from None
    return value, end
