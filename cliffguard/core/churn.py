"""How much changes between two checkpoints, as a file says it: a review, or a share by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cliffguard.core.canonical_json import parse_json
from cliffguard.core.errors import UsageError
from cliffguard.core.files import read_text
from cliffguard.core.yaml_files import read_yaml

_PRIOR_ITEMS = 10  # that a review's items are counted beside, one of them changed


def churn_of_file(path: Path) -> dict[str, float]:
    """Return the churn in a file: a review, or a mapping from names to shares.

    Raises UsageError, in one line, for what is neither and for shares outside 0…1.
    """
    text = read_text(path, UsageError)
    written = _json(text, path) if path.suffix == ".json" else read_yaml(path, UsageError)
    if "comparison" in written:
        return _of_review(written, path)
    if not written:
        raise UsageError(
            f"{path}: names no capability; write a line `name: 0.1` for each", id="churn.empty"
        )
    return {str(name): share_of(share, f"{path}: {name}") for name, share in written.items()}


def share_of(given: Any, where: str) -> float:
    """Return a share of items, or raise UsageError with `where`."""
    try:
        share = float("nan") if isinstance(given, bool) else float(given)
    except (TypeError, ValueError):
        share = float("nan")
    if not 0.0 <= share <= 1.0:
        raise UsageError(
            f"{where}: expected a share between 0 and 1, found {given!r}", id="churn.share"
        )
    return share


def _of_review(review: Mapping[str, Any], path: Path) -> dict[str, float]:
    """Return the churn of what a review, of whatever layout, has scores for.

    The mean square of the changes, which of right and wrong is the share that changed, beside the
    usual share in ten items: few items without a change do not say that none ever will.
    """
    try:
        compared = [(row["capability"], row) for row in review["comparison"]["capabilities"]]
        counted = {str(name): int(row["n_items"]) for name, row in compared}
        squares = {str(name): row["square"] for name, row in compared if counted[str(name)]}
    except (TypeError, ValueError, KeyError) as failure:
        raise UsageError(
            f"{path}: is no review that says what changed ({failure})", id="churn.no-review"
        ) from None
    return {
        name: round(
            (share_of(square, f"{path}: {name}") * counted[name] + 1)
            / (counted[name] + _PRIOR_ITEMS),
            4,
        )
        for name, square in squares.items()
    }


def _json(text: str, path: Path) -> Mapping[str, Any]:
    try:
        value = parse_json(text)
    except ValueError as failure:
        raise UsageError(f"{path}: not valid JSON: {failure}", id="churn.not-json") from None
    if not isinstance(value, dict):
        raise UsageError(
            f"{path}: expected an object, found a {type(value).__name__}", id="churn.not-json"
        )
    return value
