"""Objects that are a whole file and hold something else than rows: the command that makes some."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from cliffguard.suites.rows.foreign import by_jq, jq_path, named_file, new_file

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
            return _named_told(value, path)
    return None


def _named_told(value: Mapping[str, Mapping[str, Any]], path: Path) -> str:
    """Return how rows are made of objects by name; the name may be what is asked."""
    inner = {str(key) for part in value.values() for key in part}
    usual = "question" if _are_sentences(value) else "key"
    name = next(each for each in (usual, "key", "name", "key_of_row") if each not in inner)
    made = by_jq(f"to_entries[] | {{{name}: .key}} + .value", path)
    return f"it holds rows by name; {made} makes a row of each, with its name under {name}"


_MOST_COLUMNS = 20  # of a row whose values are all texts


def are_pairs(value: Any) -> bool:
    """Return whether an object that is a whole file has questions as keys: {question: answer}."""
    if not isinstance(value, Mapping) or len(value) < 2:
        return False
    is_long = len(value) > _MOST_COLUMNS or _are_sentences(value)
    return is_long and all(isinstance(answer, str) for answer in value.values())


def _are_sentences(names: Collection[str]) -> bool:
    """Return whether most names are of several words, or end as a question does."""
    n_long = sum(len(name.split()) > 3 or name.rstrip().endswith(_ASKING) for name in names)
    return 2 * n_long > len(names)


_ASKING = ("?", "？", "؟")


def _pairs_command(path: Path) -> str:
    read = f"json.load(open({named_file(str(path))}, encoding='utf-8-sig')).items()"
    made = "[print(json.dumps({'question': q, 'answer': a})) for q, a in " + read + "]"
    return f'python -c "import json; {made}" > {new_file(path.name)} makes rows'


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
        return _lists_told(value, path, "rows", "[]")
    if all(_is_pair(row) for part in value.values() for row in part):
        made = "[] | {question: .[0], answer: .[1]}"
        return _lists_told(value, path, "pairs of a question and its answer", made)
    return _texts_told(value, path)


def _texts_told(value: Mapping[str, Any], path: Path) -> str | None:
    """Return how rows are made of lists by name: of columns, or of the labels of their texts."""
    labelled = None
    if all(isinstance(text, str) for part in value.values() for text in part):
        labelled = by_jq('to_entries[] | {text: .value[], "label": .key}', path)
    has_columns = any(name.casefold() in _COLUMNS for name in value)
    if len({len(part) for part in value.values()}) == 1 and not any(map(_is_chat, value.values())):
        made = _by_pandas(path, "DataFrame(json.load(open(f)))")
        if labelled is None or has_columns:
            return f"it holds columns, not rows; {made}"
        return (
            f"it holds lists by name; where the names are of columns, {made}; where each is the "
            f"label of its texts, {labelled} makes rows"
        )
    # One row may hold lists of texts, too: then one of them goes by a usual name, or has one text.
    if labelled is None or has_columns or min(map(len, value.values())) < 2:
        return None
    return f"it holds texts by label; {labelled} makes a row of each text"


_COLUMNS = frozenset(
    {"id", "prompt", "question", "input", "instruction", "text", "query", "context", "sentence"}
    | {"answer", "answers", "label", "labels", "output", "completion", "response", "target"}
    | {"choices", "options", "messages", "passage", "document", "summary", "questions", "prompts"}
    | {"title", "body", "inputs", "targets", "outputs", "texts", "turns", "references"}
)
"""Names that are of columns, and of no label."""


def _lists_told(value: Mapping[str, Any], path: Path, what: str, each: str) -> str:
    """Return how rows are made of one of several lists, such as splits."""
    names = ", ".join(str(name) for name in list(value)[:_LISTED])
    made = by_jq(f"{jq_path([next(iter(value))])}{each}", path)
    return f"it holds several lists of {what} ({names}); {made} makes rows of the first"


_LISTED = 5  # names that a message has


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == 2 and all(isinstance(each, str) for each in value)
    )


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
