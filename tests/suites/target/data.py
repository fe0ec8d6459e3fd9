"""Data of a target for tests: rows into a file, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cliffguard import TargetData
from cliffguard.core.errors import UsageError
from cliffguard.core.items import Item
from cliffguard.suites.target import read_target
from cliffguard.suites.target.reading import Reading
from tests import support

Rows = Sequence[dict[str, Any]]


def reading(folder: Path, rows: Rows, **keys: Any) -> Reading:
    """Return how rows are read under these keys."""
    path = support.write_jsonl(folder / "data.jsonl", rows)
    return read_target(TargetData(data=str(path), **keys))


def items(folder: Path, rows: Rows, **keys: Any) -> tuple[Item, ...]:
    """Return the items that rows make."""
    return reading(folder, rows, **keys).task.items


def refused(folder: Path, rows: Rows, error_id: str, **keys: Any) -> str:
    """Return the one line with which rows are refused under an id; it is the user's to mend."""
    with pytest.raises(UsageError) as caught:
        reading(folder, rows, **keys)
    assert caught.value.id == error_id, str(caught.value)
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.line
    return str(caught.value)
