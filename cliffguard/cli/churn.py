"""--churn: a share for all, shares by name, or a file that says how much changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cliffguard.canonical import parse_json
from cliffguard.errors import UsageError
from cliffguard.files import read_text, read_yaml

if TYPE_CHECKING:
    from cliffguard.records import Review

_PRIOR_ITEMS = 10  # that a review's items are counted beside, one of them changed


def read_churn(words: Sequence[str]) -> float | dict[str, float]:
    """Return the churn that the words of --churn say: SHARE, NAME=SHARE ..., or FILE.

    Raises UsageError, in one line, for what is none of these and for shares outside 0…1.
    """
    first, *more = words
    if not more and Path(first).is_file():
        return _of_file(Path(first))
    if all("=" in word for word in words):
        pairs = [word.rpartition("=") for word in words]
        names = [name for name, _, _ in pairs]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise UsageError(f"--churn: {twice} stands twice; leave one of them out")
        return {name: _share(text, f"--churn {name}") for name, _, text in pairs}
    if more:
        raise UsageError("--churn: give one share, one file, or NAME=SHARE as often as you like")
    try:
        share = float(first)
    except ValueError:
        raise UsageError(f"--churn: {first}: no such file, and no share of the items") from None
    if not 0.0 < share <= 1.0:
        raise UsageError(f"--churn: must lie above 0 and at most 1, not {share:g}")
    return share


def _of_file(path: Path) -> dict[str, float]:
    """Return the churn in a file: a review, or a mapping from names to shares."""
    text = read_text(path, UsageError)
    written = _json(text, path) if path.suffix == ".json" else read_yaml(path, UsageError)
    if "comparison" in written:
        from cliffguard.report.json import read_review

        return _of_review(read_review(text, str(path)))
    if not written:
        raise UsageError(f"{path}: names no capability; write a line `name: 0.1` for each")
    return {str(name): _share(share, f"{path}: {name}") for name, share in written.items()}


def _of_review(review: Review) -> dict[str, float]:
    """Return the churn of what a review has scores for.

    The mean square of the changes, which of right and wrong is the share that changed, beside the
    usual share in ten items: few items without a change do not say that none ever will.
    """
    return {
        one.capability: round((one.square * one.n_items + 1) / (one.n_items + _PRIOR_ITEMS), 4)
        for one in review.comparison.capabilities
        if one.n_items
    }


def _json(text: str, path: Path) -> Mapping[str, Any]:
    try:
        value = parse_json(text)
    except ValueError as failure:
        raise UsageError(f"{path}: not valid JSON: {failure}") from None
    if not isinstance(value, dict):
        raise UsageError(f"{path}: expected an object, found a {type(value).__name__}")
    return value


def _share(given: Any, where: str) -> float:
    try:
        share = float("nan") if isinstance(given, bool) else float(given)
    except (TypeError, ValueError):
        share = float("nan")
    if not 0.0 <= share <= 1.0:
        raise UsageError(f"{where}: expected a share between 0 and 1, found {given!r}")
    return share
