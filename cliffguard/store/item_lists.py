"""Lists of items: what was asked, in the order of the run, kept once a store.

    <root>/items/ab12….jsonl    a line for each item, under the digest of all of them

A list is written whole and never changed, and any number of questions refer to it. Stores of
earlier versions have a copy beside each question.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from cliffguard.core.canonical_json import canonical_json, parse_json
from cliffguard.core.files import write_whole
from cliffguard.core.items import Item
from cliffguard.store.types import are, row_of

FOLDER = "items"
BESIDE = "items.jsonl"
"""How a list is called beside a question."""

LISTS = re.compile(rf"{FOLDER}/([0-9a-f]{{64}})\.jsonl")
"""Where a list lies below the root of a store."""

_MOST_PARSED = 128  # lists that are kept in memory; a checkpoint is asked about as many tasks


def list_path(root: Path, digest: str) -> Path:
    """Return where the list of items with a digest lies."""
    return root / FOLDER / f"{digest}.jsonl"


def all_lists(root: Path) -> list[Path]:
    """Return the files of all lists of a store."""
    paths = sorted((root / FOLDER).glob("*.jsonl"))
    return [path for path in paths if LISTS.fullmatch(path.relative_to(root).as_posix())]


def write_list(root: Path, items: Sequence[Item]) -> str:
    """Keep a list of items unless it is there whole; return its digest."""
    text = "".join(canonical_json(_row(item)) + "\n" for item in items)
    digest = digest_of_lines(lines_of(text))
    keep_list(root, text, digest)
    return digest


def keep_list(root: Path, text: str, digest: str) -> None:
    """Keep the text of a list under its digest; what lies there damaged is replaced."""
    path = list_path(root, digest)
    if not is_list(path, digest):
        write_whole(path, text)


def is_list(path: Path, digest: str) -> bool:
    """Return whether a file is the list with this digest."""
    try:
        return digest_of_lines(lines_of(path.read_text(encoding="utf-8"))) == digest
    except (OSError, ValueError):
        return False


@lru_cache(maxsize=_MOST_PARSED)
def parsed_list(text: str, digest: str) -> tuple[Item, ...]:
    """Return the items of a list's text. Raises ValueError where it is not the one of a digest."""
    lines = lines_of(text)
    if digest_of_lines(lines) != digest:
        raise ValueError("does not match its digest")
    try:
        items = tuple(_item(parse_json(line)) for line in lines)
    except (TypeError, KeyError, AttributeError, ValueError):
        raise ValueError("does not hold items") from None
    if not are(Item, items):
        raise ValueError("does not hold items")
    return items


def lines_of(text: str) -> list[str]:
    """Return the lines of a text that have something on them."""
    return [line for line in text.split("\n") if line]


def digest_of_lines(lines: Iterable[str]) -> str:
    """Return the `digest` of the list of values whose canonical JSON these lines are."""
    return hashlib.sha256(f"[{','.join(lines)}]".encode()).hexdigest()


def _row(item: Item) -> dict[str, Any]:
    """Return an item as it is kept: several right answers, and a chat, only where there are some.

    What was there before them keeps its digest.
    """
    row: dict[str, Any] = json.loads(canonical_json(row_of(item)))
    absent = {key for key in ("answers", "chat") if not row[key]}
    return {key: value for key, value in row.items() if key not in absent}


def _item(row: Mapping[str, Any]) -> Item:
    lists = {key: tuple(row[key]) for key in ("choices", "answers") if key in row}
    return Item(**{**row, **lists})
