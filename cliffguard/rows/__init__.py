"""Rows of data, whatever file holds them, each with its line; a damaged one is named by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from cliffguard.errors import UsageError, nearest
from cliffguard.files import has_half_characters, user_path
from cliffguard.rows import tables
from cliffguard.rows.row import Row
from cliffguard.rows.texts import TEXTS

__all__ = ["Row", "is_data_file", "label_names", "read_records", "read_rows"]

_TABLES = {".parquet": tables.from_parquet, ".arrow": tables.from_arrow}
_ENDINGS = (*TEXTS, *_TABLES)
_WITH_HEADER = (".csv", ".tsv")


def read_rows(path: str, *, split: str | None = None, text_only: bool = False) -> Iterator[Row]:
    """Yield the rows of JSON Lines, a JSON list, CSV, Parquet, text, or a saved dataset.

    `split` chooses one of a saved dataset. With `text_only` the columns of a table that hold no
    text are not decoded. Raises UsageError with file and line for what cannot be read; none is
    left out.
    """
    place = _place(path, split)
    if place.is_dir():
        for file in tables.arrow_files(place):
            yield from tables.from_arrow(file, text_only)
    elif place.suffix.lower() in _TABLES:
        yield from _TABLES[place.suffix.lower()](place, text_only)
    else:
        yield from TEXTS[place.suffix.lower()](place)


def read_records(path: str, *, split: str | None = None) -> Iterator[Row]:
    """Yield rows whose value is a mapping of columns; the first row of a CSV names them.

    Raises UsageError with file and line for any other row.
    """
    header: list[str] | None = None
    for row in read_rows(path, split=split):
        value = row.value
        if Path(row.source).suffix.lower() in _WITH_HEADER:
            if header is None:
                header = _header(row)
                continue
            value = dict(zip(header, value, strict=True))
        if not isinstance(value, Mapping):
            raise UsageError(
                f"{row.place}: expected a row with named columns, found a {type(value).__name__}"
            )
        if has_half_characters(value):
            raise UsageError(f"{row.place}: holds half a surrogate pair, which is no character")
        yield Row(value=value, source=row.source, line=row.line)


def label_names(path: str, *, split: str | None = None) -> dict[str, tuple[str, ...]]:
    """Return the names of numbered labels by column, where `datasets` wrote them into a table."""
    place = _place(path, split)
    files = tables.arrow_files(place)[:1] if place.is_dir() else [place]
    return {column: names for file in files for column, names in tables.label_names(file).items()}


def is_data_file(name: str) -> bool:
    """Say whether a name ends as the files do that are read here."""
    return Path(name).suffix.lower() in _ENDINGS


def _header(row: Row) -> list[str]:
    names = [str(name).strip() for name in row.value]
    if not all(names) or len(set(names)) < len(names):
        raise UsageError(
            f"{row.place}: expected the names of the columns, each once, found {', '.join(names)}"
        )
    return names


def _place(path: str, split: str | None) -> Path:
    """Return the file to read, or the folder of one saved split."""
    place = user_path(path, UsageError)
    if not place.exists():
        raise UsageError(f"{path}: no such file or folder; check the path")
    if place.is_dir():
        return tables.split_folder(place, split)
    if place.suffix.lower() not in _ENDINGS:
        raise UsageError(
            f"{path}: cannot tell what kind of file this is{nearest(place.suffix, _ENDINGS)} "
            f"(known: {', '.join(_ENDINGS)}, and a folder that datasets has saved)"
        )
    if split is not None:
        raise UsageError(f"{path}: a file has no splits; leave the split {split!r} out")
    return place
