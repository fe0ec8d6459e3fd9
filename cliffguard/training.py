"""Fine-tuning data → texts, whatever file holds them; a damaged row is named with its line."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cliffguard.errors import UsageError, nearest
from cliffguard.files import read_text, user_path


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingText:
    """One row: its texts in their order. `line` is where it begins in `source`, from 1.

    Of Parquet and Arrow files, which have no lines, it is the number of the row.
    """

    parts: tuple[str, ...]
    source: str
    line: int

    @property
    def text(self) -> str:
        """All texts of the row, each on lines of its own."""
        return "\n".join(self.parts)


def read_training(path: str) -> tuple[TrainingText, ...]:
    """Read fine-tuning data: JSON Lines, a JSON list, CSV, Parquet, text, a saved dataset.

    Of a row all texts count, of a chat what is said in it. Raises UsageError with file and line
    for a row without any text, or one that cannot be read; none is left out.
    """
    place = user_path(path, UsageError)
    if not place.exists():
        raise UsageError(f"{path}: no such file or folder; name the data of the fine-tune")
    read = _from_folder if place.is_dir() else _READERS.get(place.suffix.lower())
    if read is None:
        raise UsageError(
            f"{path}: cannot tell what kind of file this is{nearest(place.suffix, _READERS)} "
            f"(known: {', '.join(_READERS)}, and a folder that datasets has saved)"
        )
    texts = tuple(read(place))
    if not texts:
        raise UsageError(f"{path}: holds no rows; name the data of the fine-tune")
    return texts


def read_all_training(paths: Sequence[str]) -> tuple[TrainingText, ...]:
    """Read several files of fine-tuning data, one after the other."""
    return tuple(text for path in paths for text in read_training(path))


# --- what a row says -----------------------------------------------------------------------------

# Who speaks, and what kind of content it is, is not what is said.
_SPOKEN = (("role", "content"), ("from", "value"), ("type", "text"))


def _row(value: Any, path: Path, line: int) -> TrainingText:
    parts = tuple(_leaves(value))
    if not parts:
        keys = f" (only {', '.join(map(str, value))})" if isinstance(value, Mapping) else ""
        raise UsageError(
            f"{path}:{line}: the row holds no text{keys}; give the data as it was before it was "
            "tokenised"
        )
    return TrainingText(parts=parts, source=str(path), line=line)


def _leaves(value: Any) -> Iterator[str]:
    """Yield all texts inside a value, in order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        unsaid = {label for label, said in _SPOKEN if label in value and said in value}
        for key, inner in value.items():
            if key not in unsaid:
                yield from _leaves(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _leaves(inner)


# --- text files ----------------------------------------------------------------------------------


def _from_lines(path: Path) -> Iterator[TrainingText]:
    for number, line in enumerate(read_text(path, UsageError).split("\n"), start=1):
        if line.strip():
            yield TrainingText(parts=(line.strip("\r"),), source=str(path), line=number)


def _from_jsonl(path: Path) -> Iterator[TrainingText]:
    yield from _jsonl_rows(read_text(path, UsageError), path)


def _jsonl_rows(text: str, path: Path) -> Iterator[TrainingText]:
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if line.strip():
            value, end = _decoded(line, 0, path, number)
            if line[end:].strip():
                raise UsageError(f"{path}:{number}: not valid JSON: something follows the row")
            yield _row(value, path, number)


def _from_json(path: Path) -> Iterator[TrainingText]:
    """Read a list, row by row so that each keeps its line; JSON Lines often go by this name too."""
    text = read_text(path, UsageError)
    if not text.lstrip("\ufeff \t\r\n").startswith("["):
        yield from _jsonl_rows(text, path)
        return
    place, line = text.index("[") + 1, 1 + text.count("\n", 0, text.index("[") + 1)
    while True:
        start = _past_space(text, place)
        line += text.count("\n", place, start)
        if text[start : start + 1] == "]":
            break
        value, place = _decoded(text, start, path, line)
        yield _row(value, path, line)
        line += text.count("\n", start, place)
        end = _past_space(text, place)
        line += text.count("\n", place, end)
        if text[end : end + 1] not in (",", "]"):
            raise UsageError(f"{path}:{line}: not valid JSON: the list ends without a bracket")
        place = end + (text[end] == ",")
    if rest := text[start + 1 :].strip():
        line += text.count("\n", start, text.index(rest, start + 1))
        raise UsageError(f"{path}:{line}: not valid JSON: something follows the list")


def _past_space(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n":
        place += 1
    return place


_JSON = json.JSONDecoder()


def _decoded(text: str, start: int, path: Path, line: int) -> tuple[Any, int]:
    """Return the JSON value that begins at a place, and where it ends."""
    try:
        return _JSON.raw_decode(text, _past_space(text, start))
    except (ValueError, RecursionError) as failure:
        reason = getattr(failure, "msg", None) or str(failure)
        if isinstance(failure, RecursionError):
            reason = "nested too deeply"
        raise UsageError(f"{path}:{line}: not valid JSON: {reason}") from None


def _from_csv(path: Path) -> Iterator[TrainingText]:
    """Read a table of text. Its header is read as a row, since some have none."""
    csv.field_size_limit(sys.maxsize)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    text = io.StringIO(read_text(path, UsageError).removeprefix("\ufeff"), newline="")
    rows = csv.reader(text, delimiter=delimiter, strict=True)
    n_cells = None
    line = 1
    try:
        for cells in rows:
            if cells:
                n_cells = n_cells or len(cells)
                if len(cells) != n_cells:
                    raise UsageError(
                        f"{path}:{line}: {len(cells)} cells, where the first row has {n_cells}"
                    )
                yield _row(cells, path, line)
            line = rows.line_num + 1
    except csv.Error as failure:
        raise UsageError(f"{path}:{line}: not valid CSV: {failure}") from None


# --- tables --------------------------------------------------------------------------------------


def _from_parquet(path: Path) -> Iterator[TrainingText]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            yield from _table(file.schema_arrow, file.iter_batches(), path)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as failure:
        raise _unreadable(path, failure) from None


def _from_arrow(path: Path) -> Iterator[TrainingText]:
    import pyarrow

    try:
        with pyarrow.OSFile(str(path)) as file:
            reader = pyarrow.ipc.open_stream(file)
            yield from _table(reader.schema, reader, path)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as failure:
        raise _unreadable(path, failure) from None


def _unreadable(path: Path, failure: Exception) -> UsageError:
    reason = (str(failure).splitlines() or [type(failure).__name__])[0]
    return UsageError(f"{path}: cannot be read as a table: {reason[:200]}")


def _table(schema: Any, batches: Any, path: Path) -> Iterator[TrainingText]:
    """Yield a text for each row; columns that hold none, such as pictures, are not decoded."""
    names = [field.name for field in schema if _holds_text(field.type)]
    if not names:
        raise UsageError(
            f"{path}: no column holds text (there are: {', '.join(schema.names)}); give the data "
            "as it was before it was tokenised"
        )
    number = 0
    for batch in batches:
        for row in batch.select(names).to_pylist():
            number += 1
            yield _row(row, path, number)


def _holds_text(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        return _holds_text(kind.value_type)
    if types.is_nested(kind):
        return any(_holds_text(kind.field(place).type) for place in range(kind.num_fields))
    return bool(types.is_string(kind) or types.is_large_string(kind) or _is_view(kind))


def _is_view(kind: Any) -> bool:
    return str(kind) == "string_view"


def _from_folder(folder: Path) -> Iterator[TrainingText]:
    """Read what `datasets` has saved with save_to_disk; of several splits one must be named."""
    splits = folder / "dataset_dict.json"
    if splits.is_file():
        names = [str(name) for name in _settings(splits).get("splits", [])]
        if len(names) != 1:
            raise UsageError(
                f"{folder}: holds the splits {', '.join(names)}; name the one that was trained "
                f"on, such as {folder / (names[0] if names else 'train')}"
            )
        folder = folder / names[0]
    state = folder / "state.json"
    if not state.is_file():
        raise UsageError(
            f"{folder}: not a folder that datasets has saved (no state.json); name its files"
        )
    for file in _settings(state).get("_data_files", []):
        yield from _from_arrow(folder / str(file["filename"]))


def _settings(path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(read_text(path, UsageError))
    except (ValueError, RecursionError):
        raise UsageError(f"{path}: not valid JSON; save the dataset again") from None
    if not isinstance(value, Mapping):
        raise UsageError(f"{path}: not a mapping; save the dataset again")
    return value


_READERS = {
    ".jsonl": _from_jsonl,
    ".ndjson": _from_jsonl,
    ".json": _from_json,
    ".csv": _from_csv,
    ".tsv": _from_csv,
    ".parquet": _from_parquet,
    ".arrow": _from_arrow,
    ".txt": _from_lines,
}
