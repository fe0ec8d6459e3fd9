"""What a line of plain results looks like, and which keys of other programs may be meant by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LINE = '{"id": …, "score": 0 to 1, "higher_is_better": true}'

_MEANT = {
    "id": (
        *("question_id", "sample_id", "item_id", "example_id", "doc_id", "qid", "uid", "uuid"),
        *("index", "idx", "key", "name", "case", "ID", "Id"),
    ),
    "score": (
        *("correct", "is_correct", "acc", "accuracy", "exact_match", "em", "passed", "pass"),
        *("success", "reward", "value", "result", "f1", "grade", "Score"),
    ),
}
"""Keys under which other programs write it."""


def is_plain(row: Mapping[str, Any]) -> bool:
    """Return whether a row is of plain results, whole or not, and not of lm-eval."""
    return "doc_id" not in row and ("score" in row or "higher_is_better" in row)


def may_be(key: str, row: Mapping[str, Any]) -> str:
    """Return which key of a row may be meant by one that it lacks, in brackets, or nothing."""
    meant = next((name for name in _MEANT[key] if name in row), None)
    return "" if meant is None else f" ({meant!r} may be it: call it {key!r})"
