"""Rows of data, whatever file holds them, each with its line; a damaged one is named by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from glob import glob
from pathlib import Path

from cliffguard.core.errors import UsageError, nearest
from cliffguard.core.files import has_half_characters, user_path
from cliffguard.suites.rows import tables
from cliffguard.suites.rows.cells import header_of, named
from cliffguard.suites.rows.foreign import (
    by_jq,
    in_one,
    jq_name,
    jq_path,
    named_file,
    new_file,
    rows_of,
)
from cliffguard.suites.rows.kinds import told_by_ending
from cliffguard.suites.rows.packed import PACKED, kind_of
from cliffguard.suites.rows.row import Row
from cliffguard.suites.rows.shapes import are_pairs, index_told, told_by_shape
from cliffguard.suites.rows.stand_ins import refuse_stand_in
from cliffguard.suites.rows.texts import TEXTS

__all__ = [
    "Row",
    "are_pairs",
    "by_jq",
    "has_header",
    "in_one",
    "index_told",
    "is_data_file",
    "jq_name",
    "jq_path",
    "label_names",
    "named_file",
    "new_file",
    "read_records",
    "read_rows",
]

_TABLES = {".parquet": tables.from_parquet, ".arrow": tables.from_arrow}
_ENDINGS = (*TEXTS, *_TABLES)
_WITH_HEADER = (".csv", ".tsv", ".psv")


def read_rows(path: str, *, split: str | None = None, text_only: bool = False) -> Iterator[Row]:
    """Yield the rows of JSON Lines, a JSON list, CSV, Parquet, text, or a saved dataset.

    Text may be compressed, UTF-16, and separated by semicolons or tabs. `split` chooses one of a
    saved dataset. With `text_only` the columns of a table that hold no text are not decoded.
    Raises UsageError with file and line for what cannot be read; none is left out.
    """
    source = _source_of(path, split)
    if source.is_dir():
        for file in tables.arrow_files(source):
            yield from tables.from_arrow(file, text_only)
    elif kind_of(source) in _TABLES:
        yield from _TABLES[kind_of(source)](source, text_only)
    else:
        yield from TEXTS[kind_of(source)](source)


def read_records(path: str, *, split: str | None = None) -> Iterator[Row]:
    """Yield rows whose value is a mapping of columns; the first row of a CSV names them.

    Raises UsageError with file and line for any other row.
    """
    header: list[str] | None = None
    for row in _in_rows(read_rows(path, split=split)):
        value = row.value
        if has_header(row):
            if header is None:
                header = header_of(row)
                continue
            value = named(row, header)
        if not isinstance(value, Mapping):
            raise UsageError(
                f"{row.where}: expected a row with named columns, found a {type(value).__name__}; "
                + rows_of(value, Path(row.source)),
                id="rows.no-columns",
            )
        if has_half_characters(value):
            raise UsageError(
                f"{row.where}: holds half a surrogate pair, which is no character; write it as "
                "UTF-8 text",
                id="rows.half-character",
            )
        yield Row(value=value, source=row.source, line=row.line)


def has_header(row: Row) -> bool:
    """Return whether a row is of a table of text, whose first row names its columns."""
    return kind_of(Path(row.source)) in _WITH_HEADER


def _in_rows(rows: Iterator[Row]) -> Iterator[Row]:
    """Yield the rows, unless one object is all there is and holds something else than a row."""
    first, second = next(rows, None), next(rows, None)
    if first is None:
        return
    if second is None and (advice := told_by_shape(first.value, Path(first.source))) is not None:
        raise UsageError(f"{first.source}: {advice}", id="rows.shape")
    yield first
    if second is not None:
        yield second
        yield from rows


def label_names(path: str, *, split: str | None = None) -> dict[str, tuple[str, ...]]:
    """Return the names of numbered labels by column, where `datasets` wrote them into a table."""
    source = _source_of(path, split)
    files = tables.arrow_files(source)[:1] if source.is_dir() else [source]
    return {column: names for file in files for column, names in tables.label_names(file).items()}


def is_data_file(name: str) -> bool:
    """Return whether a name ends as the files do that are read here."""
    return kind_of(Path(name)) in _ENDINGS


def _source_of(path: str, split: str | None) -> Path:
    """Return the file to read, or the folder of one saved split."""
    source = user_path(path, UsageError)
    if not source.exists():
        raise UsageError(f"{path}: no such file or folder{_matching(path)}", id="rows.no-file")
    if source.is_dir():
        return tables.split_folder(source, split)
    if kind_of(source) not in _ENDINGS or (source.suffix in PACKED and kind_of(source) in _TABLES):
        advice = told_by_ending(source) or nearest(kind_of(source), _ENDINGS)
        raise UsageError(
            f"{path}: cannot tell what kind of file this is{advice} (known: {', '.join(_ENDINGS)}, "
            f"compressed as {', '.join(PACKED)}, and a folder that datasets has saved)",
            id="rows.unknown-kind",
        )
    if split is not None:
        raise UsageError(
            f"{path}: a file has no splits; leave the split {split!r} out", id="rows.split"
        )
    refuse_stand_in(source)
    return source


def _matching(path: str) -> str:
    """Return which files a pattern that no shell has resolved stands for."""
    paths = sorted(glob(path))[:_LISTED] if set("*?[") & set(path) else []
    return (
        f"; files are named one by one, such as {', '.join(paths)}" if paths else "; check the path"
    )


_LISTED = 5
