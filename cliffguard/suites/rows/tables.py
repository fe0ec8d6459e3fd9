"""Rows of tables: Parquet, Arrow, and the folders that `datasets` saves."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cliffguard.core.canonical_json import parse_json
from cliffguard.core.errors import UsageError, nearest
from cliffguard.core.files import read_text
from cliffguard.core.texts import first_line
from cliffguard.suites.rows.arrow_values import rows_in
from cliffguard.suites.rows.foreign import together
from cliffguard.suites.rows.row import Row, row_of


def from_parquet(path: Path, text_only: bool) -> Iterator[Row]:
    """Yield the rows of a Parquet file."""
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            yield from _table(file.schema_arrow, file.iter_batches(), path, text_only)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as failure:
        raise _unreadable(path, failure) from None


def from_arrow(path: Path, text_only: bool) -> Iterator[Row]:
    """Yield the rows of a file of Arrow's stream format."""
    import pyarrow

    try:
        with pyarrow.OSFile(str(path)) as file:
            reader = pyarrow.ipc.open_stream(file)
            yield from _table(reader.schema, reader, path, text_only)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as failure:
        raise _unreadable(path, failure) from None


def label_names(path: Path) -> dict[str, tuple[str, ...]]:
    """Return the names of numbered labels by column, as `datasets` notes them in a table."""
    if path.suffix.lower() not in (".parquet", ".arrow"):
        return {}
    import pyarrow
    from pyarrow import parquet

    try:
        if path.suffix.lower() == ".parquet":
            return _names(parquet.read_schema(path))
        with pyarrow.OSFile(str(path)) as file:
            return _names(pyarrow.ipc.open_stream(file).schema)
    except (pyarrow.ArrowException, OSError) as failure:
        raise _unreadable(path, failure) from None


def _names(schema: Any) -> dict[str, tuple[str, ...]]:
    try:
        noted = parse_json((schema.metadata or {}).get(b"huggingface", b"{}").decode())
        features = noted.get("info", {}).get("features", {})
        return {
            column: tuple(map(str, kind["names"]))
            for column, kind in features.items()
            if isinstance(kind, dict) and kind.get("_type") == "ClassLabel" and kind.get("names")
        }
    except (ValueError, AttributeError, TypeError):  # somebody else's note
        return {}


def _unreadable(path: Path, failure: Exception) -> UsageError:
    reason = first_line(failure)
    return UsageError(f"{path}: cannot be read as a table: {reason}", id="rows.table")


def _table(schema: Any, batches: Any, path: Path, text_only: bool) -> Iterator[Row]:
    """Yield the rows of a table; under `text_only` without columns that hold none, as pictures."""
    names = [field.name for field in schema if not text_only or _holds_text(field.type)]
    if not names:
        raise UsageError(
            f"{path}: no column holds text (there are: {', '.join(schema.names)}); give the data "
            "as it was before it was tokenised",
            id="rows.tokenised",
        )
    number = 0
    for batch in batches:
        batch.validate(full=True)  # a damaged one may point outside its own memory
        for row in rows_in(batch.select(names)):
            number += 1
            yield row_of(_without_bytes(row) if text_only else row, path, number)


def _without_bytes(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without what is no text: pictures of a whole table would fill the memory."""
    return {name: value for name, value in row.items() if not isinstance(value, bytes)}


def _holds_text(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        return _holds_text(kind.value_type)
    if types.is_nested(kind):
        return any(_holds_text(kind.field(index).type) for index in range(kind.num_fields))
    is_text = types.is_string(kind) or types.is_large_string(kind) or str(kind) == "string_view"
    return bool(is_text or "binary" in str(kind))  # which may be UTF-8, as of Hive and old Spark


# --- saved datasets ------------------------------------------------------------------------------


def split_folder(folder: Path, split: str | None) -> Path:
    """Return the folder of one split; of several one must be named, by key or by its folder."""
    splits = folder / "dataset_dict.json"
    if not splits.is_file():
        if split is not None:
            raise UsageError(
                f"{folder}: has no splits; leave the split {split!r} out", id="rows.split"
            )
        return folder
    names = _settings(splits).get("splits")
    if not isinstance(names, list) or not all(_is_plain(name) for name in names):
        raise UsageError(
            f"{splits}: does not name splits; save the dataset again", id="rows.saved-dataset"
        )
    if split is None and len(names) != 1:
        raise UsageError(
            f"{folder}: holds the splits {', '.join(names)}; name the one that is meant, such as "
            f"{folder / (names[0] if names else 'train')}",
            id="rows.split",
        )
    if split is not None and split not in names:
        raise UsageError(
            f"{folder}: has no split {split!r}{nearest(split, names)} (it holds "
            f"{', '.join(names)})",
            id="rows.split",
        )
    chosen = folder / (split or names[0])
    _refuse_outside(folder, chosen)
    if not os.path.isdir(chosen):  # unlike Path's, it takes a name that is too long for one
        raise UsageError(
            f"{chosen}: no such folder, though {splits.name} names it; save it again",
            id="rows.saved-dataset",
        )
    return chosen


def arrow_files(folder: Path) -> Sequence[Path]:
    """Return the files of what `datasets` has saved with save_to_disk."""
    state = folder / "state.json"
    if not state.is_file():
        inside = sorted(path.name for path in folder.iterdir() if path.is_file())
        first_few = ", ".join(inside[:_LISTED])
        how = together(folder, inside) or f"name one file{f' of {first_few}' * bool(inside)}"
        raise UsageError(
            f"{folder}: not a folder that datasets has saved (no state.json); {how}",
            id="rows.folder",
        )
    listed = _settings(state).get("_data_files")
    if not isinstance(listed, list) or not all(isinstance(file, dict) for file in listed):
        raise UsageError(
            f"{state}: does not name files; save the dataset again", id="rows.saved-dataset"
        )
    names = [file.get("filename") for file in listed]
    for name in names:
        if not _is_plain(name):
            raise UsageError(
                f"{state}: {name!r} is no file in this folder", id="rows.saved-dataset"
            )
        _refuse_outside(folder, folder / name)
    return [folder / name for name in names]


_LISTED = 5  # files that a message names


def _refuse_outside(folder: Path, named: Path) -> None:
    """Refuse a link by which a saved folder would hold what lies elsewhere."""
    try:
        is_inside = Path(os.path.realpath(named)).is_relative_to(os.path.realpath(folder))
    except (OSError, ValueError):  # half a character, which no file is called by
        raise UsageError(
            f"{named.name!r} is no file in {folder}", id="rows.saved-dataset"
        ) from None
    if not is_inside:
        raise UsageError(
            f"{named}: leads out of the folder; copy what it points to", id="rows.leads-out"
        )


def _is_plain(name: Any) -> bool:
    """Return whether a name is of something that lies directly in a folder, and not elsewhere."""
    return isinstance(name, str) and name not in ("", ".", "..") and not set("/\\\0") & set(name)


def _settings(path: Path) -> Mapping[str, Any]:
    text = read_text(path, UsageError)
    try:
        value = parse_json(text)
    except ValueError:
        raise UsageError(
            f"{path}: not valid JSON; save the dataset again", id="rows.saved-dataset"
        ) from None
    if not isinstance(value, Mapping):
        raise UsageError(f"{path}: not a mapping; save the dataset again", id="rows.saved-dataset")
    return value
